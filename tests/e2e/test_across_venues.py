"""One tenant with an account on each venue at once. A venue that is down, slow, storming or lying delays no order of
another one, loses nothing of its own, and is shown as it was last known."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal as D
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
import pytest_asyncio

from tests.contract.checker import Answer
from tests.e2e.trader import Trader, ok
from tests.e2e.venues import OUTSIDE, OutsideProcess, settings_for
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAPER = "PAPER"
ORDERS_PER_S = {PAPER: 10.0, "BINANCE": 8.0, "OKX": 8.0, "DERIBIT": 2.5, "BITFINEX": 2.5}
"""Below the pace that each venue allows, so that no order waits for it."""
WINDOW_S, ROUNDS = 2.0, 2
UNANSWERED_MAX = 12
SLOW_MS = 10_000
WAITED_S_MAX = SLOW_MS / 1_000 / 2
"""An order that shared a lock with one of the slow venue would wait for longer."""
MANY = 1_000_000
BACK_WITHIN_S = 90


@dataclass
class World:
    """The server, the user and the venues."""

    server: Serving
    trader: Trader
    processes: Mapping[str, OutsideProcess]
    accounts: Mapping[str, str]
    instruments: Mapping[str, str]
    sent: int = 0
    unanswered: set["asyncio.Task[None]"] = field(default_factory=set)
    fast_fills: int = 0
    """Orders at the venue in trouble that were filled as if it were in none."""

    async def order(self, name: str) -> Answer:
        """Buy, or sell what was bought."""
        self.sent += 1
        return await self.trader.try_submit(
            tradingAccountId=self.accounts[name],
            instrumentId=self.instruments[name],
            quantity="0.001",
            orderSide="SELL" if self.sent % 2 else "BUY",
            awaitClosed=True,
        )

    async def fills(self, name: str) -> bool:
        answer = await self.order(name)
        return answer.status == 200 and answer.data[0]["status"] == "FILLED"

    async def window(self, troubled: str) -> dict[str, list[float]]:
        """Send orders to all venues for a while; return the seconds that each of the others was waited for."""
        taken: dict[str, list[float]] = {name: [] for name in self.accounts if name != troubled}
        until = time.monotonic() + WINDOW_S
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_unwaited(troubled, until))
            for name, seconds in taken.items():
                tasks.create_task(self._send(name, until, seconds))
        return taken

    async def _send(self, name: str, until: float, seconds: list[float]) -> None:
        while (now := time.monotonic()) < until:
            assert await self.fills(name), name
            seconds.append(time.monotonic() - now)
            await instant(now + 1 / ORDERS_PER_S[name])

    async def _send_unwaited(self, name: str, until: float) -> None:
        while (now := time.monotonic()) < until:
            if len(self.unanswered) < UNANSWERED_MAX:
                task = asyncio.create_task(self._send_to_troubled(name))
                self.unanswered.add(task)
                task.add_done_callback(self.unanswered.discard)
            await instant(now + 1 / ORDERS_PER_S[name])

    async def _send_to_troubled(self, name: str) -> None:
        before = time.monotonic()
        is_filled = await self.fills(name)
        self.fast_fills += is_filled and time.monotonic() - before < WAITED_S_MAX

    async def is_told_truly(self, name: str) -> bool:
        """Whether every order at a venue has an end, the same as there, and none was accepted twice."""
        ours = await self.trader.orders(tradingAccountId=self.accounts[name])
        are_closed = all(each["status"] in ("FILLED", "REJECTED", "CANCELLED", "EXPIRED") for each in ours)
        filled = [each["tradeOrderId"] for each in ours if each["status"] == "FILLED"]
        return are_closed and await self.processes[name].are_filled(filled)


async def instant(at: float) -> None:
    """Return when the clock shows it: orders go at the pace that the venue allows."""
    while time.monotonic() < at:  # noqa: ASYNC110 - a clock has no event
        await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("across")
    processes = {venue.name: OutsideProcess(venue, directory / venue.name) for venue in OUTSIDE}
    server: Serving | None = None
    try:
        await asyncio.gather(*(each.start() for each in processes.values()))
        server = await Serving.start(directory / "data", settings_for(list(processes.values())))
        async with Trader(server.url) as trader:
            await trader.enter()
            await trader.connect()
            accounts = {PAPER: trader.spot} | {name: await each.connect(trader) for name, each in processes.items()}
            instruments = {PAPER: "PAPER:BTC/USDT"} | {venue.name: venue.instrument for venue in OUTSIDE}
            found = World(server, trader, processes, accounts, instruments)
            for name in accounts:
                await eventually(partial(found.fills, name))
            yield found
    finally:
        if server is not None:
            await server.kill()
        for each in processes.values():
            await each.kill()


Trouble = Callable[[OutsideProcess], Awaitable[None]]


async def go_down(process: OutsideProcess) -> None:
    await process.kill()


async def be_slow(process: OutsideProcess) -> None:
    await process.post("faults", {"requests": [{"on": "*", "kind": "slow", "delay_ms": SLOW_MS, "times": MANY}]})


async def storm(process: OutsideProcess) -> None:
    await process.post("faults", {"requests": [{"on": "*", "kind": "too_many_requests", "times": MANY}]})


async def lie(process: OutsideProcess) -> None:
    """Executes requests and answers what nobody can read, says nothing on the account's stream, and streams books with
    gaps and out of order."""
    answers = {"on": "*", "kind": "error_after", "status": 200, "body": "<html>", "times": MANY}
    events = [{"on": "market", "kind": kind, "times": 20} for kind in ("drop", "swap", "duplicate")]
    await process.post("faults", {"requests": [answers], "events": [*events, {"on": "user", "kind": "silence"}]})


@asynccontextmanager
async def in_trouble(process: OutsideProcess, trouble: Trouble) -> AsyncIterator[None]:
    await trouble(process)
    try:
        yield
    finally:
        if process.process is not None and process.process.returncode is not None:
            await process.start()
        await process.disarm()


CASES = {
    f"{venue} {name}": (venue, trouble)
    for venue, name, trouble in (
        ("OKX", "down", go_down),
        ("BINANCE", "slow", be_slow),
        ("DERIBIT", "storming", storm),
        ("OKX", "lying", lie),
        ("BITFINEX", "slow", be_slow),
    )
}


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]


@pytest.mark.parametrize("case", CASES)
async def test_a_venue_in_trouble_delays_no_order_of_another(world: World, case: str) -> None:
    troubled, trouble = CASES[case]
    calm: dict[str, list[float]] = {}
    beside: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, seconds in (await world.window(troubled)).items():
            calm.setdefault(name, []).extend(seconds)
        await asyncio.gather(*world.unanswered)
        async with in_trouble(world.processes[troubled], trouble):
            world.fast_fills = 0
            for name, seconds in (await world.window(troubled)).items():
                beside.setdefault(name, []).extend(seconds)
            assert not world.fast_fills, "the venue is in no trouble"
        await eventually(partial(world.fills, troubled), within_s=BACK_WITHIN_S)
    figures = {name: (median(calm[name]), median(beside[name]), p99(beside[name])) for name in calm}
    for usual, then, most in figures.values():
        assert then < 3 * usual + 0.25, figures  # other tests run beside: bench/across_venues.py measures it
        assert most < WAITED_S_MAX, figures
    await asyncio.gather(*world.unanswered)
    await eventually(partial(world.is_told_truly, troubled), within_s=BACK_WITHIN_S)


async def test_the_portfolio_shows_a_venue_that_is_down_as_it_was_last_known(world: World) -> None:
    away = "OKX"
    others = [name for name in world.accounts if name != away]
    await eventually(partial(world.fills, away))

    async def shown() -> dict[str, Any]:
        found = (await ok(world.trader.api.get("/api/v3/tradingAccount/portfolio/list"))).data
        return {each["venue"]: each for each in found if each["tradingAccountId"] in world.accounts.values()}

    async def is_away() -> bool:
        return (await world.order(away)).code == "VENUE_UNAVAILABLE"

    started_ms = (await shown())[away]["updatedAt"]
    async with in_trouble(world.processes[away], go_down):
        await eventually(is_away)
        before = await shown()
        assert before.keys() == world.accounts.keys()
        left_ms = time.time_ns() // 1_000_000
        for name in others:
            await eventually(partial(world.fills, name))

        async def have_moved() -> bool:
            found = await shown()
            return all(found[name]["updatedAt"] > left_ms for name in others)

        await eventually(have_moved)
        beside = await shown()
        assert beside[away]["balances"] == before[away]["balances"]
        assert beside[away]["updatedAt"] == before[away]["updatedAt"]
        assert started_ms <= beside[away]["updatedAt"] < left_ms
        for portfolio in beside.values():
            assert portfolio["updatedAt"] <= time.time_ns() // 1_000_000
            assert all(each["updatedAt"] <= portfolio["updatedAt"] for each in portfolio["balances"])
    await eventually(partial(world.fills, away), within_s=BACK_WITHIN_S)


async def test_books_of_one_pair_stand_side_by_side_each_with_its_own_instant(world: World) -> None:
    names = [name for name, instrument in world.instruments.items() if instrument.endswith("BTC/USDT")]
    outside = [name for name in names if name in world.processes]
    assert len(outside) >= 2

    async def book(name: str) -> Answer:
        asked = {"instrumentId": world.instruments[name]}
        return await world.trader.api.get("/api/v3/market/orderBook/get", **asked)

    async def is_fresh(name: str) -> bool:
        return (await book(name)).status == 200

    for name in names:
        await eventually(partial(is_fresh, name))
    for name in outside:
        best = (await book(name)).data
        assert (D(best["bids"][0][0]), D(best["asks"][0][0])) == await world.processes[name].best()
    moved, still = outside[0], outside[1]

    async def moves_alone() -> bool:
        """A quiet book gets a younger instant now and then too, when the venue says that it is still the same."""
        before = {name: (await book(name)).data["timestamp"] for name in outside}
        level = {"side": "BUY", "price": "40000", "quantity": str(next(quantities))}
        await world.processes[moved].post("market", {"symbol": world.processes[moved].row.symbol, "levels": [level]})

        async def has_moved() -> bool:
            return bool((await book(moved)).data["timestamp"] > before[moved])

        await eventually(has_moved)
        return bool((await book(still)).data["timestamp"] == before[still])

    quantities = count(1)
    await eventually(moves_alone)
    before = {name: (await book(name)).data["timestamp"] for name in outside}
    async with in_trouble(world.processes[still], go_down):

        async def is_refused() -> bool:
            return (await book(still)).code == "ORDER_BOOK_UNAVAILABLE"

        await eventually(is_refused)
        assert all([await is_fresh(name) for name in names if name != still])
        assert await is_refused()
    await eventually(partial(is_fresh, still), within_s=BACK_WITHIN_S)
    best = (await book(still)).data
    assert (D(best["bids"][0][0]), D(best["asks"][0][0])) == await world.processes[still].best()
    assert best["timestamp"] > before[still]
