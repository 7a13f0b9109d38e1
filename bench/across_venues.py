"""What orders suffer from a venue in trouble, as ratios against the same orders without the trouble in the same run.

    python bench/across_venues.py [--seconds 5] [--rounds 3] [--cases none,down,slow,storming,lying]

A server of its own, and a simulator of each venue in a process of its own. One user has an account on each and on
PAPER. Every account is sent MARKET orders at a pace below its venue's limit, the next when the last is answered; those
of the troubled venue do not wait for one another. Windows with and without the trouble take turns, and after each
trouble the run waits until the venue fills again. DOWN refuses the socket, SLOW answers after 3 s, STORMING answers
429, LYING executes what it is asked and answers what nobody can read, while its streams are silent or have gaps. NONE
is no trouble at all: its ratios are the noise of the machine.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from pathlib import Path
from statistics import median, quantiles

import uvloop
from load import Connection, request_of
from served import Served
from simulated import VENUES, OutsideVenue, SimulatedVenue, connected, settings_for, signed_up

PAPER = OutsideVenue(
    name="PAPER", account_type="SPOT", symbol="BTC/USDT", quantity="0.001", resting_price="30000", burst=1, pause_s=0,
    limit=100, requests_per_s=100,
)  # fmt: skip
PAPER_KEY = {"venue": "PAPER", "credentialType": "HMAC", "apiKey": "bench", "apiSecret": "any"}
PACE_SHARE, PACE_MAX_PER_S = 0.6, 20
"""How much of a venue's limit is used, and how many orders a second at most."""
UNANSWERED_MAX = 12
SLOW_MS = 3_000
MANY = 1_000_000
Latencies = dict[str, list[float]]


async def nothing(venue: SimulatedVenue) -> None:
    return


async def go_down(venue: SimulatedVenue) -> None:
    await venue.kill()


async def be_slow(venue: SimulatedVenue) -> None:
    await venue.arm(requests=[{"on": "*", "kind": "slow", "delay_ms": SLOW_MS, "times": MANY}])


async def storm(venue: SimulatedVenue) -> None:
    await venue.arm(requests=[{"on": "*", "kind": "too_many_requests", "times": MANY}])


async def lie(venue: SimulatedVenue) -> None:
    answers = {"on": "*", "kind": "error_after", "status": 200, "body": "<html>", "times": MANY}
    gaps = [{"on": "market", "kind": kind, "times": 20} for kind in ("drop", "swap", "duplicate")]
    await venue.arm(requests=[answers], events=[*gaps, {"on": "user", "kind": "silence"}])


CASES: Mapping[str, tuple[str, Callable[[SimulatedVenue], Awaitable[None]]]] = {
    "none": ("OKX", nothing),
    "down": ("OKX", go_down),
    "slow": ("BINANCE", be_slow),
    "storming": ("DERIBIT", storm),
    "lying": ("OKX", lie),
    "slow2": ("BITFINEX", be_slow),
}


class Desk:
    """One user with an account on each venue."""

    def __init__(self, served: Served, token: str, accounts: Mapping[str, str]) -> None:
        self._served, self._token, self._accounts = served, token, accounts
        self._numbers = count()
        self._unanswered: set[asyncio.Task[float | None]] = set()

    @classmethod
    async def open(cls, served: Served, venues: Mapping[str, SimulatedVenue]) -> "Desk":
        connection = await Connection.open(served.host, served.port)
        token = await signed_up(connection)
        accounts = {"PAPER": await connected(connection, token, PAPER_KEY, "SPOT")}
        for name, venue in venues.items():
            accounts[name] = await connected(connection, token, venue.credential(), venue.row.account_type)
        connection.close()
        return cls(served, token, accounts)

    async def window(self, seconds: float, troubled: str) -> Latencies:
        """Return how long the orders of each venue but the troubled one took, in milliseconds."""
        until = time.perf_counter() + seconds
        others = [name for name in self._accounts if name != troubled]
        unwaited = asyncio.create_task(self._send_unwaited(troubled, until))
        taken = await asyncio.gather(*(self._send(name, until) for name in others))
        await unwaited
        return dict(zip(others, taken, strict=True))

    async def back(self, name: str) -> float:
        """Return the seconds until a venue fills again."""
        await asyncio.gather(*self._unanswered)
        started = time.perf_counter()
        while await self._order(name) is None:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.2)
        return time.perf_counter() - started

    async def _send(self, name: str, until: float) -> list[float]:
        taken: list[float] = []
        while not taken or time.perf_counter() < until:
            now = time.perf_counter()
            if (ms := await self._order(name)) is None:
                raise SystemExit(f"an order of {name} was not filled")
            taken.append(ms)
            await asyncio.sleep(max(0.0, now + 1 / pace_of(name) - time.perf_counter()))
        return taken

    async def _send_unwaited(self, name: str, until: float) -> None:
        while time.perf_counter() < until:
            if len(self._unanswered) < UNANSWERED_MAX:
                task = asyncio.create_task(self._order(name))
                self._unanswered.add(task)
                task.add_done_callback(self._unanswered.discard)
            await asyncio.sleep(1 / pace_of(name))

    async def _order(self, name: str) -> float | None:
        """Return how many milliseconds an order took; None when it was not filled."""
        number, row = next(self._numbers), VENUES.get(name, PAPER)
        order = {
            "tradingAccountId": self._accounts[name], "instrumentId": row.instrument, "orderType": "MARKET",
            "orderSide": "SELL" if number % 2 else "BUY", "quantity": row.quantity,
            "idempotencyKey": f"bench-{number}", "awaitClosed": True,
        }  # fmt: skip
        connection = await Connection.open(self._served.host, self._served.port)
        started = time.perf_counter()
        answer = await connection.ask(request_of("/tradeOrder/submit", json.dumps(order).encode(), self._token))
        taken_ms = (time.perf_counter() - started) * 1e3
        connection.close()
        return taken_ms if b'"FILLED"' in answer else None


