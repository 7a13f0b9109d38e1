"""What we say about our own request proves nothing against what the venue has shown."""

from collections.abc import Callable

import pytest

from cadenza.domain.evolve import evolve
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Expiry, Order
from cadenza.domain.trading.reports import AcceptedReport, NotSentReport, OwnReport, Report, WithdrawnReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trailing import expire_held
from tests.domain.trading.test_doubt import accepted, canceled, fill, named, now
from tests.domain.trading.test_trailing import held, world_of
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, state, submit

own = pytest.mark.parametrize("report_of", [NotSentReport, WithdrawnReport])
OwnKind = Callable[..., OwnReport]


def nameless(order: Order) -> Report:
    return AcceptedReport(**named(order, venue_order_id=None), executed_quantity=D(0))


@pytest.fixture
def world() -> TradingState:
    return state()


@own
@pytest.mark.parametrize("is_canceled", [False, True])
@pytest.mark.parametrize(
    "shown", [accepted, nameless, lambda order: fill(order, "t1", "1"), lambda order: canceled(order, "0")]
)
def test_an_order_that_the_venue_showed_stays_as_it_is(
    world: TradingState, report_of: OwnKind, is_canceled: bool, shown: Callable[[Order], Report]
) -> None:
    order = submit(world, quantity=D(2))
    if is_canceled:
        decide_cancel(world, order.account_id, order.id)
    apply_report(world, shown(order))
    before = now(world, order)
    for _ in range(2):
        assert apply_report(world, report_of(**named(order, venue_order_id=None))) == before
    assert {kept.reason for kept in world.changed.kept} == {KeepReason.SHOWN_AT_VENUE}


@own
def test_an_order_that_nothing_showed_ends_and_the_report_may_come_twice(
    world: TradingState, report_of: OwnKind
) -> None:
    order = submit(world, quantity=D(2))
    for _ in range(2):
        apply_report(world, report_of(**named(order, venue_order_id=None)))
    ended = now(world, order)
    if report_of is NotSentReport:
        assert (ended.status, ended.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_SENT.value)
    else:
        assert ended.status is OrderStatus.CANCELED
    assert not world.changed.kept


@pytest.mark.parametrize(("cause", "reason"), [("", "NOT_SENT"), ("no connection", "NOT_SENT: no connection")])
def test_an_order_that_was_not_sent_says_why(world: TradingState, cause: str, reason: str) -> None:
    order = submit(world)
    apply_report(world, NotSentReport(**named(order, venue_order_id=None), cause=cause))
    assert now(world, order).reject_reason == reason


def _withdrawn() -> Order:
    world = state()
    order = submit(world)
    apply_report(world, WithdrawnReport(**named(order, venue_order_id=None)))
    return now(world, order)


def _withdrawn_because_it_expired() -> Order:
    world = state()
    order = submit(world)
    world.put_order(evolve(order, expiry=Expiry.HERE).expiry_requested(NOW_MS))
    apply_report(world, WithdrawnReport(**named(order, venue_order_id=None)))
    return now(world, order)


def _canceled_while_held() -> Order:
    world = world_of()
    return decide_cancel(world, ACCOUNT, held(world).id).order


def _expired_while_held() -> Order:
    world = world_of()
    order = held(world)
    expire_held(world, order)
    return now(world, order)


@pytest.mark.parametrize(
    ("ended_in", "status", "reason"),
    [
        (_withdrawn, OrderStatus.CANCELED, CancelReason.USER),
        (_withdrawn_because_it_expired, OrderStatus.EXPIRED, CancelReason.EXPIRED),
        (_canceled_while_held, OrderStatus.CANCELED, CancelReason.USER),
        (_expired_while_held, OrderStatus.EXPIRED, CancelReason.EXPIRED),
    ],
)
def test_an_end_of_our_own_is_no_statement_of_the_venue(
    ended_in: Callable[[], Order], status: OrderStatus, reason: CancelReason
) -> None:
    order = ended_in()
    assert (order.status, order.cancel_reason, order.is_in_doubt) == (status, reason.value, False)
    assert order.closed_at_ms is not None
    assert (order.quantity_stated_at_ms, order.stated_at_ms) == (0, 0), "an instant of the venue's clock"
