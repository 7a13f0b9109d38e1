"""Trigger orders: they wait for a price, and become other orders."""

from decimal import Decimal
from typing import Any

import pytest

from .trader import PERPETUAL, HttpTrader, Refused, SocketTrader

D = Decimal
CHANNEL = "user.orders.any.any.raw"


async def hold(trader: HttpTrader, side: str, type: str, price: str | None = None, **params: Any) -> Any:
    values = {"type": type, "trigger": "last_price"} | params
    return (await trader.place(side, price, "100", **values))["order"]


async def state(trader: HttpTrader, id: str) -> Any:
    return await trader.get("private/get_order_state", order_id=id)


async def became(trader: HttpTrader, id: str) -> Any:
    """Return the order that a trigger order became."""
    found = [each for each in (await trader.truth())["orders"] if each["trigger_order_id"] == id]
    return await state(trader, found[0]["id"]) if found else None


@pytest.mark.parametrize(
    ("side", "type", "price", "trigger", "reached"),
    [
        ("sell", "stop_market", None, "59500", "59500"),
        ("buy", "stop_market", None, "60500", "60500"),
        ("sell", "stop_limit", "59400", "59500", "59499"),
        ("buy", "take_market", None, "59500", "59500"),
        ("sell", "take_limit", "60400", "60500", "60500.5"),
    ],
)
async def test_an_order_waits_and_becomes_another(
    trader: HttpTrader, side: str, type: str, price: str | None, trigger: str, reached: str
) -> None:
    order = await hold(trader, side, type, price, trigger_price=trigger, label="mine")
    letter = "B" if side == "buy" else "S"
    assert order["order_id"] == f"SLT{letter}-1"
    assert (order["order_state"], order["order_type"], order["trigger_price"]) == ("untriggered", type, D(trigger))
    assert order["price"] == ("market_price" if price is None else D(price))
    assert "filled_amount" not in order
    assert await became(trader, order["order_id"]) is None
    await trader.trade_at(reached, "10", "BUY" if D(reached) > 60000 else "SELL")
    after = await state(trader, order["order_id"])
    assert (after["order_state"], after["triggered"]) == ("triggered", True)
    new = await became(trader, order["order_id"])
    assert (new["trigger_order_id"], new["label"]) == (order["order_id"], "mine")
    assert new["order_type"] == ("market" if price is None else "limit")
    assert await trader.get("private/get_open_orders", type="trigger_all") == []


@pytest.mark.parametrize(("trigger", "letter"), [("index_price", "I"), ("mark_price", "M")])
async def test_an_index_and_a_mark_price_trigger_too(trader: HttpTrader, trigger: str, letter: str) -> None:
    order = await hold(trader, "sell", "stop_market", trigger=trigger, trigger_price="59500")
    assert order["order_id"] == f"SL{letter}S-1"
    await trader.trade_at("59994", "10")
    name = "btc_usd" if trigger == "index_price" else PERPETUAL
    await trader.admin("prices", name=name, price="59501")
    assert (await state(trader, order["order_id"]))["order_state"] == "untriggered"
    await trader.admin("prices", name=name, price="59499")
    assert (await became(trader, order["order_id"]))["order_state"] == "filled"


async def test_a_trailing_stop_follows_the_best_price(trader: HttpTrader) -> None:
    order = await hold(trader, "sell", "trailing_stop", trigger_offset="200")
    assert (order["trigger_price"], order["trigger_offset"], order["trigger_reference_price"]) == (59800, 200, 60000)
    await trader.trade_at("60300", "10", "BUY")
    moved = await state(trader, order["order_id"])
    assert (moved["trigger_price"], moved["trigger_reference_price"]) == (60100, 60300)
    await trader.trade_at("60200", "10")
    assert (await state(trader, order["order_id"]))["trigger_price"] == 60100
    await trader.trade_at("60100", "10")
    assert (await became(trader, order["order_id"]))["order_state"] == "filled"


