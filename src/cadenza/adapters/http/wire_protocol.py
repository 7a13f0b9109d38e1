"""HTTP on the wire, below the framework: uvicorn's protocol, within limits of ours.

By itself uvicorn takes a head (request line and headers) of any size, waits for a request for ever, and answers what
it cannot read in plain text. Here an endless head is refused while it comes, a client that trickles is cut off, and
even what is no request gets the envelope and a request id.
"""

import asyncio
from math import inf
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cadenza.adapters.http.whole_replies import WholeReplies
from cadenza.domain.errors import InvalidRequest
from cadenza.ports.ids import Ids
from cadenza.wire.envelope import ErrorDetails, Failure, encode
from cadenza.wire.errno import errno_of

HEAD_BYTES_MAX = 64 * 1024
"""A larger head is refused. A read is parsed before it is counted: a head that ends in it may be larger by that."""

ARRIVES_MS_MAX = 30_000
"""From its first byte, or the opening of the connection, a request must have arrived in whole by then."""


class WireProtocol(HttpToolsProtocol):
    """One client's connection. Made by uvicorn; `protocol_class` binds the rest."""

    ids: ClassVar[Ids]
    arrives_ms_max: ClassVar[int] = ARRIVES_MS_MAX

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._head_bytes = 0
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._idle_since_s = inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes:  # most requests come whole, and need no timer
            self._await_request()
        if self._is_in_head and self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response(f"the head of the request is larger than {HEAD_BYTES_MAX} bytes")

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        is_idle = not self.pipeline
        if is_idle and self.timeout_keep_alive_task is not None and not self.transport.is_closing():
            self.server_state.total_requests += 1
            self.flow.resume_reading()
        else:
            super().on_response_complete()
        if is_idle:
            self._idle_since_s = self.loop.time()

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer as it is. uvicorn sets one for each reply and unsets it with the next request; ours goes on
        and looks, when it fires, how long the connection has been idle."""
        self._idle_since_s = inf

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s <= 0:
            super().timeout_keep_alive_handler()
        elif left_s < inf and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)

    def handle_websocket_upgrade(self) -> None:
        self._head_bytes = 0
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = WholeReplies  # uvicorn makes it and has no place to say of which class
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """JsonReply what never became a request, and close."""
        self._head_bytes = 0
        self._stop_waiting()
        request_id = self.ids.new().hex
        path = (self.scope or {}).get("path", "")
        error = InvalidRequest(msg)
        details = ErrorDetails(
            code=error.code,
            resource=path,
            action=path.rpartition("/")[2],
            request_id=request_id,
        )
        body = encode(Failure(errno=errno_of(error), error=error.message, details=details))
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "cache-control: no-store\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.arrives_ms_max / 1000, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._head_bytes and (self.cycle is None or self.cycle.response_complete or not self.cycle.response_started):
            self.send_400_response(f"the request did not arrive within {self.arrives_ms_max} ms")
        else:
            self.transport.close()


def protocol_class(ids: Ids, *, arrives_ms_max: int = ARRIVES_MS_MAX) -> type[asyncio.Protocol]:
    """Return the class that uvicorn makes one of per connection."""
    return type("HttpProtocol", (WireProtocol,), {"ids": ids, "arrives_ms_max": arrives_ms_max})
