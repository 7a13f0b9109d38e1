"""Keeps the feeds of a mirrored venue open."""

import asyncio
from typing import Protocol

import structlog

from cadenza.adapters.venues.paper.market.mirror import MirroredBook, MirroredMarket
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.ports.clock import Clock
from cadenza.ports.venue import MarketSink

log = structlog.get_logger(__name__)

LOOK_MS = 1_000
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 30_000
UNLISTED_MS = 600_000
"""When a symbol that the venue does not list is looked for again."""

STALE_MS_MAX = 10_000
"""The venue's connector mends its own feeds. One that stays stale for so long is closed and opened again."""


class PublicMarket(Protocol):
    """The public half of a venue, as in `VenueConnector`. No credential is needed for it."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None: ...

    async def close_book(self, instrument_id: InstrumentId) -> None: ...


class MirrorFeeds:
    """Starts the public half of the venue and opens the book of each mirrored instrument, again and again until that
    succeeds. Instruments do not wait for each other."""

    def __init__(self, market: MirroredMarket, venue: PublicMarket, clock: Clock) -> None:
        self._market = market
        self._venue = venue
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._log = log.bind(mirrored=str(market.upstream))

    def start(self) -> None:
        """Begin, in the background. Idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._supervised(), name=f"PAPER mirrors {self._market.upstream}")

    async def stop(self) -> None:
        """Close all feeds. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._venue.stop()

    async def _supervised(self) -> None:
        while True:
            try:
                await self._run()
            except Exception as error:  # noqa: BLE001 - a supervised loop: it begins again
                self._log.exception("mirror_failed", error=type(error).__name__)
                await self._clock.sleep_ms(RETRY_MS_MIN)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._venue.start()
                break
            except VenueUnavailable as error:
                self._log.warning("mirror_unavailable", cause=str(error))
                failures += 1
                await self._clock.sleep_ms(_pause_ms(failures))
        async with asyncio.TaskGroup() as tasks:
            for book in self._market.books.values():
                tasks.create_task(self._keep(book))

    async def _keep(self, book: MirroredBook) -> None:
        failures = 0
        while True:
            try:
                await self._venue.open_book(book.upstream_id, self._market)
            except InstrumentNotFound:
                self._log.warning("mirror_has_no_such_instrument", instrument=str(book.upstream_id))
                await self._clock.sleep_ms(UNLISTED_MS)
                continue
            except VenueUnavailable as error:
                self._log.warning("mirror_book_unavailable", instrument=str(book.upstream_id), cause=str(error))
                failures += 1
                await self._clock.sleep_ms(_pause_ms(failures))
                continue
            failures = 0
            self._log.info("mirror_book_open", instrument=str(book.upstream_id))
            await self._until_broken(book)
            self._log.warning("mirror_book_stale", instrument=str(book.upstream_id))
            await self._venue.close_book(book.upstream_id)

    async def _until_broken(self, book: MirroredBook) -> None:
        stale_ms = 0
        while stale_ms < STALE_MS_MAX:
            await self._clock.sleep_ms(LOOK_MS)
            stale_ms = 0 if book.book.is_fresh else stale_ms + LOOK_MS


def _pause_ms(failures: int) -> int:
    return min(RETRY_MS_MIN << min(failures - 1, 10), RETRY_MS_MAX)
