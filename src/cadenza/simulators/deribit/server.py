"""The server: JSON-RPC over HTTP and over the WebSocket, and the tests' own paths, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.deribit.api.methods import METHODS
from cadenza.simulators.deribit.control.admin import DeribitAdmin
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.venue import DeribitVenue
from cadenza.simulators.deribit.wire.gateway import RpcGateway
from cadenza.simulators.deribit.wire.http import PREFIX, HttpApi
from cadenza.simulators.deribit.wire.socket import PATH, RpcSocket
from cadenza.simulators.kit.serving import serving

BODY_BYTES_MAX = 64 * 1024


class DeribitSimulator:
    """A running simulator. `url` is the host's, `rest_url` and `socket_url` are those of the API."""

    def __init__(self, venue: DeribitVenue, host: str, port: int) -> None:
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
        return f"ws://{self.host}:{self.port}{PATH}"


@asynccontextmanager
async def run_deribit(
    settings: DeribitSettings, clock: Clock, ids: Ids, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[DeribitSimulator]:
    """Serve until the context ends. Port 0 takes a free one. Raises `OSError` when the port is taken and `TruthError`
    when the data directory cannot be read."""
    venue = DeribitVenue(settings, clock, ids)
    async with serving(venue, make_app(venue), host, port) as bound:
        yield DeribitSimulator(venue, host, bound)


def make_app(venue: DeribitVenue) -> web.Application:
    """Return the application with all routes."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    gateway = RpcGateway(venue, METHODS)
    HttpApi(venue, gateway).add_routes(app)
    RpcSocket(venue, gateway).add_routes(app)
    DeribitAdmin(venue).add_routes(app)
    return app
