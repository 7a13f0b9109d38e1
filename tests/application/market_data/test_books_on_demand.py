"""Books are opened when somebody needs them and closed when nobody does; only those of this process are always open."""

import asyncio

import pytest

from cadenza.application.market_data import keep_book
from cadenza.application.market_data.keep_book import (
    FIRST_SNAPSHOT_WAIT_MS_MAX,
    IDLE_MS_MAX,
    MENDED_AT_ONCE_MAX,
    REOPEN_DELAY_MS_MIN,
    RESYNC_GRACE_MS,
)
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import PAPER, InstrumentId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import InstrumentStatus
from cadenza.domain.trading.commands import SubmitOrderRequest
from tests.application.market_data.market_world import OKX, MarketWorld, ScriptedConnector, listed
from tests.domain.trading.worlds import ACCOUNT, D, instrument
from tests.inhouse_kit import until

OKX_BTC, OKX_ETH = InstrumentId("OKX:BTC/USDT"), InstrumentId("OKX:ETH/USDT")
PAPER_BTC, PAPER_ETH = InstrumentId("PAPER:BTC/USDT"), InstrumentId("PAPER:ETH/USDT")


@pytest.fixture
async def world() -> MarketWorld:
    return MarketWorld()


def market_order(instrument_id: InstrumentId) -> SubmitOrderRequest:
    return SubmitOrderRequest(
        account_id=ACCOUNT, instrument_id=instrument_id, side=Side.BUY, type=OrderType.MARKET, quantity=D(1)
    )


async def test_nothing_is_open_until_somebody_needs_it(world: MarketWorld) -> None:
    await world.books.venue_is_online(OKX)
    await world.maintain()
    assert world.okx.calls == []
    assert world.books.open_count == 0


async def test_all_books_of_a_venue_in_this_process_are_open_while_it_is_online(world: MarketWorld) -> None:
    await world.books.venue_is_online(PAPER)
    assert all(world.books.top(id) is not None for id in (PAPER_BTC, PAPER_ETH))
    world.clock.advance(2 * IDLE_MS_MAX)
    await world.maintain()
    assert world.books.open_count == 2


async def test_an_order_that_needs_a_price_opens_the_book(world: MarketWorld) -> None:
    await world.prices.of_order(market_order(OKX_BTC))
    assert world.books.top(OKX_BTC) is not None


async def test_what_is_read_is_opened_soon_and_closed_when_nobody_reads_it(world: MarketWorld) -> None:
    assert world.books.top(OKX_BTC) is None
    await world.maintain()
    assert world.books.top(OKX_BTC) is not None
    world.clock.advance(IDLE_MS_MAX - 1)
    world.okx.delta(OKX_BTC, 100, 101)
    await world.maintain()
    assert world.books.open_count == 1
    world.clock.advance(1)
    await world.maintain()
    assert (world.books.open_count, world.okx.calls) == (0, ["open_book", "close_book"])


async def test_what_is_unknown_or_delisted_is_not_opened_by_reading(world: MarketWorld) -> None:
    world.instruments[OKX_ETH] = instrument(id=OKX_ETH, venue_id=OKX, status=InstrumentStatus.DELISTED)
    assert world.books.top(OKX_ETH) is None
    assert world.books.top(InstrumentId("OKX:NO/SUCH")) is None
    assert world.books.open_count == 0
    await world.prices.of_instruments([InstrumentId("OKX:NO/SUCH")])


async def test_a_venue_that_is_down_is_asked_ever_more_seldom(world: MarketWorld) -> None:
    world.okx.is_down = True
    with pytest.raises(VenueUnavailable):
        await world.books.ensure_open(OKX_BTC)
    for _ in range(10):
        world.books.top(OKX_BTC)
        await world.maintain()
    assert world.okx.calls == ["open_book"]
    world.clock.advance(REOPEN_DELAY_MS_MIN)
    await world.maintain()
    assert world.okx.calls == ["open_book"] * 2


