"""Fan-out to many subscribers: our socket against `websockets.broadcast`, and Centrifugo where it is, in the same run.

    python bench/realtime_fanout.py [--subscribers 1000] [--rounds 5] [--messages 200]

Each server runs in a process of its own on a loopback port; this process is the clients, and is not counted. The figure
is messages delivered per CPU-second of the server. `single` publishes one message at a time, `burst` ten in a row.
Centrifugo (tests/centrifugo/build.sh) has its memory engine, and the history and recovery of our socket; it is told by
its HTTP API, `publish` or a `batch` of ten, and only its own process counts, not the one that publishes.
The servers take turns, and a ratio is the median of those of the rounds: so what else the machine does meanwhile counts
for all of them alike.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, Self, cast
from uuid import UUID

import uvloop

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
CENTRIFUGO = Path(
    os.environ.get("CADENZA_TEST_CENTRIFUGO")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cadenza/centrifugo-5.4.9/centrifugo"
)
BURST = 10
KINDS = {"single": 1, "burst": 5}
"""How many times `--messages` each kind publishes."""
PAUSE_S = 0.02
INSTRUMENT = "PAPER:BTC/USDT"
CHANNEL = f"market:trade:{INSTRUMENT}"
LAST = "LAST-TRADE"
WAIT_S = 120
TOKEN = "token"
OUR_LIMITS = {"connections_per_user_max": 100_000, "connections_max": 100_000, "ping_interval_ms": 600_000}
"""Room for all, and no pings: the clients here answer none."""


# --- servers


async def serve_ours() -> "Server":
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    from cadenza.adapters.realtime.limits import RealtimeLimits
    from cadenza.adapters.realtime.node import Node
    from cadenza.domain.identity.actor import Actor, Scope
    from cadenza.domain.ids import Access, InstrumentId, SessionId, TenantId, UserId
    from cadenza.domain.market.book_messages import MarketTrade
    from cadenza.domain.market.enums import Side
    from cadenza.runtime.local import AsyncioConcurrency, SystemClock, SystemIds

    clock = SystemClock()
    actor = Actor(
        user_id=UserId(UUID(int=1)),
        tenant_id=TenantId(UUID(int=2)),
        session_id=SessionId(UUID(int=3)),
        scopes=frozenset(Scope),
        access=frozenset(Access),
        expires_at_ms=clock.now_ms() + 3_600_000,
    )

    async def authenticate(token: str, client: str) -> Actor:
        return actor

    async def nothing(instrument_id: InstrumentId) -> None: ...

    node = Node(
        authenticate=authenticate,
        may_see_account=None,  # type: ignore[arg-type]
        instrument_exists=lambda actor, instrument_id: True,
        hold_feed=nothing,
        release_feed=nothing,
        read_book=lambda instrument_id, depth: None,
        request_portfolio=lambda account_id: None,
        use_cases=lambda: None,  # type: ignore[arg-type,return-value]
        storage=None,  # type: ignore[arg-type]
        clock=clock,
        ids=SystemIds(),
        concurrency=AsyncioConcurrency(),
        limits=RealtimeLimits(**OUR_LIMITS),
    )
    config = uvicorn.Config(lambda *_: None, ws=node.protocol_class(), log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0, backlog=4096
    )

    async def publish_all(trade_ids: Sequence[str]) -> None:
        for trade_id in trade_ids:
            node.trade(
                MarketTrade(
                    instrument_id=InstrumentId(INSTRUMENT),
                    trade_id=trade_id,
                    price=Decimal("64250.5"),
                    quantity=Decimal("0.01"),
                    aggressor=Side.BUY,
                    at_ms=clock.now_ms(),
                )
            )

    async def subscribers() -> int:
        return node._services.hub.subscriptions

    return Server(server.sockets[0].getsockname()[1], publish_all, subscribers)


async def serve_broadcast() -> "Server":
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    server = await serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096)

    async def publish_all(trade_ids: Sequence[str]) -> None:
        for trade_id in trade_ids:
            push = {"push": {"channel": CHANNEL, "pub": {"data": data_of(trade_id), "offset": 1}}}
            broadcast(connections, json.dumps(push, separators=(",", ":")))

    async def subscribers() -> int:
        return len(connections)

    return Server(next(iter(server.sockets)).getsockname()[1], publish_all, subscribers)


async def serve_centrifugo() -> "Server":
    """Centrifugo with what it needs for one channel; it ends with this process's directory."""
    import aiohttp

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configuration = {
        "address": "127.0.0.1",
        "port": port,
        "api_insecure": True,
        "allow_anonymous_connect_without_token": True,
        "log_level": "error",
        "usage_stats_disable": True,
        "ping_interval": "600s",  # the clients here answer none
        "namespaces": [
            {
                "name": "market",
                "history_size": 1_000,
                "history_ttl": "300s",
                "force_recovery": True,
                "force_positioning": True,
                "allow_subscribe_for_client": True,
                "allow_subscribe_for_anonymous": True,
            }
        ],
    }
    file = Path(tempfile.mkdtemp()) / "centrifugo.json"
    file.write_text(json.dumps(configuration))
    process = await asyncio.create_subprocess_exec(CENTRIFUGO, "--config", file, stdout=subprocess.DEVNULL)
    session = aiohttp.ClientSession()

    async def ask(method: str, **asked: Any) -> Any:
        async with session.post(f"http://127.0.0.1:{port}/api/{method}", json=asked) as response:
            return await response.json()

    async def is_up() -> bool:
        try:
            return bool(await ask("info"))
        except aiohttp.ClientError:
            return False

    while not await is_up():  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    async def publish_all(trade_ids: Sequence[str]) -> None:
        told = [{"channel": CHANNEL, "data": data_of(trade_id)} for trade_id in trade_ids]
        if len(told) == 1:
            await ask("publish", **told[0])
        else:
            await ask("batch", commands=[{"publish": each} for each in told])

    async def subscribers() -> int:
        found = (await ask("channels"))["result"]["channels"]
        return int(found.get(CHANNEL, {}).get("num_clients", 0))

    async def end() -> None:
        await session.close()
        process.kill()
        await process.wait()

    return Server(port, publish_all, subscribers, process.pid, end)


