"""Doubt: an order whose outcome is not known stays in doubt until its venue has said how it stands, and no fill that
the venue counts is ever given up."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.errors import InstrumentNotFound
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FillBustedReport,
    FillReport,
    OrderStatusReport,
    RejectedReport,
    Report,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
    VenueOrderStatus,
)
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, state, submit

HOUR_MS = 3_600_000


def named(order: Order, **more: Any) -> dict[str, Any]:
    return {
        "account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "venue_order_id": "v1", "at_ms": NOW_MS + 5
    } | more  # fmt: skip


def fill(order: Order, trade_id: str, quantity: str) -> Report:
    return FillReport(**named(order), trade_id=trade_id, side=order.side, price=D(90), quantity=D(quantity))


def unknown(order: Order) -> Report:
    return UnknownOutcomeReport(**named(order, venue_order_id=None), cause="timeout")


def canceled(order: Order, executed: str | None) -> Report:
    quantity = None if executed is None else D(executed)
    return CanceledReport(**named(order), reason=CancelReason.USER, executed_quantity=quantity)


def expired(order: Order, executed: str) -> Report:
    return ExpiredReport(**named(order), executed_quantity=D(executed))


def accepted(order: Order, executed: str = "0") -> Report:
    return AcceptedReport(**named(order), executed_quantity=D(executed))


def stands(order: Order, status: VenueOrderStatus, executed: str, quantity: str = "2", **more: Any) -> Report:
    return OrderStatusReport(
        **named(order, **more), status=status, quantity=D(quantity), executed_quantity=D(executed)
    )  # fmt: skip


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def lost(world: TradingState) -> Order:
    """An order of 2 whose acknowledgement was lost."""
    order = submit(world, quantity=D(2))
    apply_report(world, unknown(order))
    return now(world, order)


def test_an_order_is_in_doubt_from_when_it_is_recorded(world: TradingState) -> None:
    order = submit(world)
    assert (order.doubt, order.is_awaited) == (Doubt.UNANSWERED, True)
    assert order.sent_id == "X100"
    assert order.send_before_ms == NOW_MS + world.spec_of(world.account(ACCOUNT)).send_within_ms
    apply_report(world, accepted(order))
    assert not now(world, order).is_in_doubt


def test_a_later_fill_does_not_end_the_doubt_about_an_earlier_one(world: TradingState, lost: Order) -> None:
    apply_report(world, fill(lost, "second", "1"))
    assert now(world, lost).status is OrderStatus.PARTIALLY_FILLED
    assert now(world, lost).is_awaited
    for report in (stands(lost, VenueOrderStatus.FILLED, "2"), fill(lost, "first", "1")):
        apply_report(world, report)
    done = now(world, lost)
    assert (done.status, done.executed_quantity, done.is_in_doubt) == (OrderStatus.FILLED, D(2), False)
    assert world.balance(ACCOUNT, "USDT").locked == 0


@pytest.mark.parametrize("end", [canceled, expired])
def test_an_order_does_not_close_before_what_the_venue_counts_is_booked(
    world: TradingState, lost: Order, end: Any
) -> None:
    decide_cancel(world, ACCOUNT, lost.id)
    apply_report(world, end(lost, "1"))
    waiting = now(world, lost)
    assert (waiting.is_closed, waiting.missing_quantity, waiting.is_awaited) == (False, D(1), True)
    apply_report(world, fill(lost, "first", "1"))
    closed = now(world, lost)
    assert closed.status is (OrderStatus.CANCELED if end is canceled else OrderStatus.EXPIRED)
    assert (closed.executed_quantity, closed.is_in_doubt, closed.closed_at_ms) == (D(1), False, NOW_MS + 5)
    assert world.balance(ACCOUNT, "BTC").total == 11
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_a_close_that_does_not_say_how_much_was_executed_is_asked_about(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    apply_report(world, canceled(order, None))
    assert (now(world, order).is_closed, now(world, order).is_awaited) == (False, True)
    apply_report(world, canceled(order, "0"))
    assert now(world, order).status is OrderStatus.CANCELED
    assert not now(world, order).is_awaited


def test_a_closed_order_of_which_the_venue_counts_more_is_asked_about(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, canceled(order, "0"))
    apply_report(world, stands(order, VenueOrderStatus.CANCELED, "0.5"))
    assert (now(world, order).status, now(world, order).is_awaited) == (OrderStatus.CANCELED, True)
    apply_report(world, fill(order, "late", "0.5"))
    assert (now(world, order).status, now(world, order).is_awaited) == (OrderStatus.CANCELED, False)
    assert now(world, order).executed_quantity == D("0.5")


def test_a_refusal_as_duplicate_after_a_doubt_is_no_rejection(world: TradingState, lost: Order) -> None:
    apply_report(world, RejectedReport(**named(lost), reason=RejectReason.DUPLICATE_SENT_ID.value))
    assert (now(world, lost).status, now(world, lost).doubt) == (OrderStatus.SUBMITTED, Doubt.UNANSWERED)


@pytest.mark.parametrize("refusal", [CancelRefusal.UNKNOWN_ORDER, CancelRefusal.TOO_LATE])
def test_the_wish_to_cancel_outlives_a_refusal_that_says_nothing_about_the_order(
    world: TradingState, lost: Order, refusal: CancelRefusal
) -> None:
    decide_cancel(world, ACCOUNT, lost.id)
    refused = CancelRefusedReport(**named(lost, venue_order_id=None), refusal=refusal, reason="?")
    apply_report(world, refused)
    assert (now(world, lost).status, now(world, lost).is_awaited) == (OrderStatus.PENDING_CANCEL, True)
    apply_report(world, accepted(lost))  # it works after all: it is to be canceled still
    assert (now(world, lost).status, now(world, lost).is_awaited) == (OrderStatus.PENDING_CANCEL, True)


def test_a_rejection_after_a_partial_fill_ends_the_rest(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    for report in (accepted(order), fill(order, "t1", "0.5"), RejectedReport(**named(order), reason="OTHER")):
        apply_report(world, report)
    assert (now(world, order).is_closed, now(world, order).is_awaited) == (False, True)
    apply_report(world, stands(order, VenueOrderStatus.CANCELED, "0.75"))
    assert not now(world, order).is_closed
    apply_report(world, fill(order, "t2", "0.25"))
    done = now(world, order)
    assert (done.status, done.cancel_reason, done.executed_quantity) == (OrderStatus.CANCELED, "VENUE", D("0.75"))


def test_what_cannot_be_determined_is_visible_and_not_asked_about(world: TradingState, lost: Order) -> None:
    apply_report(world, UndeterminedOutcomeReport(**named(lost, venue_order_id=None), cause="no lookup"))
    order = now(world, lost)
    assert (order.status, order.doubt, order.is_awaited) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED, False)
    assert order.is_in_doubt
    apply_report(world, accepted(lost))  # the venue remembers after all
    assert not now(world, lost).is_in_doubt


@pytest.mark.parametrize(
    ("outcome", "executed", "status"),
    [
        (OrderStatus.REJECTED, None, OrderStatus.REJECTED),
        (OrderStatus.CANCELED, "0.5", OrderStatus.CANCELED),
        (OrderStatus.ACCEPTED, None, OrderStatus.ACCEPTED),
        (OrderStatus.ACCEPTED, "0.5", OrderStatus.PARTIALLY_FILLED),
    ],
)
def test_an_operator_ends_the_doubt(
    world: TradingState, lost: Order, outcome: OrderStatus, executed: str | None, status: OrderStatus
) -> None:
    apply_report(world, UndeterminedOutcomeReport(**named(lost), cause="no lookup"))
    if executed is not None:
        apply_report(world, fill(lost, "found", executed))
    resolved = now(world, lost).resolved(outcome, NOW_MS)
    assert (resolved.status, resolved.is_in_doubt, resolved.is_awaited) == (status, False, False)


def test_more_than_was_ordered_is_kept_aside_and_booked_once_the_order_is_amended(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    for report in (accepted(order), fill(order, "t1", "1.5"), fill(order, "t2", "1")):
        apply_report(world, report)
    assert now(world, order).executed_quantity == D("1.5")
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.MORE_THAN_ORDERED]
    apply_report(world, stands(order, VenueOrderStatus.WORKING, "2.5", quantity="3", at_ms=NOW_MS + 9))
    amended = now(world, order)
    assert (amended.quantity, amended.executed_quantity, amended.is_in_doubt) == (D(3), D("2.5"), False)
    assert world.changed.kept == []


def test_an_older_status_amends_nothing(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    apply_report(world, stands(order, VenueOrderStatus.WORKING, "0", quantity="3", at_ms=NOW_MS + 9))
    apply_report(world, stands(order, VenueOrderStatus.WORKING, "0", quantity="2", at_ms=NOW_MS + 8))
    assert now(world, order).quantity == D(3)


def test_a_fill_that_names_another_instrument_or_side_is_kept_aside(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    good = fill(order, "t1", "1")
    apply_report(world, replace(good, side=Side.SELL))  # type: ignore[call-arg]
    apply_report(world, replace(good, instrument_id="PAPER:ETH/USDT"))  # type: ignore[call-arg]
    apply_report(world, replace(good, quantity=D(0)))  # type: ignore[call-arg]
    reasons = [kept.reason for kept in world.changed.kept]
    assert reasons == [KeepReason.OTHER_SIDE, KeepReason.OTHER_INSTRUMENT, KeepReason.NOT_POSITIVE]
    assert now(world, order).executed_quantity == 0


def test_the_venue_s_id_counts_within_its_instrument_only(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    elsewhere = replace(fill(order, "t1", "1"), order_id=None, instrument_id="PAPER:ETH/USDT")  # type: ignore[call-arg]
    assert apply_report(world, elsewhere) is None
    assert now(world, order).executed_quantity == 0
    by_sent_id = replace(fill(order, "t2", "1"), order_id=None, sent_id="X100", venue_order_id=None)  # type: ignore[call-arg]
    assert apply_report(world, by_sent_id) is not None
    assert now(world, order).executed_quantity == 1


def test_an_order_keeps_the_names_that_its_venue_gave_it_before(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    apply_report(world, replace(accepted(order), venue_order_id="v2", former_venue_order_id="v1"))  # type: ignore[call-arg]
    apply_report(world, accepted(order))  # a late repetition does not bring the former id back
    assert (now(world, order).venue_order_id, now(world, order).former_venue_order_ids) == ("v2", ("v1",))
    for number, venue_order_id in enumerate(("v1", "v2")):
        named_by = replace(fill(order, f"t{number}", "1"), order_id=None, venue_order_id=venue_order_id)  # type: ignore[call-arg]
        apply_report(world, named_by)
    assert now(world, order).status is OrderStatus.FILLED
    assert now(world, order).venue_order_id == "v2"


def test_an_adopted_order_has_its_expiry_and_what_was_executed_is_asked_for(world: TradingState) -> None:
    placed = ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, venue_order_id="hand", at_ms=NOW_MS, side=Side.BUY,
        type=OrderType.LIMIT, time_in_force=TimeInForce.GTD, quantity=D(2), executed_quantity=D("0.5"),
        limit_price=D(90), expire_at_ms=NOW_MS + HOUR_MS,
    )  # fmt: skip
    order = apply_report(world, placed)
    assert order is not None
    assert (order.expire_at_ms, order.missing_quantity, order.is_awaited) == (NOW_MS + HOUR_MS, D("0.5"), True)


def test_our_instants_are_of_our_clock(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    ahead = NOW_MS + HOUR_MS
    for report in (accepted(order), fill(order, "t1", "1"), canceled(order, "1")):
        apply_report(world, replace(report, at_ms=ahead))
        assert now(world, order).updated_at_ms == NOW_MS
    assert now(world, order).closed_at_ms == ahead
    assert now(world, order).executions[0].executed_at_ms == ahead


@given(st.data())
def test_every_order_of_news_about_a_lost_order_comes_to_the_same_end(data: st.DataObject) -> None:
    """Two fills, the acceptance and the cancel, each up to three times, in any order: the money is booked once, and the
    order is closed and out of doubt."""
    world = state()
    order = submit(world, quantity=D(2))
    news = [unknown(order), accepted(order), fill(order, "a", "0.5"), fill(order, "b", "0.75"), canceled(order, "1.25")]
    repeated = data.draw(st.lists(st.sampled_from(news), max_size=8))
    for report in data.draw(st.permutations([*news, *repeated])):
        apply_report(world, report)
        seen = now(world, order)
        assert not seen.is_closed or seen.executed_quantity == D("1.25")
    done = now(world, order)
    assert (done.status, done.executed_quantity, done.is_in_doubt) == (OrderStatus.CANCELED, D("1.25"), False)
    assert world.balance(ACCOUNT, "BTC").total == D("11.25")
    assert world.balance(ACCOUNT, "USDT").locked == 0
    assert not world.changed.kept


def test_what_the_venue_takes_back_is_not_waited_for(world: TradingState) -> None:
    order = submit(world, quantity=D(1))
    for report in (
        accepted(order), fill(order, "a", "0.5"), fill(order, "b", "0.5"),
        stands(order, VenueOrderStatus.FILLED, "1", "1"), FillBustedReport(**named(order), trade_id="b"),
    ):  # fmt: skip
        apply_report(world, report)
    busted = now(world, order)
    assert (busted.executed_quantity, busted.status, busted.is_in_doubt) == (D("0.5"), OrderStatus.CANCELED, False)


def test_an_end_that_waits_for_fills_does_not_wait_for_a_busted_one(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    for report in (accepted(order), fill(order, "a", "0.5"), canceled(order, "1"), fill(order, "b", "0.3")):
        apply_report(world, report)
    assert now(world, order).is_awaited
    apply_report(world, FillBustedReport(**named(order), trade_id="a"))
    assert now(world, order).missing_quantity == D("0.2")
    apply_report(world, fill(order, "c", "0.2"))
    assert (now(world, order).status, now(world, order).is_in_doubt) == (OrderStatus.CANCELED, False)


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (VenueOrderStatus.CANCELED, OrderStatus.CANCELED),
        (VenueOrderStatus.EXPIRED, OrderStatus.EXPIRED),
        (VenueOrderStatus.FILLED, OrderStatus.FILLED),
        (VenueOrderStatus.WORKING, OrderStatus.FILLED),
    ],
)
def test_an_order_made_smaller_ends_as_the_venue_says(
    world: TradingState, lost: Order, status: VenueOrderStatus, end: OrderStatus
) -> None:
    apply_report(world, fill(lost, "a", "0.5"))
    apply_report(world, stands(lost, status, "0.5", "0.5"))
    assert (now(world, lost).status, now(world, lost).is_in_doubt) == (end, False)


def test_a_fill_that_cannot_be_booked_leaves_nothing_behind(
    world: TradingState, lost: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Order:
        raise InstrumentNotFound("gone")

    monkeypatch.setattr("cadenza.domain.trading.apply.book", refuse)
    with pytest.raises(InstrumentNotFound):
        apply_report(world, fill(lost, "a", "0.5"))
    assert not world.changed.executions
