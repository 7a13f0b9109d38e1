"""Public channels of the simulator over real sockets: books to the last level, gaps, wrong checksums, endings."""

from pathlib import Path

import pytest
from tests.adapters.bitfinex.feeds_world import Market, d, listener, market
from tests.adapters.bitfinex.market_world import BTC_USD, PERPETUAL
from tests.adapters.kit.sync_world import Listener
from tests.inhouse_kit import until

from cadenza.adapters.venues.bitfinex.market_data import CHANNELS_MAX
from cadenza.domain.errors import InstrumentNotFound
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.order_book import BookOutcome

pytestmark = pytest.mark.timeout(60)
SYMBOL, CONTRACT = "tBTCUSD", "tBTCF0:USTF0"


async def opened(there: Market, id: InstrumentId = BTC_USD) -> Listener:
    heard = listener(id)
    await there.feeds.open_book(id, heard)
    return heard


async def test_a_book_follows_the_venues_to_the_last_level(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        heard = await opened(there)
        assert there.has_book_of(heard, SYMBOL)
        for price, quantity in (("59994", "0"), ("59993", "0.00000001"), ("6005.1", "1.5"), ("59994", "2")):
            await there.show(SYMBOL, "BUY", price, quantity)
        await there.show(SYMBOL, "SELL", "60006", "0.5")
        await until(lambda: there.has_book_of(heard, SYMBOL), "the venue's book")
        assert set(heard.outcomes) == {BookOutcome.APPLIED}
        assert heard.stales == 0
        checked = [each for each in there.simulator.venue.sessions.values() if each.flags]
        assert len(checked) == 1


async def test_small_numbers_have_the_venues_checksum(tmp_path: Path) -> None:
    """Amounts below 1e-6 are written with an exponent, on the wire and in the checksum."""
    async with market(tmp_path) as there:
        heard = await opened(there)
        for quantity in ("0.0000001", "0.00000123", "0.00000001"):
            before = heard.book.sequence
            await there.show(SYMBOL, "BUY", "59995", quantity)
            await until(lambda before=before: heard.book.sequence >= before + 2, "a change and its checksum")
            assert heard.book.best_bid() == (d("59995"), d(quantity))
        assert heard.stales == 0


@pytest.mark.parametrize("event", ["book", "checksum", "te", "ticker"])
async def test_any_lost_frame_makes_all_books_of_the_connection_stale_and_mended(tmp_path: Path, event: str) -> None:
    async with market(tmp_path) as there:
        heard, other = await opened(there), await opened(there, PERPETUAL)
        assert there.feeds.connections == 1
        if event == "ticker":
            event = "status"
        await there.lose(event)
        if event == "status":
            there.simulator.venue.public.send_statuses(there.simulator.venue.now_ms())
        await there.trade(SYMBOL, "BUY", "60006", "0.01")
        await there.show(SYMBOL, "BUY", "59996", "1")
        await there.show(SYMBOL, "BUY", "59997", "1")
        await until(lambda: min(heard.stales, other.stales) >= 1, "both books are stale")
        await until(lambda: there.has_book_of(heard, SYMBOL) and there.has_book_of(other, CONTRACT), "both are mended")
        assert not {BookOutcome.MISMATCH, BookOutcome.GAP} & {*heard.outcomes, *other.outcomes}
        assert there.feeds.connections == 1


async def test_a_wrong_checksum_makes_that_book_stale_and_mended(tmp_path: Path) -> None:
    async with market(tmp_path, factor=10) as there:
        heard, other = await opened(there), await opened(there, PERPETUAL)
        await there.sockets("corrupt_checksum", SYMBOL)
        await until(lambda: BookOutcome.MISMATCH in heard.outcomes, "the wrong checksum")
        assert not heard.book.is_fresh
        await until(lambda: there.has_book_of(heard, SYMBOL), "another snapshot")
        assert (heard.stales, other.stales) == (1, 0)


async def test_frames_in_another_order_never_leave_a_wrong_book(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        heard = await opened(there)
        for kind in ("swap", "duplicate"):
            await there.lose("book", kind)
            for price in ("59995", "59996", "59997"):
                await there.show(SYMBOL, "BUY", price, "1")
                await there.show(SYMBOL, "BUY", price, "0")
            await until(lambda: there.has_book_of(heard, SYMBOL), kind)


async def test_a_connection_that_is_cut_is_made_again(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        heard = await opened(there)
        for action in ("cut", "stop"):
            stales = heard.stales
            await there.sockets(action)
            await until(lambda stales=stales: heard.stales > stales, f"stale: {action}")
            await there.show(SYMBOL, "BUY", "59995", "1")
            await until(lambda: there.has_book_of(heard, SYMBOL), f"mended: {action}")


async def test_a_delisted_derivative_costs_no_other_book_its_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with market(tmp_path) as there:
        heard, delisted = await opened(there), await opened(there, PERPETUAL)
        monkeypatch.delitem(there.simulator.venue.exchange.symbols, CONTRACT)
        await there.sockets("cut")
        await until(lambda: heard.stales == delisted.stales == 1 and heard.book.is_fresh, "the other book")
        await there.show(SYMBOL, "BUY", "59995", "1")
        await until(lambda: there.has_book_of(heard, SYMBOL), "it follows the market")
        refusal = there.feeds.feeds[PERPETUAL].refusal
        assert refusal is not None
        assert CONTRACT in refusal
        assert not delisted.book.is_fresh


async def test_books_begin_again_when_maintenance_begins_and_ends(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        heard = await opened(there)
        for action in ("begin_maintenance", "end_maintenance"):
            snapshots = heard.snapshots
            await there.sockets(action)
            await until(lambda snapshots=snapshots: heard.snapshots > snapshots, action)
            await until(lambda: there.has_book_of(heard, SYMBOL), "the book")
        await there.sockets("begin_maintenance")
        assert await there.rest.clock.measure(1)
        assert there.rest.trouble == "BITFINEX is in maintenance"


async def test_a_silent_book_stays_fresh_by_its_heartbeats(tmp_path: Path) -> None:
    async with market(tmp_path, heartbeat_ms=50) as there:
        heard = await opened(there)
        before = len(heard.outcomes)
        await until(lambda: len(heard.outcomes) >= before + 3, "heartbeats")
        assert heard.book.is_fresh
        assert heard.stales == 0


async def test_a_book_without_its_heartbeat_is_subscribed_to_again(tmp_path: Path) -> None:
    async with market(tmp_path, factor=50, heartbeat_ms=10_000_000) as there:
        heard = await opened(there)
        await until(lambda: heard.stales >= 1, "45 s without a word")
        await until(lambda: heard.book.is_fresh, "another snapshot")


async def test_trades_are_delivered_once_and_those_from_before_are_not(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        for _ in range(2):
            await there.trade(SYMBOL, "SELL", "59994", "0.01")
        there.simulator.venue.rows.tapes[SYMBOL].rotate(0)
        heard = await opened(there)
        seen = len(heard.trades)
        await there.trade(SYMBOL, "BUY", "60006", "0.02")
        await until(lambda: len(heard.trades) > seen, "the trade")
        await there.show(SYMBOL, "BUY", "59996", "1")
        await until(lambda: there.has_book_of(heard, SYMBOL), "what comes after it")
        ids = [each.trade_id for each in heard.trades]
        assert len(ids) == len(set(ids))
        assert heard.trades[-1].quantity == d("0.02")


async def test_a_derivative_has_marks(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        heard = await opened(there, PERPETUAL)
        await until(lambda: heard.marks != [], "the mark of the snapshot")
        await there.post("market", symbol=CONTRACT, mark_price="61234.5")
        there.simulator.venue.public.send_statuses(there.simulator.venue.now_ms())
        await until(lambda: heard.marks[-1] == d("61234.5"), "the mark")
        await there.sockets("cut")
        await until(lambda: None in heard.marks, "the mark is withdrawn")


async def test_more_channels_than_a_connection_takes_get_another_one(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        ids = sorted({each.id for each in there.known.values()})
        there.feeds._parts = _with_room_for(there, 5)
        for id in ids:
            await there.feeds.open_book(id, listener(id))
        channels = sum(3 if there.instrument(id).type.value == "PERPETUAL" else 2 for id in ids)
        assert there.feeds.connections >= -(-channels // 5) > 1
        sessions = there.simulator.venue.sessions.values()
        assert sum(len(each.channels) for each in sessions) == channels
        assert max(len(each.channels) for each in sessions) <= 5 < CHANNELS_MAX
        for id in ids:
            await there.feeds.close_book(id)
        await until(lambda: there.feeds.connections == 0, "nothing is open")


def _with_room_for(there: Market, channels: int):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    parts = there.feeds._parts
    return replace(parts, route=replace(parts.route, streams_max=channels))


async def test_paper_instruments_are_uats(tmp_path: Path) -> None:
    paper = InstrumentId("BITFINEX_UAT:TESTBTC/TESTUSD")
    async with market(tmp_path, environment=Environment.UAT) as there:
        heard = await opened(there, paper)
        assert there.has_book_of(heard, "tTESTBTC:TESTUSD")
        with pytest.raises(InstrumentNotFound):
            await there.feeds.open_book(InstrumentId("BITFINEX_UAT:BTC/USD"), listener(BTC_USD))


async def test_the_venues_clock_is_measured_by_the_dates_of_answers(tmp_path: Path) -> None:
    async with market(tmp_path) as there:
        await there.post("faults", clock_offset_ms=120_000)
        assert await there.rest.clock.measure()
        found = there.rest.clock.usable()
        assert found is not None
        assert abs(found.venue_ms - there.simulator.venue.now_ms()) <= found.error_ms + 1_000
