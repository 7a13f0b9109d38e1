"""A reconnect storm and the way of a tick, on a whole server with its PostgreSQL.

    python bench/realtime_storm.py [--clients 2000] [--subscribers 200] [--seconds 10]

Storm: that many clients listen to the account they belong to. All connections are cut at once, each account trades
while nobody listens, then all come back at once and recover. Told: how long until the last one has everything, and the
server's CPU; the same with Centrifugo in front, where tests/centrifugo/build.sh has built it, and the ratios.
Tick: from the venue's time of a public trade to its arrival at each subscriber (whole milliseconds, one clock).
The clients share the machine with the server: compare within a run.
"""

import argparse
import asyncio
import json
import os
import socket
import struct
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Self, cast

import uvloop
from load import Connection
from realtime_fanout import CENTRIFUGO
from served import Served, process_cpu_s, without_settings

CLIENTS_PER_USER = 80
TRADES = "market:trade:PAPER:BTC/USDT"
WAIT_S = 120
SETTLE_S = 1.0
"""Until everything is published, before all come back."""
_UPGRADE = (
    b"GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Client(asyncio.Protocol):
    """Connects, subscribes, and keeps the lines that it is told."""

    def __init__(self, token: str, subscribe: dict[str, Any], on_line: Any) -> None:
        commands = [{"id": 1, "connect": {"token": token}}, {"id": 2, "subscribe": subscribe}]
        self._greeting = _frame("\n".join(json.dumps(command) for command in commands).encode())
        self._on_line = on_line
        self._received = b""

    @classmethod
    async def come(cls, place: "Place", token: str, subscribe: dict[str, Any], on_line: Any) -> Self:
        _, client = await asyncio.get_running_loop().create_connection(
            lambda: cls(token, subscribe, on_line), place.host, place.port
        )
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_UPGRADE)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._greeting:
            if b"\r\n\r\n" not in self._received:
                return
            self._received = self._received.partition(b"\r\n\r\n")[2]
            self.transport.write(self._greeting)
            self._greeting = b""
        while (text := self._take_frame()) is not None:
            for line in text.splitlines():
                self._on_line(json.loads(line))

    def _take_frame(self) -> bytes | None:
        """The next whole text frame of a server: unmasked, not in parts."""
        if len(self._received) < 2:
            return None
        size, start = self._received[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self._received[2:start], "big")
        if len(self._received) < start + size:
            return None
        text, self._received = self._received[start : start + size], self._received[start + size :]
        return text


def _frame(text: bytes) -> bytes:
    """A masked text frame; a mask of zeros leaves the text as it is."""
    size = len(text)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + bytes(4) + text


@dataclass
class Place:
    """Where clients connect: our own socket, or Centrifugo in front of us."""

    served: Served
    host: str
    port: int
    centrifugo: asyncio.subprocess.Process | None = None

    @classmethod
    async def ours(cls, directory: Path) -> Self:
        served = await Served.start(directory / "ours")
        return cls(served, served.host, served.port)

    @classmethod
    async def in_front(cls, directory: Path) -> Self:
        """Start both; our command writes Centrifugo's configuration, whose log is of errors only."""
        port, own_port = free_port(), free_port()
        settings = {
            "CADENZA_DATA_DIR": str(directory / "fronted"),
            "CADENZA_PORT": str(own_port),
            "CADENZA_REALTIME": "centrifugo",
            "CADENZA_CENTRIFUGO_API_URL": f"http://127.0.0.1:{port}/api",
        }
        served = await Served.start(directory / "fronted", settings)
        command = (sys.executable, "-m", "cadenza.cli", "centrifugo", "config", "--version", "5")
        writing = await asyncio.create_subprocess_exec(*command, env=without_settings() | settings, stdout=PIPE)
        written, _ = await writing.communicate()
        file = directory / "centrifugo.json"
        file.write_text(json.dumps(json.loads(written) | {"address": "127.0.0.1", "log_level": "error"}))
        process = await asyncio.create_subprocess_exec(CENTRIFUGO, "--config", file, stdout=DEVNULL)
        while not await _listens(port):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.05)
        return cls(served, "127.0.0.1", port, process)

    def cpu_s(self) -> float:
        """Of our server's process and of Centrifugo's."""
        front = 0.0 if self.centrifugo is None else process_cpu_s(self.centrifugo.pid)
        return self.served.cpu().python_s + front

    async def stop(self) -> None:
        if self.centrifugo is not None:
            self.centrifugo.kill()
            await self.centrifugo.wait()
        await self.served.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@dataclass
class Trader:
    """A user with one account."""

    token: str
    account: str

    @property
    def channel(self) -> str:
        return f"tradingAccount:{self.account}"

    async def trade(self, api: Connection) -> None:
        order = {"tradingAccountId": self.account, "instrumentId": "PAPER:BTC/USDT", "orderSide": "BUY"}
        await api.call("/tradeOrder/submit", order | {"orderType": "MARKET", "quantity": "0.001"}, self.token)


async def sign_up(api: Connection, number: int) -> Trader:
    login = {"email": f"storm-{number}@example.com", "password": "correct horse battery"}
    await api.call("/auth/signup", login)
    token = (await api.call("/auth/login", login))["accessToken"]
    key = {"venue": "PAPER", "credentialType": "HMAC", "apiKey": f"storm-{number}", "apiSecret": "any"}
    asked: dict[str, Any] = {"credentialIds": [(await api.call("/credential/create", key, token))["credentialId"]]}
    reached = await api.call("/credential/verify", asked, token)
    asked["externalTradingAccountId"] = next(a for a in reached if a["accountType"] == "SPOT")[
        "externalTradingAccountId"
    ]
    return Trader(token, (await api.call("/tradingAccount/connect", asked, token))["tradingAccountId"])


