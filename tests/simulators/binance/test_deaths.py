"""kill -9: every order whose acceptance was answered is there after the restart."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
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
    keys = ApiKeys.of_account(data_dir, "main", SystemIds())
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


async def test_answered_orders_of_usdm_survive_a_kill(data_dir: Path) -> None:
    """Orders of the engine and of the algo service, a position, and the money."""
    answered: list[str] = []
    enough = asyncio.Event()
    async with process(data_dir) as (running, url), trader_of(data_dir, url) as trader:

        async def place_until_death(worker: int) -> None:
            number = 0
            while True:
                id = f"{worker}-{number}"
                number += 1
                try:
                    replies = [
                        await trader.place_usdm(symbol="ETHUSDT", price="2900", newClientOrderId=id),
                        await trader.usdm("DELETE", "v1/order", symbol="ETHUSDT", origClientOrderId=id),
                        await trader.place_usdm(type="MARKET", quantity="0.002", newClientOrderId=f"m-{id}"),
                    ]
                except (aiohttp.ClientError, ConnectionError):
                    return
                answered.extend(reply.ok["clientOrderId"] for reply in replies)
                if len(answered) >= 60:
                    enough.set()

        stop = await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000", clientAlgoId="stop")
        assert stop.status == 200
        workers = [asyncio.create_task(place_until_death(worker)) for worker in range(3)]
        await enough.wait()
        running.send_signal(signal.SIGKILL)
        await asyncio.gather(*workers)
    async with process(data_dir) as (_, url), trader_of(data_dir, url) as trader:
        rows = [
            row
            for symbol in ("ETHUSDT", "BTCUSDT")
            for row in (await trader.usdm("GET", "v1/allOrders", symbol=symbol, limit=1000)).ok
        ]
        assert set(answered) <= {row["clientOrderId"] for row in rows}
        filled = sum(Decimal(row["executedQty"]) for row in rows)
        (position,) = (row for row in (await trader.usdm("GET", "v3/positionRisk")).ok if row["symbol"] == "BTCUSDT")
        assert Decimal(position["positionAmt"]) == filled
        truth = await trader.truth("usdm")
        wallet = next(Decimal(row["balance"]) for row in truth["wallets"] if row["asset"] == "USDT")
        assert wallet == sum(Decimal(row["amount"]) for row in truth["incomes"] if row["asset"] == "USDT")
        (waiting,) = (await trader.usdm("GET", "v1/openAlgoOrders")).ok
        assert (waiting["clientAlgoId"], waiting["algoStatus"]) == ("stop", "NEW")
