"""A venue that takes one number from several accounts or programs of a user: whose order a report is about, while the
venue has not named ours."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.adopt import take_over_expiry
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Expiry, Order
from cadenza.domain.trading.recognition import states_terms_of
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExternalOrderReport,
    FillReport,
    NotSentReport,
    OrderStatusReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
    WithdrawnReport,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Books, CountedSentId, DerivedSentId, FundsCheck, SentIdRule
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, SPOT, D, account, submit, venue_spec
from tests.domain.trading.worlds import state as state_of

OURS, THEIRS = "V1", "V2"
SHOWN_AS = {OrderType.STOP_LOSS: OrderType.STOP, OrderType.STOP_LOSS_LIMIT: OrderType.STOP_LIMIT}
SHARED = CountedSentId(counter="c", is_shared=True, shown_as=SHOWN_AS)
LABELS = DerivedSentId(prefix="X", is_shared=True, shown_as=SHOWN_AS, moves_limits=True)
LIMIT = {"quantity": D(1), "limit_price": D(90)}
TERMS: dict[str, Any] = {
    "side": Side.BUY, "type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "quantity": D(1),
    "limit_price": D(90), "executed_quantity": D(0),
}  # fmt: skip


@pytest.fixture(params=[SHARED, LABELS], ids=["numbers", "labels"])
def world(request: pytest.FixtureRequest) -> TradingState:
    """An account whose venue keeps the books."""
    return world_of(request.param)


def world_of(rule: SentIdRule, **changes: Any) -> TradingState:
    spec = venue_spec(sent_id=rule, books={SPOT: Books.VENUE}, funds_check=FundsCheck.AT_VENUE, **changes)
    return state_of(spec=spec, owner=account(complete_until_ms=NOW_MS))


@pytest.fixture
def ours(world: TradingState) -> Order:
    return submit(world, **LIMIT)


def names(order: Order, venue_order_id: str) -> dict[str, Any]:
    return {
        "account_id": ACCOUNT, "instrument_id": BTC, "sent_id": order.sent_id, "venue_order_id": venue_order_id,
        "at_ms": NOW_MS,
    }  # fmt: skip


def announced(order: Order, venue_order_id: str, **changes: Any) -> ExternalOrderReport:
    return ExternalOrderReport(**{**names(order, venue_order_id), **TERMS, **changes})


def filled(order: Order, venue_order_id: str, quantity: str = "0.25") -> FillReport:
    execution = {"trade_id": f"T {venue_order_id}", "side": Side.BUY, "price": D(90), "quantity": D(quantity)}
    return FillReport(**names(order, venue_order_id), **execution)  # type: ignore[arg-type]


def status(order: Order, venue_order_id: str, **changes: Any) -> OrderStatusReport:
    terms = {name: value for name, value in TERMS.items() if name != "time_in_force"}
    return OrderStatusReport(**{**names(order, venue_order_id), **terms, "status": VenueOrderStatus.WORKING, **changes})


def answer(order: Order, venue_order_id: str, **changes: Any) -> OrderStatusReport:
    """What a question about the order found."""
    return replace(status(order, venue_order_id, **changes), order_id=order.id)


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


def theirs(world: TradingState, like: Order) -> Order | None:
    return world.order_by_venue_id(like, THEIRS)


OTHER = {
    "side": {"side": Side.SELL},
    "quantity": {"quantity": D(2)},
    "less": {"quantity": D("0.5")},
    "price": {"limit_price": D(91)},
    "type": {"type": OrderType.STOP_LIMIT, "stop_price": D(95)},
    "kind of limit": {"time_in_force": TimeInForce.IOC},
}


@pytest.mark.parametrize("other", OTHER)
def test_an_order_with_our_number_and_other_terms_is_another(world: TradingState, ours: Order, other: str) -> None:
    """All that the venue says of it is booked to it, and ours is recognized when it comes."""
    for report in (
        announced(ours, THEIRS, **OTHER[other]),
        *([] if other == "side" else [filled(ours, THEIRS)]),
        announced(ours, THEIRS, **OTHER[other]),
        status(ours, THEIRS, **{name: value for name, value in OTHER[other].items() if name != "time_in_force"}),
    ):
        apply_report(world, report)
    assert now(world, ours) == ours
    adopted = theirs(world, ours)
    assert adopted is not None
    assert (adopted.is_external, adopted.sent_id) == (True, None)
    assert adopted.executed_quantity == (D(0) if other == "side" else D("0.25"))
    executed = {"executed_quantity": adopted.executed_quantity}
    apply_report(world, CanceledReport(**names(ours, THEIRS), reason=CancelReason.USER, **executed))
    assert now(world, adopted).status is OrderStatus.CANCELED
    assert now(world, ours) == ours
    apply_report(world, announced(ours, OURS))
    apply_report(world, filled(ours, OURS, "1"))
    apply_report(world, answer(ours, OURS))
    end = now(world, ours)
    assert (end.status, end.venue_order_id, end.executed_quantity) == (OrderStatus.FILLED, OURS, D(1))
    assert not world.changed.kept


Prices = tuple[Decimal | None, Decimal | None]
PRICES: list[Prices] = list(product((None, D(90), D(91)), (None, D(110), D(111))))
"""Limit and stop."""


@pytest.mark.parametrize("ours_type", OrderType)
@pytest.mark.parametrize("their_type", OrderType)
def test_only_the_type_and_both_prices_that_were_sent_are_ours(
    ours: Order, ours_type: OrderType, their_type: OrderType
) -> None:
    is_type = their_type is SHOWN_AS.get(ours_type, ours_type)
    for (limit, stop), stated in product(PRICES, PRICES):
        order = evolve(ours, type=ours_type, limit_price=limit, stop_price=stop)
        report = announced(order, THEIRS, type=their_type, limit_price=stated[0], stop_price=stated[1])
        assert states_terms_of(order, report, SHARED) is (is_type and stated == (limit, stop)), (limit, stop, stated)


MARKET: dict[str, Any] = {"type": OrderType.MARKET, "limit_price": None, "time_in_force": TimeInForce.IOC}
STOP: dict[str, Any] = {"type": OrderType.STOP, "stop_price": D(110), "limit_price": None}
STRANGERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a limit order, ours is at the market": (MARKET, {"limit_price": D(50)}),
    "a limit order, ours is a stop": (STOP, {"limit_price": D(50)}),
    "a stop limit, ours is a stop": (STOP, {"type": OrderType.STOP_LIMIT, "stop_price": D(110)}),
    "a trailing stop, ours is a stop": (STOP, {"type": OrderType.TRAILING_STOP, "limit_price": None}),
    "at the market, ours is a stop": (STOP, MARKET),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_what_a_stranger_executes_under_our_number_is_not_ours(world: TradingState, case: str) -> None:
    terms, theirs_terms = STRANGERS[case]
    ours = submit(world, **{"quantity": D(1), **terms})
    apply_report(world, announced(ours, THEIRS, **theirs_terms))
    apply_report(world, filled(ours, THEIRS))
    assert now(world, ours) == ours
    adopted = theirs(world, ours)
    assert adopted is not None
    assert (adopted.is_external, adopted.executed_quantity) == (True, D("0.25"))


def test_a_status_does_not_say_whether_a_limit_order_is_immediate(world: TradingState, ours: Order) -> None:
    """So it may be of somebody's IOC order. The announcement decides, and the status counts after it."""
    apply_report(world, status(ours, THEIRS, status=VenueOrderStatus.FILLED))
    assert now(world, ours) == ours
    apply_report(world, announced(ours, THEIRS, time_in_force=TimeInForce.IOC))
    assert now(world, ours) == ours
    adopted = theirs(world, ours)
    assert adopted is not None
    assert (adopted.is_external, adopted.stated_quantity) == (True, D(1))


