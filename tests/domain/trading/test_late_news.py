"""News that comes late, or never: an order that its venue has forgotten, and one that was closed here too early."""

from dataclasses import replace

import pytest

from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CancelRefusal,
    CancelRefusedReport,
    ExternalOrderReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    RejectedReport,
    UndeterminedOutcomeReport,
    VenueOrderStatus,
)
from cadenza.domain.trading.resolve import may_be_resolved
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Lookup
from tests.domain.trading.test_doubt import accepted, canceled, fill, named, now, stands, unknown
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, state, submit, venue_spec


def undetermined(order: Order) -> UndeterminedOutcomeReport:
    return UndeterminedOutcomeReport(**named(order, venue_order_id=None), cause="the venue has forgotten it")


def not_found(order: Order, **more: object) -> RejectedReport:
    names = named(order, venue_order_id=None) | more
    return RejectedReport(**names, reason=RejectReason.NOT_FOUND_AT_VENUE.value)


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def works(world: TradingState) -> Order:
    """An order of 2 that the venue acknowledged."""
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    return now(world, order)


@pytest.fixture
def forgotten(world: TradingState, works: Order) -> Order:
    """An order that the venue acknowledged once and does not know any more."""
    apply_report(world, undetermined(works))
    return now(world, works)


# --- forgotten


def test_an_acknowledged_order_that_the_venue_has_forgotten_is_in_doubt(forgotten: Order) -> None:
    assert (forgotten.status, forgotten.doubt) == (OrderStatus.ACCEPTED, Doubt.UNDETERMINED)
    assert (forgotten.is_in_doubt, forgotten.is_awaited) == (True, False)


def test_a_venue_without_a_lookup_puts_no_acknowledged_order_in_doubt() -> None:
    world = state(spec=venue_spec(lookup=None, fence=None))
    works, lost = submit(world, quantity=D(2)), submit(world, number=101, quantity=D(2))
    apply_report(world, accepted(works))
    apply_report(world, unknown(lost))
    for order in (works, lost):
        apply_report(world, undetermined(order))
    assert now(world, works).doubt is None
    assert now(world, lost).doubt is Doubt.UNDETERMINED


def test_a_closed_order_is_not_put_in_doubt(world: TradingState, works: Order) -> None:
    apply_report(world, canceled(works, "0"))
    apply_report(world, undetermined(works))
    assert not now(world, works).is_in_doubt


def test_news_that_the_order_works_heals_it(world: TradingState, forgotten: Order) -> None:
    apply_report(world, accepted(forgotten))
    assert not now(world, forgotten).is_in_doubt
    apply_report(world, undetermined(forgotten))
    apply_report(world, stands(forgotten, VenueOrderStatus.WORKING, "0"))
    assert not now(world, forgotten).is_in_doubt


def test_a_fill_shows_that_the_venue_knows_the_order_so_it_is_asked_again(
    world: TradingState, forgotten: Order
) -> None:
    apply_report(world, fill(forgotten, "t1", "1"))
    known = now(world, forgotten)
    assert (known.doubt, known.is_awaited, known.executed_quantity) == (Doubt.UNANSWERED, True, D(1))
    apply_report(world, stands(forgotten, VenueOrderStatus.WORKING, "1"))
    assert not now(world, forgotten).is_in_doubt


def test_a_fill_does_not_make_a_venue_be_asked_that_cannot_be_asked() -> None:
    world = state(spec=venue_spec(lookup=None, fence=None))
    order = submit(world, quantity=D(2))
    for report in (unknown(order), undetermined(order), fill(order, "t1", "1")):
        apply_report(world, report)
    assert now(world, order).doubt is Doubt.UNDETERMINED
    apply_report(world, fill(order, "t2", "1"))
    assert (now(world, order).status, now(world, order).is_in_doubt) == (OrderStatus.FILLED, False)


