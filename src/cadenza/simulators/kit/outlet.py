"""The sending side of one WebSocket: a bounded queue and a writer, so that a slow client stops nobody."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import WSCloseCode, web

FRAMES_MAX = 10_000
"""Frames that may wait for a client. One that lets more wait is disconnected."""

_encode = msgspec.json.Encoder(order=None).encode


class SocketOutlet:
    """Frames go out in the order of `send`."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._close: tuple[int, str] = (WSCloseCode.OK, "")
        self._frames: asyncio.Queue[str | None] = asyncio.Queue(FRAMES_MAX)

    def send(self, payload: object) -> None:
        """Queue a frame."""
        self._put(_encode(payload).decode())

    def send_text(self, text: str) -> None:
        """Queue a frame that is not JSON."""
        self._put(text)

    def end(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Close the socket after what is queued."""
        self._close = code, reason
        self._put(None)

    def _put(self, frame: str | None) -> None:
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """ConnectionCut the connection without a word."""
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    async def write(self) -> None:
        """Send until the socket closes."""
        while not self._socket.closed:
            frame = await self._frames.get()
            if frame is None:
                code, reason = self._close
                await self._socket.close(code=code, message=reason.encode())
                return
            try:
                await self._socket.send_str(frame)
            except ConnectionError:
                return