def test_what_comes_before_the_announcement_waits_for_it(world: TradingState, ours: Order) -> None:
    """An execution or an end states no terms, so it is of the order that the venue's id names."""
    for report in (
        filled(ours, THEIRS),
        CanceledReport(**names(ours, THEIRS), reason=CancelReason.USER, executed_quantity=D("0.25")),
    ):
        assert apply_report(world, report) is None
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.NO_ORDER] * 2
    apply_report(world, announced(ours, THEIRS, quantity=D(3)))
    adopted = theirs(world, ours)
    assert adopted is not None
    assert (adopted.status, adopted.executed_quantity) == (OrderStatus.CANCELED, D("0.25"))
    assert (now(world, ours), world.changed.kept) == (ours, [])


REPLY: dict[str, Any] = {"executed_quantity": D(0)}


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("how", ["reply", "answer"])
def test_our_own_news_that_came_before_its_name_is_booked(
    world: TradingState, ours: Order, how: str, is_announced: bool
) -> None:
    if is_announced:
        assert apply_report(world, announced(ours, OURS)) is None
    assert apply_report(world, filled(ours, OURS, "1")) is None
    naming: dict[str, Report] = {
        "reply": replace(AcceptedReport(**names(ours, OURS), **REPLY), order_id=ours.id),
        "answer": answer(ours, OURS),
    }
    apply_report(world, naming[how])
    end = now(world, ours)
    assert (end.status, end.venue_order_id, world.changed.kept) == (OrderStatus.FILLED, OURS, [])


