"""What orders suffer from what else is asked at the same time, as ratios against the same orders alone in the same run.

    python bench/beside.py [--orders 20000] [--seconds 5] [--rounds 3]

A server of its own runs on the embedded PostgreSQL with fsync on. One client sends LIMIT orders that rest, the next
when the last is answered: alone, during 20 log-ins a second, and while another client reads pages of 100 deep in a list
of many orders, the next when the last is answered. Absolute numbers depend on the machine: compare within a run.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import uvloop
from load import Connection, percentile, request_of, run
from paper_orders import PaperOrders
from served import Served

LOG_INS_PER_S = 20
PAGE_ITEMS = 100
FILLING_CLIENTS = 16


class Bench:
    """A running server with a user, accounts, and orders at rest."""

    def __init__(self, served: Served, orders: PaperOrders) -> None:
        self._served = served
        self._orders = orders
        self.beside_total = 0

    @classmethod
    async def prepare(cls, served: Served, resting: int) -> "Bench":
        orders = await PaperOrders.prepare(served, FILLING_CLIENTS)
        connections = [await Connection.open(served.host, served.port) for _ in orders.accounts]
        while next(orders.numbers) < resting:
            await run(connections, orders.resting, b'"ACCEPTED"', 1)
        for each in connections:
            each.close()
        return cls(served, orders)

    async def latencies_ms(self, seconds: float) -> list[float]:
        connection = await Connection.open(self._served.host, self._served.port)
        measured = await run([connection], self._orders.resting, b'"ACCEPTED"', seconds)
        connection.close()
        return measured.latencies_ms

    @asynccontextmanager
    async def log_ins(self) -> AsyncIterator[None]:
        login = {"email": "bench@example.com", "password": "correct horse battery"}
        request = request_of("/auth/login", json.dumps(login).encode(), "")
        async with self._beside(lambda connection: connection.ask(request), 1 / LOG_INS_PER_S, connections=4):
            yield

    @asynccontextmanager
    async def pages(self) -> AsyncIterator[None]:
        offset = max(0, next(self._orders.numbers) - 2 * PAGE_ITEMS)
        path = f"/tradeOrder/list?limit={PAGE_ITEMS}&offset={offset}"
        request = request_of(path, None, self._orders.token)
        async with self._beside(lambda connection: connection.ask(request), 0, connections=1):
            yield

    @asynccontextmanager
    async def _beside(
        self, ask: Callable[[Connection], Awaitable[bytes]], every_s: float, connections: int
    ) -> AsyncIterator[None]:
        """Ask again and again meanwhile: each connection every `every_s` times `connections`, or without a pause."""

        is_over = False

        async def keep_asking(number: int) -> None:
            connection = await Connection.open(self._served.host, self._served.port)
            await asyncio.sleep(every_s * number)
            while not is_over:
                pause = asyncio.create_task(asyncio.sleep(every_s * connections))
                if b'"success":true' not in await ask(connection):
                    raise SystemExit("not the reply that was expected")
                self.beside_total += 1
                await pause
            connection.close()

        asking = asyncio.gather(*map(keep_asking, range(connections)))
        try:
            yield
        finally:
            is_over = True
            await asking


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


async def main(orders: int, seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        served = await Served.start(Path(scratch, "data"))
        try:
            bench = await Bench.prepare(served, orders)
            beside = {"alone": nothing, f"{LOG_INS_PER_S} log-ins/s": bench.log_ins, "deep pages": bench.pages}
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in beside}
            asked = dict.fromkeys(beside, 0)
            for _ in range(rounds):
                for name, work in beside.items():
                    before = bench.beside_total
                    async with work():
                        latencies_ms = await bench.latencies_ms(seconds)
                    taken[name].append((percentile(latencies_ms, 50), percentile(latencies_ms, 99)))
                    asked[name] += bench.beside_total - before
        finally:
            await served.stop()
    print(f"LIMIT orders of one client, {orders} at rest; medians of {rounds} rounds of {seconds:g} s")
    print(f"{'':14} {'p50 ms':>8} {'p99 ms':>8} {'p50/alone':>10} {'p99/alone':>10} {'beside/s':>9}")
    alone = taken["alone"]
    for name, figures in taken.items():
        p50, p99 = (median(each[i] for each in figures) for i in (0, 1))
        ratios = [median(each[i] / base[i] for each, base in zip(figures, alone, strict=True)) for i in (0, 1)]
        beside_per_s = asked[name] / rounds / seconds
        print(f"{name:14} {p50:>8.2f} {p99:>8.2f} {ratios[0]:>10.2f} {ratios[1]:>10.2f} {beside_per_s:>9.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Orders alone, beside log-ins, and beside deep pages.")
    parser.add_argument("--orders", type=int, default=20_000, help="at rest when the measurement begins")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.orders, arguments.seconds, arguments.rounds))
