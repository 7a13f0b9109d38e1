"""Requests that get no answer, without waiting for one: the client leaves when the venue is done with its request."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from cadenza.simulators.kit.serving import MovingVenue
from tests.inhouse_kit import until


@asynccontextmanager
async def unanswered(venue: MovingVenue, call: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Make a call, and begin the block when the venue is done with its request. When the block ends, the client still
    has no answer, and leaves. The block asks the venue something: by the time that this is answered, an answer to the
    call would have come too."""
    calling = asyncio.ensure_future(call)
    try:
        await _is_over(venue, calling)
        yield
        assert not calling.done(), "there is an answer, or the connection was cut"
    finally:
        await _leave(calling)


async def given_up(venue: MovingVenue, call: Coroutine[Any, Any, object]) -> None:
    """Make a call, and return when the venue is done with its request, whatever the client hears of it."""
    calling = asyncio.ensure_future(call)
    await _is_over(venue, calling)
    await _leave(calling)


async def _is_over(venue: MovingVenue, calling: "asyncio.Future[object]") -> None:
    with _noted(venue) as is_done:
        await until(lambda: is_done.is_set() or calling.done(), "the end of the request")


async def _leave(calling: "asyncio.Future[object]") -> None:
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)


@contextmanager
def _noted(venue: MovingVenue) -> Iterator[asyncio.Event]:
    """Give an event that is set when the venue is done with a request."""
    is_done, complete = asyncio.Event(), venue.running.complete

    async def noted(work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await complete(work)
        finally:
            is_done.set()

    venue.running.complete = noted  # type: ignore[method-assign]
    try:
        yield is_done
    finally:
        venue.running.complete = complete  # type: ignore[method-assign]
