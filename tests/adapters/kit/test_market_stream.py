"""One connection of public streams: what becomes of its names when the venue's messages are missing."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import WSMsgType, web
from tests.inhouse_kit import until

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.market_stream import (
    GoingDown,
    MarketEvent,
    MarketStream,
    MarketStreamRoute,
    MarketWord,
    MessagesMissing,
    SubscriptionReply,
)
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.patience import RetryPauses
from cadenza.network.stream_events import StreamLimits
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemClock

pytestmark = pytest.mark.timeout(60)
MANY = WindowLimit(10_000, 1_000)


class Words:
    """Implements `MarketStreamWire`: each name is asked for by a message of its own. It knows its own connection only:
    `begin NAME` is granted by `granted NAME`."""

    made = 0

    def __init__(self) -> None:
        Words.made += 1
        self.asked: set[str] = set()

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        if is_wanted:
            self.asked |= set(names)
        return [f"{'begin' if is_wanted else 'end'} {name}" for name in names]

    def read(self, data: bytes) -> MarketWord:
        word, _, name = data.decode().partition(" ")
        match word:
            case "granted" | "ended":
                assert name in self.asked, "an answer to another connection"
                return SubscriptionReply(names=(name,))
            case "gap":
                return MessagesMissing("a number is missing")
            case "down":
                return GoingDown()
            case _:
                return MarketEvent(name, msgspec.Raw(data))


class Heard:
    """Implements `MarketStreamListener`."""

    def __init__(self) -> None:
        self.story: list[tuple[str, str]] = []
        self.whole: set[str] = set()

    def on_granted(self, names: frozenset[str]) -> None:
        self.story += [("granted", name) for name in sorted(names)]
        self.whole |= names

    def on_lost(self, names: frozenset[str], cause: str) -> None:
        self.story += [("lost", name) for name in sorted(names)]
        self.whole -= names

    def on_refused(self, name: str, reason: str) -> None: ...

    def on_event(self, name: str, data: msgspec.Raw, connection: int, now_ms: int) -> None:
        self.story.append(("event", name))

    def on_unreadable(self, reason: str) -> None:
        raise AssertionError(reason)


class Server:
    """Grants what is asked for, unless the name is in `slow`; keeps what it was asked."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.asked: list[str] = []
        self.slow: set[str] = set()
        self.gap_before_grant: set[str] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.asked.append(message.data)
                word, _, name = message.data.partition(" ")
                if name in self.gap_before_grant:
                    self.gap_before_grant.discard(name)
                    await socket.send_str("gap")
                if name not in self.slow:
                    await socket.send_str(f"{'granted' if word == 'begin' else 'ended'} {name}")
        return socket

    async def say(self, text: str, at: int = -1) -> None:
        await self.sockets[at].send_str(text)


@asynccontextmanager
async def streaming() -> AsyncIterator[tuple[Server, MarketStream, Heard]]:
    server, heard, clock = Server(), Heard(), SystemClock()
    app = web.Application()
    app.router.add_get("/", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    connects = ConnectPace(clock, MANY)
    stream = MarketStream(
        MarketStreamRoute(f"ws://127.0.0.1:{runner.addresses[0][1]}/", 30, (MANY,)),
        Words,
        heard,
        clock=clock,
        randomness=random.Random(1),
        tls=client_tls(),
        connects=connects,
        limits=StreamLimits(pauses=RetryPauses(first_ms=20, most_ms=100)),
    )
    running = asyncio.create_task(stream.run())
    try:
        yield server, stream, heard
    finally:
        stream.close()
        await running
        connects.close()
        await runner.cleanup()


async def test_all_streams_are_lost_at_once_and_begin_again_when_messages_are_missing() -> None:
    async with streaming() as (server, stream, heard):
        stream.want(["a", "b"])
        await until(lambda: heard.whole == {"a", "b"}, "both streams")
        await server.say("event a")
        await server.say("gap")
        await server.say("gap")
        await until(lambda: server.asked.count("begin b") >= 2 and heard.whole == {"a", "b"}, "both again")
        assert heard.story[:5] == [
            ("granted", "a"), ("granted", "b"), ("event", "a"), ("lost", "a"), ("lost", "b"),
        ]  # fmt: skip
        assert {text for text in server.asked if text.startswith("end")} == {"end a", "end b"}
        assert len(server.sockets) == 1, "on the same connection"


async def test_a_stream_that_is_asked_for_while_messages_are_missing_is_not_granted_by_that_answer() -> None:
    """What it brought between its snapshot and its answer may lack something."""
    async with streaming() as (server, stream, heard):
        stream.want(["a"])
        await until(lambda: heard.whole == {"a"}, "the first stream")
        server.gap_before_grant.add("b")
        stream.want(["b"])
        await until(lambda: heard.whole == {"a", "b"}, "both streams")
        assert server.asked.count("begin b") == 2
        assert ("lost", "b") in heard.story
        assert heard.story.index(("lost", "b")) < heard.story.index(("granted", "b"))


async def test_messages_that_are_missing_on_a_new_connection_count_once_it_is_live() -> None:
    async with streaming() as (server, stream, heard):
        server.gap_before_grant.add("a")
        stream.want(["a"])
        await until(lambda: server.asked.count("begin a") == 2 and heard.whole == {"a"}, "the stream")
        assert heard.story == [("granted", "a"), ("lost", "a"), ("granted", "a")]


async def test_each_connection_is_spoken_to_by_a_wire_of_its_own() -> None:
    async with streaming() as (server, stream, heard):
        stream.want(["a"])
        await until(lambda: heard.whole == {"a"}, "the stream")
        made = Words.made
        await server.say("down")
        await until(lambda: len(server.sockets) == 2 and server.sockets[0].closed, "the newer connection")
        assert Words.made == made + 1
        assert heard.whole == {"a"}
        assert ("lost", "a") not in heard.story
