"""Orders: every type, its answer, its errors, its money."""

from decimal import Decimal

import pytest

from .trader import Trader

D = Decimal


async def balances(trader: Trader) -> dict[str, tuple[Decimal, Decimal]]:
    rows = (await trader.signed("GET", "/api/v3/account")).ok["balances"]
    return {row["asset"]: (D(row["free"]), D(row["locked"])) for row in rows}


async def test_a_limit_order_rests_is_filled_in_parts_and_canceled(trader: Trader) -> None:
    placed = (await trader.place(price="59990", quantity="0.5", newClientOrderId="one")).ok
    assert placed["status"] == "NEW"
    assert placed["fills"] == []
    assert (await balances(trader))["USDT"] == (D("970005"), D("29995"))
    await trader.admin("market", symbol="BTCUSDT", levels=[{"side": "SELL", "price": "59990", "quantity": "0.2"}])
    order = (await trader.order(origClientOrderId="one")).ok
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.20000000")
    assert order["cummulativeQuoteQty"] == "11998.00000000"
    canceled = (await trader.cancel(orderId=placed["orderId"], newClientOrderId="end")).ok
    assert canceled["status"] == "CANCELED"
    assert (canceled["clientOrderId"], canceled["origClientOrderId"]) == ("end", "one")
    assert (await balances(trader))["USDT"] == (D("988002"), D(0))
    assert (await balances(trader))["BTC"] == (D("10.1998"), D(0))


async def test_a_market_order_is_answered_with_its_fills(trader: Trader) -> None:
    placed = (await trader.place(type="MARKET", quantity="0.2", side="SELL")).ok
    assert placed["status"] == "FILLED"
    assert placed["timeInForce"] == "GTC"
    fills = [(fill["price"], fill["qty"], fill["commissionAsset"]) for fill in placed["fills"]]
    assert fills == [("59994.00000000", "0.16666000", "USDT"), ("59988.00000000", "0.03334000", "USDT")]
    assert sum(D(fill["price"]) * D(fill["qty"]) for fill in placed["fills"]) == D(placed["cummulativeQuoteQty"])
    assert [fill["tradeId"] for fill in placed["fills"]] == sorted({fill["tradeId"] for fill in placed["fills"]})


async def test_a_market_order_by_quote_quantity_spends_no_more(trader: Trader) -> None:
    placed = (await trader.place(type="MARKET", quoteOrderQty="100")).ok
    assert placed["origQuoteOrderQty"] == "100.00000000"
    assert placed["executedQty"] == placed["origQty"] == "0.00166000"
    assert D("99.4") < D(placed["cummulativeQuoteQty"]) <= D(100)


