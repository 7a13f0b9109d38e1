"""Feeds of OKX over real sockets: a server whose market a test moves by hand."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSMsgType, web
from tests.adapters.okx.okx_world import BY_ID
from tests.simulated_kit import FastClock

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.okx.market_data import feed_parts
from cadenza.adapters.venues.okx.sockets import CONNECTS, STREAM_LIMITS
from cadenza.adapters.venues.okx.spec import PUBLIC_REGION, spec_of, stream_name
from cadenza.domain.ids import Environment
from cadenza.network.patience import RetryPauses
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls

LIMITS = replace(STREAM_LIMITS, pauses=RetryPauses(first_ms=20, most_ms=200))
VENUE_MS = 1_652_459_236_000


@asynccontextmanager
async def feeds_at(base: str, *, factor: int = 1) -> AsyncIterator[SnapshotFeeds]:
    clock = FastClock(factor)

    async def ask() -> int:
        return VENUE_MS

    venue_clock = VenueClock(clock, ask)
    await venue_clock.measure()
    connects = ConnectPace(clock, CONNECTS)
    spec = spec_of(Environment.LIVE, urls={stream_name(PUBLIC_REGION): base})
    parts = feed_parts(
        spec=spec, venue_clock=venue_clock, clock=clock, randomness=random.Random(1), tls=client_tls(),
        proxies=ProxyChoice(), connects=connects, limits=LIMITS,
    )  # fmt: skip
    feeds = SnapshotFeeds(parts, BY_ID.get)
    try:
        yield feeds
    finally:
        await feeds.stop()
        connects.close()


@dataclass(eq=False)
class Client:
    """One connection of a client, and what it is subscribed to."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    names: set[str] = field(default_factory=set)
    requests: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    async def push(self, name: str, rows: Sequence[Mapping[str, Any]], **fields: Any) -> None:
        channel, _, instrument = name.partition(":")
        frame = {"arg": {"channel": channel, "instId": instrument}, **fields, "data": rows}
        await self.socket.send_str(json.dumps(frame))


@dataclass
class MarketServer:
    """The public socket. It answers for each channel of a request by itself, as the venue does.

    `books` are the snapshots with which a subscription to a book begins; one without is not answered by any. `refused`
    channels are refused, in the words `refusal`, and while `is_too_fast` all requests are. A connection that asks for a
    channel of `fatal` is cut there."""

    port: int = 0
    clients: list[Client] = field(default_factory=list)
    opened: list[Client] = field(default_factory=list)
    books: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    last_trades: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    refusal: str = "Wrong URL or channel:{channel},instId:{instId} doesn't exist. Please use the correct URL."
    is_too_fast: bool = False
    fatal: set[str] = field(default_factory=set)

    @property
    def base(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def push(self, name: str, *rows: Mapping[str, Any], **fields: Any) -> None:
        for client in self.clients:
            if name in client.names:
                await client.push(name, rows, **fields)

    def cut(self) -> None:
        for client in self.clients:
            client.transport.abort()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.path == "/ws/v5/public"
        assert isinstance(request.transport, asyncio.Transport)
        client = Client(socket, request.transport)
        self.clients.append(client)
        self.opened.append(client)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._answer(client, message.data)
        finally:
            self.clients.remove(client)
        return socket

    async def _answer(self, client: Client, text: str) -> None:
        client.texts.append(text)
        if text == "ping":
            await client.socket.send_str("pong")
            return
        asked = json.loads(text)
        client.requests.append(asked)
        error = {"event": "error", "id": asked["id"], "connId": "a4d3ae55"}
        if self.is_too_fast:
            await client.socket.send_str(json.dumps({**error, "code": "60014", "msg": "Requests too frequent"}))
            return
        for arg in asked["args"]:
            name = f"{arg['channel']}:{arg['instId']}"
            if name in self.fatal:
                client.transport.abort()
                return
            if name in self.refused:
                refusal = {**error, "code": "60018", "msg": self.refusal.format(**arg)}
                await client.socket.send_str(json.dumps(refusal))
                continue
            await client.socket.send_str(json.dumps({"event": asked["op"], "id": asked["id"], "arg": arg}))
            if asked["op"] == "unsubscribe":
                client.names.discard(name)
                continue
            client.names.add(name)
            if name in self.books:
                await client.push(name, [self.books[name]], action="snapshot")
            if name in self.last_trades:
                await client.push(name, [self.last_trades[name]])


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
