"""Orders of USD-M: every type and time in force, what is refused, and what queries say."""

from typing import Any

import pytest

from .trader import Trader

HOUR_MS = 3_600_000


async def test_a_limit_order_rests_is_found_and_canceled(trader: Trader) -> None:
    placed = (await trader.place_usdm(newClientOrderId="mine")).ok
    assert (placed["status"], placed["type"], placed["origType"]) == ("NEW", "LIMIT", "LIMIT")
    queried = (await trader.usdm("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="mine")).ok
    assert queried == {**placed, "time": placed["updateTime"]}
    assert (await trader.usdm("GET", "v1/openOrders")).ok == [queried]
    canceled = (await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", orderId=placed["orderId"])).ok
    assert canceled["status"] == "CANCELED"
    assert (await trader.usdm("GET", "v1/openOrders", symbol="BTCUSDT")).ok == []
    again = await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert again.error == (-2011, "Unknown order sent.")
    lost = await trader.usdm("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="never")
    assert lost.error == (-2013, "Order does not exist.")


async def test_a_market_order_fills_and_ack_does_not_say_so(trader: Trader) -> None:
    result = (await trader.place_usdm(type="MARKET", quantity="5")).ok
    assert (result["status"], result["executedQty"], result["avgPrice"]) == ("FILLED", "5.000", "60008.00040")
    assert "fills" not in result
    ack = (await trader.place_usdm("SELL", "MARKET", newOrderRespType="ACK")).ok
    assert (ack["status"], ack["executedQty"]) == ("NEW", "0.000")
    trades = (await trader.usdm("GET", "v1/userTrades", symbol="BTCUSDT")).ok
    assert [(row["side"], row["price"], row["qty"]) for row in trades] == [
        ("BUY", "60006.00", "3.333"),
        ("BUY", "60012.00", "1.667"),
        ("SELL", "59994.00", "0.100"),
    ]
    assert [row["commission"] for row in trades] == ["99.99999900", "50.02000200", "2.99970000"]
    assert trades[2]["realizedPnl"] == "-1.40004000"
    of_order = await trader.usdm("GET", "v1/userTrades", symbol="BTCUSDT", orderId=result["orderId"])
    assert of_order.ok == trades[:2]


@pytest.mark.parametrize(
    ("order", "status", "executed"),
    [
        ({"timeInForce": "IOC", "price": "60006", "quantity": "4"}, "EXPIRED", "3.333"),
        ({"timeInForce": "FOK", "price": "60012", "quantity": "4"}, "FILLED", "4.000"),
        ({"timeInForce": "GTX", "price": "60005"}, "NEW", "0.000"),
        ({"timeInForce": "GTC", "price": "60006", "quantity": "4"}, "PARTIALLY_FILLED", "3.333"),
    ],
)
async def test_times_in_force(trader: Trader, order: dict[str, Any], status: str, executed: str) -> None:
    placed = (await trader.place_usdm(**order)).ok
    assert (placed["status"], placed["executedQty"]) == (status, executed)


async def test_what_could_not_execute_as_asked_leaves_no_trace(trader: Trader) -> None:
    assert (await trader.place_usdm(timeInForce="FOK", price="60006", quantity="4")).error[0] == -5021
    assert (await trader.place_usdm(timeInForce="GTX", price="60006")).error[0] == -5022
    assert (await trader.usdm("GET", "v1/allOrders", symbol="BTCUSDT")).ok == []


async def test_gtd_orders_end_at_whole_seconds(trader: Trader) -> None:
    now_ms = trader.simulator.venue.now_ms()
    for ends_ms in (now_ms + 600_000, 253_402_300_799_000):
        assert (await trader.place_usdm(timeInForce="GTD", goodTillDate=ends_ms)).error[0] == -5040
    assert (await trader.place_usdm(timeInForce="GTD")).error[0] == -1102
    placed = (await trader.place_usdm(timeInForce="GTD", goodTillDate=now_ms + HOUR_MS)).ok
    good_till = placed["goodTillDate"]
    assert good_till == (now_ms + HOUR_MS) // 1000 * 1000
    trader.simulator.venue.usdm.advance(good_till - 1)
    found = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    assert (await trader.usdm("GET", "v1/order", **found)).ok["status"] == "NEW"
    trader.simulator.venue.usdm.advance(good_till)
    assert (await trader.usdm("GET", "v1/order", **found)).ok["status"] == "EXPIRED"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"price": "59000.05"}, -4014),
        ({"price": "59000.001"}, -1111),
        ({"price": "63001"}, -4016),
        ({"side": "SELL", "price": "56999"}, -4024),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "1001"}, -4005),
        ({"quantity": "0.001"}, -4164),
        ({"type": "MARKET", "quantity": "121"}, -4005),
        ({"type": "MARKET", "price": "59000"}, -1106),
        ({"type": "STOP_MARKET", "stopPrice": "59000"}, -4120),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4120),
        ({"type": "NOPE"}, -1116),
        ({"positionSide": "LONG"}, -4061),
        ({"reduceOnly": "true"}, -2022),
        ({"quantity": "100"}, -2019),
        ({"priceMatch": "QUEUE"}, -5037),
        ({"unheardOf": "1"}, -1104),
        ({"newClientOrderId": "no blanks"}, -1100),
    ],
)
async def test_refusals(trader: Trader, order: dict[str, Any], code: int) -> None:
    assert (await trader.place_usdm(**order)).error[0] == code
    assert (await trader.usdm("GET", "v1/allOrders", symbol="BTCUSDT")).ok == []