@pytest.mark.parametrize(
    ("time_in_force", "executed", "reason"),
    [("IOC", "0.16666000", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED")],
)
async def test_what_cannot_be_filled_at_once_expires(
    trader: Trader, time_in_force: str, executed: str, reason: str
) -> None:
    placed = (await trader.place(price="60006", quantity="1", timeInForce=time_in_force)).ok
    assert (placed["status"], placed["executedQty"], placed["expiryReason"]) == ("EXPIRED", executed, reason)


async def test_a_post_only_order_rests_or_is_refused(trader: Trader) -> None:
    good = {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01"}
    assert "status" not in (await trader.place(**good, price="59000")).ok  # ACK
    refused = await trader.place(**good, price="60006")
    assert refused.error == (-2010, "Order would immediately match and take.")


@pytest.mark.parametrize(
    ("type", "side", "stop", "trigger"),
    [
        ("STOP_LOSS", "SELL", "59000", "59000"),
        ("STOP_LOSS_LIMIT", "BUY", "61000", "61000"),
        ("TAKE_PROFIT", "SELL", "61000", "61000"),
        ("TAKE_PROFIT_LIMIT", "BUY", "59000", "59000"),
    ],
)
async def test_a_stop_waits_for_its_price(trader: Trader, type: str, side: str, stop: str, trigger: str) -> None:
    limit = {"price": stop, "timeInForce": "GTC"} if type.endswith("_LIMIT") else {}
    placed = (await trader.place(type=type, side=side, stopPrice=stop, quantity="0.01", **limit)).ok
    waiting = (await trader.order(orderId=placed["orderId"])).ok
    assert (waiting["status"], waiting["isWorking"], waiting["workingTime"]) == ("NEW", False, -1)
    await trader.trade_at(trigger, "0.001")
    triggered = (await trader.order(orderId=placed["orderId"])).ok
    assert triggered["isWorking"]
    assert triggered["status"] == ("FILLED" if not limit or type == "STOP_LOSS_LIMIT" else "NEW")


async def test_a_stop_that_would_trigger_at_once_is_refused(trader: Trader) -> None:
    refused = await trader.place(type="STOP_LOSS", side="SELL", stopPrice="60000", quantity="0.01")
    assert refused.error == (-2010, "Order would trigger immediately.")


async def test_an_order_that_meets_its_own_account_expires(trader: Trader) -> None:
    await trader.place(price="60000", quantity="0.01")
    placed = (await trader.place(price="60000", quantity="0.01", side="SELL")).ok
    assert placed["status"] == "EXPIRED_IN_MATCH"


async def test_a_client_id_is_free_again_once_its_order_is_closed(trader: Trader) -> None:
    first = (await trader.place(newClientOrderId="mine")).ok
    assert (await trader.place(newClientOrderId="mine")).error == (-2010, "Duplicate order sent.")
    await trader.cancel(origClientOrderId="mine")
    second = (await trader.place(newClientOrderId="mine")).ok
    assert second["orderId"] != first["orderId"]
    assert (await trader.order(origClientOrderId="mine")).ok["orderId"] == second["orderId"]
    accepted = {row["client_order_id"]: row["times"] for row in (await trader.truth())["accepted"]}
    assert accepted == {"mine": 2}


async def test_ids_count_per_symbol(trader: Trader) -> None:
    bitcoin = (await trader.place(newOrderRespType="FULL", price="60006")).ok
    ether = (await trader.place(symbol="ETHUSDT", price="3000.3", quantity="0.01", newOrderRespType="FULL")).ok
    assert bitcoin["orderId"] == ether["orderId"] == 1
    assert bitcoin["fills"][0]["tradeId"] == ether["fills"][0]["tradeId"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"price": None}, (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.")),
        ({"timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
        ({"side": "LONG"}, (-1117, "Invalid side.")),
        ({"type": "PEGGED", "side": "BUY"}, (-1116, "Invalid orderType.")),
        ({"symbol": "NOPE"}, (-1121, "Invalid symbol.")),
        ({"stopPrice": "1"}, (-1106, "Parameter 'stopPrice' sent when not required.")),
        ({"quantity": "0.123456789"}, (-1111, "Parameter 'quantity' has too much precision.")),
        ({"quantity": "0.000001"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "0"}, (-1013, "Invalid quantity.")),
        ({"price": "50000.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"price": "1000"}, (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")),
        ({"quantity": "0.00009"}, (-1013, "Filter failure: NOTIONAL")),
        ({"quantity": "179"}, (-2010, "Account has insufficient balance for requested action.")),
        ({"quantity": "1e3"}, (-1100, None)),
        ({"newClientOrderId": "ä"}, (-1100, None)),
        ({"trailingDelta": "50"}, (-1106, "Parameter 'trailingDelta' sent when not required.")),
        ({"icebergQty": "0.001"}, (-2010, "Iceberg orders are not supported for this symbol.")),
        (
            {"color": "red"},
            (-1104, "Not all sent parameters were read; read '6' parameter(s) but was sent '7'."),
        ),
    ],
)
async def test_refusals_have_the_venues_code_and_text(
    trader: Trader, change: dict[str, str], error: tuple[int, str | None]
) -> None:
    fields = {"side": "BUY", "timeInForce": "GTC", "price": "50000", "quantity": "0.01", "symbol": "BTCUSDT"}
    code, text = (await trader.signed("POST", "/api/v3/order", **{**fields, "type": "LIMIT", **change})).error
    assert code == error[0]
    assert error[1] in (None, text)
    assert (await trader.truth())["orders"] == []


async def test_open_orders_are_limited_by_the_filters(trader: Trader) -> None:
    for _ in range(5):
        await trader.place(type="STOP_LOSS", side="SELL", stopPrice="50000", quantity="0.01")
    sixth = await trader.place(type="STOP_LOSS", side="SELL", stopPrice="50000", quantity="0.01")
    assert sixth.error == (-2010, "Filter failure: MAX_NUM_ALGO_ORDERS")


async def test_a_halted_symbol_takes_no_order_and_a_cancel_only_one_lets_go(trader: Trader) -> None:
    placed = (await trader.place()).ok
    await trader.admin("symbols", symbol="BTCUSDT", status="HALT")
    assert (await trader.place()).error == (-2010, "Market is closed.")
    assert (await trader.cancel(orderId=placed["orderId"])).error == (-2011, "Market is closed.")
    await trader.admin("symbols", symbol="BTCUSDT", status="CANCEL_ONLY")
    assert (await trader.place()).error == (-2010, "Market is closed.")
    assert (await trader.cancel(orderId=placed["orderId"])).ok["status"] == "CANCELED"


async def test_cancels_of_what_is_not_open_are_refused(trader: Trader) -> None:
    assert (await trader.cancel(orderId=7)).error == (-2011, "Unknown order sent.")
    assert (await trader.order(orderId=7)).error == (-2013, "Order does not exist.")
    assert (await trader.cancel()).error[0] == -1102
    placed = (await trader.place()).ok
    restricted = await trader.cancel(orderId=placed["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert restricted.error == (-2011, "Order was not canceled due to cancel restrictions.")
    await trader.cancel(orderId=placed["orderId"])
    assert (await trader.cancel(orderId=placed["orderId"])).error == (-2011, "Unknown order sent.")
    none = await trader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert none.error == (-2011, "Unknown order sent.")


async def test_all_open_orders_of_a_symbol_are_canceled_at_once(trader: Trader) -> None:
    for _ in range(3):
        await trader.place()
    await trader.place(symbol="ETHUSDT", price="2000")
    canceled = (await trader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).ok
    assert [row["status"] for row in canceled] == ["CANCELED"] * 3
    left = (await trader.signed("GET", "/api/v3/openOrders")).ok
    assert [row["symbol"] for row in left] == ["ETHUSDT"]


async def test_a_test_order_is_checked_and_leaves_no_trace(trader: Trader) -> None:
    fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    assert (await trader.signed("POST", "/api/v3/order/test", **fields, quantity="0.01")).ok == {}
    rates = (
        await trader.signed("POST", "/api/v3/order/test", **fields, quantity="1", computeCommissionRates="true")
    ).ok
    assert rates["standardCommission"]["taker"] == "0.00100000"
    refused = await trader.signed("POST", "/api/v3/order/test", **fields, quantity="0.0000001")
    assert refused.error == (-1013, "Filter failure: LOT_SIZE")
    assert (await trader.truth())["orders"] == []