def test_that_a_venue_does_not_know_an_acknowledged_order_is_no_proof(world: TradingState, works: Order) -> None:
    world.world = replace(world.world, now_ms=NOW_MS + 3_600_000)
    apply_report(world, not_found(works))
    assert (now(world, works).status, now(world, works).doubt) == (OrderStatus.ACCEPTED, Doubt.UNDETERMINED)


def test_that_a_venue_does_not_know_an_order_which_was_executed_in_part_is_no_proof(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1"))
    world.world = replace(world.world, now_ms=NOW_MS + 3_600_000)
    apply_report(world, not_found(order))
    assert (now(world, order).doubt, now(world, order).closing) == (Doubt.UNDETERMINED, None)


def test_that_a_venue_does_not_know_an_order_without_an_answer_is_a_proof(world: TradingState) -> None:
    for number, names in enumerate(({}, {"venue_order_id": "made of our id"})):
        order = submit(world, number=200 + number)
        apply_report(world, unknown(order))
        apply_report(world, not_found(order, **names))
        assert now(world, order).status is OrderStatus.REJECTED


# --- made larger after it was filled


@pytest.fixture
def filled(world: TradingState, works: Order) -> Order:
    apply_report(world, fill(works, "t1", "2"))
    return now(world, works)


def test_an_order_made_larger_after_it_was_filled_books_what_follows(world: TradingState, filled: Order) -> None:
    apply_report(world, fill(filled, "t2", "0.5"))
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.MORE_THAN_ORDERED]
    apply_report(world, stands(filled, VenueOrderStatus.WORKING, "2.5", quantity="3", at_ms=NOW_MS + 9))
    apply_report(world, fill(filled, "t3", "0.5"))
    booked = now(world, filled)
    assert (booked.status, booked.quantity, booked.executed_quantity) == (OrderStatus.FILLED, D(3), D(3))
    assert not world.changed.kept
    assert not booked.is_in_doubt
    assert world.balance(ACCOUNT, "BTC").total == 13
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_a_fill_that_such_an_order_misses_is_asked_for(world: TradingState, filled: Order) -> None:
    apply_report(world, stands(filled, VenueOrderStatus.WORKING, "2.5", quantity="3", at_ms=NOW_MS + 9))
    larger = now(world, filled)
    assert (larger.status, larger.missing_quantity, larger.is_awaited) == (OrderStatus.FILLED, D("0.5"), True)


def test_an_older_status_makes_no_filled_order_larger(world: TradingState, works: Order) -> None:
    apply_report(world, stands(works, VenueOrderStatus.WORKING, "0", at_ms=NOW_MS + 9))
    apply_report(world, fill(works, "t1", "2"))
    apply_report(world, stands(works, VenueOrderStatus.WORKING, "0", quantity="3", at_ms=NOW_MS + 8))
    assert now(world, works).quantity == D(2)


def test_a_fee_that_comes_later_leaves_such_an_order_filled_and_a_bust_does_not(
    world: TradingState, filled: Order
) -> None:
    apply_report(world, stands(filled, VenueOrderStatus.WORKING, "2", quantity="3", at_ms=NOW_MS + 9))
    apply_report(world, FeeReport(**named(filled), trade_id="t1", fees=()))
    apply_report(world, replace(_corrected(filled, "t1", "2"), price=D(89)))
    assert now(world, filled).status is OrderStatus.FILLED
    apply_report(world, FillBustedReport(**named(filled, at_ms=NOW_MS + 20), trade_id="t1"))
    assert now(world, filled).status is OrderStatus.CANCELED


def _corrected(order: Order, trade_id: str, quantity: str) -> FillCorrectedReport:
    return FillCorrectedReport(
        **named(order, at_ms=NOW_MS + 10), trade_id=trade_id, side=order.side, price=D(90), quantity=D(quantity)
    )


# --- terms that were stated again


def test_a_status_with_the_terms_that_are_known_still_makes_an_earlier_one_old(
    world: TradingState, works: Order
) -> None:
    apply_report(world, stands(works, VenueOrderStatus.WORKING, "0", at_ms=NOW_MS + 9))
    apply_report(world, stands(works, VenueOrderStatus.WORKING, "0", quantity="3", at_ms=NOW_MS + 8))
    assert now(world, works).quantity == D(2)


