"""A newcomer's first hour with OKX: the simulator and the server as processes, a key that the simulator printed, orders
of spot and of a swap, fills on the socket, both processes killed in turn, and the same orders, balances and books on
both sides at the end."""

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
INSTRUMENT, SWAP = "OKX:BTC/USDT", "OKX:BTC/USDT-PERP"
STATUSES = {
    "live": "ACCEPTED",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "effective": "FILLED",
    "canceled": "CANCELLED",
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


class OkxProcess(SimulatorProcess):
    def key(self) -> dict[str, Any]:
        return next(key for key in self.keys() if not key["is_demo"])

    async def truth(self) -> dict[str, Any]:
        return dict(await self.get("/simulator/truth"))

    async def depth(self) -> dict[str, Any]:
        return dict((await self.get("/api/v5/market/books?instId=BTC-USDT&sz=5"))["data"][0])


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[OkxProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = OkxProcess("okx", directory)
    await running.start()
    yield running
    await running.kill()


async def connect(trader: Trader, simulator: OkxProcess) -> None:
    """The passphrase is given alone, as a user types it."""
    key = simulator.key()
    asked = {
        "venue": "OKX",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": key["key"],
        "apiSecret": key["secret"],
        "apiPassphrase": key["passphrase"],
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    by_type = {each["accountType"]: each for each in reached}
    assert set(by_type) == {"SPOT", "FUTURES", "OPTIONS"}
    trader.spot, trader.margin = [await trader._connect_one(by_type[type]) for type in ("SPOT", "FUTURES")]


async def says_what_to_do(trader: Trader) -> bool:
    """Whether the account and an order say that the venue does not accept the key."""
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list", tradingAccountId=trader.spot))).data
    answer = await trader.try_submit(quantity="0.01")
    if accounts[0]["status"] != "SUSPENDED" or answer.code != "CREDENTIAL_REJECTED":
        return False
    return "OKX does not accept the credential 'first'" in answer.body["error"]


async def are_equal(trader: Trader, simulator: OkxProcess) -> bool:
    """Whether orders and balances are the same here and in the simulator's ledger."""
    truth = await simulator.truth()
    recorded = await trader.orders(tradingAccountId=trader.spot)
    sent = [each for each in recorded if each["status"] != "REJECTED" and each["orderType"] != "TRAILING_STOP"]
    orders = {  # the platform holds a trailing stop until its trigger is reached; the venue canceled what expired here
        each["tradeOrderId"].replace("-", ""): each["status"].replace("EXPIRED", "CANCELLED") for each in sent
    }
    there = {each["client_order_id"]: STATUSES[each["state"]] for each in truth["orders"]}
    there |= {each["client_id"]: STATUSES[each["state"]] for each in truth["algo_orders"]}
    held_there = {
        each["asset"]: D(each["cash"]) for each in truth["balances"] if each["account"] == "main" and D(each["cash"])
    }
    held_here = {asset: sum(held) for asset, held in (await trader.balances(trader.spot)).items() if any(held)}
    return orders == {id: state for id, state in there.items() if id in orders} and held_here == held_there


async def test_a_newcomer_trades_at_the_simulator_of_okx(simulator: OkxProcess, tmp_path: Path) -> None:
    settings = {"VENUES": "PAPER,OKX", "OKX_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url, venue="OKX") as trader:
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
            await eventually(partial(are_equal, trader, simulator))
            contract = {"tradingAccountId": trader.margin, "instrumentId": SWAP}
            assert (await trader.submit(**contract, quantity="0.01"))["status"] in ("ACCEPTED", "FILLED")

            async def has_a_position() -> bool:
                positions = (await trader.portfolio(trader.margin))["positions"]
                return [D(each["quantity"]) for each in positions] == [D("0.01")]

            await eventually(has_a_position)
            await simulator.kill()
            assert not await is_filled(trader), "the venue is away"
            await simulator.start()
            await eventually(partial(is_filled, trader), within_s=60)
            await eventually(partial(are_equal, trader, simulator))
            email = trader.email
        await server.kill()
        server = await Serving.start(tmp_path / "data", settings)
        async with Trader(server.url, email=email, venue="OKX") as again:
            again.spot = trader.spot
            await again.log_in()
            await eventually(partial(is_filled, again), within_s=60)
            resting = [each for each in await again.orders(tradingAccountId=again.spot) if each["status"] == "ACCEPTED"]
            assert len(resting) >= 5
            for order in resting:
                assert (await again.cancel(order))["status"] in ("PENDING_CANCEL", "CANCELLED")

            async def are_canceled() -> bool:
                found = [(await again.order(order["tradeOrderId"]))["status"] for order in resting]
                return set(found) == {"CANCELLED"}

            await eventually(are_canceled)
            await eventually(partial(are_equal, again, simulator))
            book, depth = await again.book(INSTRUMENT), await simulator.depth()
            for side in ("bids", "asks"):
                ours = [(D(price), D(quantity)) for price, quantity in book[side][:5]]
                assert ours == [(D(level[0]), D(level[1])) for level in depth[side]]
            await simulator.revoke(simulator.key()["key"])
            await eventually(partial(says_what_to_do, again), within_s=60)
    finally:
        await server.kill()
