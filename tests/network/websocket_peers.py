"""A WebSocket server on loopback, written by hand, that can also say nothing, and a stream against it."""

import asyncio
import base64
import hashlib
import random
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.network.peers import Peer, PeerConnection, StandingClock, peer, settle

from cadenza.network.pacing import PaceTicket
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import Received, StreamEvent, StreamLimits, StreamTarget
from cadenza.network.tls import client_tls
from cadenza.network.websocket import ReconnectingWebSocket

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def shake_hands(connection: PeerConnection) -> bytes:
    """Accept the handshake and return the request."""
    request = await connection.request()
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    if key is None:
        raise ConnectionError("no handshake")
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
    await connection.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return request


def frame(data: bytes, opcode: int = TEXT) -> bytes:
    size = len(data)
    if size < 126:
        return bytes([0x80 | opcode, size]) + data
    if size < 65536:
        return bytes([0x80 | opcode, 126]) + struct.pack("!H", size) + data
    return bytes([0x80 | opcode, 127]) + struct.pack("!Q", size) + data


async def read_frame(connection: PeerConnection) -> tuple[int, bytes]:
    """Return opcode and data of the client's next frame; raise `ConnectionError` at the end."""
    try:
        first, second = await connection.reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await connection.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await connection.reader.readexactly(4)
        masked = await connection.reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise ConnectionError("ended") from None
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))


async def polite(connection: PeerConnection) -> None:
    """Answer pings and the close frame; echo messages."""
    await shake_hands(connection)
    await converse(connection)


async def converse(connection: PeerConnection) -> None:
    while True:
        opcode, data = await read_frame(connection)
        if opcode == PING:
            await connection.send(frame(data, PONG))
        elif opcode == CLOSE:
            await connection.send(frame(data, CLOSE))
            return
        elif opcode in (TEXT, BINARY):
            await connection.send(frame(data, opcode))


class Stream:
    """A stream under test; `events` are those that were taken, `targets` counts how often it asked where to connect."""

    def __init__(self, socket: ReconnectingWebSocket, clock: StandingClock, server: Peer) -> None:
        self.socket = socket
        self.clock = clock
        self.server = server
        self.events: list[StreamEvent] = []
        self.run: asyncio.Task[None] | None = None
        self.targets = 0

    async def take(self) -> StreamEvent:
        """The next event."""
        if not self.events:
            taking = asyncio.create_task(self.socket.take(1_000))
            async with asyncio.timeout(10):
                await taking
            self.events = taking.result()
        return self.events.pop(0)

    async def next_of(self, kind: type[Any]) -> Any:
        """The next event of a kind; those before it are passed over."""
        while not isinstance(event := await self.take(), kind):
            pass
        return event

    async def pause_passes(self) -> None:
        """Let the pause before the next try pass."""
        await settle()
        await self.clock.pass_time(60_000)


@asynccontextmanager
async def stream(
    play: Callable[[PeerConnection], Awaitable[None]],
    limits: StreamLimits | None = None,
    prepare: Callable[[StreamConnection], Awaitable[None]] | None = None,
    turns: Callable[[], Awaitable[PaceTicket]] | None = None,
) -> AsyncIterator[Stream]:
    """`turns` gives the right to connect."""

    async def nothing(_: StreamConnection) -> None:
        return None

    async with peer(play) as server:

        async def target() -> StreamTarget:
            tested.targets += 1
            turn = await turns() if turns is not None else None
            return StreamTarget(f"ws://127.0.0.1:{server.port}/ws?token=a%2Fb", {"X-Key": "k"}, turn)

        clock = StandingClock()
        socket = ReconnectingWebSocket(
            target=target,
            prepare=prepare or nothing,
            clock=clock,
            randomness=random.Random(1),
            tls=client_tls(),
            limits=limits or StreamLimits(),
        )
        tested = Stream(socket, clock, server)
        tested.run = asyncio.create_task(socket.run())
        try:
            yield tested
        finally:
            tested.run.cancel()
            await asyncio.gather(tested.run, return_exceptions=True)


def text_of(event: StreamEvent) -> str:
    assert isinstance(event, Received)
    return event.data.decode()
