"""A connection that is idle between two requests: the server keeps it for longer than clients keep theirs."""

import asyncio
from typing import Any

from uvicorn.server import ServerState

from cadenza.runtime.local import SystemIds
from cadenza.runtime.server import KEEP_ALIVE_S, http_config

LONGEST_OF_CLIENTS_S = 90
"""Go's; aiohttp keeps an idle connection for 15 s, and Node's agent for 5 s."""

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
BODY = b"answered"
TIMEOUT_S = 30


class SteppedLoop(asyncio.SelectorEventLoop):
    """Its clock can be moved forward, and the timers that are due then fire."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self._ahead_s

    async def step(self, duration_s: float) -> None:
        """Return when the timers have fired that are due after so long."""
        self._ahead_s += duration_s
        fired = asyncio.Event()
        self.call_at(self.time(), fired.set)  # after all that were due before
        await fired.wait()


async def _app(scope: Any, receive: Any, send: Any) -> None:
    length = b"%d" % len(BODY)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": BODY})


def test_an_idle_connection_is_kept_for_longer_than_clients_keep_theirs() -> None:
    """Then it is closed."""
    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        runner.run(_requests_with_pauses())


async def _requests_with_pauses() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    config = http_config(_app, SystemIds(), None)
    config.load()
    protocol: Any = config.http_protocol_class
    state = ServerState()
    async with await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    ) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(3):
            writer.write(REQUEST)
            async with asyncio.timeout(TIMEOUT_S):
                assert (await reader.readuntil(BODY)).startswith(b"HTTP/1.1 200 OK")
            await loop.step(LONGEST_OF_CLIENTS_S + 1)
        await loop.step(KEEP_ALIVE_S - LONGEST_OF_CLIENTS_S)
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""
        writer.close()