@pytest.mark.parametrize(
    ("side", "params", "code"),
    [
        ("sell", {"type": "stop_market", "trigger_price": "60000"}, 10034),
        ("buy", {"type": "stop_market", "trigger_price": "60000"}, 10035),
        ("sell", {"type": "take_market", "trigger_price": "59500"}, 10035),
        ("buy", {"type": "take_market", "trigger_price": "60500"}, 10034),
        ("buy", {"type": "stop_market", "trigger_price": "60500.3"}, -32602),
        ("buy", {"type": "stop_market"}, -32602),
        ("buy", {"type": "stop_market", "trigger_price": "60500", "trigger": None}, -32602),
        ("buy", {"type": "stop_market", "trigger_price": "60500", "time_in_force": "fill_or_kill"}, -32602),
        ("buy", {"type": "trailing_stop", "trigger_price": "60500"}, -32602),
        ("buy", {"type": "stop_market", "trigger_price": "60500", "trigger_offset": "1"}, -32602),
        ("buy", {"type": "stop_market", "trigger_price": "60500", "reduce_only": True}, 11030),
        ("buy", {"type": "stop_market", "trigger_price": "60500", "instrument_name": "BTC_USDC"}, -32602),
    ],
)
async def test_what_is_refused(trader: HttpTrader, side: str, params: dict[str, Any], code: int) -> None:
    with pytest.raises(Refused) as caught:
        await hold(trader, side, **params)
    assert caught.value.code == code
    assert (await trader.truth())["orders"] == []


async def test_a_waiting_order_is_edited_and_canceled(trader: HttpTrader) -> None:
    order = await hold(trader, "sell", "stop_limit", "59400", trigger_price="59500")
    answer = await trader.post("private/edit", order_id=order["order_id"], amount=50, price=59300, trigger_price=59600)
    edited = answer["order"]
    assert (edited["amount"], edited["price"], edited["trigger_price"]) == (50, 59300, 59600)
    assert (edited["replaced"], edited["order_id"]) == (True, order["order_id"])
    with pytest.raises(Refused) as caught:
        await trader.post("private/edit", order_id=order["order_id"], amount=50, trigger_price=60100)
    assert caught.value.code == 10034
    canceled = await trader.post("private/cancel", order_id=order["order_id"])
    assert (canceled["order_state"], canceled["cancel_reason"]) == ("cancelled", "user_request")
    await trader.trade_at("59500", "10")
    assert await became(trader, order["order_id"]) is None


async def test_an_order_that_the_engine_refuses_at_the_trigger_is_rejected(trader: HttpTrader) -> None:
    await trader.buy(None, "100")
    order = await hold(trader, "sell", "stop_market", trigger_price="59500", reduce_only=True)
    await trader.sell(None, "100")
    assert (await state(trader, order["order_id"]))["order_state"] == "untriggered"
    await trader.trade_at("59500", "10")
    assert (await state(trader, order["order_id"]))["order_state"] == "rejected"
    history = await trader.get("private/get_trigger_order_history", currency="BTC")
    (entry,) = history["entries"]
    assert (entry["order_state"], entry["order_id"]) == ("rejected:reduce_direction", None)


async def test_the_history_tells_how_each_ended(trader: HttpTrader) -> None:
    first = await hold(trader, "sell", "stop_market", trigger_price="59500")
    second = await hold(trader, "buy", "stop_limit", "60700", trigger_price="60600")
    await trader.post("private/cancel", order_id=second["order_id"])
    await trader.trade_at("59500", "10")
    new = await became(trader, first["order_id"])
    entries = (await trader.get("private/get_trigger_order_history", currency="BTC"))["entries"]
    assert [(each["trigger_order_id"], each["request"], each["order_state"], each["order_id"]) for each in entries] == [
        (first["order_id"], "trigger:order", "triggered", new["order_id"]),
        (second["order_id"], "cancel", "cancelled", None),
    ]


async def test_the_channel_tells_both_orders(trader: HttpTrader, socket: SocketTrader) -> None:
    await socket.ask("private/subscribe", channels=[CHANNEL])
    order = await hold(trader, "sell", "stop_market", trigger_price="59500")
    assert await socket.data(CHANNEL) == order
    await trader.trade_at("59500", "10")
    triggered, new = await socket.data(CHANNEL), await socket.data(CHANNEL)
    assert (triggered["order_id"], triggered["order_state"]) == (order["order_id"], "triggered")
    assert (new["trigger_order_id"], new["order_state"]) == (order["order_id"], "filled")


async def test_an_account_has_so_many_triggers_in_an_instrument(trader: HttpTrader) -> None:
    for _ in range(100):
        await hold(trader, "sell", "stop_market", trigger_price="59500")
    with pytest.raises(Refused) as caught:
        await hold(trader, "sell", "stop_market", trigger_price="59500")
    assert caught.value.code == 11035
