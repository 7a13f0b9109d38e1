"""A newcomer's first hour with BINANCE: the simulator and the server as processes, a key that the simulator printed,
every type of order, fills on the socket, both processes killed in turn, and the same orders, balances and books on both
sides at the end."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.newcomer import Listener, SimulatorProcess, is_filled
from tests.e2e.trader import Trader, ok
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
INSTRUMENT = "BINANCE:BTC/USDT"
STATUSES = {
    "NEW": "ACCEPTED",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
}
KINDS: list[dict[str, str]] = [
    {"orderType": "MARKET", "quantity": "0.01"},
    {"orderType": "LIMIT", "limitPrice": "50000"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "GTX"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "IOC"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "FOK"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "DAY"},
    {"orderType": "STOP", "stopPrice": "70000"},
    {"orderType": "STOP_LIMIT", "stopPrice": "70000", "limitPrice": "70100"},
    {"orderType": "STOP_LOSS", "stopPrice": "50000", "orderSide": "SELL"},
    {"orderType": "TAKE_PROFIT_LIMIT", "stopPrice": "50000", "limitPrice": "50100"},
    {"orderType": "TAKE_PROFIT", "stopPrice": "70000", "orderSide": "SELL"},
    {"orderType": "TRAILING_STOP", "stopPrice": "50000", "orderSide": "SELL"},
]


class BinanceProcess(SimulatorProcess):
    def key(self) -> dict[str, Any]:
        return next(key for key in self.keys() if key["kind"] == "HMAC")

    async def truth(self) -> dict[str, Any]:
        return (await self.get("/simulator/truth"))["spot"]

    async def depth(self) -> dict[str, Any]:
        return await self.get("/api/v3/depth?symbol=BTCUSDT&limit=5")


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[BinanceProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = BinanceProcess("binance", directory)
    await running.start()
    yield running
    await running.kill()


async def connect(trader: Trader, simulator: BinanceProcess) -> None:
    key = simulator.key()
    asked = {
        "venue": "BINANCE",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": key["key"],
        "apiSecret": key["secret"],
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    assert {each["accountType"] for each in reached} == {"SPOT", "MARGIN", "FUTURES"}
    trader.spot, trader.margin = [
        await trader._connect_one(next(each for each in reached if each["accountType"] == type))
        for type in ("SPOT", "FUTURES")
    ]


async def shows_its_margin(trader: Trader) -> bool:
    """Whether the portfolio of the USD-M account shows the venue's leverage and margins."""
    portfolio = await trader.portfolio(trader.margin)
    summary, (free, locked) = portfolio["summary"], (await trader.balances(trader.margin))["USDT"]
    exposure, margin = D(summary["riskExposure"]), D(summary["margin"])
    is_known = exposure > 0 and D(summary["marginRequirement"]) > 0
    return is_known and (summary["leverage"], margin) == (20, exposure / 20) and locked > 0 < free


async def says_what_to_do(trader: Trader) -> bool:
    """Whether the account and an order say that the venue does not accept the key."""
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list", tradingAccountId=trader.spot))).data
    answer = await trader.try_submit(quantity="0.01")
    if accounts[0]["status"] != "SUSPENDED" or answer.code != "CREDENTIAL_REJECTED":
        return False
    return "BINANCE does not accept the credential 'first'" in answer.body["error"]


def shown(orders: list[dict[str, Any]]) -> dict[str, tuple[str, D]]:
    """How each order stands, by its id at the venue, in the words of the venue: it canceled what expired here."""
    return {
        f"cz{each['tradeOrderId'].replace('-', '')}": (
            each["status"].replace("EXPIRED", "CANCELLED"),
            D(each["executedQuantity"]),
        )
        for each in orders
    }


async def are_equal(trader: Trader, simulator: BinanceProcess) -> bool:
    """Whether orders and balances are the same here and in the simulator's ledger."""
    truth = await simulator.truth()
    recorded = await trader.orders(tradingAccountId=trader.spot)
    sent = [each for each in recorded if each["status"] != "REJECTED" and each["orderType"] != "TRAILING_STOP"]
    orders = shown(sent)  # the platform holds a trailing stop until its trigger is reached
    there = {
        each["client_order_id"]: (STATUSES[each["status"]], D(each["executed"]))
        for each in truth["orders"]
        if each["client_order_id"] in orders
    }
    balances = {
        asset: (D(held["free"]), D(held["locked"]))
        for asset, held in truth["balances"].items()
        if D(held["free"]) or D(held["locked"])
    }
    held_here = {asset: held for asset, held in (await trader.balances(trader.spot)).items() if any(held)}
    return orders == there and held_here == balances


async def test_a_newcomer_trades_at_the_simulator(simulator: BinanceProcess, tmp_path: Path) -> None:
    settings = {"VENUES": "PAPER,BINANCE", "BINANCE_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url, venue="BINANCE") as trader:
            await trader.enter()
            await connect(trader, simulator)
            listener = Listener()
            async with listener.listening(server, str(trader.api.token), trader.spot):
                made = [await trader.submit(**{"quantity": "0.01", **kind}) for kind in KINDS]
                assert {order["status"] for order in made} <= {"ACCEPTED", "FILLED", "CANCELLED"}
                market = made[0]["tradeOrderId"]

                async def was_seen() -> bool:
                    return market in listener.filled

                await eventually(was_seen)

                soon_ms = int(time.time() * 1_000) + 5_000
                ending = await trader.submit(
                    quantity="0.01", orderType="LIMIT", limitPrice="50000", timeInForce="GTD", expireAt=soon_ms
                )
                assert (ending["status"], ending["timeInForce"]) == ("ACCEPTED", "GTD")

                async def has_expired() -> bool:
                    return (await trader.order(ending["tradeOrderId"]))["status"] == "EXPIRED"

                await eventually(has_expired)

            await eventually(partial(are_equal, trader, simulator))
            contract = {"tradingAccountId": trader.margin, "instrumentId": "BINANCE:BTC/USDT-PERP"}
            assert (await trader.submit(**contract, quantity="0.01"))["status"] in ("ACCEPTED", "FILLED")
            await eventually(partial(shows_its_margin, trader))
            await simulator.kill()
            assert not await is_filled(trader), "the venue is away"
            await simulator.start()
            await eventually(partial(is_filled, trader), within_s=60)
            await eventually(partial(are_equal, trader, simulator))
            email = trader.email
        await server.kill()
        server = await Serving.start(tmp_path / "data", settings)
        async with Trader(server.url, email=email, venue="BINANCE") as again:
            again.spot = trader.spot
            await again.log_in()

            await eventually(partial(is_filled, again), within_s=60)
            resting = [each for each in await again.orders(tradingAccountId=again.spot) if each["status"] == "ACCEPTED"]
            assert len(resting) >= 5
            for order in resting:
                assert (await again.cancel(order))["status"] == "CANCELLED"

            await eventually(partial(are_equal, again, simulator))
            book, depth = await again.book(INSTRUMENT), await simulator.depth()
            for side in ("bids", "asks"):
                ours = [(D(price), D(quantity)) for price, quantity in book[side][:5]]
                theirs = [(D(price), D(quantity)) for price, quantity in depth[side]]
                assert ours == theirs
            await simulator.revoke(simulator.key()["key"])
            await eventually(partial(says_what_to_do, again), within_s=60)
    finally:
        await server.kill()
