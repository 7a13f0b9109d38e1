"""Orders that the venue has not named yet, where others may give out our ids: what is booked to them, and what is not,
whatever else shows itself under their number."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    NotSentReport,
    OrderReport,
    Report,
    UndeterminedOutcomeReport,
    VenueOrderStatus,
    WithdrawnReport,
)
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_shared_ids import (
    OURS,
    THEIRS,
    _own,
    announced,
    answer,
    filled,
    names,
    now,
    ours,
    status,
    world,
)
from tests.domain.trading.worlds import ACCOUNT, D

__all__ = ["ours", "world"]

AMENDED = {"quantity": D(3)}


def reply(order: Order, venue_order_id: str) -> AcceptedReport:
    return AcceptedReport(**{**names(order, venue_order_id), "order_id": order.id}, executed_quantity=D(0))


def found(order: Order, report: OrderReport) -> OrderReport:
    """The answer to a question about the order."""
    return replace(report, order_id=order.id)


def past_fence(world: TradingState, order: Order) -> None:
    spec = world.spec_of(world.account(ACCOUNT))
    assert spec.fence is not None
    assert order.send_before_ms is not None
    world.world = replace(world.world, now_ms=order.send_before_ms + spec.fence.margin_ms + 1)


def adopted(world: TradingState, like: Order, venue_order_id: str) -> Order:
    order = world.order_by_venue_id(like, venue_order_id)
    assert order is not None
    assert (order.is_external, order.sent_id) == (True, None)
    return order


def is_active(world: TradingState) -> bool:
    return world.account(ACCOUNT).trading_mode is TradingMode.ACTIVE


@pytest.mark.parametrize("whose", [OURS, THEIRS])
def test_an_order_that_is_amended_into_our_terms_is_not_taken_for_ours(
    world: TradingState, ours: Order, whose: str
) -> None:
    """Somebody amended ours and amended it back, or amended another one into ours. The venue shows the same of both."""
    apply_report(world, announced(ours, whose, **AMENDED))
    for report in (announced(ours, whose), status(ours, whose), found(ours, status(ours, whose))):
        apply_report(world, report)
    assert now(world, ours) == ours
    assert (adopted(world, ours, whose).quantity, is_active(world), world.changed.kept) == (D(1), True, [])
    past_fence(world, ours)
    for _ in range(2):
        apply_report(world, found(ours, status(ours, whose)))
    end = now(world, ours)
    assert (end.status, end.doubt, end.venue_order_id) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED, None)
    assert {kept.reason for kept in world.changed.kept} == {KeepReason.OTHER_ORDER}
    assert len({kept.fact for kept in world.changed.kept}) == 1
    assert is_active(world)


def test_amended_twice_and_not_back(world: TradingState, ours: Order) -> None:
    for quantity in ("3", "2"):
        apply_report(world, announced(ours, OURS, quantity=D(quantity)))
        apply_report(world, status(ours, OURS, quantity=D(quantity)))
    assert (now(world, ours), adopted(world, ours, OURS).quantity, is_active(world)) == (ours, D(2), True)


FILLED = {"status": VenueOrderStatus.WORKING, "executed_quantity": D("0.25")}


@pytest.mark.parametrize("brought_by", ["news", "answer"])
def test_what_was_executed_between_the_amendments_is_booked_to_the_adopted_order(
    world: TradingState, ours: Order, brought_by: str
) -> None:
    apply_report(world, announced(ours, OURS, **AMENDED))
    fill: OrderReport = filled(ours, OURS)
    apply_report(world, found(ours, fill) if brought_by == "answer" else fill)
    apply_report(world, found(ours, status(ours, OURS, **FILLED)))
    apply_report(world, fill)
    assert now(world, ours) == ours
    order = adopted(world, ours, OURS)
    assert (order.executed_quantity, order.quantity, order.is_in_doubt) == (D("0.25"), D(1), False)
    assert (is_active(world), world.changed.kept) == (True, [])


def test_our_cancel_meanwhile_stays_a_wish(world: TradingState, ours: Order) -> None:
    """The adopted order is canceled by whoever sees it. Ours cannot be said to have ended with it."""
    apply_report(world, announced(ours, OURS, **AMENDED))
    wanted = ours.cancel_requested(world.world.now_ms)
    world.put_order(wanted)
    apply_report(world, found(ours, status(ours, OURS)))
    ended = CanceledReport(**names(ours, OURS), reason=CancelReason.USER, executed_quantity=D(0))
    apply_report(world, ended)
    assert now(world, ours).status is OrderStatus.PENDING_CANCEL
    assert (adopted(world, ours, OURS).status, is_active(world)) == (OrderStatus.CANCELED, True)
    past_fence(world, ours)
    apply_report(world, found(ours, status(ours, OURS, status=VenueOrderStatus.CANCELED)))
    assert (now(world, ours).status, now(world, ours).doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)


def test_a_late_reply_that_names_the_adopted_order_needs_an_operator(world: TradingState, ours: Order) -> None:
    """It proves that the adopted order is ours. What that one executed is published as its own."""
    apply_report(world, announced(ours, OURS, **AMENDED))
    apply_report(world, reply(ours, OURS))
    assert (now(world, ours).doubt, now(world, ours).venue_order_id) == (Doubt.UNDETERMINED, None)
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.OTHER_ORDER]
    assert is_active(world)


def test_a_late_reply_names_ours_beside_an_order_that_was_amended_into_its_terms(
    world: TradingState, ours: Order
) -> None:
    reports: list[Report] = [
        announced(ours, THEIRS, **AMENDED),
        found(ours, status(ours, THEIRS)),
        reply(ours, OURS),
        filled(ours, THEIRS),
        filled(ours, OURS, "1"),
    ]
    for report in reports:
        apply_report(world, report)
    end = now(world, ours)
    assert (end.status, end.venue_order_id, end.executed_quantity) == (OrderStatus.FILLED, OURS, D(1))
    assert adopted(world, ours, THEIRS).executed_quantity == D("0.25")
    assert (is_active(world), world.changed.kept) == (True, [])


# --- two orders with one number and equal terms


def both(order: Order) -> list[Report]:
    """A stranger's fill and order, then ours: what a stream brings whose reply was lost."""
    return [filled(order, THEIRS), announced(order, THEIRS), announced(order, OURS), filled(order, OURS, "1")]


