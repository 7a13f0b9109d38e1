"""An order in doubt: its outcome is unknown until the venue has said how it stands, and nothing else ends that."""

import asyncio
from decimal import Decimal

from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Doubt
from cadenza.domain.trading.reports import RejectedReport
from tests.inhouse_kit import until
from tests.scripted.kinds import every_kind, kinds, only
from tests.scripted.session import Fault
from tests.scripted.specs import (
    CLOCK_AHEAD,
    DESK,
    NO_LOOKUP,
    PER_SYMBOL,
    POLLED,
    STREAMED,
    Kind,
)
from tests.scripted.truth import check_truth
from tests.scripted.venue import VenueOrder
from tests.scripted.world import Trader, World

D = Decimal
provable = kinds(lambda kind: kind.can_prove)
some_provable = only(STREAMED, POLLED, DESK, PER_SYMBOL, CLOCK_AHEAD)
"""Where only news and ids make a difference."""


def _half_at_once(trader: Trader) -> None:
    """Half of the next order is executed as soon as the venue has it."""

    def fill(order: VenueOrder) -> None:
        trader.venue.fill(order, order.quantity / 2)

    trader.script.on_arrival = fill


async def _acknowledgement_lost(trader: Trader) -> VenueOrder:
    """An order of which half is executed; neither the reply nor the stream bring anything of it."""
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    _half_at_once(trader)
    order = await trader.submit(quantity="1")
    assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNANSWERED)
    return trader.at_venue(order)


