"""Many clients, makers and takers, and SIGKILL at moments that a seed draws: the laws hold after every restart.

The kill points of `test_kill_points.py` are exhaustive but lonely: one order at a time. Here batches hold orders of
many accounts, fills come by reply and by stream, cancels race with fills, and death comes anywhere.
"""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.e2e.trader import Trader
from tests.e2e.truth import unanswered, violations
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 20261125
DEATHS = 4
CLIENTS = 6
ORDERS_BETWEEN_DEATHS = (20, 90)
SETTINGS = {
    "MASTER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "AUTH_SIGNUP": "open",
    "AUTH_NEW_TENANT_ENVIRONMENTS": "paper",
}


class Desk:
    """One client that trades until told to stop. What it gets no answer to it repeats under the same key."""

    def __init__(self, user: Trader, number: int) -> None:
        self.user = user
        self.random = Random(f"{SEED}/{number}")
        self.acknowledged: dict[str, str] = {}
        self.number = number
        self.asked = 0

    async def trade(self, stop: asyncio.Event, done: asyncio.Semaphore) -> None:
        while not stop.is_set():
            self.asked += 1
            key = f"{self.number}-{self.asked}"
            order = await self.until_answered(stop, key, self.draw())
            if order is None:
                return
            assert self.acknowledged.setdefault(key, order["tradeOrderId"]) == order["tradeOrderId"]
            done.release()
            if order["status"] == "ACCEPTED" and self.random.random() < 0.4:
                await self.try_once(self.user.try_cancel(order))

    def draw(self) -> dict[str, Any]:
        side = self.random.choice(("BUY", "SELL"))
        account = self.random.choice((self.user.spot, self.user.margin))
        asked: dict[str, Any] = {"orderSide": side, "tradingAccountId": account, "quantity": "0.01"}
        if self.random.random() < 0.5:
            price = 60_000 + self.random.randrange(-40, 40)
            asked |= {"orderType": "LIMIT", "limitPrice": str(price)}
        return asked | {"awaitClosed": self.random.random() < 0.3}

    async def until_answered(self, stop: asyncio.Event, key: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        while not stop.is_set():
            answer = await self.try_once(self.user.try_submit(idempotencyKey=key, **asked))
            if answer is not None and answer.status == 200:
                return dict(answer.data[0])
            if answer is not None and answer.status == 400:
                assert answer.code in ("INSUFFICIENT_BALANCE", "INSUFFICIENT_MARGIN", "NO_MARKET_PRICE"), answer.body
                return {"tradeOrderId": "", "status": "REFUSED"}
            await asyncio.sleep(0)
        return None

    async def try_once(self, asking: Any) -> Any:
        try:
            return await asking
        except (aiohttp.ClientError, ConnectionError):
            return None


async def test_the_laws_hold_through_deaths_at_random(database_dsn: str, tmp_path: Path) -> None:
    random = Random(SEED)
    serving = await Serving.start(tmp_path / "data", SETTINGS, DATABASE_URL=database_dsn)
    desks = [Desk(Trader(serving.url), number) for number in range(CLIENTS)]
    try:
        for desk in desks:
            await desk.user.__aenter__()
            await desk.user.enter()
            await desk.user.connect()
        for _ in range(DEATHS):
            stop, done = asyncio.Event(), asyncio.Semaphore(0)
            work = asyncio.gather(*(desk.trade(stop, done) for desk in desks))
            for _ in range(random.randint(*ORDERS_BETWEEN_DEATHS)):
                await done.acquire()
            await serving.kill()
            stop.set()
            await work
            serving = await Serving.start(tmp_path / "data", SETTINGS, DATABASE_URL=database_dsn)
            for desk in desks:
                desk.user.api.move(serving.url)
            await eventually(lambda: _is_settled(database_dsn))
        for desk in desks:
            known = {order["tradeOrderId"] for order in await desk.user.orders()}
            assert {order_id for order_id in desk.acknowledged.values() if order_id} <= known
        assert await serving.stop() == 0
        assert await violations(database_dsn) == {}
    finally:
        await serving.kill()
        for desk in desks:
            await desk.user.__aexit__(None, None, None)


async def _is_settled(dsn: str) -> bool:
    return not await unanswered(dsn) and not await violations(dsn)
