"""What no framework sees: heads without end, requests that trickle, bytes that are no request."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from tests.adapters.http.wire import Wire
from tests.contract.checker import assert_conforms
from uvicorn.server import ServerState

from cadenza.adapters.http.wire_protocol import HEAD_BYTES_MAX, protocol_class
from cadenza.runtime.local import SystemIds

Ask = Callable[..., Any]
TIMEOUT_S = 60.0
GET = b"GET /api/v3/health HTTP/1.1\r\nhost: x\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and answers how large it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@asynccontextmanager
async def serving(arrives_ms_max: int = 60_000, keep_alive_s: int = 5) -> AsyncIterator[Ask]:
    """Sends pieces on one connection and returns all that comes back until it is closed."""
    config = uvicorn.Config(_app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=keep_alive_s)
    made: Any = protocol_class(SystemIds(), arrives_ms_max=arrives_ms_max)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: made(config=config, server_state=state, app_state={}), "127.0.0.1", 0)

    async def ask(*pieces: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
        except ConnectionError:
            return await reader.read()
        finally:
            writer.close()

    async with server:
        yield ask


def refusal(answer: bytes) -> str:
    """The sentence of an answer that must be a refusal in the envelope."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    told = json.loads(body)
    assert_conforms("health", 400, told)
    assert f"x-request-id: {told['details']['request_id']}".encode() in head
    return str(told["error"])


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"FOO / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n",
    ],
)
async def test_what_is_no_request_gets_the_envelope(bytes_sent: bytes) -> None:
    async with serving() as ask:
        assert "Invalid HTTP request" in refusal(await ask(bytes_sent))


async def test_a_head_without_end_is_refused_while_it_comes() -> None:
    async with serving() as ask:
        assert "larger than" in refusal(await ask(GET, *[b"x: " + b"a" * 1024] * (HEAD_BYTES_MAX // 1024)))


async def test_many_small_headers_are_refused_alike() -> None:
    async with serving() as ask:
        assert "larger than" in refusal(await ask(GET, *[b"x: y\r\n" * 1000] * 12))


async def test_large_bodies_and_many_requests_are_not_mistaken_for_a_head() -> None:
    body = b"a" * 3 * HEAD_BYTES_MAX
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n" % len(body)
    async with serving() as ask:
        answer = await ask(post + b"\r\n", body, (GET + b"\r\n") * 3, post + b"connection: close\r\n\r\n", body)
    assert answer.count(b"HTTP/1.1 200 OK") == 5
    assert answer.endswith(str(len(body)).encode())


@pytest.mark.parametrize("begun", [GET, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"])
async def test_a_request_that_does_not_arrive_is_given_up(begun: bytes) -> None:
    async with serving(arrives_ms_max=300) as ask:
        assert "did not arrive" in refusal(await ask(begun))


async def test_a_client_that_says_nothing_is_left() -> None:
    async with serving(arrives_ms_max=300) as ask:
        assert await ask() == b""


@pytest.mark.parametrize("requests", [1, 2])
async def test_a_connection_that_is_idle_after_its_replies_is_closed(requests: int) -> None:
    async with serving(keep_alive_s=0) as ask:
        assert (await ask((GET + b"\r\n") * requests)).count(b"HTTP/1.1 200 OK") == requests


async def test_a_request_under_way_outlives_the_timer_of_the_reply_before_it() -> None:
    may_end, state = asyncio.Event(), ServerState()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await may_end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=3600)
    protocol: Any = protocol_class(SystemIds())
    protocol, wire = protocol(config=config, server_state=state, app_state={}), Wire()
    protocol.connection_made(wire)
    protocol.data_received(b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.gather(*state.tasks)
    first = protocol.timeout_keep_alive_task
    protocol.timeout_keep_alive_handler()
    assert protocol.timeout_keep_alive_task not in (None, first), "it has not been idle long enough: looked at again"
    protocol.data_received(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    protocol.timeout_keep_alive = 0
    protocol.timeout_keep_alive_handler()
    assert not wire.is_closed
    protocol.timeout_keep_alive = 3600
    may_end.set()
    await asyncio.gather(*state.tasks)
    assert protocol.timeout_keep_alive_task is not None, "it is idle again"
    protocol.timeout_keep_alive_task.cancel()
    protocol.timeout_keep_alive = 0
    protocol.timeout_keep_alive_handler()
    assert wire.is_closed
    assert state.total_requests == 2
    first.cancel()
    protocol.connection_lost(None)
