"""WebSocket frames that the server sends (RFC 6455): one text frame a message, not masked."""

import struct

_TEXT_FIN = 0x81
_LENGTH_16 = 126
_LENGTH_64 = 127


class Framer:
    """Frames payloads. The last one is remembered: a publication goes to many clients in a row, and is framed once."""

    __slots__ = ("_frame", "_payload")

    def __init__(self) -> None:
        self._payload = b""
        self._frame = text_frame(b"")

    def frame(self, payload: bytes) -> bytes:
        """Return the frame that carries a payload."""
        if payload is not self._payload:
            self._payload = payload
            self._frame = text_frame(payload)
        return self._frame


def text_frame(payload: bytes) -> bytes:
    """Return one final text frame."""
    size = len(payload)
    if size < _LENGTH_16:
        return bytes((_TEXT_FIN, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT_FIN, _LENGTH_16, size) + payload
    return struct.pack("!BBQ", _TEXT_FIN, _LENGTH_64, size) + payload
