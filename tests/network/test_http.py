"""The outcome of an HTTP call is a fact about bytes: every way to fail, over real sockets on loopback."""

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest
from tests.network.peers import (
    PeerConnection,
    answer,
    answering,
    get,
    http_client,
    peer,
    post,
    settle,
    within,
)

from cadenza.network.http import HttpClientLimits, HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, OutcomeUnknown, UnknownCause

pytestmark = pytest.mark.timeout(120)
Play = Callable[[PeerConnection], Awaitable[None]]


async def test_an_answer_is_whole_and_the_request_left_as_it_was_given() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(b'{"a":1}', "201 Created", "X-Used: 7\r\nx-used: 8\r\n"))
        await connection.end()

    async with peer(play) as server, http_client() as client:
        url = f"http://127.0.0.1:{server.port}/a%2Fb?symbol=%EF%BC%91&x=a+b%20c&sign=%2b~%7E"
        request = HttpRequest("POST", url, within(10_000), headers={"X-Key": "k"}, body=b"p=1")
        outcome = await client.call(request)
        assert isinstance(outcome, Answered)
        assert (outcome.status, outcome.body, outcome.headers["x-used"]) == (201, b'{"a":1}', "7, 8")
        head, _, body = server.received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /a%2Fb?symbol=%EF%BC%91&x=a+b%20c&sign=%2b~%7E HTTP/1.1"
        assert sorted(line.partition(":")[0] for line in lines[1:]) == [
            "Accept-Encoding",
            "Content-Length",
            "Host",
            "User-Agent",
            "X-Key",
        ]
        assert body == b"p=1"