def data_of(trade_id: str) -> dict[str, Any]:
    """A publication as ours is."""
    return {
        "type": "event.trade.updated",
        "data": {
            "instrumentId": INSTRUMENT,
            "venue": "PAPER",
            "symbol": "BTC/USDT",
            "tradeId": trade_id,
            "price": "64250.5",
            "quantity": "0.01",
            "side": "BUY",
            "timestamp": time.time_ns() // 1_000_000,
        },
    }


async def nothing_to_end() -> None: ...


@dataclass
class Server:
    port: int
    publish: Callable[[Sequence[str]], Awaitable[None]]
    subscribers: Callable[[], Awaitable[int]]
    pid: int = field(default_factory=os.getpid)
    """The process that counts."""
    end: Callable[[], Awaitable[None]] = nothing_to_end

    async def run(self, kind: str, round: int, count: int) -> None:
        """Publish as told; whoever has seen the last one has seen all, for the order is kept."""
        step = BURST if kind == "burst" else 1
        for done in range(0, count, step):
            await self.publish(
                [f"{LAST}-{round}-" if n == count - 1 else f"trade-{n}" for n in range(done, done + step)]
            )
            await asyncio.sleep(PAUSE_S)

    def resident_bytes(self) -> int:
        return int((PROC / str(self.pid) / "statm").read_text().split()[1]) * resource.getpagesize()

    def cpu_s(self) -> float:
        if self.pid == os.getpid():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            return usage.ru_utime + usage.ru_stime
        user, system = (PROC / str(self.pid) / "stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * TICK_S


async def server_process(make: Callable[[], Awaitable[Server]]) -> None:
    """Obey commands on stdin, answer on stdout."""
    server = await make()
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"port": server.port}), flush=True)
    while line := await commands.readline():
        command = json.loads(line)
        if "run" in command:
            await server.run(command["run"], command["round"], command["count"])
        told = {
            "cpu_s": server.cpu_s(),
            "subscribers": await server.subscribers(),
            "rss_bytes": server.resident_bytes(),
        }
        print(json.dumps(told), flush=True)
    await server.end()


# --- clients


class Subscriber(asyncio.Protocol):
    """Reads as fast as it can, and looks for the last message only."""

    def __init__(self, crowd: "Crowd", greeting: bytes) -> None:
        self._crowd = crowd
        self._greeting = greeting
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            b"GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        if self._greeting and data.startswith(b"HTTP/1.1 101"):
            self.transport.write(self._greeting)
            self._greeting = b""
        seen = self._tail + data
        if self._crowd.wanted in seen:
            self._crowd.saw()
            self._tail = b""
        else:
            self._tail = seen[-len(self._crowd.wanted) :]


