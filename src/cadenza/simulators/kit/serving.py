"""The life of a server: its routes, and the market that moves while it serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web

from cadenza.simulators.kit.running_requests import RunningRequests


class MovingVenue(Protocol):
    """A venue that is served. `running` are the requests that it executes."""

    running: RunningRequests

    async def run_market(self) -> None:
        """Move the market until cancelled."""

    async def commit(self) -> None:
        """Return when all that has changed until now is on disk."""

    def close(self) -> None:
        """Release the files. Nobody asks the venue any more."""


@asynccontextmanager
async def serving(venue: MovingVenue, app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the context ends, and give the port; port 0 takes a free one. The venue is closed at the end. Raises
    `OSError` when the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    market = asyncio.create_task(venue.run_market())
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        market.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await market
        await runner.cleanup()
        await venue.running.stop()
        await venue.commit()  # ends after the commits that those who were cancelled have begun
        venue.close()
