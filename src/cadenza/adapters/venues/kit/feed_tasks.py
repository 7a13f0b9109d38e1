"""What the feeds of every venue do alike: wait until one is open, and go on after an error that nobody expects."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.ports.clock import Clock

log = structlog.get_logger(__name__)

OPEN_MS_MAX = 8_000
"""A feed that is not whole by then could not be opened. The platform waits a little longer than this."""

RESTART_MS = 1_000


class OpeningFeed(Protocol):
    """A feed as one who waits for it sees it. `progressed` is set whenever it may have come nearer to being whole;
    `refusal` says why the venue does not publish it, when the venue has said so."""

    progressed: asyncio.Event
    refusal: str | None

    @property
    def instrument_id(self) -> InstrumentId: ...

    @property
    def is_whole(self) -> bool: ...


async def until_whole(
    feed: OpeningFeed, clock: Clock, *, venue: str, is_kept: Callable[[], bool], cause: Callable[[], str]
) -> None:
    """Return when the feed is whole. Raises `VenueUnavailable` when it is not kept any more, when the venue refuses it,
    and after `OPEN_MS_MAX`; `cause` says then why it is not whole."""
    limit = asyncio.create_task(clock.sleep_ms(OPEN_MS_MAX))
    try:
        while not feed.is_whole:
            feed.progressed.clear()
            progress = asyncio.create_task(feed.progressed.wait())
            try:
                await asyncio.wait({limit, progress}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                progress.cancel()
            if not is_kept():
                raise VenueUnavailable(f"the feed of {feed.instrument_id} was closed")
            if feed.refusal is not None or (limit.done() and not feed.is_whole):
                raise VenueUnavailable(f"{venue} does not publish {feed.instrument_id}: {cause()}")
    finally:
        limit.cancel()


def restarted_task(
    owner: str, name: str, work: Callable[[], Coroutine[Any, Any, None]], clock: Clock
) -> asyncio.Task[None]:
    """Do a work of `owner`, until it returns. After an error it begins again, `RESTART_MS` later. The work handles the
    errors that it expects by itself, so one that comes here is a defect; it is logged with its traceback."""

    async def run() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # a supervised loop: it begins again
                log.exception("market_task_failed", task=name, error=type(error).__name__)
                await clock.sleep_ms(RESTART_MS)
            else:
                return

    return asyncio.create_task(run(), name=f"{owner} {name}")
