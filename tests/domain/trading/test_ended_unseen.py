"""An order whose end was missed: the venue refuses its cancel because it has ended, and cannot be asked how."""

from collections.abc import Callable

import pytest

from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CancelRefusal,
    CancelRefusedReport,
    ExternalOrderReport,
    Report,
    VenueOrderStatus,
)
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, canceled, fill, named, now, stands
from tests.domain.trading.test_late_news import undetermined
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, state, submit, venue_spec

ended_unseen = pytest.mark.parametrize("refusal", [CancelRefusal.TOO_LATE, CancelRefusal.UNKNOWN_ORDER])


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def blind() -> TradingState:
    return state(spec=venue_spec(lookup=None, fence=None))


def _canceled_too_late(world: TradingState, refusal: CancelRefusal, executed: str = "0") -> Order:
    """An order of 2 that the venue acknowledged, and that ended before its cancel arrived."""
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    if executed != "0":
        apply_report(world, fill(order, "t1", executed))
    decide_cancel(world, ACCOUNT, order.id)
    for _ in range(2):
        apply_report(world, CancelRefusedReport(**named(order), refusal=refusal, reason="it has ended"))
    return now(world, order)


@ended_unseen
def test_an_order_that_ended_unseen_is_in_doubt_until_an_operator_resolves_it(
    blind: TradingState, refusal: CancelRefusal
) -> None:
    order = _canceled_too_late(blind, refusal)
    assert (order.status, order.doubt, order.is_awaited) == (OrderStatus.PENDING_CANCEL, Doubt.UNANSWERED, True)
    apply_report(blind, undetermined(order))
    order = now(blind, order)
    assert (order.status, order.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    again = CancelRefusedReport(**named(order), refusal=refusal, reason="it has ended")
    apply_report(blind, again)
    assert now(blind, order) == order
    assert blind.balance(ACCOUNT, "USDT").locked > 0
    blind.put_order(release(blind, order.resolved(OrderStatus.CANCELED, NOW_MS)))
    resolved = now(blind, order)
    assert (resolved.is_in_doubt, blind.balance(ACCOUNT, "USDT").locked) == (False, 0)
    apply_report(blind, again)
    assert now(blind, order) == resolved


@ended_unseen
@pytest.mark.parametrize(("later_ms", "is_doubtful"), [(-1, False), (0, False), (1, True)])
def test_only_a_newer_refusal_puts_a_resolved_order_in_doubt_again(
    blind: TradingState, refusal: CancelRefusal, later_ms: int, is_doubtful: bool
) -> None:
    order = _canceled_too_late(blind, refusal)
    blind.put_order(order.resolved(OrderStatus.ACCEPTED, NOW_MS))
    names = named(order, at_ms=NOW_MS + 5 + later_ms)
    apply_report(blind, CancelRefusedReport(**names, refusal=refusal, reason="it has ended"))
    assert now(blind, order).is_in_doubt is is_doubtful


@ended_unseen
def test_a_repeated_refusal_says_nothing_new_of_an_order_that_was_in_doubt_already(
    blind: TradingState, refusal: CancelRefusal
) -> None:
    order = submit(blind, quantity=D(2))
    decide_cancel(blind, ACCOUNT, order.id)
    refused = CancelRefusedReport(**named(order), refusal=refusal, reason="it has ended")
    apply_report(blind, refused)
    blind.put_order(now(blind, order).resolved(OrderStatus.ACCEPTED, NOW_MS))
    apply_report(blind, refused)
    assert not now(blind, order).is_in_doubt


def _external(order: Order, at_ms: int) -> ExternalOrderReport:
    return ExternalOrderReport(
        **named(order, at_ms=at_ms),
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        executed_quantity=D(0),
    )


works_on = pytest.mark.parametrize("works", [
    lambda order, at_ms: AcceptedReport(**named(order, at_ms=at_ms), executed_quantity=D(0)),
    lambda order, at_ms: stands(order, VenueOrderStatus.WORKING, "0", at_ms=at_ms),
    _external,
])  # fmt: skip


@ended_unseen
@works_on
@pytest.mark.parametrize(("later_ms", "is_doubtful"), [(-1, True), (0, False), (1, False)])
def test_a_statement_from_before_the_refusal_does_not_end_such_a_doubt(
    blind: TradingState,
    refusal: CancelRefusal,
    works: Callable[[Order, int], Report],
    later_ms: int,
    is_doubtful: bool,
) -> None:
    order = _canceled_too_late(blind, refusal)
    apply_report(blind, undetermined(order))
    apply_report(blind, works(order, NOW_MS + 5 + later_ms))
    assert now(blind, order).doubt is (Doubt.UNDETERMINED if is_doubtful else None)


def test_an_acceptance_from_before_a_refused_cancel_ends_the_doubt_of_an_order_that_works_on(
    blind: TradingState,
) -> None:
    order = submit(blind, quantity=D(2))
    decide_cancel(blind, ACCOUNT, order.id)
    names = named(order, at_ms=NOW_MS + 6)
    apply_report(blind, CancelRefusedReport(**names, refusal=CancelRefusal.WORKS_ON, reason="it stays"))
    assert now(blind, order).is_in_doubt
    apply_report(blind, accepted(order))
    assert not now(blind, order).is_in_doubt


@ended_unseen
def test_a_venue_that_can_be_asked_ends_a_doubt_with_the_instant_of_the_last_change(
    world: TradingState, refusal: CancelRefusal
) -> None:
    order = submit(world, quantity=D(2))
    decide_cancel(world, ACCOUNT, order.id)
    refused = CancelRefusedReport(**named(order, at_ms=NOW_MS + 6), refusal=refusal, reason="it has ended")
    apply_report(world, refused)
    apply_report(world, stands(order, VenueOrderStatus.WORKING, "0"))
    assert not now(world, order).is_in_doubt


@ended_unseen
@pytest.mark.parametrize("executed", ["0", "0.5"])
def test_the_end_of_such_an_order_still_counts_when_it_arrives(
    blind: TradingState, refusal: CancelRefusal, executed: str
) -> None:
    order = _canceled_too_late(blind, refusal, executed)
    apply_report(blind, undetermined(order))
    apply_report(blind, fill(order, "t2", "1"))
    order = now(blind, order)
    assert (order.executed_quantity, order.doubt) == (D(executed) + 1, Doubt.UNDETERMINED)
    apply_report(blind, canceled(order, str(D(executed) + 1)))
    order = now(blind, order)
    assert (order.status, order.is_in_doubt, blind.balance(ACCOUNT, "USDT").locked) == (OrderStatus.CANCELED, False, 0)


@ended_unseen
def test_such_an_order_that_turns_out_to_be_filled_is_filled(blind: TradingState, refusal: CancelRefusal) -> None:
    order = _canceled_too_late(blind, refusal, "0.5")
    apply_report(blind, fill(order, "t2", "1.5"))
    order = now(blind, order)
    assert (order.status, order.is_in_doubt) == (OrderStatus.FILLED, False)


@ended_unseen
def test_a_venue_that_can_be_asked_makes_no_doubt_of_a_cancel_that_came_too_late(
    world: TradingState, refusal: CancelRefusal
) -> None:
    order = _canceled_too_late(world, refusal)
    assert (order.status, order.doubt, order.is_awaited) == (OrderStatus.PENDING_CANCEL, None, True)
