"""A report about another order that has our id: it is set aside, and nothing of it is booked to ours."""

from dataclasses import replace

import pytest

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    OrderReport,
    OrderStatusReport,
    OrderTermsReport,
    RejectedReport,
    UnknownOutcomeReport,
    VenueOrderStatus,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import CountedSentId
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, request, submit, venue_spec
from tests.domain.trading.worlds import state as state_of

HOUR_MS = 3_600_000


def names(order: Order, at_ms: int = NOW_MS) -> dict[str, object]:
    return {
        "account_id": ACCOUNT, "instrument_id": BTC, "sent_id": order.sent_id, "venue_order_id": "V1", "at_ms": at_ms
    }  # fmt: skip


def stating(order: Order, at_ms: int = NOW_MS, **terms: object) -> list[OrderTermsReport]:
    """Each kind of report that states an order's terms; those of `order` where nothing else is given."""
    facts = {
        "side": order.side, "type": order.type, "quantity": order.quantity, "executed_quantity": D(0),
        **names(order, at_ms), **terms,
    }  # fmt: skip
    return [
        AcceptedReport(**facts),  # type: ignore[arg-type]
        OrderStatusReport(**facts, status=VenueOrderStatus.WORKING),  # type: ignore[arg-type]
        ExternalOrderReport(**facts, time_in_force=TimeInForce.GTC),  # type: ignore[arg-type]
    ]


def placed(**changes: object) -> tuple[TradingState, Order]:
    state = state_of(spec=venue_spec(sent_id=CountedSentId(counter="c")), owner=account(complete_until_ms=NOW_MS))
    return state, submit(state, request(**changes))


def reasons(state: TradingState) -> list[KeepReason]:
    return [kept.reason for kept in state.changed.kept]


WRONG: dict[str, tuple[dict[str, object], KeepReason]] = {
    "side": ({"side": Side.SELL}, KeepReason.OTHER_SIDE),
    "type": ({"type": OrderType.MARKET}, KeepReason.OTHER_ORDER),
    "placed before": ({"placed_at_ms": NOW_MS - HOUR_MS}, KeepReason.OTHER_ORDER),
    "happened before": ({"at_ms": NOW_MS - HOUR_MS}, KeepReason.OTHER_ORDER),
}


@pytest.mark.parametrize("kind", range(3), ids=["accepted", "status", "external"])
@pytest.mark.parametrize("wrong", WRONG)
def test_terms_that_are_not_ours_are_set_aside_in_every_kind_of_report(wrong: str, kind: int) -> None:
    state, order = placed(quantity=D(1))
    terms, reason = WRONG[wrong]
    apply_report(state, stating(order, **terms)[kind])
    assert reasons(state) == [reason]
    assert state.order(order.id) == order


@pytest.mark.parametrize("kind", range(3), ids=["accepted", "status", "external"])
def test_our_own_terms_are_applied(kind: int) -> None:
    state, order = placed(quantity=D(1))
    apply_report(state, stating(order, placed_at_ms=NOW_MS - CLOCK_TOLERANCE_MS)[kind])
    now = state.order(order.id)
    assert now is not None
    assert (reasons(state), now.status) == ([], OrderStatus.ACCEPTED)


@pytest.mark.parametrize("kind", range(3), ids=["accepted", "status", "external"])
def test_what_the_venue_does_not_state_contradicts_nothing(kind: int) -> None:
    state, order = placed(quantity=D(1))
    report = stating(order)[kind]
    if isinstance(report, AcceptedReport):
        report = replace(report, side=None, type=None, quantity=None)
    apply_report(state, report)
    assert reasons(state) == []


@pytest.mark.parametrize("is_shown_before", [True, False])
def test_an_order_may_be_amended_before_and_after_the_venue_has_shown_it(is_shown_before: bool) -> None:
    state, order = placed(quantity=D(1))
    if is_shown_before:
        apply_report(state, stating(order)[0])
    apply_report(state, stating(order, quantity=D(3), at_ms=NOW_MS + 1)[1])
    now = state.order(order.id)
    assert now is not None
    assert (reasons(state), now.quantity) == ([], D(3))


