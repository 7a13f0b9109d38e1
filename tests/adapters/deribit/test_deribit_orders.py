"""Orders as requests, and payloads about them as reports, by the documented fields."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.deribit.deribit_world import (
    BY_ID,
    FUTURES,
    INVERSE,
    NOW_MS,
    OPTION,
    ORDER_ROW,
    PAIR,
    PAIRS,
    PART,
    SENT_ID,
    TRADE_ROW,
    order,
    raw,
    told,
)
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.deribit.classify import RpcReply, answer_of, classify_cancel, classify_submit
from cadenza.adapters.venues.deribit.models import OrderRow, RpcFrame, UserTrade
from cadenza.adapters.venues.deribit.orders import cancel_request, new_order
from cadenza.adapters.venues.deribit.parse_account import balance_report, position_report
from cadenza.adapters.venues.deribit.parse_news import changes_news
from cadenza.adapters.venues.deribit.parse_orders import fill_report, order_facts, placed_reports
from cadenza.adapters.venues.deribit.requests import RequestPool
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.reports import AcceptedReport, CancelRefusal

AHEAD_MS = 3_000
INSTANT = RequestInstant(NOW_MS + 1_000, AHEAD_MS)


def sent(**changes: Any) -> dict[str, Any]:
    found = order(**changes)
    return dict(new_order(found, BY_ID[found.instrument_id], INSTANT).params)


def news(**changes: Any) -> Any:
    data = {"instrument_name": "BTC-PERPETUAL", "orders": [], "trades": [], "positions": [], **changes}
    frame = decode(RpcFrame, told("user.changes.future.any.raw", data))
    return changes_news(frame, FUTURES, NOW_MS)


# --- requests


def test_a_limit_order_names_its_deadline_by_the_venues_clock() -> None:
    found = new_order(order(), BY_ID[INVERSE], INSTANT)
    assert (found.method, found.pool) == ("private/buy", RequestPool.MATCHING)
    assert found.params == {
        "instrument_name": "BTC-PERPETUAL", "amount": D(100), "type": "limit", "label": SENT_ID,
        "time_in_force": "good_til_cancelled", "price": D("59000.5"), "valid_until": NOW_MS + 10_000 + AHEAD_MS,
    }  # fmt: skip


def test_a_post_only_order_always_asks_to_be_refused_instead_of_moved() -> None:
    found = sent(time_in_force=TimeInForce.GTX)
    assert (found["post_only"], found["reject_post_only"]) == (True, True)
    assert found["time_in_force"] == "good_til_cancelled"


def test_a_market_order_has_no_time_in_force() -> None:
    found = sent(type=OrderType.MARKET, time_in_force=TimeInForce.IOC, limit_price=None, side=Side.SELL)
    assert found["type"] == "market"
    assert not {"time_in_force", "price"} & set(found)


@pytest.mark.parametrize(
    ("type", "word"),
    [
        (OrderType.STOP, "stop_market"),
        (OrderType.STOP_LOSS, "stop_market"),
        (OrderType.STOP_LIMIT, "stop_limit"),
        (OrderType.STOP_LOSS_LIMIT, "stop_limit"),
        (OrderType.TAKE_PROFIT, "take_market"),
        (OrderType.TAKE_PROFIT_LIMIT, "take_limit"),
    ],
)
def test_stops_are_triggered_by_the_last_price(type: OrderType, word: str) -> None:
    found = sent(type=type, stop_price=D("60000"))
    assert (found["type"], found["trigger"], found["trigger_price"]) == (word, "last_price", 60000)
    assert ("price" in found) is ("time_in_force" in found) is word.endswith("_limit")


@pytest.mark.parametrize(
    "changes",
    [
        {"leverage": 5},
        {"time_in_force": TimeInForce.OPG},
        {"type": OrderType.MARKET, "time_in_force": TimeInForce.GTC},
        {"type": OrderType.STOP, "stop_price": None},
        {"type": OrderType.QUOTED},
        {"instrument_id": OPTION, "type": OrderType.STOP, "stop_price": D("0.1")},
        {"instrument_id": PAIR, "type": OrderType.TAKE_PROFIT, "stop_price": D(1)},
    ],
)
def test_what_the_venue_lacks_is_refused_before_it_is_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(CadenzaError):
        sent(**changes)


def test_an_order_whose_time_is_over_is_not_made() -> None:
    with pytest.raises(TooLateToSend):
        new_order(order(), BY_ID[INVERSE], RequestInstant(NOW_MS + 10_000, 0))


def test_a_cancel_names_the_venues_id_and_no_label() -> None:
    request = cancel_request("ETH-1")
    assert (request.method, request.params) == ("private/cancel", {"order_id": "ETH-1"})


# --- replies and news


def test_a_reply_has_the_order_and_its_executions() -> None:
    reply = placed_reports(raw({"order": {**ORDER_ROW, **PART}, "trades": [TRADE_ROW]}), order(), FUTURES)
    assert kinds(reply) == ["Accepted", "Fill"]
    fill: Any = reply[1]
    assert (fill.quantity, fill.price, fill.liquidity) == (40, D("59000.5"), LiquiditySide.TAKER)
    assert [(fee.asset, fee.quantity) for fee in fill.fees] == [("BTC", D("1.6E-7"))]
    whole = {"filled_amount": 100, "order_state": "filled", "average_price": 59000.5}
    done = placed_reports(
        raw({"order": {**ORDER_ROW, **whole}, "trades": [{**TRADE_ROW, "amount": 100}]}), order(), FUTURES
    )
    assert kinds(done) == ["Accepted", "Fill", "OrderStatus"]


def test_a_reply_that_states_more_than_it_lists_says_so() -> None:
    reply: Any = placed_reports(raw({"order": {**ORDER_ROW, **PART}, "trades": []}), order(), FUTURES)
    assert kinds(reply) == ["Accepted", "OrderStatus"]
    assert reply[1].executed_quantity == 40


def test_a_reply_about_another_order_settles_nothing() -> None:
    for changes in ({"label": "x"}, {"instrument_name": "ETH_USDC-PERPETUAL"}):
        with pytest.raises(UnreadablePayload):
            placed_reports(raw({"order": {**ORDER_ROW, **changes}, "trades": []}), order(), FUTURES)


def test_an_order_with_its_execution_and_the_position_after_it() -> None:
    position = {
        "instrument_name": "BTC-PERPETUAL", "direction": "sell", "size": -60, "average_price": 59001.0,
        "mark_price": 60000, "floating_profit_loss": -0.0001,
    }  # fmt: skip
    found = news(orders=[{**ORDER_ROW, **PART}], trades=[TRADE_ROW], positions=[position])
    assert kinds(found) == ["ExternalOrder", "Fill", "Position"]
    assert (found[0].executed_quantity, found[1].quantity, found[2].quantity) == (0, 40, -60)
    assert found[2].at_ms == NOW_MS + 90, "the position is what it is after the execution"


def test_the_order_that_a_stop_has_become_is_renamed_before_all_else() -> None:
    stop = {
        **ORDER_ROW,
        "order_id": "SLMS-7",
        "order_type": "stop_market",
        "order_state": "triggered",
        "price": "market_price",
        "trigger_price": 60000,
    }
    became = {**ORDER_ROW, "order_id": "98475900", "order_type": "market", "trigger_order_id": "SLMS-7", **PART}
    found = news(orders=[stop, became], trades=[{**TRADE_ROW, "order_id": "98475900"}])
    assert kinds(found) == ["Accepted", "ExternalOrder", "Fill"]
    assert isinstance(found[0], AcceptedReport)
    assert (found[0].venue_order_id, found[0].former_venue_order_id) == ("98475900", "SLMS-7")


def test_a_row_that_cannot_be_read_leaves_its_neighbours() -> None:
    odd = {**ORDER_ROW, "order_id": "2", "order_state": "dreaming"}
    assert kinds(news(orders=[odd, ORDER_ROW])) == ["ExternalOrder", "Unreadable"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cancel_reason": "user_request"}, CancelReason.USER),
        ({"cancel_reason": "autoliquidation"}, CancelReason.RISK),
        ({"cancel_reason": "settlement"}, CancelReason.VENUE),
        ({"time_in_force": "immediate_or_cancel"}, CancelReason.IOC_REMAINDER),
        ({"time_in_force": "fill_or_kill"}, CancelReason.FOK_NOT_FILLABLE),
        ({"order_type": "market"}, CancelReason.IOC_REMAINDER),
        ({}, CancelReason.VENUE),
    ],
)
def test_why_an_order_ended(changes: dict[str, Any], reason: CancelReason) -> None:
    (ended,) = news(orders=[{**ORDER_ROW, "order_state": "cancelled", **changes}])
    assert ended.reason is reason


def test_an_order_for_the_venues_day_expires_at_its_end() -> None:
    day = 86_400_000
    ends_ms = ((NOW_MS + 50 - 28_800_000) // day + 1) * day + 28_800_000
    row = {**ORDER_ROW, "time_in_force": "good_til_day", "order_state": "cancelled", "last_update_timestamp": ends_ms}
    assert kinds(news(orders=[row])) == ["Expired"]


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": "other"},
        {"time_in_force": "good_til_monday"},
        {"direction": "up"},
        {"amount": 0},
        {"filled_amount": 101},
        {"order_state": "filled", "filled_amount": 99},
        {"price": "cheap"},
        {"instrument_name": "BTC-1JAN99"},
        {"order_state": "cancelled", "cancel_reason": "mood"},
    ],
)
def test_what_is_not_as_documented_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        order_facts(decode(OrderRow, raw({**ORDER_ROW, **changes})), FUTURES)


def test_a_fee_without_a_currency_is_refused() -> None:
    with pytest.raises(UnreadablePayload):
        fill_report(decode(UserTrade, raw({**TRADE_ROW, "fee_currency": ""})), FUTURES)


# --- money


def test_a_balance_is_cash_and_what_margins_hold_of_it() -> None:
    row = {"currency": "BTC", "balance": 10.5, "available_funds": 8.25, "equity": 11, "margin_balance": 11}
    found = balance_report(raw(row), FUTURES, NOW_MS)
    assert (found.total, found.locked, found.borrowed, found.at_ms) == (D("10.5"), D("2.25"), 0, NOW_MS)
    assert balance_report(raw(row, available_funds=12), FUTURES, 1).locked == 0
    assert balance_report(raw(row, available_funds=-3), FUTURES, 1).locked == D("10.5")
    owing = balance_report(raw(row, balance=-2), FUTURES, 1)
    assert (owing.total, owing.locked, owing.borrowed) == (0, 0, 2)
    realized = balance_report(raw(row, futures_session_rpl=-0.5), FUTURES, 1)
    assert (realized.total, realized.locked) == (10, D("1.75")), "what the settlement will take from the cash"


def test_a_position_of_another_account_is_left_out() -> None:
    row = {
        "instrument_name": "BTC-PERPETUAL",
        "direction": "buy",
        "size": 50,
        "leverage": 33,
        "maintenance_margin": 0.2,
        "mark_price": 50000,
        "floating_profit_loss": 0.0001,
    }
    found = position_report(raw(row), FUTURES, 1)
    assert found is not None
    assert (found.quantity, found.leverage, found.maintenance_margin) == (50, 33, D("0.2"))
    assert position_report(raw(row), PAIRS, 1) is None


@pytest.mark.parametrize(("direction", "cost"), [("buy", "0.002"), ("sell", "-0.001")])
def test_the_profit_that_is_not_settled_counts_from_the_cost_that_it_follows_from(direction: str, cost: str) -> None:
    row = {
        "instrument_name": "BTC-PERPETUAL", "direction": direction, "size": 75, "average_price": 1,
        "mark_price": 50000, "floating_profit_loss": 0.0005, "settlement_price": 40000,
    }  # fmt: skip
    found = position_report(raw(row), FUTURES, 1)
    assert found is not None
    assert found.settled_cost == D(cost)
    assert found.entry_price == 1


@pytest.mark.parametrize("missing", ["mark_price", "floating_profit_loss"])
def test_a_future_without_the_profit_since_its_settlement_is_unreadable(missing: str) -> None:
    row = {
        "instrument_name": "BTC-PERPETUAL", "direction": "buy", "size": 75, "average_price": 1, "mark_price": 50000,
        "floating_profit_loss": 0.0005,
    }  # fmt: skip
    del row[missing]
    with pytest.raises(UnreadablePayload):
        position_report(raw(row), FUTURES, 1)


# --- refusals


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (11054, RejectReason.POST_ONLY_WOULD_TAKE),
        (10009, RejectReason.INSUFFICIENT_MARGIN),
        (10012, RejectReason.INSTRUMENT_NOT_TRADABLE),
        (10034, RejectReason.STOP_WOULD_TRIGGER),
        (-32602, RejectReason.INVALID_ORDER),
        (10003, RejectReason.OTHER),
    ],
)
def test_a_code_that_proves_a_refusal(code: int, reason: RejectReason) -> None:
    outcome = classify_submit(400, RpcReply(code=code, text="no"))
    assert (outcome.verdict, outcome.reason) == (ReplyVerdict.REFUSED, reason)


@pytest.mark.parametrize(("status", "code"), [(400, 13888), (400, 11094), (400, 99999), (500, 11054), (502, 0)])
def test_what_proves_nothing_is_unknown(status: int, code: int) -> None:
    answer = RpcReply(code=code, text="?") if code else None
    assert classify_submit(status, answer).verdict is ReplyVerdict.UNKNOWN


def test_timed_out_proves_something_only_of_an_order_that_came_too_late() -> None:
    for received_ms, verdict in (
        (1_001, ReplyVerdict.REFUSED),
        (1_000, ReplyVerdict.UNKNOWN),
        (None, ReplyVerdict.UNKNOWN),
    ):
        answer = RpcReply(code=13888, text="timed_out", received_ms=received_ms)
        assert classify_submit(400, answer, valid_until_ms=1_000).verdict is verdict


def test_a_refused_timestamp_is_no_refused_key() -> None:
    body = b'{"error":{"code":13009,"message":"unauthorized","data":{"reason":"the timestamp is too old"}}}'
    answer = answer_of(body)
    assert answer is not None
    assert answer.is_about_time
    assert classify_submit(401, answer).verdict is ReplyVerdict.REFUSED
    assert classify_cancel(401, answer).verdict is ReplyVerdict.UNKNOWN
    assert classify_cancel(401, RpcReply(code=13009, text="unauthorized")).verdict is ReplyVerdict.KEY_REJECTED


@pytest.mark.parametrize(
    ("code", "refusal"),
    [(10004, CancelRefusal.UNKNOWN_ORDER), (11044, CancelRefusal.TOO_LATE), (10041, CancelRefusal.WORKS_ON)],
)
def test_a_cancel_is_refused(code: int, refusal: CancelRefusal) -> None:
    assert classify_cancel(400, RpcReply(code=code, text="no")).refusal is refusal


def test_a_page_of_a_proxy_is_no_answer() -> None:
    assert answer_of(b"<html>") is None
