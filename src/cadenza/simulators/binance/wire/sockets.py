"""What the two kinds of sockets share: a lifetime, pings, a writer, and the venue's farewell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import WSMsgType, web

from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.outlet import SocketOutlet

FRAME_BYTES_MAX = 64 * 1024


@asynccontextmanager
async def opened(
    venue: BinanceVenue, request: web.Request, market: VenueMarket
) -> AsyncIterator[tuple[web.WebSocketResponse, SocketOutlet]]:
    """Open a socket that the venue pings, and that it closes when its time has come. An address that opens too many is
    refused."""
    try:
        venue.limits(market).connect(request.remote or "", venue.now_ms())
    except VenueRefusal as error:
        headers = {"Retry-After": str(error.retry_after_s)}
        raise web.HTTPTooManyRequests(text=error.message, headers=headers) from None
    settings = venue.settings
    ping_ms = settings.usdm_ping_ms if market is VenueMarket.USDM else settings.ping_ms
    socket = web.WebSocketResponse(heartbeat=ping_ms / 1000, max_msg_size=FRAME_BYTES_MAX)
    await socket.prepare(request)
    outlet = SocketOutlet(socket, request.transport)
    venue.outlets[outlet] = None
    tasks = [asyncio.create_task(outlet.write()), asyncio.create_task(_end_of_life(venue, outlet))]
    try:
        yield socket, outlet
    finally:
        venue.outlets.pop(outlet, None)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def frames(
    venue: BinanceVenue,
    socket: web.WebSocketResponse,
    handle: Callable[[str], Awaitable[None]],
    per_second_max: int | None,
) -> None:
    """Handle text frames until the socket closes. A client that sends more than `per_second_max` is disconnected."""
    second, count = 0, 0
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            break
        now = venue.clock.monotonic_ms() // 1000
        second, count = (second, count + 1) if second == now else (now, 1)
        if per_second_max is not None and count > per_second_max:
            await socket.close(code=1008, message=b"Too many requests")
            break
        await handle(message.data)


async def _end_of_life(venue: BinanceVenue, outlet: SocketOutlet) -> None:
    await venue.clock.sleep_ms(venue.settings.connection_ms)
    outlet.end()