async def test_a_book_may_come_until_its_venue_fails_or_is_silent_for_the_time_of_a_first_snapshot(
    world: MarketWorld,
) -> None:
    world.okx.is_silent = True
    assert world.books.may_come(OKX_BTC), "nobody has asked for it"
    assert not world.books.may_come(InstrumentId("OKX:NO/SUCH"))
    assert world.books.open_count == 0
    world.books.top(OKX_BTC)
    await world.maintain()
    assert world.books.may_come(OKX_BTC), "it was subscribed to"
    world.clock.advance(FIRST_SNAPSHOT_WAIT_MS_MAX)
    assert not world.books.may_come(OKX_BTC)
    world.okx.snapshot(OKX_BTC)
    assert world.books.may_come(OKX_BTC)
    world.books.on_stale(OKX_BTC)
    assert world.books.may_come(OKX_BTC), "its connector resyncs it"
    world.okx.is_down = True
    world.clock.advance(RESYNC_GRACE_MS)
    await world.maintain()
    assert not world.books.may_come(OKX_BTC)


async def test_a_book_that_its_venue_did_not_open_does_not_come(world: MarketWorld) -> None:
    world.okx.is_down = True
    world.books.top(OKX_BTC)
    await world.maintain()
    assert not world.books.may_come(OKX_BTC), "whether or not it is tried again"


async def test_a_valuation_opens_books_in_turns_while_it_needs_others(world: MarketWorld) -> None:
    world.okx.is_down = True

    def needed() -> list[InstrumentId]:
        return [OKX_BTC] if world.books.may_come(OKX_BTC) else [OKX_BTC, PAPER_BTC]

    await world.prices.of_valuation(needed)
    assert world.books.top(PAPER_BTC) is not None


async def test_a_caller_that_stops_waiting_does_not_stop_the_opening(
    world: MarketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_book, "FIRST_SNAPSHOT_WAIT_MS_MAX", 20)
    monkeypatch.setattr(keep_book, "BOOK_OPEN_MS_MAX", 50)
    world.okx.hangs.add("open_book")
    await world.books.ensure_open(OKX_BTC)
    assert world.books.top(OKX_BTC) is None
    asked = [asyncio.create_task(world.books.ensure_open(OKX_BTC)) for _ in range(5)]
    await asyncio.gather(*asked, return_exceptions=True)
    assert world.okx.calls.count("open_book") < 5
    world.okx.hangs.clear()
    assert await world.concurrency.drain(60_000) == 0
    await world.books.ensure_open(OKX_BTC)
    assert world.books.top(OKX_BTC) is not None


async def test_a_venue_that_does_not_answer_holds_up_no_other(world: MarketWorld) -> None:
    world.okx.hangs.add("open_book")
    world.books.want(OKX_BTC, "somebody")
    world.books.want(PAPER_BTC, "somebody")
    await world.books.maintain()
    await until(lambda: world.books.top(PAPER_BTC) is not None)
    assert world.books.top(OKX_BTC) is None


async def test_a_venue_that_comes_back_is_not_flooded(world: MarketWorld) -> None:
    many = ScriptedConnector(OKX)
    many.hangs.add("open_book")
    world.connectors[OKX] = many
    for number in range(MENDED_AT_ONCE_MAX + 8):
        each = listed(OKX, f"A{number}/USDT")
        world.instruments[each.id] = each
        world.books.want(each.id, "somebody")
    for _ in range(3):
        await world.books.maintain()
        await asyncio.sleep(0)
    assert len(many.calls) == MENDED_AT_ONCE_MAX


async def test_an_instrument_that_its_venue_does_not_know_is_forgotten(world: MarketWorld) -> None:
    world.okx.fails["open_book"] = InstrumentNotFound("no such instrument")
    with pytest.raises(InstrumentNotFound):
        await world.books.ensure_open(OKX_BTC)
    assert world.books.open_count == 0