def test_a_strangers_fill_and_order_that_come_first_are_not_taken_for_ours(world: TradingState, ours: Order) -> None:
    for report in both(ours):
        assert apply_report(world, report) is None
    assert now(world, ours) == ours
    assert {kept.reason for kept in world.changed.kept} == {KeepReason.NO_ORDER}
    assert not world.changed.created.keys() - {ours.id}


@pytest.mark.parametrize("is_wanted", [False, True], ids=["works", "canceled meanwhile"])
@pytest.mark.parametrize("how", [reply, answer])
def test_what_names_ours_divides_what_came_before(
    world: TradingState, ours: Order, how: Callable[[Order, str], Report], is_wanted: bool
) -> None:
    if is_wanted:
        world.put_order(ours.cancel_requested(world.world.now_ms))
    for report in (*both(ours), how(ours, OURS), announced(ours, THEIRS)):
        apply_report(world, report)
    end = now(world, ours)
    assert (end.status, end.venue_order_id, end.executed_quantity) == (OrderStatus.FILLED, OURS, D(1))
    assert (adopted(world, ours, THEIRS).executed_quantity, world.changed.kept) == (D("0.25"), [])


def test_once_asking_cannot_tell_them_apart_both_are_adopted(world: TradingState, ours: Order) -> None:
    """Ours stays in doubt, and nothing is booked to it, whatever an operator makes of it later."""
    for report in both(ours):
        apply_report(world, report)
    apply_report(world, UndeterminedOutcomeReport(**_own(ours), cause="two orders have our id and terms"))
    for _ in range(2):
        for report in both(ours):
            apply_report(world, report)
    end = now(world, ours)
    assert (end.doubt, end.venue_order_id, end.executed_quantity) == (Doubt.UNDETERMINED, None, D(0))
    assert [adopted(world, ours, id).executed_quantity for id in (OURS, THEIRS)] == [D(1), D("0.25")]
    world.put_order(end.resolved(OrderStatus.REJECTED, world.world.now_ms))
    for report in both(ours):
        apply_report(world, report)
    assert (now(world, ours).executed_quantity, world.changed.kept, is_active(world)) == (D(0), [], True)


@pytest.mark.parametrize("proof", [NotSentReport, WithdrawnReport])
def test_what_waited_for_an_order_that_was_not_sent_is_adopted(
    world: TradingState, ours: Order, proof: type[NotSentReport | WithdrawnReport]
) -> None:
    apply_report(world, filled(ours, THEIRS))
    apply_report(world, announced(ours, THEIRS))
    own = _own(ours) | ({"recorded_at_ms": ours.created_at_ms} if proof is NotSentReport else {})
    apply_report(world, proof(**own))
    assert now(world, ours).is_closed
    apply_report(world, announced(ours, THEIRS))
    assert (now(world, ours).executed_quantity, world.changed.kept) == (D(0), [])
    assert adopted(world, ours, THEIRS).executed_quantity == D("0.25")


def test_an_order_from_before_ours_was_recorded_does_not_wait(world: TradingState, ours: Order) -> None:
    placed_at_ms = ours.recorded_after_ms - CLOCK_TOLERANCE_MS - 1
    apply_report(world, announced(ours, THEIRS, placed_at_ms=placed_at_ms))
    apply_report(world, filled(ours, THEIRS))
    assert (now(world, ours), world.changed.kept) == (ours, [])
    assert adopted(world, ours, THEIRS).executed_quantity == D("0.25")
