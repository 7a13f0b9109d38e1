"""Conditional orders: their own ids and lists, and the orders that they become."""

from typing import Any

import pytest

from cadenza.simulators.okx.server import OkxSimulator

from .trader import OkxTrader, Reply, logged_in

SWAP = "BTC-USDT-SWAP"


async def algo(trader: OkxTrader, **params: Any) -> Reply:
    fields = {"instId": SWAP, "tdMode": "cross", "side": "sell", "sz": "1"}
    return await trader.post("trade/order-algo", fields | params)


async def state(trader: OkxTrader, algo_id: str) -> dict[str, str]:
    row = (await trader.get("trade/order-algo", algoId=algo_id)).row
    assert isinstance(row, dict)
    return row


async def moved(trader: OkxTrader, price: str) -> None:
    await trader.trade_at(price, "1", symbol=SWAP)


@pytest.mark.parametrize(
    ("fields", "prices", "side"),
    [
        ({"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "-1"}, ("58001", "58000"), "sl"),
        ({"ordType": "conditional", "tpTriggerPx": "62000", "tpOrdPx": "-1"}, ("61999", "62000"), "tp"),
        ({"side": "buy", "ordType": "conditional", "slTriggerPx": "62000", "slOrdPx": "-1"}, ("61999", "62000"), "sl"),
        (
            {"ordType": "oco", "slTriggerPx": "58000", "slOrdPx": "-1", "tpTriggerPx": "62000", "tpOrdPx": "-1"},
            ("61999", "62000"),
            "tp",
        ),
        ({"ordType": "trigger", "triggerPx": "61000", "orderPx": "-1"}, ("60999", "61000"), ""),
        ({"ordType": "trigger", "triggerPx": "59000", "orderPx": "-1"}, ("59001", "58999"), ""),
        ({"ordType": "move_order_stop", "callbackRatio": "0.1"}, ("70000", "63000.1", "63000"), ""),
        ({"ordType": "move_order_stop", "callbackSpread": "500"}, ("60400", "59900.1", "59900"), ""),
        (
            {"ordType": "move_order_stop", "callbackSpread": "500", "activePx": "61000"},
            ("60900", "60000", "61000", "60500"),
            "",
        ),
        ({"side": "buy", "ordType": "move_order_stop", "callbackSpread": "500"}, ("59500", "59999.9", "60000"), ""),
    ],
)
async def test_a_conditional_order_becomes_an_order_when_its_price_has_come(
    trader: OkxTrader, fields: dict[str, str], prices: tuple[str, ...], side: str
) -> None:
    placed = (await algo(trader, **fields, algoClOrdId="c1")).row
    assert placed["sCode"] == "0"
    *before, last = prices
    for price in before:
        await moved(trader, price)
        assert (await state(trader, placed["algoId"]))["state"] == "live"
    pending = (await trader.get("trade/orders-algo-pending", ordType=fields["ordType"])).data
    assert [row["algoId"] for row in pending] == [placed["algoId"]]
    assert (await trader.get("trade/orders-pending")).data == []
    await moved(trader, last)
    fired = await state(trader, placed["algoId"])
    assert (fired["state"], fired["actualSide"], fired["actualSz"]) == ("effective", side, "1")
    child = (await trader.order(instId=SWAP, ordId=fired["ordId"])).row
    assert (child["algoId"], child["algoClOrdId"], child["ordType"], child["state"]) == (
        placed["algoId"],
        "c1",
        "market",
        "filled",
    )
    assert fired["ordId"] != placed["algoId"]
    history = (await trader.get("trade/orders-algo-history", ordType=fields["ordType"], state="effective")).data
    assert [row["algoClOrdId"] for row in history] == ["c1"]


async def test_a_mark_price_triggers_what_looks_at_it(trader: OkxTrader) -> None:
    fields = {"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "57000", "slTriggerPxType": "mark"}
    placed = (await algo(trader, **fields)).row["algoId"]
    await trader.admin("market", symbol=SWAP, mark_price="60000")
    await moved(trader, "57500")
    assert (await state(trader, placed))["state"] == "live"
    await trader.admin("market", symbol=SWAP, mark_price="57999")
    fired = await state(trader, placed)
    child = (await trader.order(instId=SWAP, ordId=fired["ordId"])).row
    assert (child["ordType"], child["px"]) == ("limit", "57000")


async def test_an_order_that_fails_at_its_trigger_says_why(trader: OkxTrader) -> None:
    fields = {"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "-1", "reduceOnly": True}
    placed = (await algo(trader, **fields)).row["algoId"]
    await moved(trader, "58000")
    failed = await state(trader, placed)
    assert (failed["state"], failed["failCode"], failed["ordId"]) == ("order_failed", "51169", "")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ordType": "conditional", "slTriggerPx": "61000", "slOrdPx": "-1"}, "51280"),
        ({"ordType": "conditional", "tpTriggerPx": "59000", "tpOrdPx": "-1"}, "51279"),
        ({"side": "buy", "ordType": "conditional", "slTriggerPx": "59000", "slOrdPx": "-1"}, "51278"),
        ({"side": "buy", "ordType": "conditional", "tpTriggerPx": "61000", "tpOrdPx": "-1"}, "51277"),
        ({"ordType": "conditional", "slTriggerPx": "58000"}, "51000"),
        ({"ordType": "conditional"}, "51000"),
        ({"ordType": "oco", "slTriggerPx": "58000", "slOrdPx": "-1"}, "51000"),
        ({"ordType": "trigger", "triggerPx": "61000"}, "51000"),
        ({"ordType": "move_order_stop"}, "51000"),
        ({"ordType": "move_order_stop", "callbackRatio": "0.1", "callbackSpread": "5"}, "51000"),
        ({"ordType": "twap"}, "51000"),
        ({"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "-1", "closeFraction": "1"}, "51000"),
    ],
)
async def test_what_is_refused(trader: OkxTrader, fields: dict[str, str], code: str) -> None:
    reply = await algo(trader, **fields)
    assert (reply.refusal, reply.row["algoId"]) == (code, "")
    assert (await trader.truth())["algo_orders"] == []


async def test_conditional_orders_are_canceled_by_either_id(trader: OkxTrader) -> None:
    fields = {"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "-1"}
    first = (await algo(trader, **fields)).row["algoId"]
    await algo(trader, **fields, algoClOrdId="c2")
    assert (await algo(trader, **fields, algoClOrdId="c2")).refusal == "51065"
    rows = [{"instId": SWAP, "algoId": first}, {"instId": SWAP, "algoClOrdId": "c2"}, {"instId": SWAP, "algoId": "1"}]
    reply = await trader.post("trade/cancel-algos", rows)
    assert (reply.body["code"], [row["sCode"] for row in reply.body["data"]]) == ("2", ["0", "0", "51400"])
    assert (await trader.get("trade/orders-algo-pending", ordType="conditional")).data == []
    assert (await trader.get("trade/order-algo", algoId="1")).body["code"] == "51603"
    await moved(trader, "50000")
    assert (await trader.truth())["orders"] == []


async def test_conditional_orders_of_spot_buy_for_quote_units(trader: OkxTrader) -> None:
    fields = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "trigger", "triggerPx": "61000"}
    placed = (
        await trader.post("trade/order-algo", fields | {"orderPx": "-1", "sz": "600.06", "tgtCcy": "quote_ccy"})
    ).row
    await trader.trade_at("61000", "0.1", "BUY")
    fired = await state(trader, placed["algoId"])
    assert (fired["state"], fired["actualSz"]) == ("effective", "0.01")


async def test_trailing_stops_have_a_channel_of_their_own(simulator: OkxSimulator, trader: OkxTrader) -> None:
    placed = (await algo(trader, ordType="move_order_stop", callbackSpread="500")).row["algoId"]
    async with logged_in(simulator, "business") as socket:
        await socket.subscribe(channel="algo-advance", instType="SWAP")
        (first,) = (await socket.data("algo-advance"))["data"]
        assert (first["algoId"], first["moveTriggerPx"]) == (placed, "59500")
        await moved(trader, "61000")
        (row,) = (await socket.data("algo-advance"))["data"]
        assert (row["state"], row["moveTriggerPx"]) == ("live", "60500")


async def test_conditional_orders_are_pushed_on_the_business_socket(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator, "business") as socket:
        await socket.subscribe(channel="orders-algo", instType="ANY")
        fields = {"ordType": "conditional", "slTriggerPx": "58000", "slOrdPx": "-1"}
        placed = (await algo(trader, **fields)).row["algoId"]
        (row,) = (await socket.data("orders-algo"))["data"]
        assert (row["algoId"], row["state"]) == (placed, "live")
        await moved(trader, "58000")
        (row,) = (await socket.data("orders-algo"))["data"]
        assert row["state"] == "effective"
        assert row["ordId"]
