"""Pooled connections, waiting calls, second sends, closing: a request is written once, or nothing of it leaves."""

import asyncio
import os
import socket

import pytest
from aiohttp import ClientResponse
from aiohttp.connector import Connection
from tests.network.peers import PeerConnection, answer, answering, get, http_client, peer, post, settle, until, within

from cadenza.network.aiohttp_watch import WatchedRequest
from cadenza.network.http import HttpClientLimits, HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, OutcomeUnknown, UnknownCause
from cadenza.network.patience import RetryPauses

pytestmark = pytest.mark.timeout(120)


async def test_calls_share_a_connection_and_a_closed_one_is_replaced_before_anything_is_written() -> None:
    async def play(connection: PeerConnection) -> None:
        for _ in range(2):
            await connection.request()
            await connection.send(answer())
        connection.close()

    async with peer(play) as server, http_client() as client:
        for _ in range(3):
            assert isinstance(await client.call(post(server.port)), Answered)
            await settle()
        assert [bytes(one.received).count(b"POST") for one in server.connections] == [2, 1]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "POST"])
async def test_a_request_on_a_connection_that_closes_just_then_is_written_once(method: str) -> None:
    """aiohttp alone would write the first four again, on a new connection."""

    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer())
        await connection.request()
        connection.reset()

    async with peer(play) as server, http_client() as client:
        assert isinstance(await client.call(get(server.port)), Answered)
        request = HttpRequest(method, f"http://127.0.0.1:{server.port}/twice", within(10_000))
        assert isinstance(await client.call(request), OutcomeUnknown)
        assert server.received.count(b"/twice") == 1
        assert len(server.connections) == 1


async def test_a_close_that_is_on_its_way_while_we_write_is_unknown_and_not_repeated() -> None:
    """The server has closed, and this side's event loop has had no turn to see it: the kernel takes the bytes."""
    async with peer(answering) as server, http_client() as client:
        assert isinstance(await client.call(get(server.port)), Answered)
        descriptor = server.connections[0].writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(descriptor)) as same:
            same.shutdown(socket.SHUT_RDWR)
        outcome = await client.call(get(server.port, "/late"))
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.cause is UnknownCause.DISCONNECTED
        assert len(server.connections) == 1


async def test_a_connection_that_goes_between_the_choice_and_the_first_byte_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send, sends = WatchedRequest.send, 0

    async def send_and_lose(self: WatchedRequest, conn: Connection) -> ClientResponse:
        nonlocal sends
        sends += 1
        response = await send(self, conn)
        if sends == 1 and not self.attempt.may_have_left and conn.transport is not None:
            conn.transport.abort()
        return response

    monkeypatch.setattr(WatchedRequest, "send", send_and_lose)
    async with peer(answering) as server, http_client() as client:
        assert isinstance(await client.call(post(server.port)), Answered)
        assert server.received.count(b"order") == 1


async def test_bytes_that_nobody_asked_for_are_not_taken_for_an_answer() -> None:
    is_idle = asyncio.Event()

    async def play(connection: PeerConnection) -> None:
        request = await connection.request()
        await connection.send(answer(b"first" if b"/early" in request else b"second"))
        if b"/early" in request:
            await is_idle.wait()
            await connection.send(answer(b"stray", "400 Bad Request"))
        await connection.end()

    async with peer(play) as server, http_client() as client:
        first = await client.call(get(server.port, "/early"))
        is_idle.set()
        await settle()
        second = await client.call(get(server.port, "/later"))
        assert isinstance(first, Answered)
        assert isinstance(second, Answered)
        assert (first.body, second.body) == (b"first", b"second")
        assert server.received.count(b"/later") == 1


async def test_only_what_may_arrive_twice_is_sent_again() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        if len(server.connections) == 3:
            await connection.send(answer())
        connection.close()

    limits = HttpClientLimits(pauses=RetryPauses(1, 1))
    async with peer(play) as server, http_client(limits) as client:
        assert isinstance(await client.call(get(server.port)), OutcomeUnknown)
        assert isinstance(await client.call(get(server.port, sends_max=2)), Answered)
        assert len(server.connections) == 3


async def test_what_was_unknown_stays_unknown_when_a_second_send_did_not_leave() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        listener.close()
        connection.close()

    async with http_client(HttpClientLimits(pauses=RetryPauses(1, 1))) as client:
        listener = await asyncio.start_server(
            lambda reader, writer: play(PeerConnection(reader, writer)), "127.0.0.1", 0
        )
        outcome = await client.call(get(listener.sockets[0].getsockname()[1], sends_max=5))
        assert isinstance(outcome, OutcomeUnknown)


async def test_so_many_calls_at_a_time_so_many_waiting_and_the_next_is_not_sent() -> None:
    release = asyncio.Event()

    async def play(connection: PeerConnection) -> None:
        while await connection.request():
            await release.wait()
            await connection.send(answer())

    async with peer(play) as server, http_client(HttpClientLimits(connections_max=2, waiting_max=1)) as client:
        calls = [asyncio.create_task(client.call(post(server.port))) for _ in range(3)]
        await until(lambda: server.received.count(b"order") == 2)
        assert await client.call(post(server.port)) == NotSent(NotSentCause.FULL)
        late = asyncio.create_task(client.call(post(server.port, deadline_ms=1)))
        assert await late in (NotSent(NotSentCause.FULL), NotSent(NotSentCause.DEADLINE))
        release.set()
        assert all(isinstance(outcome, Answered) for outcome in await asyncio.gather(*calls))
        assert server.received.count(b"order") == 3
        assert len(server.connections) == 2


async def test_a_call_whose_deadline_passes_while_it_waits_for_its_turn_is_not_sent() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.end()

    async with peer(play) as server, http_client(HttpClientLimits(connections_max=1)) as client:
        first = asyncio.create_task(client.call(post(server.port)))
        await settle()
        assert await client.call(post(server.port, deadline_ms=20)) == NotSent(NotSentCause.DEADLINE)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_closing_ends_every_call_by_what_became_of_its_bytes() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.end()

    async with peer(play) as server, http_client(HttpClientLimits(connections_max=1)) as client:
        calls = [asyncio.create_task(client.call(post(server.port))) for _ in range(2)]
        await until(lambda: server.received.endswith(b"order"))
        await client.close()
        assert await asyncio.gather(*calls) == [OutcomeUnknown(UnknownCause.CLOSED), NotSent(NotSentCause.CLOSED)]
        assert await client.call(post(server.port)) == NotSent(NotSentCause.CLOSED)


async def test_a_cancelled_call_gives_its_place_back() -> None:
    async def play(connection: PeerConnection) -> None:
        if b"/silent" not in await connection.request():
            await connection.send(answer())
        await connection.end()

    async with peer(play) as server, http_client(HttpClientLimits(connections_max=1)) as client:
        for _ in range(3):
            silent = asyncio.create_task(client.call(get(server.port, "/silent")))
            await settle()
            silent.cancel()
            with pytest.raises(asyncio.CancelledError):
                await silent
        assert isinstance(await client.call(get(server.port)), Answered)
