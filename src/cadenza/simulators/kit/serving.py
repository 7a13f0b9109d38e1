"""The life of a server: its routes, and the market that moves while it serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import WSCloseCode, web

from cadenza.simulators.kit.running_requests import RunningRequests
from cadenza.simulators.kit.sockets import OpenOutlets

GRACE_S = 1
"""How long a stop waits for requests and for closed sockets before it cancels them, and as long again after that."""


class MovingVenue(Protocol):
    """A venue that is served. `running` are the requests that it executes, `outlets` its open sockets."""

    running: RunningRequests
    outlets: OpenOutlets

    async def run_market(self) -> None:
        """Move the market until cancelled."""

    async def commit(self) -> None:
        """Return when all that has changed until now is on disk."""

    def close(self) -> None:
        """Release the files. Nobody asks the venue any more."""


@asynccontextmanager
async def serving(venue: MovingVenue, app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the context ends, and give the port; port 0 takes a free one. At the end the market stands still,
    sockets are closed as going away (1001), and the venue is closed; a client that reads nothing, or a request that is
    not done, holds that up for `2 * GRACE_S` at most. Raises `OSError` when the port is taken."""

    async def end_sockets(_: web.Application) -> None:
        # Their handlers wait for frames, so the server would wait for them in vain.
        for outlet in list(venue.outlets):
            outlet.end(WSCloseCode.GOING_AWAY, "the simulator stops")

    app.on_shutdown.append(end_sockets)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S, handler_cancellation=True)
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
