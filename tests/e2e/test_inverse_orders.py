"""Over REST, at the simulator of DERIBIT: an amount in USD of an inverse perpetual, filled at two prices, and a share
of the coins in the account that moves them."""

import json
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.test_deribit_newcomer import DeribitProcess, connect, simulator
from tests.e2e.trader import Trader, ok
from tests.serving import Serving, eventually

__all__ = ["simulator"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
INVERSE = "DERIBIT:BTC/USD-PERP"
COSTS = [D("0.016666666666666667"), D("0.016501650165016502")]


async def test_an_inverse_order_is_sized_in_usd_and_costs_coins(simulator: DeribitProcess, tmp_path: Path) -> None:
    server = await Serving.start(tmp_path / "data", {"VENUES": "PAPER,DERIBIT", "DERIBIT_URL": simulator.url})
    try:
        async with Trader(server.url, venue="DERIBIT") as trader:
            await trader.enter()
            await connect(trader, simulator)
            await sell_half_of_the_coins(simulator, trader)
            await show(simulator, ("SELL", "60000", "1000"), ("SELL", "60600", "1000"), ("BUY", "59000", "10000"))
            asked = {"instrumentId": INVERSE, "quantity": "2009", "quantityType": "QUOTE"}
            order = await trader.submit(**asked, orderType="LIMIT", limitPrice="60700", awaitClosed=True)
            assert (order["status"], order["quantity"], order["executedQuantity"]) == ("FILLED", "2009", "2000")
            assert_costs(order, order["executions"])
            listed = await trader.order(order["tradeOrderId"])
            assert_costs(listed, listed["executions"])
            found = await ok(
                trader.api.get("/api/v3/execution/list", tradeOrderId=order["tradeOrderId"], ascending=True)
            )
            assert_costs(listed, found.data)
            assert_costs(await by_rpc(server, trader, order["tradeOrderId"]), found.data)
            await eventually(partial(shows_what_is_known_of_the_position, trader))
            events = await ok(trader.api.get("/api/v3/tradingAccount/event/list", tradingAccountId=trader.spot))
            told = [each["order"] for each in events.data if "order" in each]
            assert D(told[0]["executedPrice"]) == D(listed["executedPrice"])  # the newest event is the first
    finally:
        await server.stop()


async def sell_half_of_the_coins(simulator: DeribitProcess, trader: Trader) -> None:
    (free, _) = (await trader.balances(trader.margin))["BTC"]
    asked = {"orderSide": "SELL", "orderType": "LIMIT", "limitPrice": "61000", "instrumentId": "DERIBIT:BTC/USDC"}
    share = {"quantity": "50", "quantityType": "POSITION_PERCENTAGE"}
    order = await trader.submit(tradingAccountId=trader.margin, **asked, **share)
    assert order["status"] == "ACCEPTED"
    assert [D(each["amount"]) for each in (await simulator.truth())["orders"]] == [free / 2]
    await trader.cancel(order)


def assert_costs(order: dict[str, Any], executions: list[dict[str, Any]]) -> None:
    assert sorted(D(each["executedCost"]) for each in executions) == sorted(COSTS)
    assert (D(order["executedCost"]), D(order["executedPrice"])) == (sum(COSTS), D("60298.50746269"))


async def shows_what_is_known_of_the_position(trader: Trader) -> bool:
    """Whether the position is there: its price is that of the order, and what it realised is not known."""
    positions = (await trader.portfolio(trader.spot))["positions"]
    shown = [(each["quantity"], D(each["entryPrice"]).quantize(D("1e-8")), "realizedPnl" in each) for each in positions]
    return shown == [("2000", D("60298.50746269"), False)]


async def show(simulator: DeribitProcess, *levels: tuple[str, str, str]) -> None:
    """Display these levels (side, price, USD) alone."""
    shown = [{"side": side, "price": price, "quantity": usd} for side, price, usd in levels]
    asked = {"symbol": "BTC-PERPETUAL", "clear": True, "levels": shown}
    async with aiohttp.ClientSession() as http, http.post(f"{simulator.url}/simulator/market", json=asked) as reply:
        assert reply.status == 200, await reply.text()


async def by_rpc(server: Serving, trader: Trader, order_id: str) -> dict[str, Any]:
    asked = {"method": "query.trade_order.get", "data": {"tradeOrderId": order_id}}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://{server.address}/connection/websocket") as socket,
    ):
        await socket.send_str(json.dumps({"id": 1, "connect": {"token": str(trader.api.token)}}))
        await socket.send_str(json.dumps({"id": 2, "rpc": asked}))
        async for message in socket:
            for line in message.data.splitlines():
                frame = json.loads(line)
                if frame.get("id") == 2:
                    return dict(frame["rpc"]["data"]["data"])
    raise AssertionError("no answer")
