"""Orders on PAPER through HTTP, durable, against pgbench's one-row insert into the same PostgreSQL in the same run.

    python bench/orders.py [--clients 1 32 128] [--seconds 5] [--rounds 3]

A server of its own runs on the embedded PostgreSQL with fsync on. Every client has an account and a connection, and
sends its next order when the last one is answered. LIMIT orders rest and are never filled, so every round finds more of
them; MARKET orders wait until they are filled. pgbench inserts one row into a table like `orders` (its primary key
only), prepared, with as many clients, but no more than 64. Everything, this program too, shares the machine's cores.
Absolute numbers depend on the machine and its load: compare within a run. `idle %` is the share of all cores that
nobody used.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg
import uvloop
from load import Connection, Measured, percentile, run
from one_row import TABLE, insert_rows
from paper_orders import PaperOrders
from served import SETTINGS, Cpu, Served

WARM_UP_SHARE = 0.2
PGBENCH_CLIENTS_MAX = 64
"""PostgreSQL takes 100 connections, and the server has its own."""
WORKLOADS = ("pgbench", "LIMIT", "MARKET")


@dataclass
class Figures:
    """One workload with one number of clients, over all rounds."""

    per_s: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    python_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)
    idle_percents: list[float] = field(default_factory=list)

    def add(self, measured: Measured, cpu: Cpu) -> None:
        self.per_s.append(measured.per_s)
        self.latencies_ms += measured.latencies_ms
        self.python_us.append(cpu.python_s / measured.done * 1e6)
        self.postgres_us.append(cpu.postgres_s / measured.done * 1e6)
        self.idle_percents.append(cpu.idle_s / measured.took_s / (os.cpu_count() or 1) * 100)

    def line(self) -> str:
        p50, p99 = (percentile(self.latencies_ms, percent) for percent in (50, 99))
        ratio = f"{median(self.ratios):.3f}" if self.ratios else "1"
        python = f"{median(self.python_us):,.0f}" if self.ratios else "-"
        idle, rates = median(self.idle_percents), " ".join(f"{rate:,.0f}" for rate in self.per_s)
        return (
            f"{median(self.per_s):>9,.0f} {ratio:>8} {p50:>9.2f} {p99:>9.2f} {python:>10} "
            f"{median(self.postgres_us):>10,.0f} {idle:>7.0f}   {rates}"
        )


class Bench:
    """A running server with an account for each client."""

    def __init__(self, served: Served, orders: PaperOrders) -> None:
        self._served = served
        self._orders = orders

    @classmethod
    async def prepare(cls, served: Served, clients: int) -> "Bench":
        orders = await PaperOrders.prepare(served, clients)
        database = await asyncpg.connect(served.dsn())
        for statement in TABLE:
            await database.execute(statement)
        await database.close()
        return cls(served, orders)

    async def orders(self, kind: str, clients: int, seconds: float, figures: Figures) -> None:
        made = {"LIMIT": (self._orders.resting, b'"ACCEPTED"'), "MARKET": (self._orders.filled, b'"FILLED"')}
        make, expect = made[kind]
        connections = [await Connection.open(self._served.host, self._served.port) for _ in range(clients)]
        await run(connections, make, expect, seconds * WARM_UP_SHARE)
        before = self._served.cpu()
        measured = await run(connections, make, expect, seconds)
        figures.add(measured, self._served.cpu() - before)
        for connection in connections:
            connection.close()

    async def pgbench(self, clients: int, seconds: float, figures: Figures) -> None:
        before = self._served.cpu()
        measured = await asyncio.to_thread(insert_rows, self._served.dsn(), clients, seconds)
        figures.add(measured, self._served.cpu() - before)


async def measure(bench: Bench, clients: list[int], seconds: float, rounds: int) -> dict[tuple[int, str], Figures]:
    """Take turns, so that what else happens on the machine meets all alike."""
    figures = {(count, workload): Figures() for count in clients for workload in WORKLOADS}
    for _ in range(rounds):
        for count in clients:
            base = figures[count, "pgbench"]
            await bench.pgbench(min(count, PGBENCH_CLIENTS_MAX), seconds, base)
            for kind in ("LIMIT", "MARKET"):
                taken = figures[count, kind]
                await bench.orders(kind, count, seconds, taken)
                taken.ratios.append(taken.per_s[-1] / base.per_s[-1])
    return figures


async def main(clients: list[int], seconds: float, rounds: int, tell: Callable[[str], None] = print) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        data_dir = Path(scratch, "data")
        first = await Served.start(data_dir)
        await first.stop()
        served = await Served.start(data_dir)
        try:
            idle = served.memory_mib()
            bench = await Bench.prepare(served, max(clients))
            figures = await measure(bench, clients, seconds, rounds)
            loaded = served.memory_mib()
        finally:
            await served.stop()
    tell(f"embedded PostgreSQL, fsync on; defaults but {', '.join(f'{k}={v}' for k, v in SETTINGS.items())}")
    tell(f"{rounds} rounds of {seconds:g} s, medians; cores {os.cpu_count()}")
    titles = f"{'per s':>9} {'/pgbench':>8} {'p50 ms':>9} {'p99 ms':>9} {'Python us':>10} {'PG us':>10} {'idle %':>7}"
    tell(f"{'':19} {titles}   per s, by round")
    for (count, workload), taken in figures.items():
        tell(f"{count:>3} clients {workload:<7} {taken.line()}")
    tell(f"ready after: first start {first.ready_s:.2f} s, second {served.ready_s:.2f} s")
    tell(f"memory (PSS) idle: server {idle[0]:.0f} MiB, PostgreSQL {idle[1]:.0f} MiB")
    tell(f"memory (PSS) after the run: server {loaded[0]:.0f} MiB, PostgreSQL {loaded[1]:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Orders on PAPER against pgbench's one-row insert.")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 32, 128])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.clients, arguments.seconds, arguments.rounds))
