"""What it means that a venue does not know an order, by the order's age and the venue's memory."""

from dataclasses import replace

import pytest

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import OrderType
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.held import as_sent
from cadenza.domain.trading.not_known import UNFENCED_MARGIN_MS, NotKnown, meaning_of_not_known
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import RejectedReport, Report, UnknownOutcomeReport
from cadenza.domain.trading.trail import Trail
from cadenza.domain.trading.venue_spec import Fence, Lookup, OrderMemory
from tests.domain.trading.test_doubt import accepted, canceled, fill, named, now
from tests.domain.trading.worlds import NOW_MS, D, account, state, submit, venue_spec

SPOT = AccountType.SPOT
HOUR_MS = 3_600_000
STOPS = {SPOT: frozenset({OrderType.STOP})}
OKX_LIKE = venue_spec(lookup=Lookup(memory={SPOT: OrderMemory(filled_ms=100 * HOUR_MS, unfilled_ms=2 * HOUR_MS)}))
LATE_STOPS = replace(OKX_LIKE, fence=Fence(margin_ms=1_000, proof="a test", without_deadline=STOPS))


def not_found(order: Order) -> Report:
    names = named(order, venue_order_id=None)
    return UnknownOutcomeReport(**names, cause="the venue does not know it yet", is_not_found=True)


@pytest.mark.parametrize(
    ("is_acknowledged", "age_ms", "meaning"),
    [
        (False, 1_000, NotKnown.TOO_EARLY),
        (False, HOUR_MS, NotKnown.DEAD),
        (False, 3 * HOUR_MS, NotKnown.DEAD),
        (False, 101 * HOUR_MS, NotKnown.FORGOTTEN),
        (True, 1_000, NotKnown.TOO_EARLY),
        (True, 1_001, NotKnown.FORGOTTEN),
        (True, HOUR_MS, NotKnown.FORGOTTEN),
        (True, 3 * HOUR_MS, NotKnown.ENDED_UNFILLED),
        (True, 101 * HOUR_MS, NotKnown.FORGOTTEN),
    ],
)
def test_what_follows_from_not_knowing(is_acknowledged: bool, age_ms: int, meaning: NotKnown) -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world)
    if is_acknowledged:
        apply_report(world, accepted(order))
    known = now(world, order)
    assert meaning_of_not_known(OKX_LIKE, SPOT, known, known.created_at_ms + age_ms) is meaning


@pytest.mark.parametrize(("late_ms", "meaning"), [(0, NotKnown.TOO_EARLY), (1, NotKnown.MAY_ARRIVE)])
def test_without_a_fence_not_knowing_never_becomes_a_proof(late_ms: int, meaning: NotKnown) -> None:
    spec = replace(OKX_LIKE, fence=None)
    order = submit(state(account(), spec=spec))
    assert order.send_before_ms is not None
    assert meaning_of_not_known(spec, SPOT, order, order.send_before_ms + late_ms) is meaning


@pytest.mark.parametrize(
    ("type", "late_ms", "meaning"),
    [
        (OrderType.STOP, 1_000, NotKnown.TOO_EARLY),
        (OrderType.STOP, 1_001, NotKnown.MAY_ARRIVE),
        (OrderType.STOP, HOUR_MS, NotKnown.MAY_ARRIVE),
        (OrderType.LIMIT, 1_001, NotKnown.DEAD),
    ],
)
def test_an_order_that_may_wait_within_its_venue_is_never_proved_dead(
    type: OrderType, late_ms: int, meaning: NotKnown
) -> None:
    order = evolve(submit(state(account(), spec=LATE_STOPS)), type=type)
    assert order.send_before_ms is not None
    asked_at_ms = order.send_before_ms + late_ms
    assert meaning_of_not_known(LATE_STOPS, SPOT, order, asked_at_ms) is meaning
    if meaning is NotKnown.MAY_ARRIVE:
        assert meaning_of_not_known(LATE_STOPS, AccountType.MARGIN, order, asked_at_ms) is NotKnown.DEAD


def test_a_report_that_such_an_order_is_not_known_does_not_reject_it() -> None:
    world = state(account(), spec=LATE_STOPS)
    order = evolve(submit(world), type=OrderType.STOP)
    world.put_order(order)
    world.world = replace(world.world, now_ms=NOW_MS + HOUR_MS)
    report = RejectedReport(**named(order, venue_order_id=None), reason=RejectReason.NOT_FOUND_AT_VENUE.value)
    apply_report(world, report)
    assert (now(world, order).status, now(world, order).doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)


def test_a_trailing_stop_that_was_released_has_the_deadline_of_a_market_order() -> None:
    fence = Fence(margin_ms=1_000, proof="a test", without_deadline={SPOT: frozenset({OrderType.TRAILING_STOP})})
    spec = replace(OKX_LIKE, fence=fence)
    held = submit(state(account(), spec=spec))
    released = as_sent(evolve(held, type=OrderType.TRAILING_STOP, trail=Trail(distance=D(5), released_at_ms=NOW_MS)))
    assert meaning_of_not_known(spec, SPOT, released, NOW_MS + HOUR_MS) is NotKnown.DEAD


@pytest.mark.parametrize(("later_ms", "meaning"), [(1_000, NotKnown.TOO_EARLY), (1_001, NotKnown.ENDED_UNFILLED)])
def test_an_old_order_of_which_there_is_young_news_is_asked_about_again(later_ms: int, meaning: NotKnown) -> None:
    """A stop that waited for hours has just been triggered, and the query does not know its new order yet."""
    world = state(account(), spec=OKX_LIKE)
    order = submit(world)
    apply_report(world, accepted(order))
    news_ms = order.created_at_ms + 3 * HOUR_MS
    known = evolve(now(world, order), updated_at_ms=news_ms)
    assert meaning_of_not_known(OKX_LIKE, SPOT, known, news_ms + later_ms) is meaning


