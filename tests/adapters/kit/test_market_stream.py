"""One connection of public streams: what becomes of its names when the venue's messages are missing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import WSMsgType, web
from tests.inhouse_kit import until
from tests.simulated_kit import FastClock

from cadenza.adapters.venues.kit import market_stream
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
            case "nonsense":
                return SubscriptionReply(names=(), refusal="one of them is nonsense")
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
        self.refused: list[tuple[str, str]] = []

    def on_granted(self, names: frozenset[str]) -> None:
        self.story += [("granted", name) for name in sorted(names)]
        self.whole |= names

    def on_lost(self, names: frozenset[str], cause: str) -> None:
        self.story += [("lost", name) for name in sorted(names)]
        self.whole -= names

    def on_refused(self, name: str, reason: str) -> None:
        self.refused.append((name, reason))

    def on_event(self, name: str, data: msgspec.Raw, connection: int, now_ms: int) -> None:
        self.story.append(("event", name))

    def on_unreadable(self, reason: str) -> None:
        raise AssertionError(reason)


class Server:
    """Grants what is asked for, unless the name is in `slow`; keeps what it was asked. A name in `nonsense` is refused
    without being named, and one in `nonsense_once` gets no answer after that. `eager` names send so many events before
    they are granted; a connection that asks for a `fatal` one is cut."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.asked: list[str] = []
        self.slow: set[str] = set()
        self.gap_before_grant: set[str] = set()
        self.nonsense: set[str] = set()
        self.nonsense_once: set[str] = set()
        self.eager: dict[str, int] = {}
        self.fatal: set[str] = set()
        self.while_asked: dict[tuple[str, int], Callable[[], None]] = {}
        """What a test does when the server is asked something for the nth time, before it answers."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.asked.append(message.data)
                self.while_asked.get((message.data, self.asked.count(message.data)), lambda: None)()
                word, _, name = message.data.partition(" ")
                if name in self.gap_before_grant:
                    self.gap_before_grant.discard(name)
                    await socket.send_str("gap")
                for _ in range(self.eager.get(name, 0) if word == "begin" else 0):
                    await socket.send_str(f"event {name}")
                if name in self.fatal:
                    assert request.transport is not None
                    request.transport.close()
                elif name in self.nonsense | self.nonsense_once:
                    await socket.send_str("nonsense")
                    self.slow |= {name} & self.nonsense_once
                    self.nonsense_once.discard(name)
                elif name not in self.slow:
                    await socket.send_str(f"{'granted' if word == 'begin' else 'ended'} {name}")
        return socket

    async def say(self, text: str, at: int = -1) -> None:
        await self.sockets[at].send_str(text)


@asynccontextmanager
async def streaming(factor: int = 1) -> AsyncIterator[tuple[Server, MarketStream, Heard]]:
    server, heard, clock = Server(), Heard(), FastClock(factor)
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


async def test_a_refusal_without_a_name_touches_the_refused_stream_alone() -> None:
    async with streaming(factor=4) as (server, stream, heard):
        server.nonsense.add("b")
        stream.want(["a", "b", "c"])
        await until(lambda: heard.whole == {"a", "c"} and heard.refused != [], "the others")
        assert heard.refused == [("b", "one of them is nonsense")]
        assert sorted(server.asked) == ["begin a", "begin b", "begin b", "begin c"], "b was asked for alone"
        await server.sockets[-1].close()
        await until(lambda: server.asked.count("begin c") == 2 and heard.whole == {"a", "c"}, "both again")
        assert server.asked.count("begin b") == 2, "what was refused is not asked for again"
        stream.want(["b"])
        await until(lambda: len(heard.refused) == 2, "it was wanted again")


async def test_streams_that_are_asked_for_alone_and_not_answered_hold_up_no_other() -> None:
    async with streaming(factor=4) as (server, stream, heard):
        server.nonsense_once |= {"a", "b"}
        server.while_asked["begin a", 2] = lambda: stream.want(["d"])
        stream.want(["a", "b", "c"])
        await until(lambda: server.asked.count("begin b") == 2, "the second one alone")
        assert server.asked[3:6] == ["begin a", "begin d", "begin b"]
        assert heard.whole == {"c", "d"}
        assert heard.refused == []
        server.slow.clear()
        await until(lambda: heard.whole == {"a", "b", "c", "d"}, "all of them")


async def test_what_a_connection_brings_before_it_is_live_comes_when_it_is() -> None:
    async with streaming() as (server, stream, heard):
        server.eager["a"] = 2
        server.fatal.add("b")
        stream.want(["a", "b"])
        await until(lambda: len(server.sockets) >= 3, "three connections")
        assert heard.story == [], "none of them was live"
        server.fatal.clear()
        await until(lambda: heard.whole == {"a", "b"}, "both streams")
        assert heard.story == [("event", "a"), ("event", "a"), ("granted", "a"), ("granted", "b")]


async def test_a_connection_that_brings_too_much_before_it_is_live_subscribes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_stream, "EVENTS_HELD_MAX", 2)
    async with streaming() as (server, stream, heard):
        server.eager["a"] = 3
        stream.want(["a"])
        await until(lambda: server.asked.count("begin a") == 2 and heard.whole == {"a"}, "the stream")
        assert heard.story == [("granted", "a"), ("lost", "a"), *[("event", "a")] * 3, ("granted", "a")]


async def test_an_answer_on_one_connection_says_nothing_about_another() -> None:
    """The renewal's answer about a stream is not one to the same question on the connection that still stands."""
    async with streaming(factor=20) as (server, stream, heard):
        stream.want(["a"])
        await until(lambda: heard.whole == {"a"}, "the first stream")
        server.slow.add("b")
        stream.want(["b"])
        await until(lambda: "begin b" in server.asked, "the question on the first connection")
        server.eager["b"] = 1
        server.while_asked |= {
            ("begin a", 2): lambda: server.slow.add("a"),
            ("begin b", 2): lambda: server.slow.discard("b"),
            ("begin b", 3): lambda: server.slow.add("b"),
        }
        await server.say("down")
        await until(lambda: "b" in heard.whole, "the other stream")
        assert heard.story.index(("event", "b")) < heard.story.index(("granted", "b"))