async def test_a_client_id_is_free_again_once_its_order_is_closed(trader: Trader) -> None:
    first = (await trader.place_usdm(newClientOrderId="twice")).ok
    assert (await trader.place_usdm(newClientOrderId="twice")).error[0] == -4116
    await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId="twice")
    second = (await trader.place_usdm(newClientOrderId="twice")).ok
    assert second["orderId"] == first["orderId"] + 1
    (accepted,) = (await trader.truth("usdm"))["accepted"]
    assert accepted["times"] == 2


async def test_reduce_only_orders_never_open_and_end_with_the_position(trader: Trader) -> None:
    await trader.place_usdm(type="MARKET", quantity="1")
    first = (await trader.place_usdm("SELL", price="61000", quantity="0.6", reduceOnly="true")).ok
    too_much = await trader.place_usdm("SELL", price="61000", quantity="0.5", reduceOnly="true")
    assert too_much.error == (-2022, "ReduceOnly Order is rejected.")
    second = (await trader.place_usdm("SELL", price="61000", quantity="0.4", reduceOnly="true")).ok
    await trader.place_usdm("SELL", "MARKET", quantity="0.3")
    rows = {row["orderId"]: row["status"] for row in (await trader.usdm("GET", "v1/allOrders", symbol="BTCUSDT")).ok}
    assert (rows[first["orderId"]], rows[second["orderId"]]) == ("NEW", "EXPIRED")
    assert {row["expiry_reason"] for row in (await trader.truth("usdm"))["orders"]} == {"0", "4"}


async def test_a_small_position_can_be_closed_below_the_least_notional(trader: Trader) -> None:
    await trader.place_usdm(type="MARKET", quantity="0.002")
    assert (await trader.place_usdm("SELL", "MARKET", quantity="0.001", reduceOnly="true")).ok["status"] == "FILLED"


async def test_cancel_all_and_the_account_s_counts(trader: Trader) -> None:
    for _ in range(3):
        reply = await trader.place_usdm()
    assert (reply.headers["X-MBX-ORDER-COUNT-10S"], reply.headers["X-MBX-ORDER-COUNT-1M"]) == ("3", "3")
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    done = await trader.usdm("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    assert done.ok["code"] == 200
    assert done.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert {row["status"] for row in (await trader.truth("usdm"))["orders"]} == {"CANCELED"}
    spot = await trader.public("/api/v3/time")
    assert spot.headers["X-MBX-USED-WEIGHT-1M"] == "1", "the limits of spot are counted apart"


async def test_histories_reach_seven_days_at_a_time(trader: Trader) -> None:
    placed = (await trader.place_usdm(type="MARKET")).ok
    now_ms = trader.simulator.venue.now_ms()
    week = 7 * 24 * HOUR_MS
    for path in ("v1/allOrders", "v1/userTrades"):
        too_long = await trader.usdm("GET", path, symbol="BTCUSDT", startTime=now_ms - week - 1, endTime=now_ms)
        assert too_long.error[0] == -4165
        before = await trader.usdm("GET", path, symbol="BTCUSDT", endTime=placed["updateTime"] - 1)
        assert before.ok == []
        (row,) = (await trader.usdm("GET", path, symbol="BTCUSDT", startTime=placed["updateTime"])).ok
        assert row["orderId"] == placed["orderId"]


async def test_a_key_without_the_right_reads_and_does_not_trade(trader: Trader) -> None:
    trader.key = type(trader.key)(**(await trader.admin("keys", permissions={"can_trade_futures": False})))
    assert (await trader.place_usdm()).error[0] == -2015
    assert (await trader.usdm("GET", "v3/balance")).status == 200
    assert (await trader.place()).status == 200


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "ED25519"])
async def test_signatures_of_all_kinds(trader: Trader, kind: str) -> None:
    async with Trader(trader.simulator, kind) as signer:
        assert (await signer.place_usdm()).ok["status"] == "NEW"
    stale = await trader.usdm("GET", "v3/balance", timestamp=trader.simulator.venue.now_ms() - 6_000)
    assert stale.error[0] == -1021


async def test_a_halted_contract_takes_no_orders(trader: Trader) -> None:
    await trader.admin("symbols", market="usdm", symbol="BTCUSDT", status="SETTLING")
    assert (await trader.place_usdm()).error[0] == -4141
    info = (await trader.public("/usdm/fapi/v1/exchangeInfo")).ok
    assert {row["symbol"]: row["status"] for row in info["symbols"]} == {
        "BTCUSDT": "SETTLING",
        "ETHUSDT": "TRADING",
        "BTCUSDC": "TRADING",
        "BTCUSDT_301227": "TRADING",
    }
    assert (await trader.place()).status == 200, "spot has a symbol of the same name"
