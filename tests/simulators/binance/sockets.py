"""Clients of the simulator's sockets."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.binance.wire.keys import SimulatedKey

from .trader import sign


class Socket:
    """Frames in the order in which they came. Each wait has a limit, so that a silent server fails the test."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._kept: list[Any] = []

    async def frame(self) -> Any:
        """Return the next frame; None when the server has closed."""
        if self._kept:
            return self._kept.pop(0)
        return await self._receive()

    async def until(self, is_wanted: Callable[[Any], bool]) -> Any:
        """Return the next frame that is wanted; what comes before it is passed over."""
        while True:
            frame = await self.frame()
            assert frame is not None, "the server closed"
            if is_wanted(frame):
                return frame

    async def ask(self, method: str, params: Any = None) -> Any:
        """Send a request and return its answer. Frames that come before it are kept."""
        id = next(self._ids)
        request = {"id": id, "method": method} | ({} if params is None else {"params": params})
        await self._socket.send_str(json.dumps(request))
        while True:
            frame = await self._receive()
            assert frame is not None, "the server closed"
            if frame.get("id") == id:
                return frame
            self._kept.append(frame)

    async def signed(self, simulator: BinanceSimulator, key: SimulatedKey, method: str, **params: Any) -> Any:
        values = {"apiKey": key.key, "timestamp": simulator.venue.now_ms(), **params}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        return await self.ask(method, {**values, "signature": sign(key, payload)})

    async def send(self, text: str) -> None:
        await self._socket.send_str(text)

    async def _receive(self) -> Any:
        async with asyncio.timeout(60):
            message = await self._socket.receive()
        return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Socket]:
    async with aiohttp.ClientSession() as http, http.ws_connect(url, **options) as socket:
        yield Socket(socket)
