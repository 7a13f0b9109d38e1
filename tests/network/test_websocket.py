"""A stream comes back, says when it was gone, and knows what it sent: over real sockets on loopback."""

import asyncio
import gc

import pytest
import websockets
from tests.network.peers import PeerConnection, StandingClock, answer, settle, until
from tests.network.websocket_peers import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    converse,
    frame,
    polite,
    read_frame,
    shake_hands,
    stream,
    text_of,
)

from cadenza.network.outcomes import NotSent, NotSentCause, OutcomeUnknown, Sent
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import (
    LostCause,
    NotReady,
    Received,
    StreamClosed,
    StreamLimits,
    StreamLive,
    StreamLost,
)

pytestmark = pytest.mark.timeout(120)


async def test_messages_come_in_order_and_the_handshake_is_as_the_owner_wants_it() -> None:
    async with stream(polite) as tested:
        assert await tested.take() == StreamLive(1)
        assert tested.server.received.startswith(b"GET /ws?token=a%2Fb HTTP/1.1\r\n")
        assert b"X-Key: k\r\n" in tested.server.received
        deadline_ms = tested.clock.at_ms + 1_000
        assert await tested.socket.send("ä" * 40_000, deadline_ms) == Sent()
        assert await tested.socket.send(b"\x00\x01", deadline_ms) == Sent()
        assert await tested.take() == Received(1, ("ä" * 40_000).encode(), True, tested.clock.at_ms)
        assert await tested.take() == Received(1, b"\x00\x01", False, tested.clock.at_ms)


async def test_a_server_of_another_library_is_understood() -> None:
    async def echo(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)
        closed.append(socket.close_code)

    closed: list[int | None] = []
    async with websockets.serve(echo, "127.0.0.1", 0) as server, stream(polite) as tested:
        tested.server.port = next(iter(server.sockets)).getsockname()[1]
        assert await tested.take() == StreamLive(1)
        await tested.socket.send("hello", tested.clock.at_ms + 1_000)
        assert text_of(await tested.take()) == "hello"
        tested.socket.close()
        assert tested.run is not None
        await tested.run
        assert await tested.take() == StreamClosed()
        await until(lambda: closed == [1000])


async def _goodbye(connection: PeerConnection) -> None:
    await shake_hands(connection)
    await connection.send(frame(b"last"))
    await connection.send(frame((4001).to_bytes(2, "big") + b"log in", CLOSE))
    await connection.end()


async def _goodbye_without_a_code(connection: PeerConnection) -> None:
    await shake_hands(connection)
    await connection.send(frame(b"last") + frame(b"", CLOSE))
    assert (await read_frame(connection))[0] == CLOSE
    await connection.end()


async def _cut_off(connection: PeerConnection) -> None:
    await shake_hands(connection)
    await connection.send(frame(b"last") + frame(b"x" * 100)[:50])
    connection.close()


async def _reset(connection: PeerConnection) -> None:
    await shake_hands(connection)
    await connection.send(frame(b"last"))
    assert await read_frame(connection) == (TEXT, b"go")
    connection.reset()


async def _no_frame(connection: PeerConnection) -> None:
    await shake_hands(connection)
    await connection.send(frame(b"last") + b"\xff\xff\xff\xff")
    await connection.end()


@pytest.mark.parametrize(
    ("play", "cause", "detail"),
    [
        (_goodbye, LostCause.PEER_CLOSED, "4001 log in"),
        (_goodbye_without_a_code, LostCause.PEER_CLOSED, ""),
        (_cut_off, LostCause.DISCONNECTED, ""),
        (_reset, LostCause.DISCONNECTED, ""),
        (_no_frame, LostCause.UNREADABLE, ""),
    ],
)
async def test_what_came_before_the_end_is_delivered_and_the_stream_comes_back(
    play: object, cause: LostCause, detail: str
) -> None:
    async def first_badly(connection: PeerConnection) -> None:
        await (play if len(tested.server.connections) == 1 else polite)(connection)  # type: ignore[operator]

    async with stream(first_badly) as tested:
        if play is _reset:
            await tested.next_of(StreamLive)
            await tested.socket.send("go", tested.clock.at_ms + 1_000)
        lost = await tested.next_of(StreamLost)
        assert (lost.connection, lost.cause) == (1, cause)
        assert lost.detail.startswith(detail)
        await tested.pause_passes()
        assert await tested.take() == StreamLive(2)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("play", [_goodbye, _goodbye_without_a_code, _cut_off, _no_frame, polite])
async def test_no_connection_is_left_to_the_collector(play: object) -> None:
    """The collector would log it as unclosed. One that this side ends is among them (`polite`)."""
    left: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: left.append(context["message"]))
    gc.collect()
    left.clear()

    async def live_and_end() -> None:
        async with stream(play) as tested:  # type: ignore[arg-type]
            await tested.next_of(StreamLive if play is polite else StreamLost)

    await live_and_end()
    gc.collect()
    assert left == []


async def test_what_came_before_the_end_stands_before_it() -> None:
    async with stream(_goodbye) as tested:
        received = await tested.next_of(Received)
        assert received.data == b"last"
        assert isinstance(await tested.next_of(StreamLost), StreamLost)