def test_a_status_without_anything_new_is_saved_and_not_published(world: TradingState, works: Order) -> None:
    world.record_order_events()
    events = len(world.changed.events)
    apply_report(world, stands(works, VenueOrderStatus.WORKING, "0", at_ms=NOW_MS + 9))
    world.record_order_events()
    assert len(world.changed.events) == events
    assert now(world, works).stated_at_ms == NOW_MS + 9
    assert now(world, works).version == works.version
    saved = {**world.changed.updated, **world.changed.created}
    assert saved[works.id].stated_at_ms == NOW_MS + 9


# --- an operator's word


def test_what_was_executed_in_part_did_arrive_whatever_an_operator_says(world: TradingState) -> None:
    order = submit(world, quantity=D(2))
    for report in (unknown(order), undetermined(order), fill(order, "t1", "1")):
        apply_report(world, report)
    resolved = now(world, order).resolved(OrderStatus.REJECTED, NOW_MS)
    assert (resolved.status, resolved.reject_reason) == (OrderStatus.CANCELED, None)
    assert (resolved.executed_quantity, resolved.is_in_doubt) == (D(1), False)


# --- renamed by the venue


def test_an_order_placed_by_hand_is_followed_under_its_new_name(world: TradingState) -> None:
    placed = ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, venue_order_id="hand", at_ms=NOW_MS, side=Side.BUY,
        type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(2), executed_quantity=D(0), limit_price=D(90),
    )  # fmt: skip
    renamed = AcceptedReport(
        account_id=ACCOUNT, instrument_id=BTC, venue_order_id="renamed", former_venue_order_id="hand", at_ms=NOW_MS + 1,
        executed_quantity=D(0),
    )  # fmt: skip
    order = apply_report(world, placed)
    assert order is not None
    assert apply_report(world, renamed) is not None
    for report in (renamed, placed):  # again, and late
        apply_report(world, report)
    known = now(world, order)
    assert (known.venue_order_id, known.former_venue_order_ids) == ("renamed", ("hand",))
    for number, name in enumerate(("hand", "renamed")):
        apply_report(world, replace(_found_fill(order), venue_order_id=name, trade_id=f"t{number}"))
    assert now(world, order).status is OrderStatus.FILLED
    assert len(world.changed.created) == 1


def test_a_former_name_is_learned_although_the_new_one_is_known_already(world: TradingState, works: Order) -> None:
    apply_report(world, AcceptedReport(**named(works), former_venue_order_id="v0", executed_quantity=D(0)))
    assert (now(world, works).venue_order_id, now(world, works).former_venue_order_ids) == ("v1", ("v0",))
    assert apply_report(world, replace(_found_fill(works), venue_order_id="v0")) is not None
    assert now(world, works).executed_quantity == D(1)


def _found_fill(order: Order) -> FillReport:
    return FillReport(
        account_id=ACCOUNT, instrument_id=BTC, venue_order_id="v1", at_ms=NOW_MS + 5, trade_id="t", side=order.side,
        price=D(90), quantity=D(1),
    )  # fmt: skip


# --- the row of a hedged position


@pytest.mark.parametrize("change", ["bust", "correction"])
def test_a_bust_in_hedge_mode_changes_the_row_that_the_fill_changed(change: str) -> None:
    world = state(account(AccountType.MARGIN, PositionMode.HEDGE))
    opened = submit(world, quantity=D(2))
    apply_report(world, accepted(opened))
    apply_report(world, fill(opened, "open", "2"))
    closing = submit(world, number=101, side=Side.SELL, quantity=D(2), limit_price=D(110))
    closes = FillReport(
        **named(closing, venue_order_id="v2"), trade_id="close", side=Side.SELL, price=D(110), quantity=D(2),
        position_side=PositionSide.LONG,
    )  # fmt: skip
    apply_report(world, closes)
    assert world.positions(ACCOUNT) == []
    later = named(closing, venue_order_id="v2", at_ms=NOW_MS + 50)
    if change == "bust":
        apply_report(world, FillBustedReport(**later, trade_id="close"))
    else:
        apply_report(
            world,
            FillCorrectedReport(**later, trade_id="close", side=Side.SELL, price=D(110), quantity=D(1)),
        )
    (position,) = world.positions(ACCOUNT)
    assert (position.side, position.quantity) == (PositionSide.LONG, D(2) if change == "bust" else D(1))


