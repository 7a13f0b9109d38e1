"""A database that is there and says nothing: connections stay open, and no question is answered."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from tests.contract.checker import Answer
from tests.e2e.trader import Trader
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERED_WITHIN_S = 10.0
"""Health waits 2 s for the database; here tests run beside it."""


@contextmanager
def frozen(data_dir: Path) -> Iterator[None]:
    """Stop the postmaster and all of its processes, and let them go on afterwards."""
    [pid_file] = data_dir.glob("postgres/*/postmaster.pid")
    postmaster = int(pid_file.read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    pids = [postmaster, *(int(child) for child in children)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


REQUEST_ANSWERED_WITHIN_S = 20.0
"""The house promises 10 s; here tests run beside it."""


async def test_requests_are_answered_and_an_order_s_outcome_is_found_by_its_key(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir)
    try:
        async with Trader(server.url) as trader:
            await trader.enter()
            await trader.connect()

            def all_at_once() -> list[Awaitable[Answer]]:
                return [
                    *(trader.try_submit(quantity="0.01", idempotencyKey=f"key-{n}") for n in range(3)),
                    trader.api.get("/api/v3/tradeOrder/list"),
                    trader.api.post("/api/v3/auth/login", {"email": trader.email, "password": "not the password"}),
                ]

            with frozen(data_dir):
                for _ in range(2):  # while it is not known to be frozen, and when it is
                    async with asyncio.timeout(REQUEST_ANSWERED_WITHIN_S):
                        for answer in await asyncio.gather(*all_at_once()):
                            assert (answer.status, answer.code) == (500, "DATABASE_UNAVAILABLE")
                            assert int(answer.headers["retry-after"]) >= 1

            async def is_back() -> bool:
                return (await trader.api.get("/api/v3/tradeOrder/list")).status == 200

            await eventually(is_back)
            for n in range(3):
                repeated = await trader.submit(quantity="0.01", idempotencyKey=f"key-{n}", awaitClosed=True)
                again = await trader.submit(quantity="0.01", idempotencyKey=f"key-{n}", awaitClosed=True)
                assert again["tradeOrderId"] == repeated["tradeOrderId"]
            orders = await trader.orders()
            assert len(orders) == 3
            bought = sum(Decimal(order["executedQuantity"]) for order in orders)
            assert (await trader.balances(trader.spot))["BTC"][0] == 10 + bought
    finally:
        await server.stop()


async def test_health_tells_that_the_database_is_frozen_and_that_it_is_back(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir)
    try:
        async with aiohttp.ClientSession() as session:

            async def health() -> tuple[int, str]:
                began = time.monotonic()
                async with session.get(f"{server.url}/api/v3/health") as answer:
                    reply = (await answer.json())["checks"]["database"]["status"]
                assert time.monotonic() - began < ANSWERED_WITHIN_S
                return answer.status, reply

            async def is_unhealthy() -> bool:
                return await health() == (503, "unhealthy")

            async def is_healthy() -> bool:
                return await health() == (200, "healthy")

            assert await is_healthy()
            with frozen(data_dir):
                await eventually(is_unhealthy)
                async with session.get(f"{server.url}/readyz") as answer:
                    assert answer.status == 503
                async with session.get(f"{server.url}/livez") as answer:
                    assert answer.status == 200
            await eventually(is_healthy)
    finally:
        await server.stop()