def test_a_refusal_without_terms_refuses_nothing_of_ours(world: TradingState, ours: Order) -> None:
    apply_report(world, RejectedReport(**names(ours, THEIRS), reason="POST_ONLY_WOULD_TAKE"))
    assert now(world, ours) == ours


def _own(order: Order) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "at_ms": NOW_MS}


def _not_sent(order: Order) -> Report:
    return NotSentReport(**_own(order), recorded_at_ms=order.created_at_ms, cause="no connection")


def _refused(order: Order) -> Report:
    return RejectedReport(**_own(order), reason="INSUFFICIENT_BALANCE")


def _withdrawn(order: Order) -> Report:
    return WithdrawnReport(**_own(order))


@pytest.mark.parametrize("proof", [_not_sent, _refused, _withdrawn])
def test_an_order_that_is_proved_not_to_work_never_means_a_strangers(
    world: TradingState, ours: Order, proof: Callable[[Order], Report]
) -> None:
    apply_report(world, proof(ours))
    closed = now(world, ours)
    assert closed.is_closed
    apply_report(world, announced(ours, THEIRS))
    apply_report(world, filled(ours, THEIRS, "1"))
    assert now(world, ours) == closed
    adopted = theirs(world, ours)
    assert adopted is not None
    assert (adopted.is_external, adopted.status, world.changed.kept) == (True, OrderStatus.FILLED, [])


def _declared_dead(world: TradingState, order: Order) -> None:
    apply_report(world, RejectedReport(**_own(order), reason=RejectReason.NOT_FOUND_AT_VENUE.value))


def _resolved_as(status: OrderStatus) -> Callable[[TradingState, Order], None]:
    return lambda world, order: world.put_order(order.resolved(status, NOW_MS))


@pytest.mark.parametrize(
    "close",
    [_declared_dead, _resolved_as(OrderStatus.REJECTED), _resolved_as(OrderStatus.CANCELED)],
    ids=["dead", "rejected by an operator", "canceled by an operator"],
)
def test_an_order_that_was_only_taken_for_dead_shows_itself_late(
    world: TradingState, ours: Order, close: Callable[[TradingState, Order], None]
) -> None:
    close(world, ours)
    status = now(world, ours).status
    assert status.is_closed
    apply_report(world, announced(ours, OURS))
    apply_report(world, filled(ours, OURS, "1"))
    end = now(world, ours)
    assert (end.status, end.venue_order_id, end.executed_quantity) == (status, OURS, D(1))


@pytest.mark.parametrize("is_late", [False, True])
def test_an_order_that_was_placed_after_the_fence_is_not_the_one_that_was_taken_for_dead(
    world: TradingState, ours: Order, is_late: bool
) -> None:
    """It has the same terms, as another program's may have. Clocks differ by less than a minute."""
    _declared_dead(world, ours)
    spec = world.spec_of(world.account(ACCOUNT))
    assert spec.fence is not None
    assert ours.send_before_ms is not None
    last_ms = ours.send_before_ms + spec.fence.margin_ms + CLOCK_TOLERANCE_MS
    apply_report(world, announced(ours, THEIRS, placed_at_ms=last_ms + is_late))
    apply_report(world, filled(ours, THEIRS, "1"))
    assert now(world, ours).executed_quantity == (D(0) if is_late else D(1))
    assert theirs(world, ours) != ours