# --- cancels


def test_a_venue_without_a_lookup_puts_no_order_in_doubt_whose_cancel_waits() -> None:
    world = state(spec=venue_spec(lookup=None, fence=None))
    works = submit(world, quantity=D(2))
    apply_report(world, accepted(works))
    decide_cancel(world, ACCOUNT, works.id)
    apply_report(world, undetermined(works))
    order = now(world, works)
    assert (order.status, order.doubt, order.is_awaited) == (OrderStatus.PENDING_CANCEL, None, True)


@pytest.mark.parametrize("lookup", [None, Lookup()])
def test_an_operator_may_resolve_an_open_order_without_a_doubt_only_where_the_venue_cannot_be_asked(
    world: TradingState, works: Order, lookup: Lookup | None
) -> None:
    spec = venue_spec(lookup=lookup, fence=None)
    assert may_be_resolved(works, spec) is (lookup is None)
    apply_report(world, canceled(works, "0"))
    assert not may_be_resolved(now(world, works), spec)


@pytest.mark.parametrize(
    ("is_answered", "status"), [(True, OrderStatus.ACCEPTED), (False, OrderStatus.SUBMITTED)], ids=["yes", "no"]
)
def test_after_a_refused_cancel_an_order_without_an_id_of_the_venue_stands_as_before(
    world: TradingState, is_answered: bool, status: OrderStatus
) -> None:
    order = submit(world, quantity=D(2))
    nameless = named(order, venue_order_id=None)
    if is_answered:
        apply_report(world, AcceptedReport(**nameless, executed_quantity=D(0)))
    decide_cancel(world, ACCOUNT, order.id)
    apply_report(world, CancelRefusedReport(**nameless, refusal=CancelRefusal.WORKS_ON, reason="it stays"))
    assert (now(world, order).status, now(world, order).doubt is None) == (status, is_answered)


def test_a_refusal_that_is_repeated_late_does_not_end_a_newer_wish_to_cancel(world: TradingState, works: Order) -> None:
    first = CancelRefusedReport(**named(works, at_ms=NOW_MS + 5), refusal=CancelRefusal.WORKS_ON, reason="it stays")
    second = replace(first, at_ms=NOW_MS + 20)
    decide_cancel(world, ACCOUNT, works.id)
    apply_report(world, first)
    apply_report(world, replace(first, at_ms=NOW_MS + 6))  # the stream may state another instant than the reply
    assert now(world, works).status is OrderStatus.ACCEPTED
    decide_cancel(world, ACCOUNT, works.id)
    for late in (first, replace(first, at_ms=NOW_MS + 6)):
        apply_report(world, late)
        assert now(world, works).status is OrderStatus.PENDING_CANCEL
    apply_report(world, second)
    assert now(world, works).status is OrderStatus.ACCEPTED


def test_a_repeated_refusal_of_an_order_that_works_is_saved_and_not_published(
    world: TradingState, works: Order
) -> None:
    world.record_order_events()
    events = len(world.changed.events)
    refused = CancelRefusedReport(**named(works, at_ms=NOW_MS + 5), refusal=CancelRefusal.WORKS_ON, reason="it stays")
    apply_report(world, refused)
    world.record_order_events()
    assert len(world.changed.events) == events
    order = now(world, works)
    assert (order.cancel_refused_at_ms, order.version) == (NOW_MS + 5, works.version)
    assert {**world.changed.updated, **world.changed.created}[works.id] == order
