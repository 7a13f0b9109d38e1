"""The algo service: conditional orders from their acceptance to the end of the order that they become."""

from typing import Any

import pytest

from .trader import Trader

HOUR_MS = 3_600_000


async def algo(trader: Trader, algo_id: int) -> Any:
    return (await trader.usdm("GET", "v1/algoOrder", algoId=algo_id)).ok


async def became(trader: Trader, order: Any) -> Any:
    return (await trader.usdm("GET", "v1/order", symbol="BTCUSDT", orderId=order["actualOrderId"])).ok


@pytest.mark.parametrize(
    ("side", "type", "params", "away", "reached", "limit"),
    [
        ("SELL", "STOP_MARKET", {"triggerPrice": "59500"}, "59500.1", "59500", "0.00"),
        ("BUY", "STOP_MARKET", {"triggerPrice": "60500"}, "60499.9", "60500", "0.00"),
        ("SELL", "TAKE_PROFIT_MARKET", {"triggerPrice": "60500"}, "60499.9", "60500", "0.00"),
        ("BUY", "TAKE_PROFIT_MARKET", {"triggerPrice": "59500"}, "59500.1", "59500", "0.00"),
        ("SELL", "STOP", {"triggerPrice": "59500", "price": "62000"}, "59500.1", "59500", "62000.00"),
        ("BUY", "TAKE_PROFIT", {"triggerPrice": "59500", "price": "58000"}, "59500.1", "59500", "58000.00"),
    ],
)
async def test_a_price_triggers_an_order(
    trader: Trader, side: str, type: str, params: dict[str, str], away: str, reached: str, limit: str
) -> None:
    placed = (await trader.place_algo(side, type, clientAlgoId="cond", **params)).ok
    assert (placed["algoStatus"], placed["orderType"], placed["actualOrderId"]) == ("NEW", type, "")
    await trader.trade_usdm(away, "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    await trader.trade_usdm(reached, "0.001")
    after = await algo(trader, placed["algoId"])
    order = await became(trader, after)
    is_limit = limit != "0.00"
    assert after["algoStatus"] == ("TRIGGERED" if is_limit else "FINISHED")
    assert (order["origType"], order["type"]) == (type, "LIMIT" if is_limit else "MARKET")
    assert (order["price"], order["status"]) == (limit, "NEW" if is_limit else "FILLED")
    assert order["clientOrderId"] != "cond"
    assert (await trader.usdm("GET", "v1/openAlgoOrders")).ok == []
    if is_limit:
        await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", orderId=order["orderId"])
        assert (await algo(trader, placed["algoId"]))["algoStatus"] == "FINISHED"


async def test_the_mark_price_triggers_what_asks_for_it(trader: Trader) -> None:
    placed = (await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59500", workingType="MARK_PRICE")).ok
    await trader.mark_usdm("60000")
    await trader.trade_usdm("59400", "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    await trader.mark_usdm("59500")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "FINISHED"


async def test_price_protection_waits_until_the_two_prices_agree(trader: Trader) -> None:
    placed = (await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59500", priceProtect="TRUE")).ok
    await trader.mark_usdm("64000")
    await trader.trade_usdm("59400", "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    await trader.mark_usdm("59800")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "FINISHED"


async def test_a_trailing_stop_follows_from_its_activation(trader: Trader) -> None:
    trail = {"callbackRate": "1", "activatePrice": "60600"}
    placed = (await trader.place_algo("SELL", "TRAILING_STOP_MARKET", **trail)).ok
    for price in ("59000", "60599", "60600", "61000", "60390.1"):
        await trader.trade_usdm(price, "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    await trader.trade_usdm("60390", "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "FINISHED"


async def test_a_trailing_buy_follows_at_once_without_an_activation(trader: Trader) -> None:
    placed = (await trader.place_algo("BUY", "TRAILING_STOP_MARKET", callbackRate="0.5")).ok
    for price in ("59000", "59294.9"):
        await trader.trade_usdm(price, "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    await trader.trade_usdm("59295", "0.001")
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "FINISHED"


async def test_close_position_closes_all_that_is_there_then(trader: Trader) -> None:
    stop = {"triggerPrice": "59500", "closePosition": "true", "quantity": None}
    placed = (await trader.place_algo("SELL", "STOP_MARKET", **stop)).ok
    assert (placed["closePosition"], placed["quantity"]) == (True, "0.000")
    await trader.place_usdm(type="MARKET", quantity="1.234")
    await trader.trade_usdm("59500", "0.001")
    order = await became(trader, await algo(trader, placed["algoId"]))
    assert (order["executedQty"], order["closePosition"]) == ("1.234", True)
    assert (await trader.usdm("GET", "v3/positionRisk")).ok == []


async def test_an_order_that_the_engine_refuses_is_rejected_at_its_trigger(trader: Trader) -> None:
    placed = (await trader.place_algo("BUY", "STOP_MARKET", triggerPrice="60500", quantity="100")).ok
    await trader.trade_usdm("60500", "0.001")
    after = await algo(trader, placed["algoId"])
    assert (after["algoStatus"], after["actualOrderId"]) == ("REJECTED", "")
    (kept,) = (await trader.truth("usdm"))["algo_orders"]
    assert kept["failure"] == "Margin is insufficient."


async def test_cancels_and_ids(trader: Trader) -> None:
    stop = {"triggerPrice": "59500", "clientAlgoId": "one"}
    first = (await trader.place_algo("SELL", "STOP_MARKET", **stop)).ok
    assert (await trader.place_algo("SELL", "STOP_MARKET", **stop)).error[0] == -4116
    assert (await trader.place_usdm(newClientOrderId="one")).status == 200, "a name space of its own"
    canceled = (await trader.usdm("DELETE", "v1/algoOrder", clientAlgoId="one")).ok
    assert canceled == {"algoId": first["algoId"], "clientAlgoId": "one", "code": "200", "msg": "success"}
    assert (await algo(trader, first["algoId"]))["algoStatus"] == "CANCELED"
    assert (await trader.usdm("DELETE", "v1/algoOrder", clientAlgoId="one")).error[0] == -2011
    assert (await trader.usdm("GET", "v1/algoOrder", clientAlgoId="two")).error[0] == -2013
    second = (await trader.place_algo("SELL", "STOP_MARKET", **stop)).ok
    assert (await trader.usdm("GET", "v1/algoOrder", clientAlgoId="one")).ok["algoId"] == second["algoId"]
    assert (await trader.usdm("DELETE", "v1/algoOpenOrders", symbol="BTCUSDT")).ok["code"] == 200
    listed = (await trader.usdm("GET", "v1/allAlgoOrders", symbol="BTCUSDT")).ok
    assert [row["algoStatus"] for row in listed] == ["CANCELED", "CANCELED"]


@pytest.mark.parametrize(
    ("side", "type", "params", "code"),
    [
        ("SELL", "STOP_MARKET", {"triggerPrice": "60000"}, -2021),
        ("BUY", "TAKE_PROFIT_MARKET", {"triggerPrice": "60001"}, -2021),
        ("SELL", "TRAILING_STOP_MARKET", {"callbackRate": "1", "activatePrice": "60000"}, -2021),
        ("SELL", "TRAILING_STOP_MARKET", {"callbackRate": "10.1"}, -2007),
        ("SELL", "TRAILING_STOP_MARKET", {}, -1102),
        ("SELL", "STOP_MARKET", {}, -1102),
        ("SELL", "STOP", {"triggerPrice": "59500"}, -1102),
        ("SELL", "STOP_MARKET", {"triggerPrice": "59500.01"}, -4014),
        ("SELL", "STOP_MARKET", {"triggerPrice": "59500", "closePosition": "true"}, -4137),
        ("SELL", "STOP", {"triggerPrice": "59500", "price": "59000", "closePosition": "true"}, -4136),
        ("SELL", "LIMIT", {"price": "59000"}, -1116),
        ("SELL", "STOP_MARKET", {"triggerPrice": "59500", "algoType": "VP"}, -4500),
    ],
)
async def test_refusals(trader: Trader, side: str, type: str, params: dict[str, str], code: int) -> None:
    assert (await trader.place_algo(side, type, **params)).error[0] == code
    assert (await trader.truth("usdm"))["algo_orders"] == []


async def test_a_conditional_order_ends_at_its_date(trader: Trader) -> None:
    good_till = (trader.simulator.venue.now_ms() + HOUR_MS) // 1000 * 1000
    order = {"triggerPrice": "59500", "price": "59000", "timeInForce": "GTD", "goodTillDate": good_till}
    placed = (await trader.place_algo("SELL", "STOP", **order)).ok
    trader.simulator.venue.usdm.advance(good_till - 1)
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "NEW"
    trader.simulator.venue.usdm.advance(good_till)
    assert (await algo(trader, placed["algoId"]))["algoStatus"] == "EXPIRED"


async def test_only_so_many_wait_in_a_symbol(trader: Trader) -> None:
    replies = [await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59500") for _ in range(11)]
    assert [reply.status for reply in replies] == [*[200] * 10, 400]
    assert replies[-1].error[0] == -4045
