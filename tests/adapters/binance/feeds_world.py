"""Feeds of BINANCE over real sockets: a fast clock, the feeds, and a server whose market a test moves by hand."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSMsgType, web
from tests.adapters.binance.binance_world import BINANCE, BTC_PERP, BTC_USDT, DATA
from tests.simulated_kit import FastClock

from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import FeedParts, feed_parts
from cadenza.adapters.venues.binance.parse_instruments import spot_catalogue
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.stream_wire import STREAM_LIMITS
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.network.http import HttpClient
from cadenza.network.patience import RetryPauses
from cadenza.network.stream_events import StreamLimits
from cadenza.network.tls import client_tls

LIMITS = replace(STREAM_LIMITS, pauses=RetryPauses(first_ms=20, most_ms=200))


def instruments() -> dict[InstrumentId, Instrument]:
    """Spot symbols of the recorded catalogue, and a perpetual of BTC."""
    recorded = spot_catalogue((DATA / "exchange-info-20211012.json").read_bytes(), BINANCE).instruments
    found = {instrument.id: instrument for instrument in recorded}
    perpetual = replace(found[BTC_USDT], id=BTC_PERP, type=InstrumentType.PERPETUAL, settlement_asset="USDT")
    return {**found, BTC_PERP: perpetual}


@asynccontextmanager
async def feeds_at(
    urls: Mapping[str, str], *, factor: int = 1, limits: StreamLimits = LIMITS
) -> AsyncIterator[MarketFeeds]:
    clock = FastClock(factor)
    http = HttpClient(clock=clock, randomness=random.Random(1), tls=client_tls())
    rest = BinanceRest(urls=urls, http=http, clock=clock)
    parts: FeedParts = feed_parts(
        rest=rest, urls=urls, clock=clock, randomness=random.Random(2), tls=client_tls(), limits=limits
    )
    feeds = MarketFeeds(parts, instruments().get)
    try:
        yield feeds
    finally:
        await feeds.stop()
        await http.close()
        rest.close()


@dataclass(eq=False)
class StreamClient:
    """One connection of a client: its path, and the names that it is subscribed to."""

    path: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    names: set[str] = field(default_factory=set)
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, name: str, data: Mapping[str, Any]) -> None:
        await self.socket.send_str(json.dumps({"stream": name, "data": data}))


@dataclass
class MarketServer:
    """Public streams and REST of both markets. What it answers and sends is in the test's hands.

    `deaf_paths` shake hands and say nothing more, `refused` names are refused, `unheard` names are not acknowledged.
    While `acknowledges` is not set, subscriptions work at once and are acknowledged later.
    """

    port: int = 0
    clients: list[StreamClient] = field(default_factory=list)
    opened: list[StreamClient] = field(default_factory=list)
    deaf_paths: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    depth: dict[str, Any] = field(default_factory=dict)
    best: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False
    acknowledges: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.acknowledges.set()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, name: str) -> list[StreamClient]:
        return [client for client in self.clients if name in client.names]

    async def push(self, name: str, data: Mapping[str, Any]) -> None:
        for client in self.on(name):
            await client.send(name, data)

    def cut(self) -> None:
        for client in self.clients:
            client.transport.abort()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            return web.Response(status=503)
        if request.path.endswith("/stream"):
            return await self._stream(request)
        self.asked.append(request.path)
        symbol = request.query.get("symbol", "")
        if request.path.endswith("/depth"):
            return web.json_response(self.depth[symbol]) if symbol in self.depth else web.Response(status=500)
        names = ("bidPrice", "bidQty", "askPrice", "askQty")
        rows = [{"symbol": each, **dict(zip(names, best, strict=True))} for each, best in self.best.items()]
        return web.json_response(rows)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        client = StreamClient(request.path, socket, request.transport)
        self.clients.append(client)
        self.opened.append(client)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and request.path not in self.deaf_paths:
                    await self._answer(client, json.loads(message.data))
        finally:
            self.clients.remove(client)
        return socket

    async def _answer(self, client: StreamClient, asked: dict[str, Any]) -> None:
        client.requests.append(asked)
        names = set(asked["params"])
        if names & self.unheard:
            return
        if names & self.refused:
            error = {"code": 2, "msg": "Invalid request: unknown stream"}
            await client.socket.send_str(json.dumps({"error": error, "id": asked["id"]}))
            return
        client.names = client.names | names if asked["method"] == "SUBSCRIBE" else client.names - names
        await self.acknowledges.wait()
        await client.socket.send_str(json.dumps({"result": None, "id": asked["id"]}))


@asynccontextmanager
async def market_server() -> AsyncIterator[MarketServer]:
    server = MarketServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.cut()
        await runner.cleanup()
