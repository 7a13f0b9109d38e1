"""The line between a client and a socket: it can be cut at any moment, and at a place in what the socket sends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

CHUNK_BYTES = 65_536


class Line:
    """A relay on a port of its own. It ends with `close`."""

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._wires: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server
        self._place: bytes | None = None
        self._is_place_delivered = False
        self._is_down = False

    @classmethod
    async def open(cls, far_port: int) -> Self:
        """Relay to the port on this machine."""
        line = cls(far_port)
        line._server = await asyncio.start_server(line._relay, "127.0.0.1", 0)
        return line

    @property
    def url(self) -> str:
        port: int = self._server.sockets[0].getsockname()[1]
        return f"ws://127.0.0.1:{port}/connection/websocket"

    def cut(self) -> None:
        """Cut whatever is connected; clients may come again."""
        for wire in self._wires:
            wire.transport.abort()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Cut whatever is connected, and whatever comes meanwhile."""
        self._is_down = True
        self.cut()
        yield
        self._is_down = False

    def cut_at(self, place: bytes, *, is_delivered: bool) -> None:
        """Cut when the socket sends bytes with `place` in them: after they were delivered, or instead of that."""
        self._place, self._is_place_delivered = place, is_delivered

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_down:
            writer.transport.abort()
            return
        self._wires.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
            there = self._pump(reader, far_writer, is_watched=False)
            back = self._pump(far_reader, writer, is_watched=True)
            await asyncio.gather(there, back)
        except OSError:
            writer.transport.abort()  # nobody listens there just now
        finally:
            self._wires.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_watched: bool) -> None:
        """Hand on until one side ends, or the place comes; then close the other side after what was handed on."""
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                is_here = is_watched and self._place is not None and self._place in chunk
                if not is_here or self._is_place_delivered:
                    writer.write(chunk)
                    await writer.drain()
                if is_here:
                    self._place = None
                    break
        writer.close()
