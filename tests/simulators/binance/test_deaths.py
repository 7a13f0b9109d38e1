"""kill -9: every order whose acceptance was answered is there after the restart."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.wire.keys import ApiKeys

from .trader import Trader


@asynccontextmanager
async def process(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`cadenza simulate binance` with its URL; killed at the end."""
    command = ["-m", "cadenza.cli", "simulate", "binance", "--still", "--port", "0", "--data-dir", str(data_dir)]
    running = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    try:
        said = ""
        while (url := re.search(r"REST +(\S+)\n", said)) is None:
            line = await running.stdout.readline()
            assert line, said
            said += line.decode()
        yield running, url[1]
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


def trader_of(data_dir: Path, url: str) -> Trader:
    keys = ApiKeys.load(data_dir, "main", SystemIds())
    venue: Any = SimpleNamespace(keys=keys, now_ms=SystemClock().now_ms)
    simulator: Any = SimpleNamespace(venue=venue, url=url)
    return Trader(simulator)


async def test_answered_orders_survive_a_kill(data_dir: Path) -> None:
    answered: list[str] = []
    enough = asyncio.Event()
    async with process(data_dir) as (running, url), trader_of(data_dir, url) as trader:

        async def place_until_death(worker: int) -> None:
            number = 0
            while True:
                id = f"{worker}-{number}"
                number += 1
                try:
                    reply = await trader.place(symbol="ETHUSDT", price="2000", quantity="0.01", newClientOrderId=id)
                    await trader.cancel(symbol="ETHUSDT", origClientOrderId=id)
                except (aiohttp.ClientError, ConnectionError):
                    return
                if reply.status == 200:
                    answered.append(id)
                if len(answered) >= 40:
                    enough.set()

        workers = [asyncio.create_task(place_until_death(worker)) for worker in range(4)]
        await enough.wait()
        running.send_signal(signal.SIGKILL)
        await asyncio.gather(*workers)
    async with process(data_dir) as (_, url), trader_of(data_dir, url) as trader:
        orders = (await trader.signed("GET", "/api/v3/allOrders", symbol="ETHUSDT", limit=1000)).ok
        kept = {row["clientOrderId"] for row in orders}
        assert set(answered) <= kept
        assert len(kept) == len(orders)
        account = (await trader.signed("GET", "/api/v3/account")).ok
        open_cost = sum(20 for row in orders if row["status"] == "NEW")
        usdt = next(row for row in account["balances"] if row["asset"] == "USDT")
        assert float(usdt["locked"]) == open_cost
