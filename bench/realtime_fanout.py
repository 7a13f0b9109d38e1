"""Fan-out to many subscribers: our socket against `websockets.broadcast` in the same run.

    python bench/realtime_fanout.py [--subscribers 1000] [--rounds 3]

Each server runs in a process of its own on a loopback port; this process is the clients, and is not counted. The figure
is messages delivered per CPU-second of the server. `single` publishes one message at a time, `burst` ten in a row.
Absolute numbers depend on the machine and its load: compare within a run.
"""

import argparse
import asyncio
import json
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, cast
from uuid import UUID

import uvloop

STATM = Path("/proc/self/statm")
BURST = 10
MESSAGES = {"single": 200, "burst": 1_000}
PAUSE_S = 0.02
INSTRUMENT = "PAPER:BTC/USDT"
LAST = "LAST-TRADE"
WAIT_S = 120
TOKEN = "token"


# --- servers


async def serve_ours() -> "Server":
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    from cadenza.adapters.realtime.limits import RealtimeLimits
    from cadenza.adapters.realtime.node import Node
    from cadenza.domain.identity.actor import Actor, Scope
    from cadenza.domain.ids import Access, InstrumentId, SessionId, TenantId, UserId
    from cadenza.domain.market.order_book import MarketTrade
    from cadenza.domain.trading.enums import Side
    from cadenza.runtime.here import AsyncioConcurrency, SystemClock, SystemIds

    clock = SystemClock()
    actor = Actor(
        user_id=UserId(UUID(int=1)),
        tenant_id=TenantId(UUID(int=2)),
        session_id=SessionId(UUID(int=3)),
        scopes=frozenset(Scope),
        access=frozenset(Access),
        expires_at_ms=clock.now_ms() + 3_600_000,
    )

    async def authenticate(token: str) -> Actor:
        return actor

    async def nothing(instrument_id: InstrumentId) -> None: ...

    async def see(actor: Actor, account_id: Any) -> bool:
        return True

    node = Node(
        authenticate=authenticate,
        may_see_account=see,
        instrument_exists=lambda actor, instrument_id: True,
        hold_feed=nothing,
        release_feed=nothing,
        read_book=lambda instrument_id, depth: None,
        use_cases=lambda: None,  # type: ignore[arg-type,return-value]
        storage=None,  # type: ignore[arg-type]
        clock=clock,
        ids=SystemIds(),
        concurrency=AsyncioConcurrency(),
        limits=RealtimeLimits(connections_per_user_max=100_000, connections_max=100_000),
    )
    config = uvicorn.Config(lambda *_: None, ws=node.protocol_class(), log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0, backlog=4096
    )

    def publish(trade_id: str) -> None:
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

    return Server(server.sockets[0].getsockname()[1], publish, lambda: node._services.hub.subscriptions)


async def serve_broadcast() -> "Server":
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    server = await serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096)

    def publish(trade_id: str) -> None:
        data = {
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
        push = {"push": {"channel": f"market:trade:{INSTRUMENT}", "pub": {"data": data, "offset": 1}}}
        broadcast(connections, json.dumps(push, separators=(",", ":")))

    return Server(next(iter(server.sockets)).getsockname()[1], publish, lambda: len(connections))


@dataclass
class Server:
    port: int
    publish: Callable[[str], None]
    subscribers: Callable[[], int]

    async def run(self, kind: str, round: int) -> None:
        """Publish as told; whoever has seen the last one has seen all, for the order is kept."""
        count = MESSAGES[kind]
        step = BURST if kind == "burst" else 1
        for done in range(0, count, step):
            for n in range(done, done + step):
                self.publish(f"{LAST}-{round}-" if n == count - 1 else f"trade-{n}")
            await asyncio.sleep(PAUSE_S)


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


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
            await server.run(command["run"], command["round"])
        usage = resource.getrusage(resource.RUSAGE_SELF)
        told = {
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "subscribers": server.subscribers(),
            "rss_bytes": resident_bytes(),
        }
        print(json.dumps(told), flush=True)


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
    if name != "ours":
        return b""
    text = b'{"id":1,"connect":{"token":"%s"}}\n{"id":2,"subscribe":{"channel":"market:trade:%s"}}' % (
        TOKEN.encode(),
        INSTRUMENT.encode(),
    )
    head = struct.pack("!BB", 0x81, 0x80 | len(text))
    return head + bytes(4) + text  # a mask of zeros leaves the text as it is


@dataclass
class Measured:
    per_cpu_s: dict[str, list[float]]
    bytes_per_connection: float


async def measure(name: str, subscribers: int, rounds: int) -> Measured:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", name, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def tell(**command: Any) -> dict[str, Any]:
        stdin.write(json.dumps(command).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(stdout.readline(), WAIT_S))
        return answer

    port = json.loads(await stdout.readline())["port"]
    crowd = Crowd()
    empty = await tell()
    await crowd.gather(port, subscribers, greeting_of(name))
    while (full := await tell())["subscribers"] < subscribers:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    measured = Measured({kind: [] for kind in MESSAGES}, (full["rss_bytes"] - empty["rss_bytes"]) / subscribers)
    for round in range(rounds * len(MESSAGES)):
        kind = list(MESSAGES)[round % len(MESSAGES)]
        crowd.expect(f"{LAST}-{round}-".encode())
        before = await tell()
        await tell(run=kind, round=round)
        await crowd.all_saw()
        after = await tell()
        measured.per_cpu_s[kind].append(MESSAGES[kind] * subscribers / (after["cpu_s"] - before["cpu_s"]))
    crowd.disperse()
    stdin.close()
    await process.wait()
    return measured


async def compare(subscribers: int, rounds: int) -> None:
    ours = await measure("ours", subscribers, rounds)
    peer = await measure("broadcast", subscribers, rounds)
    print(f"{subscribers} subscribers, messages per CPU-second of the server, median of {rounds}")
    for kind in MESSAGES:
        a, b = median(ours.per_cpu_s[kind]), median(peer.per_cpu_s[kind])
        print(f"  {kind:7} ours {a:>12,.0f}   websockets.broadcast {b:>12,.0f}   ratio {a / b:.2f}")
    print(
        f"  memory  ours {ours.bytes_per_connection:>10,.0f} B   websockets.broadcast "
        f"{peer.bytes_per_connection:>10,.0f} B per connection"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=["ours", "broadcast"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        uvloop.run(server_process(serve_ours if args.serve == "ours" else serve_broadcast))
    else:
        uvloop.run(compare(args.subscribers, args.rounds))


if __name__ == "__main__":
    main()
