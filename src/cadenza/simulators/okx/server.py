"""The server: REST, the three sockets and the tests' own paths, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.kit.serving import serving
from cadenza.simulators.okx.admin import OkxAdmin
from cadenza.simulators.okx.endpoints import OPERATIONS, REST
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.gateway import VenueGateway
from cadenza.simulators.okx.wire.rest import OkxRestApi
from cadenza.simulators.okx.wire.socket_api import OkxSocketApi

BODY_BYTES_MAX = 64 * 1024


class OkxSimulator:
    """A running simulator. `url` is its REST base; below `stream_url` are `/public`, `/private` and `/business`."""

    def __init__(self, venue: OkxVenue, host: str, port: int) -> None:
        self.venue = venue
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.host}:{self.port}/ws/v5"


@asynccontextmanager
async def run_okx_simulator(
    settings: OkxSimulatorSettings, clock: Clock, ids: Ids, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[OkxSimulator]:
    """Serve until the context ends. Port 0 takes a free one. Raises `OSError` when the port is taken and `TruthError`
    when the data directory cannot be read."""
    venue = OkxVenue(settings, clock, ids)
    async with serving(venue, make_okx_app(venue), host, port) as bound:
        yield OkxSimulator(venue, host, bound)


def make_okx_app(venue: OkxVenue) -> web.Application:
    """Return the application with all routes."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    gateway = VenueGateway(venue)
    OkxRestApi(venue, gateway).add_routes(app, REST)
    OkxSocketApi(venue, gateway, OPERATIONS).add_routes(app)
    OkxAdmin(venue).add_routes(app)
    return app
