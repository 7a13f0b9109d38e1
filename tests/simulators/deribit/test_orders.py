"""Orders of the book: what is accepted, what is refused, and how they end."""

from decimal import Decimal
from typing import Any

import pytest

from .trader import PERPETUAL, HttpTrader, Refused, SocketTrader

D = Decimal
OPTION = "BTC-27DEC30-60000-C"


async def refused(awaitable: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value


async def best(trader: HttpTrader, instrument: str = PERPETUAL) -> tuple[Decimal, Decimal]:
    book = await trader.get("public/get_order_book", instrument_name=instrument)
    return book["best_bid_price"], book["best_ask_price"]


async def test_a_limit_order_rests_and_a_trade_of_others_fills_it(trader: HttpTrader) -> None:
    placed = await trader.buy("60000", "100", label="mine")
    order = placed["order"]
    assert (order["order_state"], order["filled_amount"], placed["trades"]) == ("open", 0, [])
    await trader.trade_at("60000", "40")
    state = await trader.get("private/get_order_state", order_id=order["order_id"])
    assert (state["order_state"], state["filled_amount"], state["average_price"]) == ("open", 40, 60000)
    await trader.trade_at("60000", "60")
    state = await trader.get("private/get_order_state", order_id=order["order_id"])
    assert (state["order_state"], state["filled_amount"]) == ("filled", 100)
    trades = await trader.get("private/get_user_trades_by_order", order_id=order["order_id"])
    assert [(each["amount"], each["liquidity"], each["fee"], each["label"]) for each in trades] == [
        (40, "M", 0, "mine"),
        (60, "M", 0, "mine"),
    ]


async def test_a_market_order_is_filled_within_its_bound(trader: HttpTrader) -> None:
    placed = await trader.buy(None, "150000")
    assert placed["order"]["order_state"] == "filled"
    assert [(each["price"], each["amount"], each["liquidity"]) for each in placed["trades"]] == [
        (60006, 100000, "T"),
        (60012, 50000, "T"),
    ]
    # 150000 USD / (100000 / 60006 + 50000 / 60012) BTC
    assert placed["order"]["average_price"] == D("60007.99986669")
    assert placed["trades"][0]["fee"] == D("0.00083325")


async def test_what_a_market_order_cannot_get_is_canceled(trader: HttpTrader) -> None:
    levels = [{"side": "SELL", "price": "60006", "quantity": "50"}]
    await trader.admin("market", symbol=PERPETUAL, clear=True, levels=levels)
    order = (await trader.buy(None, "100"))["order"]
    assert (order["order_state"], order["filled_amount"]) == ("cancelled", 50)
    assert "cancel_reason" not in order
    order = (await trader.buy(None, "100"))["order"]
    assert (order["order_state"], order["filled_amount"], order["average_price"]) == ("cancelled", 0, 0)


@pytest.mark.parametrize(
    ("time_in_force", "amount", "state", "filled"),
    [
        ("immediate_or_cancel", "150000", "cancelled", 100000),
        ("fill_or_kill", "150000", "cancelled", 0),
        ("fill_or_kill", "100000", "filled", 100000),
        ("good_til_cancelled", "150000", "open", 100000),
        ("good_til_day", "150000", "open", 100000),
    ],
)
async def test_times_in_force(trader: HttpTrader, time_in_force: str, amount: str, state: str, filled: int) -> None:
    order = (await trader.buy("60006", amount, time_in_force=time_in_force))["order"]
    assert (order["order_state"], order["filled_amount"], order["time_in_force"]) == (state, filled, time_in_force)


async def test_a_market_limit_order_rests_with_what_is_left(trader: HttpTrader) -> None:
    order = (await trader.buy(None, "150000", type="market_limit"))["order"]
    assert (order["order_type"], order["original_order_type"]) == ("limit", "market_limit")
    assert (order["order_state"], order["filled_amount"], order["price"]) == ("open", 100000, 60006)


async def test_a_market_order_has_no_time_in_force(trader: HttpTrader) -> None:
    error = await refused(trader.buy(None, time_in_force="immediate_or_cancel"))
    assert (error.code, error.data["param"]) == (-32602, "time_in_force")


async def test_a_post_only_order_that_would_take_is_moved_or_rejected(trader: HttpTrader) -> None:
    error = await refused(trader.buy("60010", post_only=True, reject_post_only=True))
    assert (error.code, error.message) == (11054, "post_only_reject")
    assert await trader.get("private/get_open_orders") == []
    order = (await trader.buy("60010", post_only=True))["order"]
    assert (order["order_state"], order["price"], order["post_only"]) == ("open", D("60005.5"), True)
    order = (await trader.buy("60005", post_only=True, reject_post_only=True))["order"]
    assert (order["order_state"], order["price"]) == ("open", 60005)


async def test_a_price_beyond_the_band_is_moved_to_it(trader: HttpTrader) -> None:
    ticker = await trader.get("public/ticker", instrument_name=PERPETUAL)
    assert (ticker["min_price"], ticker["max_price"]) == (59100, 60900)
    assert (await trader.buy("70000", "10"))["order"]["price"] == 60900
    assert (await trader.sell("50000", "10"))["order"]["price"] == 59100
    assert (await trader.buy("50000", "10"))["order"]["price"] == 50000
    assert (await trader.sell("70000", "10"))["order"]["price"] == 70000


@pytest.mark.parametrize(
    ("params", "code", "data"),
    [
        ({"amount": "5"}, 10002, {}),
        ({"amount": "15"}, -32602, {"param": "amount", "reason": "must be a multiple of contract size"}),
        ({"amount": "0"}, 10002, {}),
        ({"amount": "100", "contracts": "9"}, -32602, {"param": "contracts"}),
        ({"price": "59000.3"}, -32602, {"param": "price", "reason": "must conform to tick size"}),
        ({"price": "0"}, -32602, {"param": "price"}),
        ({"instrument_name": "BTC-NOPE"}, 10020, {}),
        ({"amount": "100000000"}, 10009, {}),
        ({"type": "iceberg"}, -32602, {"param": "type"}),
        ({"label": "x" * 65}, -32602, {"param": "label"}),
        ({"reject_post_only": True}, -32602, {"param": "reject_post_only"}),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, -32602, {"param": "post_only"}),
        ({"trigger": "last_price"}, -32602, {"param": "trigger"}),
        ({"reduce_only": True}, 11030, {"reason": "reduce_direction"}),
        ({"valid_until": 1}, 13888, {}),
        ({"mmp": True}, -32602, {"param": "mmp"}),
        ({"linked_order_type": "one_cancels_other"}, -32602, {"param": "linked_order_type"}),
        ({"displayamount": "10"}, -32602, {"param": "displayamount"}),
        ({"display_amount": "50"}, -32602, {"param": "display_amount"}),
    ],
)
async def test_what_is_refused(trader: HttpTrader, params: dict[str, Any], code: int, data: dict[str, str]) -> None:
    error = await refused(trader.buy(**params))
    assert error.code == code
    assert error.data | data == error.data
    assert (await trader.truth())["orders"] == []


