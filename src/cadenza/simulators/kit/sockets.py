"""What all sockets share: a lifetime, pings, a writer, and a limit of incoming frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import WSMsgType, web

from cadenza.ports.clock import Clock
from cadenza.simulators.kit.outlet import SocketOutlet

FRAME_BYTES_MAX = 64 * 1024

OpenOutlets = dict[SocketOutlet, None]
"""The sockets that are open, the oldest first."""


@asynccontextmanager
async def opened_socket(
    clock: Clock, outlets: OpenOutlets, request: web.Request, ping_ms: int | None, lifetime_ms: int
) -> AsyncIterator[tuple[web.WebSocketResponse, SocketOutlet]]:
    """Open a socket that is pinged every `ping_ms`, unless that is None, and closed after `lifetime_ms`."""
    heartbeat_s = None if ping_ms is None else ping_ms / 1000
    socket = web.WebSocketResponse(heartbeat=heartbeat_s, max_msg_size=FRAME_BYTES_MAX)
    await socket.prepare(request)
    outlet = SocketOutlet(socket, request.transport)
    outlets[outlet] = None
    tasks = [asyncio.create_task(outlet.write()), asyncio.create_task(_end_of_life(clock, outlet, lifetime_ms))]
    try:
        yield socket, outlet
    finally:
        outlets.pop(outlet, None)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def frames(
    clock: Clock,
    socket: web.WebSocketResponse,
    handle: Callable[[str], Awaitable[None]],
    per_second_max: int | None,
) -> None:
    """Handle text frames until the socket closes. A client that sends more than `per_second_max` is disconnected."""
    second, count = 0, 0
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        now = clock.monotonic_ms() // 1000
        second, count = (second, count + 1) if second == now else (now, 1)
        if per_second_max is not None and count > per_second_max:
            await socket.close(code=1008, message=b"Too many requests")
            break
        await handle(message.data)


async def _end_of_life(clock: Clock, outlet: SocketOutlet, lifetime_ms: int) -> None:
    await clock.sleep_ms(lifetime_ms)
    outlet.end()
