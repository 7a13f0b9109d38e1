"""A newcomer's first hour with BITFINEX: the simulator and the server as processes, a key that the simulator printed,
orders of spot, of a margin account and of a derivative, fills on the socket, both processes killed in turn, and the
same orders, balances and books on both sides at the end."""

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
INSTRUMENT, DERIVATIVE = "BITFINEX:BTC/USDT", "BITFINEX:BTC/USDT-PERP"
NAMES = {"UST": "USDT"}
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
    {"orderType": "STOP_LOSS_LIMIT", "stopPrice": "50000", "limitPrice": "49900", "orderSide": "SELL"},
]


class BitfinexProcess(SimulatorProcess):
    def key(self) -> dict[str, Any]:
        return self.keys()[0]

    async def truth(self) -> dict[str, Any]:
        return dict(await self.get("/simulator/truth"))

    async def depth(self) -> list[list[Any]]:
        return list(await self.get("/v2/book/tBTCUST/P0?len=25"))


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[BitfinexProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = BitfinexProcess("bitfinex", directory)
    await running.start()
    yield running
    await running.kill()


async def connect(trader: Trader, simulator: BitfinexProcess) -> dict[str, str]:
    """Return the ids of the accounts by their types."""
    key = simulator.key()
    asked = {
        "venue": "BITFINEX",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": key["key"],
        "apiSecret": key["secret"],
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    found = {each["accountType"]: await trader._connect_one(each) for each in reached}
    assert set(found) == {"SPOT", "MARGIN", "FUTURES"}
    trader.spot = found["SPOT"]
    return found


async def are_equal(trader: Trader, simulator: BitfinexProcess) -> bool:
    """Whether orders and balances are the same here and in the simulator's ledger."""
    truth = await simulator.truth()
    recorded = await trader.orders(tradingAccountId=trader.spot)
    sent = [each["status"] for each in recorded if each["status"] != "REJECTED"]
    there = [_status(each) for each in truth["orders"] if each["type"].startswith("EXCHANGE")]
    held_there = {
        NAMES.get(each["currency"], each["currency"]): D(each["balance"])
        for each in truth["wallets"]
        if each["type"] == "exchange" and not each["currency"].startswith("TEST") and D(each["balance"])
    }
    held_here = {asset: sum(held) for asset, held in (await trader.balances(trader.spot)).items() if any(held)}
    return sorted(sent) == sorted(there) and held_here == held_there


def _status(order: dict[str, Any]) -> str:
    if order["ending"]:
        return "FILLED" if order["ending"] == "EXECUTED" else "CANCELLED"
    return "PARTIALLY_FILLED" if order["fills"] else "ACCEPTED"


async def has_position(trader: Trader, account: str, quantity: str) -> bool:
    positions = (await trader.portfolio(account))["positions"]
    return [D(each["quantity"]) for each in positions] == [D(quantity)]


async def test_a_newcomer_trades_at_the_simulator_of_bitfinex(simulator: BitfinexProcess, tmp_path: Path) -> None:
    settings = {"VENUES": "PAPER,BITFINEX", "BITFINEX_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url, venue="BITFINEX") as trader:
            await trader.enter()
            accounts = await connect(trader, simulator)
            listener = Listener()
            async with listener.listening(server, str(trader.api.token), trader.spot):
                made = [await trader.submit(**{"quantity": "0.01", **kind}) for kind in KINDS]
                assert {order["status"] for order in made} <= {"ACCEPTED", "FILLED", "CANCELLED"}
                market = made[0]["tradeOrderId"]

                async def was_seen() -> bool:
                    return market in listener.filled

                await eventually(was_seen)
            await eventually(partial(are_equal, trader, simulator))
            for account, instrument in ((accounts["MARGIN"], "BITFINEX:BTC/USD"), (accounts["FUTURES"], DERIVATIVE)):
                asked = {"tradingAccountId": account, "instrumentId": instrument}
                assert (await trader.submit(**asked, quantity="0.01"))["status"] in ("ACCEPTED", "FILLED")
                await eventually(partial(has_position, trader, account, "0.01"))
            await simulator.kill()
            assert not await is_filled(trader), "the venue is away"
            await simulator.start()
            await eventually(partial(is_filled, trader), within_s=60)
            await eventually(partial(are_equal, trader, simulator))
            email = trader.email
        await server.kill()
        server = await Serving.start(tmp_path / "data", settings)
        async with Trader(server.url, email=email, venue="BITFINEX") as again:
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
            for side, sign in (("bids", 1), ("asks", -1)):
                ours = [(D(price), D(quantity)) for price, quantity in book[side][:5]]
                levels = [(D(str(each[0])), abs(D(str(each[2])))) for each in depth if each[2] * sign > 0]
                assert ours == levels[:5]
    finally:
        await server.kill()