class Crowd:
    """All clients of one server."""

    def __init__(self) -> None:
        self.members: list[Subscriber] = []
        self.wanted = b"\0"
        self._left = 0
        self._done = asyncio.Event()

    async def gather(self, port: int, count: int, greeting: bytes) -> None:
        for _ in range(count):
            _, member = await asyncio.get_running_loop().create_connection(
                lambda: Subscriber(self, greeting), "127.0.0.1", port
            )
            self.members.append(member)

    def expect(self, text: bytes) -> None:
        self.wanted, self._left = text, len(self.members)
        self._done.clear()

    def saw(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._done.set()

    async def all_saw(self) -> None:
        await asyncio.wait_for(self._done.wait(), WAIT_S)

    def disperse(self) -> None:
        for member in self.members:
            member.transport.abort()


def greeting_of(name: str) -> bytes:
    """Connect and subscribe, in one masked frame; the peer needs nothing but the handshake."""
    if name == "broadcast":
        return b""
    connect = b'{"token":"%s"}' % TOKEN.encode() if name == "ours" else b"{}"
    text = b'{"id":1,"connect":%s}\n{"id":2,"subscribe":{"channel":"%s"}}' % (connect, CHANNEL.encode())
    head = struct.pack("!BB", 0x81, 0x80 | len(text))
    return head + bytes(4) + text  # a mask of zeros leaves the text as it is


class Contestant:
    """One server in its process, and its crowd."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.per_cpu_s: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.bytes_per_connection = 0.0
        self._process = process
        self._crowd = Crowd()

    @classmethod
    async def enter(cls, name: str, subscribers: int) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--serve", name, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        made = cls(name, process)
        port = (await made._answer())["port"]
        empty = await made._tell()
        await made._crowd.gather(port, subscribers, greeting_of(name))
        while (full := await made._tell())["subscribers"] < subscribers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        made.bytes_per_connection = (full["rss_bytes"] - empty["rss_bytes"]) / subscribers
        return made

    async def play(self, kind: str, round: int, count: int) -> None:
        """Publish, wait until everybody has seen it, and note what it cost."""
        self._crowd.expect(f"{LAST}-{round}-".encode())
        before = await self._tell()
        await self._tell(run=kind, round=round, count=count)
        await self._crowd.all_saw()
        used_s = (await self._tell())["cpu_s"] - before["cpu_s"]
        self.per_cpu_s[kind].append(count * len(self._crowd.members) / max(used_s, TICK_S))

    async def leave(self) -> None:
        self._crowd.disperse()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _tell(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(self._process.stdout.readline(), WAIT_S))
        return answer


async def compare(subscribers: int, rounds: int, messages: int) -> None:
    names = ["ours", "broadcast"]
    if os.access(CENTRIFUGO, os.X_OK):
        names.append("centrifugo")
    else:
        print(f"without Centrifugo: there is none at {CENTRIFUGO}; tests/centrifugo/build.sh builds it")
    contestants = [await Contestant.enter(name, subscribers) for name in names]
    for round in range(rounds * len(KINDS)):
        kind = list(KINDS)[round % len(KINDS)]
        for contestant in contestants:
            await contestant.play(kind, round, messages * KINDS[kind])
    for contestant in contestants:
        await contestant.leave()
    ours, *peers = contestants
    print(f"{subscribers} subscribers, messages per CPU-second of the server, median of {rounds}")
    for kind in KINDS:
        for peer in peers:
            a, b = ours.per_cpu_s[kind], peer.per_cpu_s[kind]
            ratio = median(x / y for x, y in zip(a, b, strict=True))
            print(
                f"  {kind:7} ours {median(a):>12,.0f}   {TITLES[peer.name]:20} {median(b):>12,.0f}   ratio {ratio:.2f}"
            )
    for peer in peers:
        mine, theirs = ours.bytes_per_connection, peer.bytes_per_connection
        print(f"  memory  ours {mine:>10,.0f} B   {TITLES[peer.name]:20} {theirs:>10,.0f} B per connection  "
              f" ratio {mine / max(theirs, 1):.2f}")  # fmt: skip


TITLES = {"broadcast": "websockets.broadcast", "centrifugo": "Centrifugo 5.4.9"}
SERVERS = {"ours": serve_ours, "broadcast": serve_broadcast, "centrifugo": serve_centrifugo}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--messages", type=int, default=200, help="published one at a time; five times as many in bursts"
    )
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        uvloop.run(server_process(SERVERS[args.serve]))
    else:
        uvloop.run(compare(args.subscribers, args.rounds, args.messages))


if __name__ == "__main__":
    main()
