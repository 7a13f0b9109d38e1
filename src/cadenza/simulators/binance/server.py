"""The server: REST, WebSocket API, market streams and the tests' own paths, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.binance.control.admin import SimulatorAdmin
from cadenza.simulators.binance.margin import endpoints as margin_endpoints
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.spot import endpoints as spot_endpoints
from cadenza.simulators.binance.spot.sessions import USER_DATA_METHODS
from cadenza.simulators.binance.usdm import endpoints as usdm_endpoints
from cadenza.simulators.binance.usdm.streams import market_only, private_only, public_only
from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.gateway import VenueGateway
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.rest import RestApi
from cadenza.simulators.binance.wire.stream_socket import SimulatedRoute, StreamSocket
from cadenza.simulators.binance.wire.ws_api import WebSocketApi
from cadenza.simulators.kit.serving import serving

BODY_BYTES_MAX = 64 * 1024
USDM_PREFIX = "/usdm"
"""Where USD-M is served; the venue has other hosts for it."""


class BinanceSimulator:
    """A running simulator. `url` is its REST base, `stream_url` and `ws_api_url` are those of its sockets."""

    def __init__(self, venue: BinanceVenue, host: str, port: int) -> None:
        self.venue = venue
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.host}:{self.port}"

    @property
    def ws_api_url(self) -> str:
        return f"{self.stream_url}/ws-api/v3"

    @property
    def usdm_url(self) -> str:
        return f"{self.url}{USDM_PREFIX}"

    @property
    def usdm_stream_url(self) -> str:
        """Below it are `/public`, `/market` and `/private`."""
        return f"{self.stream_url}{USDM_PREFIX}"

    @property
    def usdm_ws_api_url(self) -> str:
        return f"{self.usdm_stream_url}/ws-fapi/v1"


@asynccontextmanager
async def run_simulator(
    settings: SimulatorSettings, clock: Clock, ids: Ids, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[BinanceSimulator]:
    """Serve until the context ends. Port 0 takes a free one. Raises `OSError` when the port is taken and `TruthError`
    when the data directory cannot be read."""
    venue = BinanceVenue(settings, clock, ids)
    async with serving(venue, make_app(venue), host, port) as bound:
        yield BinanceSimulator(venue, host, bound)


def make_app(venue: BinanceVenue) -> web.Application:
    """Return the application with all routes."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    gateway = VenueGateway(venue)
    _add_spot(app, venue, gateway)
    _add_usdm(app, venue, gateway)
    SimulatorAdmin(venue).add_routes(app)
    return app


def _add_spot(app: web.Application, venue: BinanceVenue, gateway: VenueGateway) -> None:
    """Add spot, and cross margin, which shares its books and its sockets."""
    spot = venue.spot
    RestApi(gateway).add_routes(app, spot_endpoints.REST)
    RestApi(gateway).add_routes(app, margin_endpoints.REST)
    methods = (*spot_endpoints.WEBSOCKET, *USER_DATA_METHODS, *margin_endpoints.USER_DATA_METHODS)
    WebSocketApi(venue, gateway, VenueMarket.SPOT, methods, spot.user_streams.leave).add_routes(app, "/ws-api/v3")
    StreamSocket(venue, spot.streams, VenueMarket.SPOT, (SimulatedRoute(""),)).add_routes(app)


def _add_usdm(app: web.Application, venue: BinanceVenue, gateway: VenueGateway) -> None:
    RestApi(gateway).add_routes(app, usdm_endpoints.REST, USDM_PREFIX)
    methods = usdm_endpoints.WEBSOCKET
    WebSocketApi(venue, gateway, VenueMarket.USDM, methods).add_routes(app, f"{USDM_PREFIX}/ws-fapi/v1")
    routes = (
        SimulatedRoute(USDM_PREFIX, public_only),
        SimulatedRoute(f"{USDM_PREFIX}/public", public_only),
        SimulatedRoute(f"{USDM_PREFIX}/market", market_only),
        SimulatedRoute(f"{USDM_PREFIX}/private", private_only),
    )
    StreamSocket(venue, venue.usdm.streams, VenueMarket.USDM, routes).add_routes(app)
