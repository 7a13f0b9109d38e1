"""Cross margin: orders in the books of spot, loans that orders take and repay, and user data by token."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings

from .sockets import Socket, connected
from .trader import Trader

D = Decimal


async def assets(trader: Trader) -> dict[str, dict[str, Decimal]]:
    """The account's assets: free, locked, borrowed."""
    rows = (await trader.margin("GET", "account")).ok["userAssets"]
    return {row["asset"]: {name: D(row[name]) for name in ("free", "locked", "borrowed")} for row in rows}


async def listen_token(trader: Trader, **params: Any) -> Any:
    return (await trader.signed("POST", "/sapi/v1/userListenToken", **params)).ok


async def test_an_order_lives_as_on_spot_and_apart_from_it(trader: Trader) -> None:
    placed = (await trader.place_margin(newClientOrderId="mine")).ok
    assert (placed["status"], placed["isIsolated"]) == ("NEW", False)
    assert "marginBuyBorrowAmount" not in placed
    assert (await assets(trader))["USDT"] == {"free": D(95_000), "locked": D(5_000), "borrowed": D(0)}
    assert (await trader.order(origClientOrderId="mine")).error[0] == -2013, "spot does not know it"
    queried = (await trader.margin("GET", "order", symbol="BTCUSDT", origClientOrderId="mine")).ok
    assert (queried["orderId"], queried["isWorking"]) == (placed["orderId"], True)
    assert (await trader.margin("GET", "openOrders")).ok == [queried]
    canceled = (await trader.margin("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])).ok
    assert (canceled["status"], canceled["origClientOrderId"]) == ("CANCELED", "mine")
    assert (await trader.margin("GET", "allOrders", symbol="BTCUSDT")).ok[0]["status"] == "CANCELED"
    spot = (await trader.place()).ok
    assert spot["orderId"] == placed["orderId"] + 1, "the two count the ids of a symbol together"
    assert (await trader.margin("DELETE", "openOrders", symbol="BTCUSDT")).error[0] == -2011


@pytest.mark.parametrize(
    ("type", "params", "status"),
    [
        ("MARKET", {}, "FILLED"),
        ("LIMIT", {"timeInForce": "IOC", "price": "60006", "quantity": "0.5"}, "EXPIRED"),
        ("LIMIT", {"timeInForce": "FOK", "price": "60006"}, "FILLED"),
        ("LIMIT_MAKER", {"price": "50000"}, None),
        ("STOP_LOSS", {"stopPrice": "61000"}, None),
        ("TAKE_PROFIT_LIMIT", {"stopPrice": "59000", "price": "59000", "timeInForce": "GTC"}, None),
        ("STOP_LOSS", {"trailingDelta": "100"}, None),
    ],
)
async def test_every_type(trader: Trader, type: str, params: dict[str, str], status: str | None) -> None:
    placed = (await trader.place_margin(type=type, **params)).ok
    assert placed.get("status") == status, "only MARKET and LIMIT orders are answered in full"
    (row,) = (await trader.margin("GET", "allOrders", symbol="BTCUSDT")).ok
    assert (row["type"], row["status"]) == (type, status or "NEW")


async def test_nothing_is_borrowed_unasked(trader: Trader) -> None:
    too_much = await trader.place_margin(price="60000", quantity="2")
    assert too_much.error == (-2010, "Account has insufficient balance for requested action.")
    assert (await trader.place_margin(price="60000", quantity="2", sideEffectType="AUTO_REPAY")).error[0] == -2010


async def test_an_order_borrows_what_it_lacks_and_repays_it_unused(trader: Trader) -> None:
    order = {"price": "60000", "quantity": "2", "sideEffectType": "MARGIN_BUY"}
    placed = (await trader.place_margin(**order)).ok
    assert (placed["marginBuyBorrowAmount"], placed["marginBuyBorrowAsset"]) == ("20000.00000000", "USDT")
    assert (await assets(trader))["USDT"] == {"free": D(0), "locked": D(120_000), "borrowed": D(20_000)}
    await trader.margin("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert (await assets(trader))["USDT"] == {"free": D(100_000), "locked": D(0), "borrowed": D(0)}
    kept = (await trader.place_margin(**order, autoRepayAtCancel="FALSE")).ok
    await trader.margin("DELETE", "order", symbol="BTCUSDT", orderId=kept["orderId"])
    assert (await assets(trader))["USDT"] == {"free": D(120_000), "locked": D(0), "borrowed": D(20_000)}


async def test_a_short_sale_borrows_and_its_purchase_repays(trader: Trader) -> None:
    sold = (await trader.place_margin("SELL", "MARKET", quantity="1.1", sideEffectType="AUTO_BORROW_REPAY")).ok
    assert (sold["marginBuyBorrowAmount"], sold["marginBuyBorrowAsset"]) == ("0.10000000", "BTC")
    assert (await assets(trader))["BTC"] == {"free": D(0), "locked": D(0), "borrowed": D("0.1")}
    await trader.place_margin(type="MARKET", quantity="0.05", sideEffectType="AUTO_REPAY")
    assert (await assets(trader))["BTC"] == {"free": D(0), "locked": D(0), "borrowed": D("0.05005")}
    await trader.place_margin(type="MARKET", quantity="0.05")
    assert (await assets(trader))["BTC"] == {"free": D("0.04995"), "locked": D(0), "borrowed": D("0.05005")}
    records = (await trader.margin("GET", "borrow-repay", type="REPAY")).ok
    assert (records["total"], records["rows"][0]["amount"]) == (1, "0.04995000")


async def test_a_refused_order_leaves_no_loan(trader: Trader) -> None:
    order = {"price": "60006", "quantity": "2", "sideEffectType": "MARGIN_BUY"}
    assert (await trader.place_margin(type="LIMIT_MAKER", **order)).error[0] == -2010
    assert (await assets(trader))["USDT"] == {"free": D(100_000), "locked": D(0), "borrowed": D(0)}
    too_much = await trader.place_margin(price="60000", quantity="8", sideEffectType="MARGIN_BUY")
    assert too_much.error == (-3006, "Your borrow amount has exceed maximum borrow amount.")


async def test_loans_by_hand(trader: Trader) -> None:
    assert (await trader.margin("GET", "maxBorrowable", asset="USDT")).ok["amount"] == "320000.00000000"
    loan = {"asset": "USDT", "isIsolated": "FALSE"}
    assert "tranId" in (await trader.margin("POST", "borrow-repay", type="BORROW", amount="320000", **loan)).ok
    assert (await trader.margin("POST", "borrow-repay", type="BORROW", amount="1", **loan)).error[0] == -3006
    level = (await trader.margin("GET", "account")).ok["marginLevel"]
    assert level == "1.50000000"
    assert (await trader.margin("POST", "borrow-repay", type="REPAY", amount="320001", **loan)).error[0] == -3015
    assert (await trader.margin("POST", "borrow-repay", type="REPAY", amount="320000", **loan)).status == 200
    assert (await trader.margin("GET", "account")).ok["marginLevel"] == "999.00000000"
    isolated = await trader.margin("POST", "borrow-repay", type="BORROW", amount="1", asset="USDT", isIsolated="TRUE")
    assert isolated.error[0] == -11001


async def test_transfers_between_the_three_wallets(trader: Trader) -> None:
    path = "/sapi/v1/asset/transfer"
    await trader.signed("POST", path, type="MAIN_MARGIN", asset="BTC", amount="2")
    assert (await assets(trader))["BTC"]["free"] == 3
    await trader.margin("POST", "borrow-repay", type="BORROW", amount="200000", asset="USDT")
    out = await trader.signed("POST", path, type="MARGIN_MAIN", asset="BTC", amount="2")
    assert out.error[0] == -3020, "it is collateral"
    await trader.margin("POST", "borrow-repay", type="REPAY", amount="200000", asset="USDT")
    await trader.signed("POST", path, type="MARGIN_UMFUTURE", asset="USDT", amount="60000")
    balances = (await trader.usdm("GET", "v3/balance")).ok
    assert [row["balance"] for row in balances if row["asset"] == "USDT"] == ["160000.00000000"]
    assert (await trader.signed("POST", path, type="UMFUTURE_MAIN", asset="USDT", amount="170000")).error[0] == -5013
    assert (await trader.signed("POST", path, type="UMFUTURE_MAIN", asset="USDT", amount="160000")).status == 200
    spot = (await trader.truth())["balances"]
    assert D(spot["USDT"]["free"]) == 1_160_000


async def test_trades_and_limits_are_the_accounts_own(trader: Trader) -> None:
    reply = await trader.place_margin(type="MARKET")
    assert reply.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    (trade,) = (await trader.margin("GET", "myTrades", symbol="BTCUSDT")).ok
    assert (trade["qty"], trade["commission"], trade["isIsolated"]) == ("0.10000000", "0.00010000", False)
    assert (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).ok == []
    counts = (await trader.margin("GET", "rateLimit/order")).ok
    assert [row["count"] for row in counts] == [0, 0], "its fill freed its place"
    spot = await trader.public("/api/v3/time")
    assert spot.headers["X-MBX-USED-WEIGHT-1M"] == "21", "of that nothing is margin's"


async def test_a_key_may_lack_the_right(trader: Trader) -> None:
    trader.key = type(trader.key)(**(await trader.admin("keys", permissions={"can_trade_margin": False})))
    assert (await trader.place_margin()).error[0] == -2015
    assert (await trader.margin("GET", "account")).ok["tradeEnabled"] is False
    restrictions = (await trader.signed("GET", "/sapi/v1/account/apiRestrictions")).ok
    assert (restrictions["enableMargin"], restrictions["enableFutures"]) == (False, True)


async def test_user_data_by_token(simulator: BinanceSimulator, trader: Trader) -> None:
    token = await listen_token(trader)
    async with connected(simulator.ws_api_url) as socket:
        subscribed = await socket.ask("userDataStream.subscribe.listenToken", {"listenToken": token["token"]})
        assert subscribed["result"] == {"subscriptionId": 0, "expirationTime": token["expirationTime"]}
        spot = await socket.signed(simulator, trader.key, "userDataStream.subscribe.signature")
        assert spot["result"] == {"subscriptionId": 1}
        await trader.place_margin(type="MARKET", newClientOrderId="margin")
        frames = [await socket.frame() for _ in range(3)]
        assert {frame["subscriptionId"] for frame in frames} == {0}
        assert [frame["event"]["e"] for frame in frames] == [*["executionReport"] * 2, "outboundAccountPosition"]
        await trader.place(newClientOrderId="spot")
        heard = await socket.frame()
        assert (heard["subscriptionId"], heard["event"]["c"]) == (1, "spot")
        await _renew_and_expire(simulator, trader, socket)


async def _renew_and_expire(simulator: BinanceSimulator, trader: Trader, socket: Socket) -> None:
    second = await listen_token(trader, validity=60_000)
    again = await socket.ask("userDataStream.subscribe.listenToken", {"listenToken": second["token"]})
    assert again["result"] == {"subscriptionId": 0, "expirationTime": second["expirationTime"]}
    simulator.venue.spot.user_streams.expire(second["expirationTime"])
    ended = await socket.until(lambda frame: frame["event"]["e"] == "eventStreamTerminated")
    assert ended["subscriptionId"] == 0
    wrong = await socket.ask("userDataStream.subscribe.listenToken", {"listenToken": "nonsense"})
    assert wrong["error"]["code"] == -1209


async def test_a_loan_is_published_as_a_balance(simulator: BinanceSimulator, trader: Trader) -> None:
    token = await listen_token(trader)
    async with connected(simulator.ws_api_url) as socket:
        await socket.ask("userDataStream.subscribe.listenToken", {"listenToken": token["token"]})
        await trader.margin("POST", "borrow-repay", type="BORROW", amount="5", asset="USDT")
        event = (await socket.frame())["event"]
        assert (event["e"], event["B"]) == (
            "outboundAccountPosition",
            [{"a": "USDT", "f": "100005.00000000", "l": "0.00000000"}],
        )


async def test_faults_of_one_market(trader: Trader) -> None:
    await trader.admin("faults", requests=[{"on": "margin:order.place", "kind": "timeout_after"}])
    assert (await trader.place()).status == 200
    assert (await trader.place_margin(newClientOrderId="there")).error[0] == -1007
    assert (await trader.margin("GET", "order", symbol="BTCUSDT", origClientOrderId="there")).ok["status"] == "NEW"


async def test_loans_survive_a_restart(data_dir: Path) -> None:
    chosen = SimulatorSettings(data_dir=data_dir)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        order = {"price": "60000", "quantity": "2", "sideEffectType": "AUTO_BORROW_REPAY"}
        placed = (await trader.place_margin(**order)).ok
        before = await assets(trader)
        assert before["USDT"]["borrowed"] == 20_000
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        assert await assets(trader) == before
        await trader.margin("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
        assert (await assets(trader))["USDT"] == {"free": D(100_000), "locked": D(0), "borrowed": D(0)}
        truth = await trader.truth("margin")
        assert truth["loans"] == {}
        assert [D(row["amount"]) for row in truth["loan_changes"]] == [20_000, -20_000]
        assert (truth["orders"][0]["status"], truth["accepted"][0]["times"]) == ("CANCELED", 1)