@pytest.mark.parametrize(
    ("ours", "stated", "is_kept"),
    [
        (OrderType.MARKET, OrderType.LIMIT, False),  # a market order with a band
        (OrderType.LIMIT, OrderType.STOP_LIMIT, True),
        (OrderType.MARKET, OrderType.STOP, True),
        (OrderType.STOP, OrderType.MARKET, False),  # its trigger was reached
    ],
)
def test_a_type_that_a_venue_may_show_otherwise_is_no_contradiction(
    ours: OrderType, stated: OrderType, is_kept: bool
) -> None:
    prices = {
        OrderType.LIMIT: {"limit_price": D(100)},
        OrderType.MARKET: {"limit_price": None},
        OrderType.STOP: {"limit_price": None, "stop_price": D(110)},
    }
    state, order = placed(type=ours, quantity=D(1), **prices[ours])
    apply_report(state, stating(order, type=stated)[0])
    assert reasons(state) == ([KeepReason.OTHER_ORDER] if is_kept else [])


def test_a_fill_or_an_end_from_before_the_order_is_not_ours() -> None:
    state, order = placed(quantity=D(1))
    before = names(order, NOW_MS - HOUR_MS)
    reports: list[OrderReport] = [
        FillReport(**before, trade_id="T1", side=order.side, price=D(100), quantity=D(1)),  # type: ignore[arg-type]
        CanceledReport(**before, reason=CancelReason.USER, executed_quantity=D(0)),  # type: ignore[arg-type]
        ExpiredReport(**before, executed_quantity=D(0)),  # type: ignore[arg-type]
        RejectedReport(**before, reason="OTHER"),  # type: ignore[arg-type]
    ]
    for report in reports:
        apply_report(state, report)
    assert reasons(state) == [KeepReason.OTHER_ORDER] * len(reports)
    assert state.order(order.id) == order


def test_a_venue_whose_clock_steps_back_goes_on_reporting_an_order_that_it_has_shown() -> None:
    state, order = placed(quantity=D(1))
    apply_report(state, stating(order)[0])
    before = names(order, NOW_MS - HOUR_MS)
    apply_report(state, CanceledReport(**before, reason=CancelReason.USER, executed_quantity=D(0)))  # type: ignore[arg-type]
    now = state.order(order.id)
    assert now is not None
    assert (reasons(state), now.status) == ([], OrderStatus.CANCELED)


def test_an_id_that_is_never_used_twice_needs_no_time() -> None:
    state = state_of(owner=account(complete_until_ms=NOW_MS))
    order = submit(state, request(quantity=D(1)))
    apply_report(state, stating(order, at_ms=NOW_MS - HOUR_MS)[0])
    assert reasons(state) == []


# --- a refusal as duplicate


def refused_as_duplicate(state: TradingState, order: Order) -> None:
    apply_report(state, UnknownOutcomeReport(**names(order), cause="duplicate", is_duplicate=True))  # type: ignore[arg-type]


def test_a_duplicate_id_that_turns_out_to_be_another_order_rejects_ours() -> None:
    state, order = placed(quantity=D(1))
    refused_as_duplicate(state, order)
    doubtful = state.order(order.id)
    assert doubtful is not None
    assert (doubtful.status, doubtful.doubt, doubtful.is_awaited) == (OrderStatus.SUBMITTED, Doubt.DUPLICATE, True)
    apply_report(state, stating(order, side=Side.SELL)[1])
    now = state.order(order.id)
    assert now is not None
    assert (now.status, now.reject_reason) == (OrderStatus.REJECTED, RejectReason.DUPLICATE_SENT_ID.value)
    assert (now.reservation is None or now.reservation.remaining == 0, now.venue_order_id) == (True, None)
    assert state.balance(ACCOUNT, "USDT").locked == 0


def test_a_duplicate_id_that_is_our_own_order_is_accepted() -> None:
    state, order = placed(quantity=D(1))
    refused_as_duplicate(state, order)
    apply_report(state, stating(order)[0])
    now = state.order(order.id)
    assert now is not None
    assert (now.status, now.doubt) == (OrderStatus.ACCEPTED, None)


def test_another_order_alone_proves_nothing() -> None:
    state, order = placed(quantity=D(1))
    apply_report(state, stating(order, side=Side.SELL)[1])
    assert state.order(order.id) == order
    apply_report(state, FillReport(**names(order), trade_id="T", side=Side.SELL, price=D(1), quantity=D(1)))  # type: ignore[arg-type]
    assert state.order(order.id) == order


def test_an_order_that_was_acknowledged_is_not_rejected_as_duplicate() -> None:
    state, order = placed(quantity=D(1))
    apply_report(state, stating(order)[0])
    refused_as_duplicate(state, order)
    apply_report(state, stating(order, side=Side.SELL)[1])
    now = state.order(order.id)
    assert now is not None
    assert now.status is OrderStatus.ACCEPTED
