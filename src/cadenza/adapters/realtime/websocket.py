"""The WebSocket itself: below the framework, on the framework's port.

uvicorn hands every upgrade to this protocol. Handshake, parsing and closing are the `websockets` library's. What we
send is framed here, once for all clients that get the same payload, and costs one `write`. There is no compression: it
costs more memory and time per client than it saves.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import Any, cast

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from cadenza.adapters.realtime.codes import (
    INAPPROPRIATE_PROTOCOL,
    INVALID_UTF8,
    MESSAGE_TOO_BIG,
    PROTOCOL_ERROR,
    SHUTDOWN,
    Disconnect,
)
from cadenza.adapters.realtime.connection import Connection
from cadenza.adapters.realtime.frames import Framer
from cadenza.adapters.realtime.services import Services
from cadenza.network.client_address import address_behind

PATH = "/connection/websocket"

SUBPROTOCOLS = (Subprotocol("centrifuge-json"), Subprotocol("centrifuge-protobuf"))
"""What a client may name in its handshake. A client of the binary protocol is accepted too, and its first frame closes
the connection for good (3506): a client whose handshake fails tries again for ever."""

WRITE_BUFFER_BYTES_HIGH = 0
"""What the kernel does not take at once waits in the loop's buffer, and the client counts as one that does not read;
the loop says so within `write`, so that nothing can overtake what waits."""

_PARSER_LOG = logging.getLogger("cadenza.websocket")
_PARSER_LOG.setLevel(logging.WARNING)  # it would log every connection that opens and closes


class WebSocket(asyncio.Protocol):
    """One client's wire; implements `transport.Transport`.

    `server_connections` is uvicorn's set of open connections: at its shutdown it calls `shutdown` of each in it.
    """

    def __init__(self, services: Services, framer: Framer, server_connections: set[Any]) -> None:
        self._services = services
        self._framer = framer
        self._server_connections = server_connections
        self._parser = ServerProtocol(
            max_size=services.limits.frame_bytes_max, logger=_PARSER_LOG, select_subprotocol=_select_subprotocol
        )
        self._wire: asyncio.Transport
        self._file: int | None = None
        self._connection: Connection | None = None
        self._parts: list[bytes] = []
        self._is_blocked = False
        self._is_closed = False

    # --- transport.Transport

    def send(self, payload: bytes) -> None:
        """Write to the socket itself while nothing waits: the loop's own way to it costs an eighth of a message more.

        The loop closes the file after `connection_lost`, so that the file is ours as long as we are not closed.
        """
        if self._is_closed:
            return
        frame = self._framer.frame(payload)
        if self._is_blocked or self._file is None:
            self._wire.write(frame)
            return
        try:
            taken = os.write(self._file, frame)
        except OSError:
            taken = 0  # it is full, or gone, which the loop finds out
        if taken < len(frame):
            self._wire.write(frame[taken:])

    def close(self, disconnect: Disconnect) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._parser.state is OPEN:
            self._parser.send_close(disconnect.code, disconnect.reason)
        self._write_control()
        self._end_in_time()

    def wake(self, now_ms: int) -> None:
        """Cut off a client that does not answer our close frame, or does not take the answer to its own."""
        self._wire.abort()

    # --- asyncio.Protocol, and what uvicorn calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        self._wire.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_HIGH)
        if self._wire.get_extra_info("sslcontext") is None:
            self._file = self._wire.get_extra_info("socket").fileno()
        self._server_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._server_connections.discard(self)
        self._services.timetable.remove(self)
        if self._connection is not None:
            self._connection.on_lost()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._is_blocked = True
        if self._connection is not None:
            self._connection.on_blocked()

    def resume_writing(self) -> None:
        self._is_blocked = False
        if self._connection is not None:
            self._connection.on_drained()

    def shutdown(self) -> None:
        """Close the connection because the server stops; the client comes back to the next one."""
        if self._connection is not None and self._connection.is_open:
            self._services.hub.deliver()
            self._connection.close(SHUTDOWN)
        elif self._connection is None:
            self._wire.close()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        parser.receive_data(data)
        for event in parser.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
            elif isinstance(event, Request):
                self._on_request(event)
        if parser.parser_exc is not None and self._connection is not None:
            self._on_violation(parser.parser_exc)
        self._write_control()

    # --- inside

    def _on_request(self, request: Request) -> None:
        """Answer the handshake. Another path, and a handshake that is none, are refused."""
        if request.path.partition("?")[0] != PATH:
            response = self._parser.reject(404, f"there is no {request.path[:100]} here; WebSocket is at {PATH}\n")
        elif not self._services.roster.has_room():
            response = self._parser.reject(503, "there are too many connections to this server; try again later\n")
        else:
            response = self._parser.accept(request)
        self._parser.send_response(response)
        self._write_control()
        if self._parser.state is not OPEN:
            self._wire.close()
            return
        self._connection = Connection(self, self._services, self._client_address(request))

    def _client_address(self, request: Request) -> str:
        peer = self._wire.get_extra_info("peername")
        forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
        is_known = isinstance(peer, tuple)  # the peer of a Unix socket has no address
        return address_behind(str(peer[0]) if is_known else "", forwarded, self._services.trusted_proxies)

    def _on_frame(self, frame: Frame) -> None:
        connection = self._connection
        if connection is None:
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                    self._parts.clear()
                    self._on_message(connection, message)
                elif connection.is_open:
                    connection.allow(1)
            case Opcode.BINARY:
                connection.close(INAPPROPRIATE_PROTOCOL)
            case Opcode.CLOSE:
                connection.on_lost()
                self._is_closed = True
                self._write_control()
                self._leave()
            case _:
                if connection.is_open:
                    connection.allow(1)

    def _on_message(self, connection: Connection, message: bytes) -> None:
        if not message.isascii() and not _is_utf8(message):
            connection.close(INVALID_UTF8)
        else:
            connection.on_message(message)

    def _on_violation(self, error: Exception) -> None:
        """Close: the library has answered a violation of the protocol with a code of its own."""
        assert self._connection is not None
        if isinstance(error, EOFError):
            return  # the client has gone
        why = MESSAGE_TOO_BIG if isinstance(error, PayloadTooBig) else PROTOCOL_ERROR
        if isinstance(error, UnicodeDecodeError):
            why = INVALID_UTF8
        self._connection.close(why)

    def _leave(self) -> None:
        """Both sides have sent the close frame. For a client that does not read there is nothing to wait for."""
        if self._is_blocked:
            self._wire.abort()
        else:
            self._wire.close()
            self._end_in_time()

    def _end_in_time(self) -> None:
        limits, clock = self._services.limits, self._services.clock
        self._services.timetable.put(self, clock.monotonic_ms() + limits.close_timeout_ms)

    def _write_control(self) -> None:
        """Write what the library has to send. Pongs for a client that does not read are dropped, as RFC 6455 allows."""
        waiting = self._parser.data_to_send()
        if self._is_blocked and self._parser.state is OPEN:
            return
        for part in waiting:
            if part:
                self._wire.write(part)
            elif self._wire.can_write_eof():
                self._wire.write_eof()  # not closed at once: what the client still sends would cost it our goodbye


def _select_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((each for each in SUBPROTOCOLS if each in offered), None)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
