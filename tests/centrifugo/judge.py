"""The real Centrifugo in a process of its own, in front of the whole server in another; either is killed at will."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from tests import needs
from tests.serving import Serving, eventually, last_words

_GAUGE = re.compile(r"^cadenza_realtime_(\w+) (\S+)$", re.MULTILINE)


def free_port() -> int:
    """A port that nobody listens on just now: the two processes must know each other's before they start."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Centrifugo:
    """One Centrifugo with a configuration of its own, started again at will on the same port."""

    def __init__(self, binary: Path, directory: Path, port: int) -> None:
        self.port = port
        self.log_file = directory / "centrifugo.log"
        self.config_file = directory / "centrifugo.json"
        self._binary = binary
        self.api_key = ""
        self._process: Process | None = None

    def configure(self, configuration: Mapping[str, Any]) -> None:
        self.api_key = str(configuration["api_key"])
        self.config_file.write_text(json.dumps({**configuration, "address": "127.0.0.1", "port": self.port}))

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        with open(self.log_file, "ab") as log:  # noqa: ASYNC230 - a moment, and in a test
            self._process = await asyncio.create_subprocess_exec(
                self._binary, "--config", self.config_file, stdin=DEVNULL, stdout=log, stderr=log
            )
        await eventually(self._is_ready)

    async def kill(self) -> None:
        """End it with SIGKILL: its memory is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        await self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, last_words(self.log_file)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@dataclass(frozen=True, slots=True)
class Census:
    """What clients have of a socket."""

    connections: int
    """Centrifugo counts them every few seconds."""
    subscriptions: int
    channels: int


NOBODY = Census(0, 0, 0)


class House:
    """The whole server with its WebSocket: its own (`centrifugo` is None), or a Centrifugo's in front of it."""

    def __init__(
        self, data_dir: Path, port: int, settings: Mapping[str, object], centrifugo: Centrifugo | None
    ) -> None:
        self.server: Serving
        self.centrifugo = centrifugo
        self.data_dir = data_dir
        self._port = port
        self._settings = settings

    @classmethod
    async def open(cls, directory: Path, *, is_judged: bool, **settings: object) -> Self:
        """Start it; `is_judged` puts Centrifugo in front."""
        port = free_port()
        if not is_judged:
            house = cls(directory / "data", port, settings, None)
            await house.start_server()
            return house
        centrifugo = Centrifugo(needs.centrifugo(), directory, free_port())
        api_url = f"http://127.0.0.1:{centrifugo.port}/api"
        house = cls(
            directory / "data", port, {"REALTIME": "centrifugo", "CENTRIFUGO_API_URL": api_url, **settings}, centrifugo
        )
        await house.start_server()
        house.write_configuration()
        await centrifugo.start()
        return house

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def socket_port(self) -> int:
        return self._port if self.centrifugo is None else self.centrifugo.port

    async def start_server(self, **more: object) -> None:
        self.server = await Serving.start(self.data_dir, {"PORT": self._port, **self._settings, **more})

    def write_configuration(self) -> None:
        """Have our command write what Centrifugo reads."""
        assert self.centrifugo is not None
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CADENZA_")}
        given = {"PORT": self._port, "DATA_DIR": self.data_dir, **self._settings}
        environ |= {f"CADENZA_{name}": str(value) for name, value in given.items()}
        command = [sys.executable, "-m", "cadenza.cli", "centrifugo", "config", "--version", "5"]
        written = subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)
        self.centrifugo.configure(json.loads(written.stdout))

    async def census(self) -> Census:
        """Ask whoever has the clients how many there are."""
        async with aiohttp.ClientSession() as session:
            if self.centrifugo is None:
                async with session.get(f"{self.url}/metrics") as response:
                    reply = dict(_GAUGE.findall(await response.text()))
                return Census(*(int(float(reply[name])) for name in ("connections", "subscriptions", "channels")))
            (node,) = (await self._ask_centrifugo(session, "info"))["nodes"]
            channels = (await self._ask_centrifugo(session, "channels"))["channels"]
            return Census(node["num_clients"], sum(each["num_clients"] for each in channels.values()), len(channels))

    async def _ask_centrifugo(self, session: aiohttp.ClientSession, method: str) -> dict[str, Any]:
        assert self.centrifugo is not None
        url = f"http://127.0.0.1:{self.centrifugo.port}/api/{method}"
        async with session.post(url, json={}, headers={"X-API-Key": self.centrifugo.api_key}) as response:
            reply: dict[str, Any] = (await response.json())["result"]
            return reply

    async def is_empty(self) -> bool:
        """Whether nothing is left of any client."""
        return await self.census() == NOBODY

    @property
    def socket_pid(self) -> int:
        """The process that has the clients."""
        return self.server.process.pid if self.centrifugo is None else self.centrifugo.pid

    @property
    def open_files(self) -> int:
        """How many files and sockets the process has open that has the clients."""
        return len(os.listdir(f"/proc/{self.socket_pid}/fd"))

    def signal_socket(self, what: signal.Signals) -> None:
        """Send a signal to the process that has the clients."""
        os.kill(self.socket_pid, what)

    async def stop_socket(self) -> None:
        """Have it stop in order; clients are sent away."""
        if self.centrifugo is None:
            await self.server.stop()
        else:
            await self.centrifugo.stop()

    async def start_socket(self) -> None:
        """Start it again."""
        if self.centrifugo is None:
            await self.start_server()
        else:
            await self.centrifugo.start()

    async def close(self) -> None:
        if self.centrifugo is not None:
            await self.centrifugo.kill()
        await self.server.stop()