async def test_a_refused_handshake_shows_status_and_headers() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(b"", "429 Too Many Requests", "Retry-After: 7\r\n"))
        await connection.end()

    async with stream(play) as tested:
        lost = await tested.next_of(StreamLost)
        assert (lost.cause, lost.status, lost.headers["retry-after"]) == (LostCause.HANDSHAKE, 429, "7")
        assert not tested.socket.is_live


async def test_pauses_between_failures_grow_and_start_again_after_a_steady_connection() -> None:
    """`randrange` of the test answers the highest number, so each pause is known."""

    class Highest:
        def randrange(self, stop: int) -> int:
            return stop - 1

    async def play(connection: PeerConnection) -> None:
        number = len(tested.server.connections)
        if number in (4, 6):
            await polite(connection)
        else:
            connection.reset()

    async with stream(play) as tested:
        tested.socket._randomness = Highest()
        for pause_ms in (500, 1_000, 2_000):
            assert (await tested.take()).cause is LostCause.CONNECT  # type: ignore[union-attr]
            await until(lambda: tested.clock.next_wake_ms is not None)
            assert tested.clock.next_wake_ms == pause_ms
            await tested.clock.pass_time(pause_ms)
        assert isinstance(await tested.take(), StreamLive)
        for _ in range(30):
            await tested.clock.pass_time(1_000)
        tested.server.connections[3].reset()
        assert isinstance(await tested.take(), StreamLost)
        await until(lambda: tested.clock.next_wake_ms == 500)


async def test_a_connection_without_a_pong_is_a_zombie() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        await connection.end()

    async with stream(play) as tested:
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(40_000)
        assert tested.socket.is_live
        await tested.clock.pass_time(2)
        assert (await tested.take()).cause is LostCause.SILENCE  # type: ignore[union-attr]
        assert not tested.socket.is_live


async def test_pongs_and_pings_of_the_server_are_life_and_its_pings_are_answered() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        await connection.send(frame(b"payload", PING))
        answers.append(await read_frame(connection))
        await converse(connection)

    answers: list[tuple[int, bytes]] = []
    async with stream(play) as tested:
        assert await tested.take() == StreamLive(1)
        for _ in range(30):
            await tested.clock.pass_time(5_000)
            await settle(30)
        assert tested.socket.is_live
        assert answers == [(PONG, b"payload")]


async def test_a_stream_that_must_speak_is_lost_when_it_only_answers_pings() -> None:
    async with stream(polite, StreamLimits(message_silence_ms=60_000)) as tested:
        assert await tested.take() == StreamLive(1)
        for _ in range(13):
            await tested.clock.pass_time(5_000)
            await settle(30)
        assert (await tested.take()).cause is LostCause.SILENCE  # type: ignore[union-attr]


async def test_a_reader_that_takes_nothing_stops_the_socket_and_loses_nothing() -> None:
    sent = 0

    async def play(connection: PeerConnection) -> None:
        nonlocal sent
        await shake_hands(connection)
        for number in range(40):
            await connection.send(frame(number.to_bytes(4, "big") * 50_000, BINARY))
            sent += 1
        await converse(connection)

    limits = StreamLimits(waiting_bytes_max=1_000_000, message_bytes_max=500_000)
    async with stream(play, limits) as tested:
        await until(lambda: tested.socket._events.waiting_bytes >= 800_000)
        for _ in range(20):  # longer than the limit for silence: what is not read does not count as silence
            await tested.clock.pass_time(5_000)
        assert tested.socket._events.waiting_bytes <= 1_000_000
        assert sent < 40
        numbers = []
        while len(numbers) < 40:
            event = await tested.take()
            if isinstance(event, Received):
                numbers.append(int.from_bytes(event.data[:4], "big"))
            else:
                assert isinstance(event, StreamLive)
        assert numbers == list(range(40))


async def test_a_message_over_the_limit_loses_the_connection() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        await connection.send(frame(b"x" * 1_001))
        await connection.end()

    async with stream(play, StreamLimits(message_bytes_max=1_000)) as tested:
        assert (await tested.next_of(StreamLost)).cause is LostCause.UNREADABLE


async def test_nothing_is_sent_without_a_connection_nor_after_the_deadline() -> None:
    async with stream(polite) as tested:
        assert await tested.socket.send("x", tested.clock.at_ms + 1_000) == NotSent(NotSentCause.NOT_CONNECTED)
        assert await tested.take() == StreamLive(1)
        assert await tested.socket.send("x", tested.clock.at_ms) == NotSent(NotSentCause.DEADLINE)
        tested.server.connections[0].reset()
        assert isinstance(await tested.take(), StreamLost)
        assert await tested.socket.send("x", tested.clock.at_ms + 1_000) == NotSent(NotSentCause.NOT_CONNECTED)