def pace_of(name: str) -> float:
    return min(PACE_MAX_PER_S, VENUES.get(name, PAPER).requests_per_s * PACE_SHARE)


async def measure(
    desk: Desk, venue: SimulatedVenue, trouble: Callable[[SimulatedVenue], Awaitable[None]], seconds: float, rounds: int
) -> tuple[Latencies, Latencies, float]:
    """Return the latencies without and with the trouble, and the longest time that the venue took to be back."""
    calm: Latencies = {}
    beside: Latencies = {}
    back_s = 0.0
    for _ in range(rounds):
        for name, taken in (await desk.window(seconds, venue.row.name)).items():
            calm.setdefault(name, []).extend(taken)
        await trouble(venue)
        for name, taken in (await desk.window(seconds, venue.row.name)).items():
            beside.setdefault(name, []).extend(taken)
        if venue.process.returncode is not None:
            await venue.start_again()
        await venue.disarm()
        back_s = max(back_s, await desk.back(venue.row.name))
    return calm, beside, back_s


def report(case: str, troubled: str, calm: Latencies, beside: Latencies, back_s: float) -> None:
    print(f"{troubled} {case}: back after {back_s:.1f} s at most")
    scaled: tuple[list[float], list[float]] = ([], [])
    for name in calm:
        usual = median(calm[name])
        for into, taken in zip(scaled, (calm[name], beside[name]), strict=True):
            into += [ms / usual for ms in taken]
        print(f"  {name:9} {line(calm[name], beside[name])}")
    print(f"  {'all':9} {line(*scaled)}   in medians of each venue")


def line(calm: list[float], beside: list[float]) -> str:
    if min(len(calm), len(beside)) < 2:
        return f"{len(calm):4} and {len(beside):4} orders: too few to compare"
    (p50, p99), (p50_beside, p99_beside) = (
        [quantiles(each, n=100, method="inclusive")[at] for at in (49, 98)] for each in (calm, beside)
    )
    return (
        f"{len(calm):4} and {len(beside):4} orders  p50 {p50:7.2f} {p50_beside:7.2f} ratio {p50_beside / p50:5.2f}"
        f"  p99 {p99:7.2f} {p99_beside:7.2f} ratio {p99_beside / p99:5.2f}"
    )


async def main(cases: list[str], seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        venues = {name: await SimulatedVenue.start(row, Path(scratch, name)) for name, row in VENUES.items()}
        served = await Served.start(Path(scratch, "data"), settings_for(venues.values()))
        try:
            desk = await Desk.open(served, venues)
            for name in venues:
                await desk.back(name)
            for case in cases:
                troubled, trouble = CASES[case]
                report(case, troubled, *await measure(desk, venues[troubled], trouble, seconds, rounds))
        finally:
            await served.stop()
            for venue in venues.values():
                await venue.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--seconds", type=float, default=5.0, help="of each window")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    uvloop.run(main(asked.cases.split(","), asked.seconds, asked.rounds))