async def gather_crowd(
    place: Place, traders: list[Trader], count: int, positions: dict[str, dict[str, Any]] | None
) -> tuple[list[Client], dict[str, dict[str, Any]], list[float], int]:
    """Let all come at once; return them, where their channels stood, when each was told (ms), how much it recovered."""
    began, told_ms, recovered = time.perf_counter(), list[float](), 0
    stood: dict[str, dict[str, Any]] = {}
    everybody = asyncio.Event()

    def listener(trader: Trader) -> Any:
        def on_line(line: dict[str, Any]) -> None:
            nonlocal recovered
            result = line.get("subscribe")
            if result is None:
                return
            if positions is not None and not result.get("recovered"):
                raise SystemExit(f"not recovered: {line}")
            recovered += len(result.get("publications", ()))
            stood[trader.channel] = {"epoch": result["epoch"], "offset": result.get("offset", 0)}
            told_ms.append((time.perf_counter() - began) * 1e3)
            if len(told_ms) == count:
                everybody.set()

        return on_line

    def wish(trader: Trader) -> dict[str, Any]:
        since = {} if positions is None else {"recover": True, **positions[trader.channel]}
        return {"channel": trader.channel, **since}

    crowd = [traders[number % len(traders)] for number in range(count)]
    coming = (Client.come(place, trader.token, wish(trader), listener(trader)) for trader in crowd)
    clients = await asyncio.gather(*coming)
    await asyncio.wait_for(everybody.wait(), WAIT_S)
    return list(clients), stood, told_ms, recovered


@dataclass
class Storm:
    last_ms: float
    cpu_s: float


async def storm(name: str, place: Place, api: Connection, traders: list[Trader], count: int) -> Storm:
    clients, stood, came_ms, _ = await gather_crowd(place, traders, count, None)
    for client in clients:
        client.transport.abort()
    for trader in traders:
        await trader.trade(api)
    await asyncio.sleep(SETTLE_S)
    before, postgres_before = place.cpu_s(), place.served.cpu().postgres_s
    clients, _, back_ms, recovered = await gather_crowd(place, traders, count, stood)
    used, postgres_s = place.cpu_s() - before, place.served.cpu().postgres_s - postgres_before
    for what, times in (("come", came_ms), ("recover", back_ms)):
        print(f"storm, {name}: {count} {what:8} p50 {_at(times, 50):>8,.0f} ms   p99 {_at(times, 99):>8,.0f} ms")
    print(f"storm, {name}: {recovered} publications recovered, none missing; {used:.2f} CPU s without PostgreSQL,"
          f" {used / count * 1e6:,.0f} us a client; PostgreSQL {postgres_s:.2f} CPU s")  # fmt: skip
    for client in clients:
        client.transport.abort()
    return Storm(max(back_ms), used)


async def tick(place: Place, traders: list[Trader], subscribers: int, seconds: float) -> None:
    late_ms: list[float] = []

    def on_line(line: dict[str, Any]) -> None:
        publication = line.get("push", {}).get("pub")
        if publication is not None:
            late_ms.append(time.time() * 1e3 - publication["data"]["data"]["timestamp"])

    wish = {"channel": TRADES}
    crowd = [traders[number % len(traders)] for number in range(subscribers)]
    clients = [await Client.come(place, trader.token, wish, on_line) for trader in crowd]
    await asyncio.sleep(seconds)
    for client in clients:
        client.transport.abort()
    print(f"tick: {len(late_ms)} arrivals at {subscribers} subscribers   p50 {_at(late_ms, 50):,.1f} ms"
          f"   p99 {_at(late_ms, 99):,.1f} ms")  # fmt: skip


def _at(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else sum(values)


async def storm_at(name: str, place: Place, clients: int, subscribers: int, seconds: float) -> Storm:
    """Measure one place and stop it."""
    try:
        api = await Connection.open(place.served.host, place.served.port)
        traders = [await sign_up(api, number) for number in range(-(-clients // CLIENTS_PER_USER))]
        measured = await storm(name, place, api, traders, clients)
        if place.centrifugo is None:
            await tick(place, traders, subscribers, seconds)
        return measured
    finally:
        await place.stop()


async def measure(clients: int, subscribers: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        ours = await storm_at("ours", await Place.ours(Path(directory)), clients, subscribers, seconds)
        if not os.access(CENTRIFUGO, os.X_OK):
            print(f"without Centrifugo: there is none at {CENTRIFUGO}; tests/centrifugo/build.sh builds it")
            return
        theirs = await storm_at("Centrifugo", await Place.in_front(Path(directory)), clients, subscribers, seconds)
    print(f"storm, Centrifugo/ours: until the last has all {theirs.last_ms / ours.last_ms:.2f},"
          f" CPU {theirs.cpu_s / max(ours.cpu_s, 0.01):.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Reconnect storm, and from tick to subscriber.")
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="that ticks are watched")
    args = parser.parse_args()
    uvloop.run(measure(args.clients, args.subscribers, args.seconds))


if __name__ == "__main__":
    main()