async def _reset_within_the_answer(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(answer(b"x" * 100)[:-50])
    connection.reset()


async def _cut_off(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(answer(b"x" * 100)[:-50])
    connection.close()


async def _cut_off_chunks(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    connection.close()


async def _broken_chunks(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")
    await connection.end()


async def _no_marked_end(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
    connection.close()


async def _not_http(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await connection.end()


async def _not_gzip(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(answer(b"not gzip at all", headers="Content-Encoding: gzip\r\n"))
    await connection.end()


async def _switching(connection: PeerConnection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    await connection.end()


async def _reset_after_the_request(connection: PeerConnection) -> None:
    await connection.request()
    connection.reset()


async def _half_closed(connection: PeerConnection) -> None:
    await connection.request()
    connection.writer.write_eof()
    await connection.end()


async def _reset_within_the_request(connection: PeerConnection) -> None:
    await connection.read(10)
    connection.reset()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("play", "cause", "status"),
    [
        (_reset_within_the_request, UnknownCause.DISCONNECTED, None),
        (_reset_after_the_request, UnknownCause.DISCONNECTED, None),
        (_half_closed, UnknownCause.DISCONNECTED, None),
        (_reset_within_the_answer, UnknownCause.UNREADABLE, 200),
        (_cut_off, UnknownCause.UNREADABLE, 200),
        (_cut_off_chunks, UnknownCause.UNREADABLE, 200),
        (_broken_chunks, UnknownCause.UNREADABLE, None),
        (_no_marked_end, UnknownCause.UNREADABLE, 200),
        (_not_http, UnknownCause.UNREADABLE, None),
        (_not_gzip, UnknownCause.UNREADABLE, 200),
        (_switching, UnknownCause.UNREADABLE, 101),
    ],
)
async def test_after_bytes_left_whatever_is_no_complete_answer_is_unknown(
    method: str, play: Play, cause: UnknownCause, status: int | None
) -> None:
    async with peer(play) as server, http_client() as client:
        outcome = await client.call(get(server.port) if method == "GET" else post(server.port))
        assert isinstance(outcome, OutcomeUnknown)
        assert (outcome.cause, outcome.status) == (cause, status)
        assert len(server.connections) == 1


async def test_a_reset_within_a_large_request_is_unknown() -> None:
    async with peer(_reset_within_the_request) as server, http_client() as client:
        url = f"http://127.0.0.1:{server.port}/x?signature=secret"
        outcome = await client.call(HttpRequest("POST", url, within(20_000), body=b"x" * 30_000_000))
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.cause is UnknownCause.DISCONNECTED
        assert "secret" not in outcome.detail  # aiohttp's own text has the URL in it


@pytest.mark.parametrize("body", [b"", b'{"code":-1007}', b"<html>"])
@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"])
async def test_a_server_error_is_an_answer_with_and_without_a_body(status: str, body: bytes) -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(body, status))
        await connection.end()

    async with peer(play) as server, http_client() as client:
        outcome = await client.call(post(server.port))
        assert isinstance(outcome, Answered)
        assert (outcome.status, outcome.body) == (int(status[:3]), body)


async def test_a_redirect_is_an_answer_and_a_cookie_is_not_sent_back() -> None:
    async def play(connection: PeerConnection) -> None:
        while await connection.request():
            await connection.send(answer(b"", "307 Temporary Redirect", "Location: /other\r\nSet-Cookie: a=b\r\n"))

    async with peer(play) as server, http_client() as client:
        outcomes = [await client.call(get(server.port)), await client.call(get(server.port))]
        assert [outcome.status for outcome in outcomes if isinstance(outcome, Answered)] == [307, 307]
        assert b"Cookie" not in server.received
        assert b"/other" not in server.received


async def test_refused_and_unresolved_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        async with http_client() as client:
            assert isinstance(refused := await client.call(post(taken.getsockname()[1])), NotSent)
            assert refused.cause is NotSentCause.CONNECT
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
            request = HttpRequest("POST", "http://no.such.host.invalid/x", within(10_000), body=b"x")
            assert isinstance(unresolved := await client.call(request), NotSent)
            assert unresolved.cause is NotSentCause.DNS


async def test_a_host_that_does_not_accept_is_not_sent_within_the_limit_for_connecting() -> None:
    """The queue of connections that were not accepted is full, so that another one is left without an answer."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        try:
            async with http_client(HttpClientLimits(connect_ms=30)) as client:
                outcome = await client.call(post(deaf.getsockname()[1], deadline_ms=5_000))
                assert isinstance(outcome, NotSent)
                assert outcome.cause is NotSentCause.CONNECT
            async with http_client() as client:
                outcome = await client.call(post(deaf.getsockname()[1], deadline_ms=30))
                assert isinstance(outcome, NotSent)
                assert outcome.cause is NotSentCause.DEADLINE
        finally:
            for one in waiting:
                one.close()


async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async with peer(answering) as server, http_client() as client:
        outcome = await client.call(post(server.port, deadline_ms=0))
        assert outcome == NotSent(NotSentCause.DEADLINE)
        assert server.connections == []


async def test_silence_until_the_deadline_is_unknown() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.end()

    async with peer(play) as server, http_client() as client:
        outcome = await client.call(post(server.port, deadline_ms=500))
        assert outcome == OutcomeUnknown(UnknownCause.DEADLINE)


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"]
)
async def test_an_answer_that_drips_is_unknown_at_the_deadline(start: bytes) -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(start)
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.005)

    async with peer(play) as server, http_client() as client:
        outcome = await client.call(post(server.port, deadline_ms=500))
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.cause is UnknownCause.DEADLINE
        assert outcome.status == (200 if b"Length" in start else None)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_over_the_limit_ends_the_connection(is_announced: bool) -> None:
    sent = 0

    async def play(connection: PeerConnection) -> None:
        nonlocal sent
        await connection.request()
        length = b"Content-Length: 104857600" if is_announced else b"Transfer-Encoding: chunked"
        await connection.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        block = b"x" * 65536 if is_announced else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        while sent < 100 * 1024 * 1024:
            await connection.send(block)
            sent += 65536

    async with peer(play) as server, http_client() as client:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.port}/", within(30_000), answer_bytes_max=100_000)
        outcome = await client.call(request)
        assert isinstance(outcome, OutcomeUnknown)
        assert (outcome.cause, outcome.status) == (UnknownCause.TOO_LONG, 200)
        await settle()
    assert sent < 50 * 1024 * 1024


async def test_a_decompression_bomb_costs_little_memory() -> None:
    bomb = gzip.compress(bytes(50_000_000), 9)

    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(bomb, headers="Content-Encoding: gzip\r\n"))
        await connection.end()

    async with peer(play) as server, http_client() as client:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.port}/", within(30_000), answer_bytes_max=1_000_000)
        tracemalloc.start()
        try:
            outcome = await client.call(request)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.cause is UnknownCause.TOO_LONG
        assert peak < 10_000_000


async def test_a_compressed_answer_is_decompressed() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(gzip.compress(b"x" * 100_000), headers="Content-Encoding: gzip\r\n"))
        await connection.end()

    async with peer(play) as server, http_client() as client:
        outcome = await client.call(get(server.port))
        assert isinstance(outcome, Answered)
        assert outcome.body == b"x" * 100_000


@pytest.mark.parametrize(
    "url",
    [
        "/x",
        "ftp://127.0.0.1/",
        "http:///x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/ü",
        "http://h/\r\nX: y",
        "http://u:p@h/",
        "http://h/#part",
        "HTTP://h/",
        "http://h/\x7f",
        "",
    ],
)
def test_a_url_that_would_not_leave_as_it_is_given_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url must"):
        HttpRequest("GET", url, 0)


async def test_a_header_with_a_line_break_is_refused_and_nothing_is_sent() -> None:
    async with peer(answering) as server, http_client() as client:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.port}/", within(9_000), headers={"A": "b\r\nC: d"})
        with pytest.raises(ValueError):
            await client.call(request)
        await settle()
        assert server.received == b""
