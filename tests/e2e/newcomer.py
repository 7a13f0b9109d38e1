"""What the newcomers of all venues share: a simulator as a process, and a socket that listens to an account."""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import sample
from typing import Any

import aiohttp

from tests.e2e.trader import Trader
from tests.serving import Serving

_LISTENING = range(20_000, 32_000)


STARTS_MAX = 3


class SimulatorProcess:
    """`cadenza simulate VENUE` on one port and one directory, over as many runs as it takes."""

    def __init__(self, venue: str, directory: Path) -> None:
        self.venue = venue
        self.directory = directory
        self.port = _free_port()
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it. For the first time it tries other ports too: somebody else may take the one that was free."""
        is_first = self.process is None
        for _ in range(STARTS_MAX if is_first else 1):
            if await self._starts():
                return
            if is_first:
                self.port = _free_port()
        raise AssertionError("the simulator ended")

    async def _starts(self) -> bool:
        command = ["-m", "cadenza.cli", "simulate", self.venue, "--still", "--port", str(self.port)]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--data-dir", str(self.directory), stdin=DEVNULL, stdout=PIPE
        )
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            if b"truth" in line:
                return True
        return False

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def keys(self) -> list[dict[str, Any]]:
        return list(json.loads((self.directory / "keys.json").read_text()))

    async def revoke(self, key: str) -> None:
        """Revoke a key, as its owner does at the venue."""
        asked = {"revoke": key}
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/keys", json=asked) as reply:
            assert reply.status == 200

    async def get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}{path}") as reply:
            return await reply.json()


def _free_port() -> int:
    """Return a port that is free, and stays so while the process is down: the kernel gives outgoing connections of
    others higher ones."""
    for port in sample(_LISTENING, 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


class Listener:
    """The account's channel on the server's socket."""

    def __init__(self) -> None:
        self.filled: set[str] = set()

    @asynccontextmanager
    async def listening(self, server: Serving, token: str, account: str) -> AsyncIterator[None]:
        url = f"ws://{server.address}/connection/websocket"
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            await socket.send_str(json.dumps({"id": 1, "connect": {"token": token}}))
            await socket.send_str(json.dumps({"id": 2, "subscribe": {"channel": f"tradingAccount:{account}"}}))
            subscribed = asyncio.Event()
            reading = asyncio.create_task(self._read(socket, subscribed))
            await subscribed.wait()
            try:
                yield
            finally:
                reading.cancel()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, subscribed: asyncio.Event) -> None:
        async for message in socket:
            for line in message.data.splitlines():
                frame = json.loads(line)
                if frame == {}:
                    await socket.send_str("{}")
                elif frame.get("id") == 2:
                    assert "error" not in frame, frame
                    subscribed.set()
                elif (data := frame.get("push", {}).get("pub", {}).get("data")) is not None:
                    self._note(data)

    def _note(self, data: dict[str, Any]) -> None:
        if data["type"] == "event.trade_order.updated" and data["data"]["status"] == "FILLED":
            self.filled.add(data["data"]["tradeOrderId"])


async def is_filled(trader: Trader) -> bool:
    """Whether a market order goes through."""
    answer = await trader.try_submit(quantity="0.01", awaitClosed=True)
    return answer.status == 200 and answer.data[0]["status"] == "FILLED"
