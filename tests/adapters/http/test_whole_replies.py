"""A reply that goes out at once has the very bytes that uvicorn would write; what is not whole is left to uvicorn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from tests.adapters.http.wire import Wire
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cadenza.adapters.http.wire_protocol import protocol_class
from cadenza.runtime.local import SystemIds

App = Callable[[Any, Any, Any], Awaitable[None]]
JSON = (b"content-type", b"application/json")


async def written(made: Any, app: App, request: bytes) -> Wire:
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None)
    state = ServerState()
    state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    protocol, wire = made(config=config, server_state=state, app_state={}), Wire()
    protocol.connection_made(wire)
    protocol.data_received(request)
    while state.tasks:
        await asyncio.gather(*state.tasks)
    protocol.connection_lost(None)
    return wire


def replying(*messages: Any, raises: Exception | None = None) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if raises is not None:
            raise raises

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Any:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, more_body: bool = False) -> Any:
    return {"type": "http.response.body", "body": content, "more_body": more_body}


def length(size: int) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % size)


WHOLE = (start(JSON, length(2), (b"X-Request-Id", b"r-1"), (b"empty", b"")), body(b"{}"))
REPLIES = {
    "whole": WHOLE,
    "refusal": (start(JSON, length(2), status=429), body(b"{}")),
    "empty": (start(length(0), status=404), body(b"")),
    "no content": (start(status=204), body(b"")),
    "unknown length": (start(JSON), body(b"{}")),
    "in parts": (start(length(4)), body(b"ab", True), body(b"cd")),
    "in chunks": (start((b"transfer-encoding", b"chunked")), body(b"ab", True), body(b"cd")),
    "closing": (start(length(2), (b"connection", b"close")), body(b"{}")),
}
REQUESTS = {
    "get": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "head": b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n",
    "closing": b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "two": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2,
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("reply_name", REPLIES)
async def test_the_bytes_are_those_of_uvicorn(reply_name: str, request_name: str) -> None:
    app, request = replying(*REPLIES[reply_name]), REQUESTS[request_name]
    expected = await written(HttpToolsProtocol, app, request)
    got = await written(protocol_class(SystemIds()), app, request)
    assert b"".join(got.writes) == b"".join(expected.writes) != b""
    assert got.is_closed == expected.is_closed


async def test_a_whole_reply_is_one_write() -> None:
    assert len((await written(protocol_class(SystemIds()), replying(*WHOLE), REQUESTS["get"])).writes) == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"\x00"),
        (b"x", b"a\r"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
    ],
)
async def test_no_header_ends_the_head(header: tuple[bytes, bytes]) -> None:
    app = replying(start(length(2), header), body(b"{}"))
    wire = await written(protocol_class(SystemIds()), app, REQUESTS["get"])
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500 ")
    assert wire.is_closed


async def test_an_application_that_fails_after_the_head_is_answered_500() -> None:
    app = replying(WHOLE[0], raises=RuntimeError("ours"))
    wire = await written(protocol_class(SystemIds()), app, REQUESTS["get"])
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500 ")
    assert wire.is_closed


async def test_a_body_that_is_not_as_long_as_the_head_says_closes_the_connection() -> None:
    wire = await written(protocol_class(SystemIds()), replying(start(length(5)), body(b"{}")), REQUESTS["get"])
    assert wire.is_closed