async def test_contracts_stand_for_the_amount(trader: HttpTrader) -> None:
    params = {"instrument_name": PERPETUAL, "type": "limit", "price": "59000"}
    order = (await trader.post("private/buy", contracts=3, **params))["order"]
    assert (order["amount"], order["contracts"]) == (30, 3)
    order = (await trader.post("private/buy", amount=30, contracts=3, **params))["order"]
    assert order["amount"] == 30
    error = await refused(trader.post("private/buy", **params))
    assert error.data["param"] == "amount"


async def test_a_price_above_a_step_needs_the_larger_tick(trader: HttpTrader) -> None:
    error = await refused(trader.buy("0.0451", "1", instrument_name=OPTION))
    assert (error.code, error.message) == (10043, "price_wrong_tick")
    assert (await trader.buy("0.0455", "1", instrument_name=OPTION))["order"]["order_state"] == "open"
    assert (await trader.buy("0.0041", "1", instrument_name=OPTION))["order"]["order_state"] == "open"


async def test_an_order_that_would_meet_an_own_one_is_refused(trader: HttpTrader) -> None:
    await trader.sell("60001", "100")
    assert (await refused(trader.buy("60001", "10"))).code == 10003
    assert (await refused(trader.buy(None, "10"))).code == 10003
    assert (await trader.buy("60000", "10"))["order"]["order_state"] == "open"
    await trader.sell("60010", "100")
    await trader.post("private/cancel_all_by_instrument", instrument_name=PERPETUAL)
    await trader.sell("60010", "100")
    assert (await trader.buy("60010", "100"))["order"]["order_state"] == "filled"  # the ask at 60006 is enough


async def test_a_label_may_be_used_again(trader: HttpTrader) -> None:
    first, second = [(await trader.buy(label="same"))["order"] for _ in range(2)]
    found = await trader.get("private/get_order_state_by_label", currency="BTC", label="same")
    assert [each["order_id"] for each in found] == [second["order_id"], first["order_id"]]
    (accepted,) = (await trader.truth())["accepted"]
    assert (accepted["label"], accepted["times"]) == ("same", 2)


