"""A WebSocket client made of bytes, so that a test can send what no decent client would."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections import deque
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0
WAIT_S = 60
PATH = "/connection/websocket"


class Closed(Exception):
    """The server has closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class RawClient:
    """One connection. `frames` counts the data frames that came, `pings` the server's `{}`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames: list[str] = []
        self.pings = 0
        self.answers_pings = True
        self.pongs: list[bytes] = []
        self._messages: deque[dict[str, Any]] = deque()
        self._next_id = 0

    @classmethod
    async def open(
        cls, port: int, *, path: str = PATH, receive_buffer_bytes: int | None = None, **headers: str
    ) -> "RawClient":
        reader, writer = await dial(port, receive_buffer_bytes)
        writer.write(handshake(path, **headers))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(reader, writer)

    # --- sending

    def send(self, *commands: Any) -> None:
        """Send commands in one frame."""
        self.send_text("\n".join(json.dumps(command) for command in commands))

    def send_text(self, text: str) -> None:
        self.send_frame(TEXT, text.encode())

    def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True, is_masked: bool = True) -> None:
        self.writer.write(frame(opcode, payload, fin=fin, is_masked=is_masked))

    async def ask(self, **request: Any) -> dict[str, Any]:
        """Send one command and return its reply; pushes that come before it stay to be read."""
        self._next_id += 1
        id = self._next_id
        self.send({"id": id, **request})
        return await self.reply(id)

    async def connect(self, token: str) -> dict[str, Any]:
        return (await self.ask(connect={"token": token}))["connect"]

    async def subscribe(self, channel: str, **more: Any) -> dict[str, Any]:
        return (await self.ask(subscribe={"channel": channel, **more}))["subscribe"]

    def leave(self) -> None:
        """Cut the wire."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.send_frame(CLOSE, struct.pack("!H", 1000))
        while True:
            try:
                await self.message()
            except (Closed, asyncio.IncompleteReadError, ConnectionError):
                self.writer.close()
                return

    # --- receiving

    async def message(self) -> dict[str, Any]:
        """Return the next message that is no ping."""
        while not self._messages:
            await self._read_frame()
        return self._messages.popleft()

    async def reply(self, id: int) -> dict[str, Any]:
        skipped = []
        while True:
            message = await self.message()
            if message.get("id") == id:
                self._messages.extendleft(reversed(skipped))
                return message
            skipped.append(message)

    async def push(self) -> dict[str, Any]:
        message = await self.message()
        assert "push" in message, message
        return message["push"]

    async def ping(self) -> None:
        """Wait for a ping of the server."""
        before = self.pings
        while self.pings == before:
            await self._read_frame()

    async def closed(self) -> Closed:
        """Read on until the server closes, and return how."""
        while True:
            try:
                await self.message()
            except Closed as closed:
                return closed

    async def _read_frame(self) -> None:
        opcode, payload = await asyncio.wait_for(self._frame(), WAIT_S)
        if opcode == CLOSE:
            raise Closed(struct.unpack("!H", payload[:2])[0] if payload else 1005, payload[2:].decode())
        if opcode == PONG:
            self.pongs.append(payload)
            return
        assert opcode == TEXT
        text = payload.decode()
        self.frames.append(text)
        for line in text.split("\n"):
            assert line.strip(), "a blank line inside a frame"
            message = json.loads(line)
            if message:
                self._messages.append(message)
            else:
                self.pings += 1
                if self.answers_pings:
                    self.send_text("{}")

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert first & 0x80, "a fragment"
        assert not second & 0x80, "the server masks"
        size = second
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)


async def dial(port: int, receive_buffer_bytes: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = socket.socket()
    if receive_buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        # The peer's kernel sizes its send buffer by segments, which are huge on loopback: megabytes would wait there.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock, limit=4096 if receive_buffer_bytes else 2**20)


def handshake(path: str = PATH, **headers: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    return f"GET {path} HTTP/1.1\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode() + b"\r\n"


def frame(opcode: int, payload: bytes, *, fin: bool = True, is_masked: bool = True) -> bytes:
    size = len(payload)
    first = (0x80 if fin else 0) | opcode
    mask_bit = 0x80 if is_masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
