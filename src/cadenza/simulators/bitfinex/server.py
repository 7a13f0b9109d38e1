"""The server: REST, the socket and the tests' own paths, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

from aiohttp import web

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.bitfinex.admin import BitfinexAdmin
from cadenza.simulators.bitfinex.endpoints import REST
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.gateway import BitfinexGateway
from cadenza.simulators.bitfinex.wire.rest import PREFIX, BitfinexRestApi
from cadenza.simulators.bitfinex.wire.socket_api import BitfinexSocketApi
from cadenza.simulators.kit.serving import serving

BODY_BYTES_MAX = 64 * 1024


class BitfinexSimulator:
    """A running simulator. `rest_url` is the base of its REST API, `socket_url` its socket; `url` is the server."""

    def __init__(self, venue: BitfinexVenue, host: str, port: int) -> None:
        self.venue = venue
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def rest_url(self) -> str:
        return f"{self.url}{PREFIX}"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.host}:{self.port}/ws/2"


@asynccontextmanager
async def run_bitfinex(
    settings: BitfinexSettings, clock: Clock, ids: Ids, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[BitfinexSimulator]:
    """Serve until the context ends. Port 0 takes a free one. Raises `OSError` when the port is taken and `TruthError`
    when the data directory cannot be read."""
    venue = BitfinexVenue(settings, clock, ids)
    async with serving(venue, make_bitfinex_app(venue), host, port) as bound:
        yield BitfinexSimulator(venue, host, bound)


def make_bitfinex_app(venue: BitfinexVenue) -> web.Application:
    """Return the application with all routes."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)

    async def date(request: web.Request, response: web.StreamResponse) -> None:
        """Date the answer by the venue's clock."""
        response.headers["Date"] = formatdate(venue.now_ms() // 1_000, usegmt=True)

    app.on_response_prepare.append(date)
    gateway = BitfinexGateway(venue)
    BitfinexRestApi(venue, gateway).add_routes(app, REST)
    BitfinexSocketApi(venue, gateway).add_routes(app)
    BitfinexAdmin(venue).add_routes(app)
    return app