async def test_an_iceberg_shows_a_part_at_a_time(trader: HttpTrader) -> None:
    order = (await trader.buy("60000", "3000", display_amount="1000"))["order"]
    assert (order["display_amount"], order["refresh_amount"], order["max_show"]) == (1000, 1000, 1000)
    book = await trader.get("public/get_order_book", instrument_name=PERPETUAL)
    assert book["bids"][0] == [60000, 1000]
    for filled in (1000, 2000, 3000):
        await trader.trade_at("60000", "1000")
        state = await trader.get("private/get_order_state", order_id=order["order_id"])
        assert state["filled_amount"] == filled
    assert state["order_state"] == "filled"


async def test_an_iceberg_takes_with_all_of_it(trader: HttpTrader) -> None:
    placed = await trader.buy("60006", "150000", display_amount="2000")
    assert (placed["order"]["order_state"], placed["order"]["filled_amount"]) == ("open", 100000)
    book = await trader.get("public/get_order_book", instrument_name=PERPETUAL)
    assert book["bids"][0] == [60006, 2000]
    assert (await trader.post("private/cancel", order_id=placed["order"]["order_id"]))["order_state"] == "cancelled"
    assert (await best(trader))[0] == 59994


# Cancels


async def test_a_cancel_answers_with_the_order(trader: HttpTrader) -> None:
    id = (await trader.buy())["order"]["order_id"]
    canceled = await trader.post("private/cancel", order_id=id)
    assert (canceled["order_state"], canceled["cancel_reason"]) == ("cancelled", "user_request")
    assert (await refused(trader.post("private/cancel", order_id=id))).code == 11044
    assert (await refused(trader.post("private/cancel", order_id="999"))).code == 10004
    filled = (await trader.buy(None))["order"]["order_id"]
    assert (await refused(trader.post("private/cancel", order_id=filled))).code == 11044


async def test_many_orders_are_canceled_at_once(trader: HttpTrader) -> None:
    async def place() -> None:
        await trader.buy(label="a")
        await trader.buy("2900", "10", instrument_name="ETH-PERPETUAL", label="a")
        await trader.buy("59000", "0.01", instrument_name="BTC_USDC-PERPETUAL")
        await trader.sell(None, type="stop_market", trigger="mark_price", trigger_price="59500")

    await place()
    assert await trader.post("private/cancel_by_label", label="a", currency="ETH") == 1
    assert await trader.post("private/cancel_by_label", label="a") == 1
    assert await trader.post("private/cancel_all_by_currency", currency="USDC", kind="future") == 1
    assert await trader.post("private/cancel_all_by_instrument", instrument_name=PERPETUAL, type="limit") == 0
    assert await trader.post("private/cancel_all_by_instrument", instrument_name=PERPETUAL, type="stop") == 1
    await place()
    assert await trader.post("private/cancel_all") == 4
    await place()
    detailed = await trader.post("private/cancel_all", detailed=True)
    assert [(row["currency"], row["type"], len(row["result"])) for row in detailed] == [
        ("BTC", "limit", 1),
        ("BTC", "trigger", 1),
        ("ETH", "limit", 1),
        ("USDC", "limit", 1),
    ]
    assert await trader.get("private/get_open_orders") == []


# Edits


async def test_a_smaller_amount_keeps_the_place_and_a_larger_one_loses_it(trader: HttpTrader) -> None:
    first = (await trader.buy("60000", "100"))["order"]["order_id"]
    second = (await trader.buy("60000", "100"))["order"]["order_id"]
    edited = (await trader.post("private/edit", order_id=first, amount=60, price=60000))["order"]
    assert (edited["amount"], edited["replaced"], edited["order_id"]) == (60, True, first)
    await trader.trade_at("60000", "30")
    assert (await trader.get("private/get_order_state", order_id=first))["filled_amount"] == 30
    await trader.post("private/edit", order_id=first, amount=90)
    await trader.trade_at("60000", "30")
    assert (await trader.get("private/get_order_state", order_id=second))["filled_amount"] == 30
    book = await trader.get("public/get_order_book", instrument_name=PERPETUAL)
    assert book["bids"][0] == [60000, 130]


async def test_an_edit_can_take(trader: HttpTrader) -> None:
    id = (await trader.buy("60000", "100"))["order"]["order_id"]
    await trader.trade_at("60000", "40")
    answer = await trader.post("private/edit", order_id=id, amount=100, price=60006)
    assert answer["order"]["order_state"] == "filled"
    assert [(each["price"], each["amount"]) for each in answer["trades"]] == [(60006, 60)]


