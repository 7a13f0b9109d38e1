"""Feeds of BINANCE against the simulator, over real sockets: the book is the venue's or it is stale."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.adapters.binance.binance_world import BTC_PERP, BTC_USDT
from tests.adapters.binance.feeds_world import feeds_at
from tests.adapters.kit.sync_world import Listener
from tests.inhouse_kit import until

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE, USDM_BOOK_RULE
from cadenza.adapters.venues.binance.spec import urls_at
from cadenza.adapters.venues.kit import feed_tasks
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome
from cadenza.exchange import PublicTrade, SetLevel
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.kit.faults import EventFault, EventFaultKind

pytestmark = pytest.mark.timeout(240)


def listener() -> Listener:
    return Listener(SPOT_BOOK_RULE, BTC_USDT)


@asynccontextmanager
async def world(
    tmp_path: Path, *, factor: int = 1, market_step_ms: int = 0
) -> AsyncIterator[tuple[BinanceSimulator, MarketFeeds]]:
    """A feed may take a minute of real time to open: the machine may have other work."""
    settings = SimulatorSettings(data_dir=tmp_path, market_step_ms=market_step_ms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_tasks, "OPEN_MS_MAX", 60_000 * factor)
        async with (
            run_simulator(settings, SystemClock(), SystemIds()) as simulator,
            feeds_at(urls_at(simulator.url), factor=factor) as feeds,
        ):
            yield simulator, feeds


async def move(simulator: BinanceSimulator, lots: int) -> None:
    """Others put so many lots on a level below the best bid."""
    venue = simulator.venue
    symbol = venue.spot.exchange.symbol("BTCUSDT")
    price = int(D(59_000) / symbol.tick)
    venue.spot.exchange.apply("BTCUSDT", SetLevel(Side.BUY, price, lots, venue.now_ms()))
    await venue.commit()


def same(heard: Listener, simulator: BinanceSimulator) -> bool:
    """Whether the listener's book is fresh and the venue's."""
    book = simulator.venue.spot.feeds["BTCUSDT"]
    sides = tuple(tuple(book.side(side, 1_000)) for side in (Side.BUY, Side.SELL))
    return heard.levels() == sides and heard.book.sequence == book.update_id


async def test_a_book_begins_with_a_snapshot_and_follows_the_venue(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        assert same(heard, simulator)
        for lots in range(1, 6):
            await move(simulator, lots)
        await until(lambda: same(heard, simulator), "the changes")
        assert set(heard.outcomes) == {BookOutcome.APPLIED}
        assert (heard.snapshots, heard.stales) == (1, 0)


async def test_trades_come_once_with_the_side_that_took(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        symbol = simulator.venue.spot.exchange.symbol("BTCUSDT")
        trade = PublicTrade(Side.SELL, int(D(59_994) / symbol.tick), 21, simulator.venue.now_ms())
        simulator.venue.spot.exchange.apply("BTCUSDT", trade)
        await simulator.venue.commit()
        await until(lambda: bool(heard.trades), "the trade")
        (published,) = heard.trades
        assert (published.price, published.aggressor) == (D(59_994), Side.SELL)


async def test_opening_again_changes_nothing_and_a_closed_book_is_silent(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await asyncio.gather(feeds.open_book(BTC_USDT, heard), feeds.open_book(BTC_USDT, heard))
        await feeds.open_book(BTC_USDT, heard)
        assert heard.snapshots == 1
        for _ in range(2):
            await feeds.close_book(BTC_USDT)
        assert heard.stales == 1
        await until(lambda: not simulator.venue.outlets, "no connection is left")
        said = len(heard.outcomes)
        await move(simulator, 7)
        await feeds.open_book(BTC_USDT, other := listener())
        assert same(other, simulator)
        assert len(heard.outcomes) == said


async def test_a_lost_message_is_noticed_and_mended(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        simulator.venue.faults.events.append(EventFault(on="market", kind=EventFaultKind.DROP))
        await move(simulator, 5)
        await until(lambda: not simulator.venue.faults.events, "the loss")
        await move(simulator, 6)
        await until(lambda: heard.snapshots == 2, "the second snapshot")
        await until(lambda: same(heard, simulator), "the mended book")
        assert heard.stales == 1
        assert BookOutcome.GAP not in heard.outcomes


async def test_a_cut_is_stale_at_once_and_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        simulator.venue.cut_sockets()
        await until(lambda: heard.stales == 1, "stale")
        await move(simulator, 9)
        await until(lambda: same(heard, simulator), "the book is back")
        assert heard.snapshots == 2


async def test_an_announced_shutdown_moves_the_feed_without_a_gap(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        (old,) = simulator.venue.outlets
        simulator.venue.announce_shutdown()
        lots = 0
        while old in simulator.venue.outlets:
            lots += 1
            await move(simulator, lots)
            await asyncio.sleep(0.005)
        assert len(simulator.venue.outlets) == 1
        await move(simulator, 1_000)
        await until(lambda: same(heard, simulator), "the changes on the new connection")
        assert (heard.snapshots, heard.stales) == (1, 0)


async def test_a_stream_that_falls_silent_is_found_out(tmp_path: Path) -> None:
    """The connection stands and answers pings. A reading shows what the stream did not bring."""
    async with world(tmp_path, factor=20) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        desk = feeds.desks[BinanceMarket.SPOT]
        simulator.venue.faults.events.append(EventFault(on="market", kind=EventFaultKind.SILENCE))
        symbol = simulator.venue.spot.exchange.symbol("BTCUSDT")
        better = int(D(60_001) / symbol.tick)
        simulator.venue.spot.exchange.apply("BTCUSDT", SetLevel(Side.BUY, better, 3, simulator.venue.now_ms()))
        await simulator.venue.commit()
        await until(lambda: heard.stales == 1, "stale")
        assert desk.mute_total == 1
        assert heard.levels() is None
        simulator.venue.faults.clear()
        await move(simulator, 12)
        await until(lambda: same(heard, simulator), "the book is back")


async def test_a_quiet_book_stays_fresh_by_readings(tmp_path: Path) -> None:
    async with world(tmp_path, factor=20) as (_, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await until(lambda: len(heard.outcomes) >= 3, "two heartbeats")
        assert set(heard.outcomes) == {BookOutcome.APPLIED}
        assert (heard.snapshots, heard.stales) == (1, 0)


async def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    async with world(tmp_path) as (_, feeds):
        with pytest.raises(InstrumentNotFound):
            await feeds.open_book(InstrumentId("BINANCE:NO/NE"), listener())
    async with feeds_at(urls_at("http://127.0.0.1:9"), factor=20) as feeds:
        with pytest.raises(VenueUnavailable, match="does not publish BINANCE:BTC/USDT: connect"):
            await feeds.open_book(BTC_USDT, listener())
        assert feeds.desks[BinanceMarket.SPOT].connections == 0


async def test_stopped_feeds_leave_their_books_stale(tmp_path: Path) -> None:
    async with world(tmp_path) as (simulator, feeds):
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await feeds.stop()
        assert (heard.levels(), heard.stales) == (None, 1)
        await until(lambda: not simulator.venue.outlets, "no connection is left")
        await feeds.stop()


async def test_a_perpetual_of_a_market_that_moves(tmp_path: Path) -> None:
    """USD-M over its routes: book, trades and marks; a lost change is mended while the market goes on."""
    async with world(tmp_path, market_step_ms=200) as (simulator, feeds):
        heard = Listener(USDM_BOOK_RULE, BTC_PERP)
        await feeds.open_book(BTC_PERP, heard)
        await until(lambda: len(heard.outcomes) > 5 and bool(heard.trades) and bool(heard.marks), "a moving market")
        assert set(heard.outcomes) == {BookOutcome.APPLIED}
        assert (heard.snapshots, heard.stales) == (1, 0)
        bid, ask, mark = heard.book.best_bid(), heard.book.best_ask(), heard.marks[-1]
        assert bid is not None
        assert ask is not None
        assert mark is not None
        assert bid[0] * D("0.99") < mark < ask[0] * D("1.01")
        faults = simulator.venue.faults
        while not heard.stales:  # what is lost may be trades and marks
            heard.outcomes.clear()
            faults.events.append(EventFault(on="market", kind=EventFaultKind.DROP, times=5))
            await until(lambda: not faults.events, "a loss")
            await until(lambda: bool(heard.outcomes) or heard.stales > 0, "the next change")
        await until(lambda: heard.snapshots >= 2 and heard.book.is_fresh, "the mended book")
        mended = heard.book.sequence
        await until(lambda: heard.book.is_fresh and heard.book.sequence > mended, "it goes on")
        assert BookOutcome.GAP not in heard.outcomes