def test_an_order_that_was_executed_did_not_end_unfilled() -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1"))
    known = now(world, order)
    asked_at_ms = known.created_at_ms + 3 * HOUR_MS
    assert meaning_of_not_known(OKX_LIKE, SPOT, known, asked_at_ms) is NotKnown.FORGOTTEN


@pytest.mark.parametrize(("later_ms", "meaning"), [(1_000, NotKnown.TOO_EARLY), (1_001, NotKnown.FORGOTTEN)])
def test_a_query_may_be_behind_the_last_news_of_an_order(later_ms: int, meaning: NotKnown) -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    world.world = replace(world.world, now_ms=NOW_MS + HOUR_MS)
    apply_report(world, fill(order, "t1", "1"))
    assert meaning_of_not_known(OKX_LIKE, SPOT, now(world, order), NOW_MS + HOUR_MS + later_ms) is meaning


@pytest.mark.parametrize(
    ("later_ms", "meaning"), [(UNFENCED_MARGIN_MS, NotKnown.TOO_EARLY), (UNFENCED_MARGIN_MS + 1, NotKnown.FORGOTTEN)]
)
def test_without_a_fence_a_query_may_be_behind_for_a_time_of_ours(later_ms: int, meaning: NotKnown) -> None:
    spec = replace(OKX_LIKE, fence=None)
    world = state(account(), spec=spec)
    order = submit(world)
    apply_report(world, accepted(order))
    assert meaning_of_not_known(spec, SPOT, now(world, order), NOW_MS + later_ms) is meaning


def test_news_from_our_future_are_of_a_wrong_clock_and_count_from_when_the_doubt_began() -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world)
    apply_report(world, accepted(order))
    stepped_ms = NOW_MS - HOUR_MS
    assert meaning_of_not_known(OKX_LIKE, SPOT, now(world, order), stepped_ms) is NotKnown.TOO_EARLY
    world.world = replace(world.world, now_ms=stepped_ms)
    apply_report(world, not_found(order))
    known = now(world, order)
    assert meaning_of_not_known(OKX_LIKE, SPOT, known, stepped_ms + 1_000) is NotKnown.TOO_EARLY
    assert meaning_of_not_known(OKX_LIKE, SPOT, known, stepped_ms + 1_001) is NotKnown.FORGOTTEN


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL])
def test_an_acknowledged_order_that_is_not_found_is_in_doubt_and_asked_about_again(status: OrderStatus) -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    if status is OrderStatus.PARTIALLY_FILLED:
        apply_report(world, fill(order, "t1", "1"))
    if status is OrderStatus.PENDING_CANCEL:
        world.put_order(now(world, order).cancel_requested(NOW_MS))
    apply_report(world, not_found(order))
    found = now(world, order)
    assert (found.status, found.doubt, found.is_awaited) == (status, Doubt.UNANSWERED, True)
    apply_report(world, not_found(order))
    assert now(world, order) == found, "asking again does not begin the time again"
    apply_report(world, accepted(order))
    assert now(world, order).doubt is None


def test_that_an_order_is_not_found_yet_says_nothing_of_one_that_was_not_acknowledged_or_has_ended() -> None:
    world = state(account(), spec=OKX_LIKE)
    unanswered, ended = submit(world), submit(world)
    apply_report(world, accepted(ended))
    apply_report(world, canceled(ended, "0"))
    for order in (now(world, unanswered), now(world, ended)):
        apply_report(world, not_found(order))
        assert now(world, order) == order


def test_a_proof_that_comes_after_the_acknowledgement_proves_nothing_yet() -> None:
    """The venue was asked before its acknowledgement came."""
    world = state(account(), spec=OKX_LIKE)
    order = submit(world)
    apply_report(world, accepted(order))
    report = RejectedReport(**named(order, venue_order_id=None), reason=RejectReason.NOT_FOUND_AT_VENUE.value)
    apply_report(world, report)
    assert (now(world, order).status, now(world, order).doubt) == (OrderStatus.ACCEPTED, Doubt.UNANSWERED)


def test_the_memory_is_that_of_the_account_s_type() -> None:
    order = submit(state(account(), spec=OKX_LIKE))
    asked_at_ms = order.created_at_ms + 101 * HOUR_MS
    assert meaning_of_not_known(OKX_LIKE, SPOT, order, asked_at_ms) is NotKnown.FORGOTTEN
    assert meaning_of_not_known(OKX_LIKE, AccountType.FUTURES, order, asked_at_ms) is NotKnown.DEAD


@pytest.mark.parametrize(
    ("is_acknowledged", "age_ms", "status", "doubt"),
    [
        (False, 3 * HOUR_MS, OrderStatus.REJECTED, None),
        (False, 101 * HOUR_MS, OrderStatus.SUBMITTED, Doubt.UNDETERMINED),
        (True, HOUR_MS, OrderStatus.ACCEPTED, Doubt.UNDETERMINED),
        (True, 3 * HOUR_MS, OrderStatus.CANCELED, None),
    ],
)
def test_a_report_that_the_order_is_not_known_proves_no_more_than_the_venue_remembers(
    is_acknowledged: bool, age_ms: int, status: OrderStatus, doubt: Doubt | None
) -> None:
    world = state(account(), spec=OKX_LIKE)
    order = submit(world)
    if is_acknowledged:
        apply_report(world, accepted(order))
    world.world = replace(world.world, now_ms=order.created_at_ms + age_ms)
    report = RejectedReport(**named(order, venue_order_id=None), reason=RejectReason.NOT_FOUND_AT_VENUE.value)
    apply_report(world, report)
    found = now(world, order)
    assert (found.status, found.doubt) == (status, doubt)