async def test_an_edit_that_must_not_take_and_would_is_canceled(trader: HttpTrader) -> None:
    id = (await trader.buy("60000"))["order"]["order_id"]
    edit = trader.post("private/edit", order_id=id, amount=100, price=60006, post_only=True, reject_post_only=True)
    assert (await refused(edit)).code == 11054
    state = await trader.get("private/get_order_state", order_id=id)
    assert (state["order_state"], state["cancel_reason"]) == ("cancelled", "edit_post_only_reject")
    assert (await best(trader))[0] == 59994


async def test_an_edit_that_is_refused_leaves_the_order(trader: HttpTrader) -> None:
    id = (await trader.buy("60000", "100"))["order"]["order_id"]
    await trader.trade_at("60000", "40")
    for params, code in (
        ({"amount": 100_000_000}, 10009),
        ({"amount": 40}, -32602),
        ({"price": "60000.2"}, -32602),
        ({"amount": 50, "valid_until": 1}, 13888),
    ):
        assert (await refused(trader.post("private/edit", order_id=id, **params))).code == code
    state = await trader.get("private/get_order_state", order_id=id)
    assert (state["order_state"], state["amount"], state["replaced"]) == ("open", 100, False)
    assert (await best(trader))[0] == 60000
    await trader.trade_at("60000", "60")
    assert (await refused(trader.post("private/edit", order_id=id, amount=200))).code == 11008


async def test_an_edit_by_label_needs_one_open_order(trader: HttpTrader) -> None:
    params = {"label": "one", "instrument_name": PERPETUAL, "amount": 50}
    assert (await refused(trader.post("private/edit_by_label", **params))).code == 10004
    await trader.buy(label="one")
    assert (await trader.post("private/edit_by_label", **params))["order"]["amount"] == 50
    await trader.buy(label="one")
    assert (await refused(trader.post("private/edit_by_label", **params))).code == 13032


# Reduce-only orders and positions


async def test_a_reduce_only_order_is_never_larger_than_the_position(trader: HttpTrader) -> None:
    await trader.buy(None, "100")
    assert (await refused(trader.buy("59000", reduce_only=True))).data == {"reason": "reduce_direction"}
    far = (await trader.sell("61000", "500", reduce_only=True))["order"]
    assert far["amount"] == 100
    near = (await trader.sell("60500", "60", reduce_only=True))["order"]
    assert near["amount"] == 60
    assert (await trader.get("private/get_order_state", order_id=far["order_id"]))["amount"] == 40
    await trader.sell(None, "70")
    amounts = {each["order_id"]: each["amount"] for each in await trader.get("private/get_open_orders")}
    assert amounts == {near["order_id"]: 30}
    closed = (await trader.post("private/close_position", instrument_name=PERPETUAL, type="market"))["order"]
    assert (closed["order_state"], closed["reduce_only"], closed["filled_amount"]) == ("filled", True, 30)
    assert await trader.get("private/get_open_orders") == []
    assert await trader.get("private/get_positions") == []
    assert (await refused(trader.post("private/close_position", instrument_name=PERPETUAL))).code == 11030


async def test_a_closed_book_takes_cancels_only_where_the_venue_does(trader: HttpTrader) -> None:
    id = (await trader.buy())["order"]["order_id"]
    for state, code in (("locked", 10012), ("settlement", 10041), ("halted", 10012), ("inactive", 10012)):
        await trader.admin("instruments", instrument_name=PERPETUAL, state=state)
        assert (await refused(trader.buy())).code == code
    assert (await refused(trader.post("private/cancel", order_id=id))).code == 10012
    assert await trader.post("private/cancel_all") == 0
    await trader.admin("instruments", instrument_name=PERPETUAL, state="locked")
    assert (await trader.post("private/cancel", order_id=id))["order_state"] == "cancelled"


async def test_the_deadline_is_checked_just_before_the_engine(trader: HttpTrader, socket: SocketTrader) -> None:
    """A request that was in time and waited inside the venue until after its deadline is not executed."""
    await trader.admin("faults", requests=[{"on": "private/buy", "kind": "late", "delay_ms": 120}])
    now_ms = await trader.get("public/get_time")
    assert (await refused(socket.buy(valid_until=now_ms + 60))).message == "timed_out"
    assert (await trader.truth())["orders"] == []
    assert (await socket.buy(valid_until=now_ms + 600_000))["order"]["order_state"] == "open"
