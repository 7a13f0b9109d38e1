"""Orders to a venue's simulator through the platform, against direct calls of ccxt to the same simulator.

    python bench/venue_orders.py [--venue BINANCE] [--orders 80] [--rounds 4]

A server of its own and a simulator run on this machine. Each round sends so many MARKET orders, one after another,
through the platform (durable: two commits an order), then as many by ccxt's `create_order`, and then pgbench inserts
single rows. Between two bursts everybody waits until the venue's limit allows the next one. CPU is that of the server's
process, without PostgreSQL, and of ccxt's process, during the bursts. `added` is what the platform adds to the median
of ccxt's time, in medians of one-row commits. ccxt has the environment of the judges (tests/judges/build.sh).
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Self

import asyncpg
import uvloop
from load import Connection, request_of
from one_row import TABLE, insert_rows
from served import Served
from simulated import VENUES, OutsideVenue, SimulatedVenue, settings_for, user_at

ROOT = Path(__file__).parents[1]


@dataclass
class Burst:
    """What the bursts of one client gave."""

    cpu_us: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)


class OurOrders:
    """A user with an account of the simulated venue."""

    def __init__(self, served: Served, row: OutsideVenue, token: str, account: str) -> None:
        self._served, self._row, self._token, self._account = served, row, token, account
        self._numbers = count()

    @classmethod
    async def prepare(cls, served: Served, venue: SimulatedVenue) -> Self:
        return cls(served, venue.row, *await user_at(served, venue))

    async def burst(self, orders: int, figures: Burst) -> None:
        connection = await Connection.open(self._served.host, self._served.port)
        before = self._served.cpu()
        for _ in range(orders):
            started = time.perf_counter()
            answer = await connection.ask(self._request())
            figures.latencies_ms.append((time.perf_counter() - started) * 1e3)
            if b'"FILLED"' not in answer:
                raise SystemExit(answer.decode())
        figures.cpu_us.append((self._served.cpu() - before).python_s / orders * 1e6)
        connection.close()

    def _request(self) -> bytes:
        number = next(self._numbers)
        order = {
            "tradingAccountId": self._account, "instrumentId": self._row.instrument, "orderType": "MARKET",
            "orderSide": "SELL" if number % 2 else "BUY", "quantity": self._row.quantity,
            "idempotencyKey": f"bench-{number}", "awaitClosed": True,
        }  # fmt: skip
        return request_of("/tradeOrder/submit", json.dumps(order).encode(), self._token)


class TheirOrders:
    """ccxt in its own process."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def prepare(cls, venue: SimulatedVenue) -> Self:
        made = subprocess.run([ROOT / "tests/judges/build.sh"], capture_output=True, text=True, check=True)  # noqa: ASYNC221
        script = str(ROOT / "bench/venue_orders_ccxt.py")
        key = json.dumps(await venue.new_key())
        process = await asyncio.create_subprocess_exec(
            made.stdout.strip(), script, venue.url, venue.row.name, venue.row.symbol, venue.row.quantity, key,
            stdin=PIPE, stdout=PIPE,
        )  # fmt: skip
        return cls(process)

    async def burst(self, orders: int, figures: Burst) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{orders}\n".encode())
        answer = json.loads(await self.process.stdout.readline())
        figures.cpu_us.append(answer["cpu_s"] / orders * 1e6)
        figures.latencies_ms += answer["latencies_ms"]


async def main(row: OutsideVenue, orders: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        venue = await SimulatedVenue.start(row, Path(scratch, "simulator"))
        served = await Served.start(Path(scratch, "data"), settings_for([venue]))
        theirs = await TheirOrders.prepare(venue)
        try:
            ours = await OurOrders.prepare(served, venue)
            database = await asyncpg.connect(served.dsn())
            for statement in TABLE:
                await database.execute(statement)
            await database.close()
            figures, commits = {"ours": Burst(), "ccxt": Burst()}, []
            for turn in range(rounds + 1):
                if turn == 1:  # the first round warms up
                    figures, commits = {"ours": Burst(), "ccxt": Burst()}, []
                await ours.burst(orders, figures["ours"])
                await asyncio.sleep(row.pause_s)
                await theirs.burst(orders, figures["ccxt"])
                measured = await asyncio.to_thread(insert_rows, served.dsn(), 1, 1)
                commits.append(median(measured.latencies_ms))
                await asyncio.sleep(row.pause_s)
        finally:
            with suppress(ProcessLookupError):
                theirs.process.kill()
            await served.stop()
            await venue.stop()
    print(f"{row.name}: {rounds} rounds of {orders} MARKET orders each, one at a time; medians")
    report(figures["ours"], figures["ccxt"], commits)


def report(ours: Burst, theirs: Burst, commits_ms: list[float]) -> None:
    for name, each in (("ours", ours), ("ccxt", theirs)):
        print(f"{name}: CPU {median(each.cpu_us):,.0f} us an order, p50 {median(each.latencies_ms):.2f} ms")
    ratio = median(mine / other for mine, other in zip(ours.cpu_us, theirs.cpu_us, strict=True))
    print(f"CPU ratio ours/ccxt {ratio:.2f}")
    added = median(ours.latencies_ms) - median(theirs.latencies_ms)
    commit = median(commits_ms)
    print(f"added {added:.2f} ms = {added / commit:.1f} one-row commits of {commit:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venue", choices=sorted(VENUES), default="BINANCE")
    parser.add_argument("--orders", type=int, default=80, help="in a burst, at most what the venue takes at once")
    parser.add_argument("--rounds", type=int, default=4)
    asked = parser.parse_args()
    chosen = VENUES[asked.venue]
    uvloop.run(main(chosen, min(asked.orders, chosen.burst), asked.rounds))
