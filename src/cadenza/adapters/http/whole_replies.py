"""Replies that are whole are written at once."""

from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

NAMES_REMEMBERED_MAX = 1_024
_OF_FRAMING = frozenset({b"connection", b"transfer-encoding"})
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)


class WholeReplies(RequestResponseCycle):
    """A request and its reply. The head waits for the body, as ASGI wants it, and when that is all of it and as long as
    the head says, both go out in one write: uvicorn's two are two calls of the kernel and two packets. Every other
    reply is left to uvicorn. The bytes are the same.
    """

    _head: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message  # in place of one that has not gone out: the application failed in between
            return
        head, self._head = self._head, None
        if head is not None:
            if self._is_whole(head, message):
                self._write(head, message["body"])
                return
            await super().send(head)
        await super().send(message)

    def _is_whole(self, head: Any, message: Any) -> bool:
        headers = dict(head["headers"])
        return (
            message["type"] == "http.response.body"
            and not message.get("more_body")
            and headers.get(b"content-length") == b"%d" % len(message.get("body", b""))
            and _OF_FRAMING.isdisjoint(headers)
            and self.keep_alive
            and self.scope["method"] != "HEAD"
            and not (self.disconnected or self.flow.write_paused)
        )

    def _write(self, head: Any, body: bytes) -> None:
        headers = [_begun(name) + value for name, value in (*self.default_headers, *head["headers"])]
        lines = b"\r\n".join(headers)
        if len(lines.translate(None, _CONTROLS)) != len(lines) - 2 * (len(headers) - 1):
            raise RuntimeError("a header's value has control characters")
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[head["status"]], lines, body))
        self.message_event.set()
        self.on_response()


@lru_cache(NAMES_REMEMBERED_MAX)
def _begun(name: bytes) -> bytes:
    """Return the begin of a header's line."""
    if HEADER_RE.search(name):
        raise RuntimeError("a header's name has characters that no name has")
    return name.lower() + b": "
