"""Sees when the first byte of a request is handed to its connection, and lets aiohttp send nothing twice.

aiohttp repeats a GET, HEAD, PUT, DELETE, OPTIONS or TRACE by itself when a pooled connection turns out to be closed,
and its exceptions do not say whether bytes left. Both are settled here with its public means: a class of requests
(`request_class`) and a middleware.
"""

import asyncio
import os

from aiohttp import (
    ClientConnectorError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ServerDisconnectedError,
)
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection


class Attempt:
    """One try to get a request out."""

    __slots__ = ("is_connected", "may_have_left", "response", "status", "transport")

    def __init__(self) -> None:
        self.is_connected = False
        """Whether there was a connection for it."""
        self.transport: asyncio.Transport | None = None
        """The connection's transport, through TLS and proxy."""
        self.may_have_left = False
        """Whether a byte of the request was handed to an open connection. It never becomes False again."""
        self.status: int | None = None
        """The status of the answer, once its headers were read."""
        self.response: ClientResponse | None = None
        """The answer, once its headers were read."""


class ConnectionUnusable(Exception):
    """The pooled connection is closed, or holds bytes that nobody asked for. Nothing was written to it."""


class WouldSendAgain(Exception):
    """aiohttp would repeat the request by itself after this failure, which is the cause."""


class WatchedRequest(ClientRequest):
    """A request that marks its attempt just before it writes."""

    attempt: Attempt

    async def send(self, conn: Connection) -> ClientResponse:
        self.attempt.is_connected = True
        self.attempt.transport = conn.transport
        protocol = conn.protocol
        if protocol is None or not protocol.is_connected() or protocol.should_close:
            # Bytes that wait there would be read as the answer to this request.
            raise ConnectionUnusable
        if not self.body:  # else the bytes leave in `write_bytes`, some turns of the event loop later
            self.attempt.may_have_left = True
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        protocol = conn.protocol
        if protocol is not None and protocol.is_connected():
            self.attempt.may_have_left = True
        await super().write_bytes(writer, conn, content_length)


def watching(attempt: Attempt) -> ClientMiddlewareType:
    """Return a middleware that ties a request to its attempt. It turns the two errors after which aiohttp would send
    the request again into `WouldSendAgain`, after which it does not."""

    async def watch(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        assert isinstance(request, WatchedRequest)
        request.attempt = attempt
        try:
            attempt.response = await handler(request)
            return attempt.response
        except (ClientOSError, ServerDisconnectedError) as error:
            raise WouldSendAgain from error

    return watch


def cause_of(error: BaseException) -> BaseException:
    """Return the error itself, or the one behind `WouldSendAgain`."""
    return error.__cause__ if isinstance(error, WouldSendAgain) and error.__cause__ is not None else error


def detail_of(error: BaseException) -> str:
    """Say what happened, for a log. The text of some of aiohttp's errors is left out: it holds the URL, whose query may
    be signed, or the proxy's password."""
    error = cause_of(error)
    name = type(error).__name__
    if isinstance(error, ClientResponseError):
        return f"{name}: {error.status} {error.message}"
    if isinstance(error, ClientConnectorError | ClientPayloadError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}: {os.strerror(error.errno)}"
    return name
