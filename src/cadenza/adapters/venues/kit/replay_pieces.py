"""A replay that is read as a whole and then handed out in pieces."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ReplayPiece

SILENCE_MS_MAX = 20_000
"""Whoever waits for a replay hears of it at least so often while it is read and the venue answers."""


async def replay_pieces(
    reading: Coroutine[Any, Any, list[Report]], covers_from_ms: int, clock: Clock, venue_clock: VenueClock
) -> AsyncIterator[ReplayPiece]:
    """Yield what is read, as `ExecutionSession.replay` does. To read a long history takes longer than anybody waits for
    a silent venue: meanwhile empty pieces come, as long as the venue answers when it is asked for its time. Raises
    `VenueUnavailable`."""
    task = asyncio.create_task(reading)
    try:
        while not await _ends(task, clock):
            if venue_clock.is_answered:
                yield ReplayPiece(reports=(), covers_from_ms=covers_from_ms)
        reports = task.result()
    except CredentialRejected as error:
        raise VenueUnavailable(str(error)) from error
    finally:
        task.cancel()
    for start in range(0, max(1, len(reports)), REPLAY_REPORTS_MAX):
        yield ReplayPiece(reports=reports[start : start + REPLAY_REPORTS_MAX], covers_from_ms=covers_from_ms)


async def _ends(task: "asyncio.Task[list[Report]]", clock: Clock) -> bool:
    """Return whether the task has ended after `SILENCE_MS_MAX` at the latest."""
    timer = asyncio.create_task(clock.sleep_ms(SILENCE_MS_MAX))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return task.done()
