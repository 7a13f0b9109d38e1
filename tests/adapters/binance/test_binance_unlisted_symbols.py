"""Symbols that the catalogue lacks: each leads to one more reading of it."""

import asyncio

import pytest
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.kit.unlisted_symbols import LIST_AGAIN_MS, ListedSymbols, UnlistedSymbols
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId


async def test_each_missing_symbol_has_the_catalogue_read_once() -> None:
    clock = ManualClock()
    readings: list[int] = []
    failures = [VenueUnavailable("away")]

    async def read() -> None:
        readings.append(clock.monotonic_ms())
        if failures:
            raise failures.pop()

    unlisted = UnlistedSymbols(read, clock)
    symbols = ListedSymbols({"A": InstrumentId("BINANCE:A/USDT")}, unlisted.miss)
    running = asyncio.create_task(unlisted.run())

    async def pass_pauses(count: int) -> None:
        for _ in range(count):
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(LIST_AGAIN_MS)

    assert symbols["A"] == "BINANCE:A/USDT"
    await pass_pauses(2)
    assert readings == []
    for symbol in ("B", "C", "B"):
        with pytest.raises(KeyError):
            symbols[symbol]
    begun_ms = clock.monotonic_ms()
    await pass_pauses(4)
    assert readings == [begun_ms + LIST_AGAIN_MS, begun_ms + 2 * LIST_AGAIN_MS], "the first reading failed"
    with pytest.raises(KeyError):
        symbols["B"]
    await pass_pauses(2)
    assert len(readings) == 2, "it is not listed, which another reading does not change"
    unlisted.miss("D")
    await pass_pauses(2)
    await until(lambda: len(readings) == 3, "the reading for another symbol")
    assert dict(symbols) == {"A": "BINANCE:A/USDT"}
    assert len(symbols) == 1
    running.cancel()
