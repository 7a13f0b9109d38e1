"""A symbol that the venue takes off its list while we have an order in it: the order has an end here all the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.adapters.binance.binance_world import ACCOUNT
from tests.binance_kit import Desk, MemoryVenueMemories, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import MovableClock

from cadenza.adapters.venues.binance.traded_symbols import SYMBOLS_MAX, TradedSymbols
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Doubt, Order


@pytest.fixture(params=["spot", "usdm"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=request.param) as opened:
        yield opened


async def delisted(desk: Desk) -> Order:
    """An order that rested when its symbol was taken off the list; nothing came over the stream."""
    known = believed(desk.order, await desk.session.submit(desk.order))
    await until(lambda: "BTCUSDT" in "".join(desk.venue.memories.values.values()), "the memory")
    await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
    await desk.venue.post("symbols", {"market": desk.market, "symbol": "BTCUSDT", "status": "DELISTED"})
    return known


@pytest.mark.parametrize("restarts", [True, False])
async def test_an_order_in_a_symbol_that_is_off_the_list_cannot_be_determined(desk: Desk, restarts: bool) -> None:
    known = await delisted(desk)
    if restarts:
        await desk.again()
    else:
        assert kinds(await desk.session.lookup([known])) == ["UnknownOutcome"], "the list may be older than the symbol"
        await desk.connector.instruments()
    assert kinds(await desk.session.cancel(known)) == ["UnknownOutcome"]
    found = await desk.session.lookup([known])
    assert kinds(found) == ["UndeterminedOutcome"]
    assert believed(known, found).doubt is Doubt.UNDETERMINED


async def test_a_replay_says_once_that_it_lacks_what_happened_in_such_a_symbol(desk: Desk) -> None:
    await delisted(desk)
    since_ms = desk.session.venue_time_ms() - 60_000
    await desk.again()
    claimed = []
    for _ in range(2):
        now_ms = desk.session.venue_time_ms()
        pieces = [piece async for piece in desk.session.replay(since_ms)]
        claimed.append({piece.covers_from_ms >= now_ms for piece in pieces})
    assert claimed == [{True}, {False}]
    await until(lambda: "given-up" in "".join(desk.venue.memories.values.values()), "the memory")
    await desk.again()
    pieces = [piece async for piece in desk.session.replay(since_ms)]
    assert {piece.covers_from_ms for piece in pieces} == {since_ms}


async def test_a_replay_meets_a_symbol_that_was_taken_off_since_the_list_was_read(desk: Desk) -> None:
    """The first one fails, and the next one goes on without the symbol: the account is not held up by it."""
    await delisted(desk)
    since_ms = desk.session.venue_time_ms() - 60_000
    with pytest.raises(VenueUnavailable, match="-1121"):
        [piece async for piece in desk.session.replay(since_ms)]
    pieces = [piece async for piece in desk.session.replay(since_ms)]
    assert {piece.covers_from_ms > since_ms for piece in pieces} == {True}
    assert kinds(await desk.session.lookup([believed(desk.order, desk.sink.reports)])) == ["UndeterminedOutcome"]


async def test_an_order_whose_symbol_was_forgotten_here_cannot_be_determined(desk: Desk) -> None:
    known = await delisted(desk)
    desk.venue.memories = MemoryVenueMemories()
    await desk.again()
    assert kinds(await desk.session.lookup([known])) == ["UndeterminedOutcome"]


# --- what is remembered


async def load(memories: MemoryVenueMemories) -> TradedSymbols:
    symbols = TradedSymbols(memories, ACCOUNT, MovableClock())
    await symbols.load()
    return symbols


async def test_the_symbol_that_was_noted_longest_ago_is_forgotten_first() -> None:
    symbols = await load(MemoryVenueMemories())
    symbols.note("BTCUSDT", InstrumentId("BINANCE:BTC/USDT"))
    for n in range(SYMBOLS_MAX):
        symbols.note(f"A{n}USDT", InstrumentId(f"BINANCE:A{n}/USDT"))
        symbols.note("BTCUSDT", InstrumentId("BINANCE:BTC/USDT"))
    remembered = symbols.instruments()
    assert len(remembered) == SYMBOLS_MAX
    assert "BTCUSDT" in remembered
    assert "A0USDT" not in remembered
