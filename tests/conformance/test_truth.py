"""TC-T: what is true after a lost reply, a restart, a session that was away."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    ExternalOrderReport,
    FillReport,
    NotSentReport,
    RejectedReport,
    UnreadableReport,
)
from tests.conformance.harness import (
    Capability,
    Trader,
    VenueUnderTest,
    about,
    believed,
    trader_at,
)
from tests.conformance.needs import (
    has_balances,
    has_lookup,
    has_news,
    has_proof,
    has_replay,
)
from tests.conformance.orders import Orders
from tests.inhouse_kit import kinds, replayed, until

ONE = Decimal(1)
HALF = Decimal("0.5")
needs = pytest.mark.needs.with_args


@needs(Capability.REPLY_LOSS, has_lookup)
async def test_tc_t01_a_lookup_finds_what_a_lost_reply_hid(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    assert kinds(await venue.losing_reply(trader.session, order)) == ["UnknownOutcome"]
    reports = await trader.lookup(order)
    assert about(order, reports)
    assert believed(order, reports).status is OrderStatus.FILLED
    assert trader.executed(order) == HALF


@needs(Capability.REPLY_LOSS)
async def test_tc_t02_after_a_lost_reply_the_order_can_be_canceled(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    assert kinds(await venue.losing_reply(trader.session, order)) == ["UnknownOutcome"]
    await trader.cancel(order)
    assert trader.believed(order).status is OrderStatus.CANCELED
    assert await trader.has_open()


@needs(Capability.REQUEST_LOSS, has_proof)
async def test_tc_t03_what_never_arrived_is_dead_only_after_its_deadline_and_fence(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    spec = venue.connector.spec
    assert spec.fence is not None
    order = orders.market(trader, Side.BUY, HALF)
    assert kinds(await venue.losing_request(trader.session, order)) == ["UnknownOutcome"]
    assert kinds(await trader.lookup(order)) == ["UnknownOutcome"], "it may still arrive"
    await venue.pass_time(spec.send_within_ms + spec.fence.margin_ms + 1)
    (report,) = await trader.lookup(order)
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    late = await trader.submit(order)  # what was under way arrives after all
    assert kinds(late) == ["NotSent"]
    assert not trader.fills_of(order)


@needs(has_lookup)
async def test_tc_t04_a_lookup_answers_about_many_orders_at_once(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    filled, resting = orders.market(trader, Side.BUY, HALF), orders.resting(trader, Side.BUY, ONE)
    canceled, refused = orders.resting(trader, Side.BUY, ONE), orders.resting(trader, Side.SELL, ONE * 900)
    many = [filled, resting, canceled]
    if Capability.MATCHING in venue.capabilities:
        many.append(refused)
    for order in many:
        await trader.submit(order)
    await trader.cancel(canceled)
    fence = venue.connector.spec.fence
    if Capability.REMEMBERS_REFUSALS not in venue.capabilities and fence is not None:
        await venue.pass_time(venue.connector.spec.send_within_ms + fence.margin_ms + 1)
    reports = await trader.lookup(*many)
    assert [believed(order, reports).status for order in many] == [
        OrderStatus.FILLED,
        OrderStatus.ACCEPTED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
    ][: len(many)]
    assert await trader.lookup() == []


@needs(has_lookup)
async def test_tc_t05_a_lookup_repeated_says_the_same(trader: Trader, orders: Orders) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    reply = await trader.submit(order)
    first, second = await trader.lookup(order), await trader.lookup(order)
    assert first == second
    assert _essence(believed(order, first)) == _essence(believed(order, reply))


@needs(has_replay)
async def test_tc_t06_a_replay_reports_everything_again(trader: Trader, orders: Orders) -> None:
    many = [orders.market(trader, Side.BUY, HALF), orders.resting(trader, Side.BUY, ONE)]
    for order in many:
        await trader.submit(order)
    canceled = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(canceled)
    await trader.cancel(canceled)
    reported_again = await replayed(trader.session, 0)
    for order in (*many, canceled):
        again = believed(order, reported_again)
        assert _essence(again) == _essence(trader.believed(order))


@needs(has_replay)
async def test_tc_t07_a_replay_starts_where_it_is_asked_to(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    earlier = orders.market(trader, Side.BUY, HALF)
    await trader.submit(earlier)
    await venue.pass_time(5_000)
    later = orders.resting(trader, Side.BUY, ONE)
    (accepted,) = await trader.submit(later)
    again = await replayed(trader.session, accepted.at_ms)
    assert about(later, trader.reported, again) == again
    assert again
    assert not about(earlier, trader.reported, again)


@needs(Capability.RESTART, has_lookup)
async def test_tc_t08_open_orders_work_on_after_a_restart(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    await venue.restart()
    again = await trader_at(venue)
    assert await again.has_open(order)
    assert believed(order, await again.lookup(order)).status is OrderStatus.ACCEPTED
    assert kinds(await again.cancel(order)) == ["Canceled"]


@needs(Capability.RESTART, Capability.RESTING_FILLS, has_replay)
async def test_tc_t09_what_happened_meanwhile_is_replayed_after_a_restart(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    (accepted, *_) = await trader.submit(order)
    await trader.session.close()
    await venue.fill_up_to(order, HALF)
    await venue.restart()
    await venue.fill_up_to(order, ONE)
    again = await trader_at(venue)
    reported_again = await replayed(again.session, accepted.at_ms)
    assert believed(order, reported_again).status is OrderStatus.FILLED
    fills = [report for report in reported_again if isinstance(report, FillReport)]
    assert sum(fill.quantity for fill in fills) == ONE
    assert len({fill.trade_id for fill in fills}) == len(fills) == 2


@needs(Capability.RESTART, Capability.ONE_ORDER_PER_ID, has_lookup, has_balances)
async def test_tc_t10_an_order_of_before_the_restart_is_not_executed_again(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    reply = await trader.submit(order)
    balances = await trader.balances()
    await venue.restart()
    again = await trader_at(venue)
    await again.submit(order)
    assert _essence(believed(order, await again.lookup(order))) == _essence(believed(order, reply))
    assert await again.balances() == balances


@needs(Capability.RESTING_FILLS, has_balances, has_news)
async def test_tc_t11_a_snapshot_is_of_one_moment(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    """What it says is held is what the fills up to its time come to; every later fill has a later time."""
    before = await trader.held()
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    trader.sink.gate.clear()
    await venue.fill_up_to(order, HALF)
    trader.sink.gate.set()
    snapshot = await trader.session.snapshot()
    known_fills = [fill for fill in trader.fills_of(order) if fill.at_ms <= snapshot.at_ms]
    assert trader.held_in(snapshot) == sum((trader.moved_by(fill) for fill in known_fills), before)
    assert len(about(order, trader.reported, snapshot.open_orders)) == len(snapshot.open_orders) == 1
    known = len(trader.sink.reports)
    await venue.fill_up_to(order, ONE)
    await until(lambda: trader.executed(order) == ONE, "the second half")
    assert all(report.at_ms > snapshot.at_ms for report in trader.sink.reports[known:])
    later = await trader.session.snapshot()
    assert later.as_of > snapshot.as_of


@needs(Capability.POSITIONS, has_balances)
async def test_tc_t12_positions_are_in_the_snapshot(orders: Orders, venue: VenueUnderTest) -> None:
    is_beside = Capability.MARGIN in venue.capabilities
    trader = await trader_at(venue, AccountType.MARGIN if is_beside else None)
    instrument = venue.perpetual if is_beside else venue.spot
    leverage = None if trader.account.external.type in venue.connector.spec.own_leverage else 5
    order = orders.market(trader, Side.BUY, ONE * 2, instrument=instrument, leverage=leverage)
    await trader.submit(order)
    (position,) = (await trader.session.snapshot()).positions or ()
    assert (position.instrument_id, position.quantity) == (instrument.id, ONE * 2)
    assert leverage is None or position.leverage in (5, None), "None: the venue does not say"
    cost = sum(fill.price * fill.quantity for fill in trader.fills_of(order))
    assert position.entry_price * 2 == cost
    await trader.submit(orders.market(trader, Side.SELL, ONE * 2, instrument=instrument))
    assert (await trader.session.snapshot()).positions == ()


async def test_tc_t13_while_the_connector_is_stopped_nothing_is_sent(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    await venue.connector.stop()
    order = orders.resting(trader, Side.BUY, ONE)
    (report,) = await trader.submit(order)
    assert isinstance(report, NotSentReport)
    assert kinds(await trader.cancel(order)) == []
    can_ask = venue.connector.spec.lookup is not None
    assert kinds(await trader.lookup(order)) == ["UnknownOutcome" if can_ask else "UndeterminedOutcome"]


@needs(has_proof)
async def test_tc_t14_a_lookup_of_what_was_never_sent_is_a_proof_after_the_deadline(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    spec = venue.connector.spec
    assert spec.fence is not None
    order = orders.resting(trader, Side.BUY, ONE)
    assert kinds(await trader.lookup(order)) == ["UnknownOutcome"]
    await venue.pass_time(spec.send_within_ms + spec.fence.margin_ms + 1)
    first, second = await trader.lookup(order), await trader.lookup(order)
    assert kinds(first) == kinds(second) == ["Rejected"]


@needs(Capability.RESTING_FILLS, has_lookup)
async def test_tc_t15_a_lookup_says_how_much_was_executed_and_brings_the_fills(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.fill_up_to(order, HALF)
    await trader.learn_fills(order, HALF)
    known = believed(order, await trader.lookup(order))
    assert (known.status, known.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, HALF)
    assert (known.is_in_doubt, known.missing_quantity) == (False, 0)


async def test_tc_t16_an_order_is_identified_by_the_venues_id_within_its_instrument(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    await trader.submit(order)
    known = trader.believed(order)
    assert known.venue_order_id is not None
    first, *rest = await trader.session.identify(order.instrument_id, known.venue_order_id)
    assert isinstance(first, ExternalOrderReport)
    assert (first.side, first.quantity, first.instrument_id) == (order.side, HALF, order.instrument_id)
    assert about(order, [first]), "an order of ours is named as ours"
    assert sum(report.quantity for report in rest if isinstance(report, FillReport)) == HALF
    assert await trader.session.identify(order.instrument_id, "no such order") == []
    assert await trader.session.identify(venue.perpetual.id, known.venue_order_id) == []


@needs(has_replay)
async def test_tc_t17_a_replay_of_nothing_has_a_piece_and_says_from_when_on_it_covers(
    trader: Trader, venue: VenueUnderTest
) -> None:
    await venue.pass_time(2_000)
    snapshot = await trader.session.snapshot()
    pieces = [piece async for piece in trader.session.replay(snapshot.at_ms)]
    assert pieces
    assert [report for piece in pieces for report in piece.reports] == []
    assert {piece.covers_from_ms for piece in pieces} == {snapshot.at_ms}


async def test_tc_t18_a_snapshot_shows_money_where_the_spec_says_so_and_else_none(
    trader: Trader, venue: VenueUnderTest
) -> None:
    snapshot = await trader.session.snapshot()
    shows = venue.connector.spec.snapshots
    assert (snapshot.balances is not None, snapshot.positions is not None) == (shows, shows)
    assert snapshot.open_orders == ()


async def test_tc_t19_a_new_session_is_live_and_a_closed_one_is_not(trader: Trader) -> None:
    await until(trader.session.is_caught_up, "nothing is on its way")
    assert trader.sink.life == []
    await trader.session.close()


@needs(Capability.STREAM_BREAK, Capability.RESTING_FILLS, has_replay)
async def test_tc_t20_a_stream_that_broke_says_since_when_news_may_be_missing(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.pass_time(60_000)
    await venue.break_stream(trader.session)
    assert [what for what, _ in trader.sink.life] == ["lost"]
    assert not trader.session.is_caught_up()
    await venue.fill_up_to(order, HALF)
    await venue.restore_stream(trader.session)
    (_, (restored, gap_since_ms)) = trader.sink.life
    assert restored == "restored"
    assert isinstance(gap_since_ms, int)
    again = await replayed(trader.session, gap_since_ms)
    assert believed(order, [*trader.reported, *again]).executed_quantity == HALF
    await venue.fill_up_to(order, ONE)
    await trader.learn(order, "what happens afterwards", lambda: trader.executed(order) >= HALF)


@needs(has_proof)
async def test_tc_t21_not_knowing_an_acknowledged_order_is_no_proof(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    spec = venue.connector.spec
    assert spec.fence is not None
    order = replace(orders.resting(trader, Side.BUY, ONE), venue_order_id="987654321")
    await venue.pass_time(spec.send_within_ms + spec.fence.margin_ms + 1)
    assert kinds(await trader.lookup(order)) == ["UndeterminedOutcome"]
    assert "Rejected" not in kinds(await trader.cancel(order))


async def test_tc_t22_a_venue_that_is_stopped_does_not_say_that_it_knows_no_order(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    known = trader.believed(order)
    assert known.venue_order_id is not None
    await venue.connector.stop()
    with pytest.raises(VenueUnavailable):
        await trader.session.identify(order.instrument_id, known.venue_order_id)


@needs(Capability.ODD_TEXT, Capability.STREAM_BREAK, Capability.RESTING_FILLS, has_replay)
async def test_tc_t23_what_cannot_be_read_is_reported_beside_the_rest(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.pass_time(60_000)
    await venue.break_stream(trader.session)
    await venue.say_odd(trader)
    await venue.fill_up_to(order, HALF)
    await venue.restore_stream(trader.session)
    first, second = [await replayed(trader.session), await replayed(trader.session)]
    (odd,) = [report for report in first if isinstance(report, UnreadableReport)]
    assert odd.text
    assert odd.why
    assert odd in second, "the same text makes the same report"
    assert believed(order, [*trader.reported, *first]).executed_quantity == HALF
    snapshot = await trader.session.snapshot()
    assert snapshot.unreadable
    assert not snapshot.is_whole
    assert about(order, [*trader.reported, *snapshot.open_orders], snapshot.open_orders)


def _essence(order: Order) -> tuple[object, ...]:
    """What is the same however the news came."""
    fills = [(e.trade_id, e.price, e.quantity, e.fees) for e in order.executions]
    return order.status, order.executed_quantity, order.venue_order_id, order.is_in_doubt, fills