async def test_a_frame_that_the_server_does_not_read_is_unknown_at_its_deadline_and_the_next_is_not_sent() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.get_running_loop().create_future()

    async with stream(play, StreamLimits(sends_waiting_max=1, closing_ms=20)) as tested:
        assert await tested.take() == StreamLive(1)
        deadline_ms = tested.clock.at_ms + 400
        first = asyncio.create_task(tested.socket.send(b"x" * 20_000_000, deadline_ms))
        await settle()
        second = asyncio.create_task(tested.socket.send(b"y", deadline_ms + 10_000))
        await settle()
        assert await tested.socket.send(b"z", deadline_ms) == NotSent(NotSentCause.FULL)
        assert isinstance(await first, OutcomeUnknown)
        assert await second == NotSent(NotSentCause.FULL)  # what waits of the first is over the limit


async def test_replies_to_subscriptions_come_while_they_are_awaited() -> None:
    acknowledged = asyncio.Event()

    async def prepare(connection: StreamConnection) -> None:
        assert await connection.send("subscribe", tested.clock.at_ms + 1_000) == Sent()
        await acknowledged.wait()

    async with stream(polite, prepare=prepare) as tested:
        assert text_of(await tested.take()) == "subscribe"
        assert not tested.socket.is_live
        acknowledged.set()
        assert await tested.take() == StreamLive(1)


async def test_an_owner_that_cannot_subscribe_gets_another_connection() -> None:
    async def prepare(connection: StreamConnection) -> None:
        if connection.number == 1:
            raise NotReady("refused: no such stream")
        if connection.number == 2:
            await asyncio.get_running_loop().create_future()

    async with stream(polite, StreamLimits(prepare_ms=20), prepare) as tested:
        assert await tested.take() == StreamLost(1, LostCause.NOT_READY, "refused: no such stream")
        await tested.pause_passes()
        assert await tested.take() == StreamLost(2, LostCause.NOT_READY, "not prepared within 20 ms")
        await tested.pause_passes()
        assert await tested.take() == StreamLive(3)
        await until(lambda: all(one.reader.at_eof() for one in tested.server.connections[:2]))


class Turns:
    """Gives the right to connect twice at a time."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.pacer = Pacer({"connections": (WindowLimit(2, 1_000),)}, clock=self.clock)

    async def __call__(self) -> PaceTicket:
        ticket = await self.pacer.acquire("", {_CONNECTIONS: 1}, deadline_ms=self.clock.at_ms + 60_000)
        assert isinstance(ticket, PaceTicket)
        return ticket

    async def left(self) -> int:
        """How many more are to be had at once, after time has passed."""
        await self.clock.pass_time(2_000)
        more = [asyncio.create_task(self()) for _ in range(3)]
        await settle()
        left = [each.result() for each in more if each.done()]
        for ticket in left:
            ticket.give_back()
        for each in more:
            each.cancel()
        return len(left)


_CONNECTIONS = MeterKey("connections", "")


async def test_the_right_to_connect_is_held_until_the_stream_is_live() -> None:
    is_ready, turns = asyncio.Event(), Turns()

    async def prepare(_: StreamConnection) -> None:
        await is_ready.wait()

    async with stream(polite, prepare=prepare, turns=turns) as tested:
        await until(lambda: len(tested.server.connections) == 1)
        assert await turns.left() == 1
        is_ready.set()
        assert await tested.take() == StreamLive(1)
        assert await turns.left() == 2


@pytest.mark.parametrize("ending", ["failed", "cancelled", "no connection"])
async def test_the_right_to_connect_is_given_back_by_a_connection_that_is_never_live(ending: str) -> None:
    turns = Turns()

    async def prepare(_: StreamConnection) -> None:
        if ending == "cancelled":
            await asyncio.get_running_loop().create_future()
        raise NotReady("refused")

    async with stream(polite, prepare=prepare, turns=turns) as tested:
        if ending == "no connection":
            tested.server.port = 9
        if ending == "cancelled":
            await until(lambda: len(tested.server.connections) == 1)
            assert tested.run is not None
            tested.run.cancel()
            await asyncio.wait({tested.run})
        else:
            assert isinstance(await tested.take(), StreamLost)
        assert await turns.left() == 2


async def test_an_error_of_the_owner_ends_the_run_and_the_stream() -> None:
    async def prepare(_: StreamConnection) -> None:
        raise KeyError("a fault of the owner")

    async with stream(polite, prepare=prepare) as tested:
        assert await tested.take() == StreamClosed()
        assert tested.run is not None
        with pytest.raises(KeyError):
            await tested.run
        await until(lambda: tested.server.connections[0].reader.at_eof())


async def test_a_server_that_asks_for_a_text_is_pinged_by_it_and_its_answer_is_no_message() -> None:
    heard: list[str] = []

    async def server(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            heard.append(str(message))
            await socket.send("pong")
            await socket.send("news")

    limits = StreamLimits(ping_ms=5_000, silence_ms=20_000, ping_text="ping", pong_text="pong")
    async with websockets.serve(server, "127.0.0.1", 0) as peer, stream(polite, limits=limits) as tested:
        tested.server.port = next(iter(peer.sockets)).getsockname()[1]
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(5_000)
        assert text_of(await tested.take()) == "news"
        assert heard == ["ping"]