@some_provable
async def test_a_cancel_does_not_end_the_doubt_of_a_lost_acknowledgement(world: World, trader: Trader) -> None:
    await _acknowledgement_lost(trader)
    (order,) = await trader.orders()
    canceled = await trader.cancel(order)
    assert not canceled.is_closed, "half of it was executed, and none of that is booked"
    await world.pass_time(8_000)
    closed = await trader.order(order)
    assert (closed.status, closed.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    trader.session.release_stream()
    await world.settle()
    await check_truth(trader)


@some_provable
async def test_an_expiry_does_not_end_the_doubt_of_a_lost_acknowledgement(world: World, trader: Trader) -> None:
    at = await _acknowledgement_lost(trader)
    trader.venue.expire(at)
    if trader.venue.kind.is_streamed:
        last = trader.session.held.index("expired")
        trader.session.release_stream([last])
        await trader.heard()
        (order,) = await trader.orders()
        assert not order.is_closed, "half of it was executed, and none of that is booked"
    await world.pass_time(8_000)
    (order,) = await trader.orders()
    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, D("0.5"))
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK)
async def test_a_later_fill_does_not_hide_an_earlier_one(world: World, trader: Trader) -> None:
    """Where a fill names the venue's id alone, it is kept and its whole order asked for, doubt or not."""
    at = await _acknowledgement_lost(trader)
    trader.venue.fill(at, "0.25")
    fills = [index for index, what in enumerate(trader.session.held) if what == "fill"]
    trader.session.release_stream([fills[1]])
    await trader.heard()
    await world.pass_time(8_000)
    (order,) = await trader.orders()
    assert (order.status, order.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.75"))
    assert not order.is_in_doubt
    await world.settle()
    await check_truth(trader)


@only(NO_LOOKUP)
async def test_a_later_fill_does_not_hide_an_earlier_one_from_the_replay(world: World, trader: Trader) -> None:
    """The venue cannot be asked about the order. The later fill moves how far the news is known past the first one."""
    at = await _acknowledgement_lost(trader)
    await world.pass_time(300_000, 10_000)
    trader.venue.fill(at, "0.25")
    fills = [index for index, what in enumerate(trader.session.held) if what == "fill"]
    trader.session.release_stream([fills[1]])
    await trader.heard()
    (order,) = await trader.orders()
    assert (order.status, order.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.25"))
    await world.crash()
    await world.tick()
    (order,) = await trader.orders()
    assert (order.executed_quantity, order.is_in_doubt) == (D("0.75"), False)
    await world.settle()
    await check_truth(trader)


@some_provable
async def test_a_crash_does_not_end_the_doubt_of_a_lost_acknowledgement(world: World, trader: Trader) -> None:
    await _acknowledgement_lost(trader)
    await world.crash()
    await world.tick()
    (order,) = await trader.orders()
    assert (order.status, order.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.5"))
    await world.settle()
    await check_truth(trader)


@provable
async def test_a_cancel_refused_as_unknown_is_not_forgotten_when_the_order_arrives(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.DELAY)
    order = await trader.answered_late(trader.submitting())
    order = await trader.cancel(order)
    assert [request.decision for request in trader.venue.requests("cancel")] == ["UNKNOWN_ORDER"]
    assert (order.status, order.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNANSWERED)
    trader.script.let_go()
    await until(lambda: bool(trader.at.orders), "the order's arrival")
    await world.pass_time(10_000)
    assert (await trader.order(order)).status is OrderStatus.CANCELED
    assert not trader.at_venue(order).is_working
    await check_truth(trader)


@provable
async def test_an_order_that_never_arrived_is_dead_only_after_its_deadline_and_fence(
    world: World, trader: Trader, kind: Kind
) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    assert order.send_before_ms is not None
    assert kind.spec.fence is not None
    proof_ms = order.send_before_ms + kind.spec.fence.margin_ms
    while world.clock.now_ms() + 500 <= proof_ms:
        await world.pass_time(500)
        assert (await trader.order(order)).is_in_doubt
    assert trader.venue.requests("lookup"), "it was asked about meanwhile"
    await world.pass_time(20_000)
    dead = await trader.order(order)
    assert (dead.status, dead.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_FOUND_AT_VENUE.value)
    assert not trader.venue.requests("submit")
    await world.settle()
    await check_truth(trader)


@every_kind
async def test_nothing_is_sent_after_the_deadline(world: World, trader: Trader, kind: Kind) -> None:
    trader.script.next("submit", Fault.HOLD)
    order = await trader.answered_late(trader.submitting())
    assert order.is_in_doubt
    world.clock.advance(kind.spec.send_within_ms)
    trader.script.let_go()
    await until(lambda: not trader.script.on_the_wire, "the end of the request")
    await trader.heard()
    closed = await trader.order(order)
    assert (closed.status, closed.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_SENT.value)
    assert not trader.venue.requests("submit")
    await world.settle()
    await check_truth(trader)


@some_provable
async def test_what_comes_after_the_deadline_is_refused_by_the_venue(world: World, trader: Trader, kind: Kind) -> None:
    trader.script.next("submit", Fault.DELAY)
    order = await trader.answered_late(trader.submitting())
    world.clock.advance(kind.spec.send_within_ms)
    trader.script.let_go()
    await until(lambda: not trader.script.on_the_wire, "the end of the request")
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.REJECTED
    assert not trader.at.orders
    await check_truth(trader)


@some_provable
async def test_a_refusal_as_duplicate_after_a_doubt_is_no_rejection(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.DUPLICATE_AFTER_ALL)
    order = await trader.submit()
    assert order.is_in_doubt
    await world.pass_time(6_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    trader.session.release_stream()
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK)
async def test_even_a_rejection_as_duplicate_proves_nothing(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    refusal = RejectedReport(
        account_id=trader.id, instrument_id=order.instrument_id, sent_id=order.sent_id, at_ms=trader.venue.now_ms,
        reason=RejectReason.DUPLICATE_SENT_ID.value,
    )  # fmt: skip
    trader.session.report(refusal)
    await trader.heard()
    assert (await trader.order(order)).is_in_doubt
    await world.pass_time(6_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED


@every_kind
async def test_a_reply_that_comes_late_is_not_lost(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    order = await trader.answered_late(trader.submitting())
    assert order.is_in_doubt
    trader.script.let_go()
    await until(lambda: not trader.script.on_the_wire, "the end of the request")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    trader.session.release_stream()
    await world.settle()
    await check_truth(trader)


@only(STREAMED, POLLED, NO_LOOKUP, PER_SYMBOL)
async def test_a_reply_to_a_cancel_that_comes_late_is_not_lost(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.session.hold_stream()
    trader.script.next("cancel", Fault.HOLD_REPLY)
    pending = await trader.answered_late(asyncio.create_task(trader.cancel(order)))
    assert pending.status is OrderStatus.PENDING_CANCEL
    trader.script.let_go()
    await until(lambda: not trader.script.on_the_wire, "the end of the request")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.CANCELED
    assert not trader.venue.requests("lookup"), "the late reply was delivered"


@provable
async def test_a_cancel_without_an_answer_is_asked_about_two_seconds_later_by_our_clock(
    world: World, trader: Trader
) -> None:
    order = await trader.submit()
    trader.session.hold_stream()
    trader.script.next("cancel", Fault.LOSE_REPLY)
    pending = await trader.cancel(order)
    assert pending.status is OrderStatus.PENDING_CANCEL
    asked_ms = world.clock.monotonic_ms()
    world.clock.jump(-3_600_000)
    await world.pass_time(5_000)
    first = trader.venue.requests("lookup")[0]
    assert 2_000 <= first.elapsed_ms - asked_ms <= 3_000
    assert (await trader.order(order)).status is OrderStatus.CANCELED


@some_provable
async def test_a_wall_clock_that_was_ahead_does_not_stop_lookups(world: World, trader: Trader) -> None:
    world.clock.jump(86_400_000)
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    world.clock.jump(-86_400_000)
    await world.pass_time(6_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED


@some_provable
async def test_a_venue_that_cannot_be_asked_leaves_the_doubt_and_is_asked_again(world: World, trader: Trader) -> None:
    await _acknowledgement_lost(trader)
    trader.script.next("lookup", Fault.REFUSE, Fault.REFUSE)
    await world.pass_time(8_000)
    (order,) = await trader.orders()
    assert order.is_in_doubt
    await world.pass_time(20_000)
    (order,) = await trader.orders()
    assert (order.status, order.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.5"))


@only(NO_LOOKUP)
async def test_without_a_lookup_a_cancel_that_was_lost_is_sent_again(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.script.next("cancel", Fault.LOSE_REQUEST)
    assert (await trader.cancel(order)).status is OrderStatus.PENDING_CANCEL
    await world.pass_time(20_000)
    await trader.heard()
    ended = await trader.order(order)
    assert (ended.status, ended.doubt, world.alarms.sounded) == (OrderStatus.CANCELED, None, [])
    await check_truth(trader)


@only(NO_LOOKUP)
async def test_without_a_lookup_a_cancel_from_while_the_stream_was_lost_is_sent_later(
    world: World, trader: Trader
) -> None:
    order = await trader.submit()
    trader.session.break_stream()
    await trader.heard()
    await trader.cancel(order)
    await world.pass_time(1_000)
    trader.session.restore_stream()
    await world.pass_time(20_000)
    assert trader.venue.requests("cancel")
    ended = await trader.order(order)
    assert (ended.status, ended.doubt) == (OrderStatus.CANCELED, None)


@provable
async def test_a_wall_clock_that_is_ahead_for_a_moment_proves_no_order_dead(world: World, trader: Trader) -> None:
    """The request has not left yet, and leaves once the clock is right again."""
    trader.script.next("submit", Fault.HOLD)
    order = await trader.answered_late(trader.submitting())
    world.clock.jump(60_000)
    await world.pass_time(3_000)
    assert not (await trader.order(order)).is_closed
    world.clock.jump(-60_000)
    trader.script.let_go()
    await until(lambda: trader.venue.find(trader.at, order.sent_id) is not None, "the order at the venue")
    await trader.heard()
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    await check_truth(trader)


@provable
async def test_an_order_that_never_left_is_proved_dead_though_the_wall_clock_was_ahead(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    world.clock.jump(60_000)
    await world.pass_time(3_000)
    assert not (await trader.order(order)).is_closed
    await world.pass_time(60_000)
    assert (await trader.order(order)).reject_reason == RejectReason.NOT_FOUND_AT_VENUE.value


@only(STREAMED)
async def test_an_order_that_was_amended_before_its_lost_reply_was_asked_for(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="1")
    trader.venue.amend(trader.at_venue(order), "2", "100")
    await world.pass_time(120_000, 2_000)
    found = await trader.order(order)
    assert (found.is_in_doubt, found.status, found.quantity) == (False, OrderStatus.ACCEPTED, D(2))


@only(STREAMED)
async def test_an_order_that_was_amended_after_a_duplicate_reply_is_not_rejected(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.DUPLICATE_AFTER_ALL)
    order = await trader.submit(quantity="1")
    trader.venue.amend(trader.at_venue(order), "2", "100")
    await world.pass_time(20_000, 2_000)
    found = await trader.order(order)
    assert (found.is_in_doubt, found.status, found.quantity) == (False, OrderStatus.ACCEPTED, D(2))
