"""Symbols that the venue names and our reading of its catalogue lacks: it may have listed them since."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Protocol, TypeVar

import structlog

from cadenza.domain.errors import VenueUnavailable

V = TypeVar("V")

LIST_AGAIN_MS = 10_000
"""The pause before the catalogue is read again, so that many new symbols lead to one reading, and between two tries."""

SYMBOLS_MAX = 1_000
"""Symbols that are remembered because a reading was asked for them. Beyond that no reading is."""


class ListingClock(Protocol):
    async def sleep_ms(self, duration_ms: int) -> None: ...


class ListedSymbols(Mapping[str, V]):
    """What a market lists, by symbol; it follows later lists. `missing` is called with each symbol that is
    asked for and not listed."""

    def __init__(self, listed: Mapping[str, V], missing: Callable[[str], None]) -> None:
        self._listed = listed
        self._missing = missing

    def __getitem__(self, symbol: str) -> V:
        try:
            return self._listed[symbol]
        except KeyError:
            self._missing(symbol)
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


class UnlistedSymbols:
    """Has the catalogue read again soon after a symbol was missed in it, once for each symbol: one that is not listed
    then either is no reason to read it again."""

    def __init__(self, read: Callable[[], Awaitable[None]], clock: ListingClock) -> None:
        """`read` reads the catalogue, and raises `VenueUnavailable`."""
        self._read = read
        self._clock = clock
        self._missed: set[str] = set()
        self._wanted = asyncio.Event()
        self._log = structlog.get_logger("cadenza.venue")

    def miss(self, symbol: str) -> None:
        """Note a symbol that is not listed."""
        if symbol not in self._missed and len(self._missed) < SYMBOLS_MAX:
            self._missed.add(symbol)
            self._wanted.set()

    async def run(self) -> None:
        """Read when it is wanted, until this is cancelled."""
        while True:
            await self._wanted.wait()
            await self._clock.sleep_ms(LIST_AGAIN_MS)
            self._wanted.clear()
            try:
                await self._read()
            except VenueUnavailable as error:
                self._log.warning("catalogue_not_read_again", cause=str(error))
                self._wanted.set()
