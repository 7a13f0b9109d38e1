"""A relay between the connector and the simulator, which can break connections, and can stop passing on what the venue
says without closing them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

BYTES_MAX = 64 * 1024


class Relay:
    """What the client says always goes through. While it is frozen, nothing that the venue says does: no answer, no
    frame, no pong, and no end of a connection. `thaw` resets the connections that were frozen; new ones work. `cut`
    resets those that are open."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self.cut()
        self._flows.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(*self._upstream)
        ends = {writer, upstream}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, upstream), self._pass(upstream_reader, writer, may_freeze=True))
        except (ConnectionError, OSError):
            pass
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, may_freeze: bool = False
    ) -> None:
        while data := await reader.read(BYTES_MAX):
            if may_freeze:
                await self._flows.wait()
            writer.write(data)
            await writer.drain()
        if may_freeze:
            await self._flows.wait()
        writer.close()


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[Relay]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    relay = Relay(parts.hostname, parts.port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        relay.thaw()
        server.close()
