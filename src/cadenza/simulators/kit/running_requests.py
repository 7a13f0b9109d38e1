"""What a venue does with a request does not depend on the client, which may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")

REQUESTS_MAX = 10_000
"""Requests that may be in execution at once, by REST and by all sockets; the next one is answered with 503."""


class RunningRequests:
    """The requests in execution."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_stopped = False

    async def complete(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the answer to a request that was read in whole. A caller that is cancelled, because its client has
        left, does not cancel the execution; the stop does, and cancels the caller with it."""
        if len(self._tasks) >= REQUESTS_MAX:
            work.close()
            raise web.HTTPServiceUnavailable(text=f"{REQUESTS_MAX} requests are in execution")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_stopped:
            task.cancel()
        await asyncio.wait((task,))
        return task.result()

    async def stop(self) -> None:
        """Cancel all executions, and return when they have ended. Later ones end before they begin."""
        self._is_stopped = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
