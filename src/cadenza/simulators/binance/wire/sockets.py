"""What the two kinds of sockets share: the count of connections, pings and the lifetime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.outlet import SocketOutlet
from cadenza.simulators.kit.sockets import opened_socket


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
    async with opened_socket(venue.clock, venue.outlets, request, ping_ms, settings.connection_ms) as opened:
        yield opened