def test_once_the_venue_has_named_our_order_its_terms_may_change(world: TradingState, ours: Order) -> None:
    apply_report(world, answer(ours, OURS))
    apply_report(world, replace(status(ours, OURS, quantity=D(3)), at_ms=NOW_MS + 1))
    assert (now(world, ours).quantity, world.changed.kept) == (D(3), [])


# --- what the venue, or a trigger, has made of the terms


def test_ours_is_recorded_with_the_time_up_to_which_the_news_is_complete(ours: Order) -> None:
    """What happened long before cannot be about it."""
    assert ours.recorded_after_ms == NOW_MS


@pytest.mark.parametrize(("side", "moved", "apart"), [(Side.BUY, "89", "91"), (Side.SELL, "91", "89")])
def test_a_limit_price_that_the_venue_may_have_moved_waits_for_the_reply(side: Side, moved: str, apart: str) -> None:
    for price, is_ours in ((moved, True), (apart, False)):
        world = world_of(LABELS)
        ours = submit(world, **{**LIMIT, "side": side})
        apply_report(world, announced(ours, OURS, side=side, limit_price=D(price)))
        assert bool(world.changed.kept) is is_ours
        adopted = world.order_by_venue_id(ours, OURS)
        assert (adopted is None) is is_ours
        if is_ours:
            apply_report(world, replace(AcceptedReport(**names(ours, OURS), **REPLY), order_id=ours.id))
            end = now(world, ours)
            assert (end.status, end.venue_order_id, world.changed.kept) == (OrderStatus.ACCEPTED, OURS, [])


def test_a_price_that_no_venue_moves_is_that_of_another(ours: Order) -> None:
    world = world_of(SHARED)
    world.put_order(ours)
    apply_report(world, announced(ours, THEIRS, limit_price=D(89)))
    assert theirs(world, ours) is not None


CHILD = "V1 triggered"


@pytest.mark.parametrize("is_stop", [True, False])
def test_what_a_stop_has_become_before_it_was_named_waits_for_its_name(world: TradingState, is_stop: bool) -> None:
    """A limit order never becomes another one."""
    ours = submit(world, **{**LIMIT, **(STOP if is_stop else {})})
    renamed = AcceptedReport(**names(ours, CHILD), former_venue_order_id=OURS, executed_quantity=D(0))
    for report in (
        renamed,
        announced(ours, CHILD, **MARKET, former_venue_order_id=OURS),
        filled(ours, CHILD, "1"),
    ):
        apply_report(world, report)
    adopted = world.order_by_venue_id(ours, CHILD)
    assert (adopted is None) is is_stop
    assert (now(world, ours).executed_quantity, now(world, ours).venue_order_id) == (D(0), None)
    if is_stop:
        apply_report(world, replace(renamed, order_id=ours.id))
        end = now(world, ours)
        assert (end.status, end.executed_quantity, end.venue_order_id) == (OrderStatus.FILLED, D(1), CHILD)
        assert (end.former_venue_order_ids, world.changed.kept) == ((OURS,), [])


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_expiry_is_taken_over_by_the_order_that_the_venue_had_named(is_shared: bool) -> None:
    """One that it had not named may be a stranger's under our id, which the platform must not cancel."""
    for name, is_ours in ((OURS, True), (None, not is_shared)):
        world = world_of(DerivedSentId(prefix="X", is_shared=is_shared))
        former = evolve(_EXPIRING, account_id=TradingAccountId(UUID(int=77)), venue_order_id=name)
        apply_report(world, announced(former, OURS))
        adopted = world.order_by_venue_id(former, OURS) or world.order_by_sent_id(ACCOUNT, former.sent_id or "")
        assert adopted is not None
        take_over_expiry(world, ACCOUNT, former)
        assert (now(world, adopted).expiry is Expiry.HERE) is is_ours


_EXPIRING = evolve(
    submit(state_of(spec=venue_spec(sent_id=LABELS), owner=account()), **LIMIT),
    time_in_force=TimeInForce.GTD, expire_at_ms=NOW_MS + 60_000, expiry=Expiry.HERE,
)  # fmt: skip
