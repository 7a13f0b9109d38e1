"""TC-T: what is true after a lost reply, a restart, a session that was away."""

from decimal import Decimal
from uuid import UUID

import pytest

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.reports import FillReport, RejectedReport
from tests.conformance.harness import Capability, Orders, Trader, VenueUnderTest, believed, trader_at
from tests.inhouse_kit import kinds, replayed, until

ONE = Decimal(1)
HALF = Decimal("0.5")
needs = pytest.mark.needs


@needs(Capability.REPLY_LOSS)
async def test_tc_t01_a_lookup_finds_what_a_lost_reply_hid(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    assert kinds(await venue.losing_reply(trader.session, order)) == ["UnknownOutcome"]
    reports = await trader.lookup(order)
    assert reports[0].order_id == order.id
    assert believed(order, reports).status is OrderStatus.FILLED
    assert trader.executed(order) == HALF


@needs(Capability.REPLY_LOSS)
async def test_tc_t02_after_a_lost_reply_the_order_can_be_canceled(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    assert kinds(await venue.losing_reply(trader.session, order)) == ["UnknownOutcome"]
    await trader.cancel(order)
    assert believed(order, trader.told).status is OrderStatus.CANCELED
    assert await trader.open_ids() == set()


@needs(Capability.REQUEST_LOSS, Capability.BURIES)
async def test_tc_t03_a_lookup_buries_what_never_arrived(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    before = await trader.balances()
    order = orders.market(trader, Side.BUY, HALF)
    assert kinds(await venue.losing_request(trader.session, order)) == ["UnknownOutcome"]
    (report,) = await trader.lookup(order)
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    late = await trader.submit(order)  # what was under way arrives after all
    assert kinds(late) == ["Rejected"]
    assert await trader.balances() == before


async def test_tc_t04_a_lookup_tells_many_orders_at_once(trader: Trader, orders: Orders) -> None:
    filled, resting = orders.market(trader, Side.BUY, HALF), orders.resting(trader, Side.BUY, ONE)
    canceled, refused = orders.resting(trader, Side.BUY, ONE), orders.resting(trader, Side.SELL, ONE * 900)
    many = (filled, resting, canceled, refused)
    for order in many:
        await trader.submit(order)
    await trader.cancel(canceled)
    reports = await trader.lookup(*many)
    assert [believed(order, reports).status for order in many] == [
        OrderStatus.FILLED,
        OrderStatus.ACCEPTED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
    ]
    assert await trader.lookup() == []


async def test_tc_t05_a_lookup_repeated_says_the_same(trader: Trader, orders: Orders) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    told = await trader.submit(order)
    assert await trader.lookup(order) == await trader.lookup(order)
    assert believed(order, await trader.lookup(order)) == believed(order, told)


async def test_tc_t06_a_replay_tells_everything_again(trader: Trader, orders: Orders) -> None:
    many = [orders.market(trader, Side.BUY, HALF), orders.resting(trader, Side.BUY, ONE)]
    for order in many:
        await trader.submit(order)
    canceled = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(canceled)
    await trader.cancel(canceled)
    told_again = await replayed(trader.session, 0)
    for order in (*many, canceled):
        again = believed(order, told_again)
        assert again.status is believed(order, trader.told).status
        assert again.executions == believed(order, trader.told).executions


async def test_tc_t07_a_replay_starts_where_it_is_asked_to(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    await trader.submit(orders.market(trader, Side.BUY, HALF))
    await venue.pass_time(5_000)
    later = orders.resting(trader, Side.BUY, ONE)
    (accepted,) = await trader.submit(later)
    assert {report.order_id for report in await replayed(trader.session, accepted.at_ms)} == {later.id}


@needs(Capability.RESTART)
async def test_tc_t08_open_orders_work_on_after_a_restart(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    await venue.restart()
    again = await trader_at(venue)
    assert await again.open_ids() == {order.id}
    assert kinds(await again.lookup(order)) == ["Accepted"]
    assert kinds(await again.cancel(order)) == ["Canceled"]


@needs(Capability.RESTART, Capability.RESTING_FILLS)
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
    told_again = await replayed(again.session, accepted.at_ms)
    assert believed(order, told_again).status is OrderStatus.FILLED
    fills = [report for report in told_again if isinstance(report, FillReport)]
    assert sum(fill.quantity for fill in fills) == ONE
    assert len({fill.trade_id for fill in fills}) == len(fills) == 2


@needs(Capability.RESTART)
async def test_tc_t10_an_order_of_before_the_restart_is_not_executed_again(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.market(trader, Side.BUY, HALF)
    told = await trader.submit(order)
    balances = await trader.balances()
    await venue.restart()
    again = await trader_at(venue)
    assert believed(order, await again.submit(order)) == believed(order, told)
    assert await again.balances() == balances


@needs(Capability.RESTING_FILLS)
async def test_tc_t11_a_snapshot_is_of_one_moment(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    """Its balances are what the fills up to its time come to; every later fill has a later time."""
    before = await trader.session.snapshot()
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    trader.sink.gate.clear()
    await venue.fill_up_to(order, HALF)
    trader.sink.gate.set()
    snapshot = await trader.session.snapshot()
    moved = sum(
        (fill.quantity for fill in trader.fills_of(order) if fill.at_ms <= snapshot.at_ms),
        {balance.asset: balance.total for balance in before.balances}[order.base_asset],
    )
    assert {balance.asset: balance.total for balance in snapshot.balances}[order.base_asset] == moved
    assert {shown.order_id for shown in snapshot.open_orders} == {order.id}
    known = len(trader.sink.reports)
    await venue.fill_up_to(order, ONE)
    await until(lambda: trader.executed(order) == ONE, "the second half")
    assert all(report.at_ms > snapshot.at_ms for report in trader.sink.reports[known:])


@needs(Capability.MARGIN)
async def test_tc_t12_positions_are_in_the_snapshot(orders: Orders, venue: VenueUnderTest) -> None:
    trader = await trader_at(venue, AccountType.MARGIN)
    order = orders.market(trader, Side.BUY, ONE * 2, instrument=venue.perpetual, leverage=5)
    await trader.submit(order)
    (position,) = (await trader.session.snapshot()).positions
    assert (position.instrument_id, position.quantity, position.leverage) == (venue.perpetual.id, ONE * 2, 5)
    cost = sum(fill.price * fill.quantity for fill in trader.fills_of(order))
    assert position.entry_price * 2 == cost
    await trader.submit(orders.market(trader, Side.SELL, ONE * 2, instrument=venue.perpetual))
    assert (await trader.session.snapshot()).positions == ()


async def test_tc_t13_while_the_connector_is_stopped_nothing_is_sent(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    await venue.connector.stop()
    order = orders.resting(trader, Side.BUY, ONE)
    (report,) = await trader.submit(order)
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.NOT_SENT
    assert kinds(await trader.cancel(order)) == []
    assert kinds(await trader.lookup(order)) == ["UnknownOutcome"]


@needs(Capability.BURIES)
async def test_tc_t14_a_lookup_of_what_was_never_sent_is_a_proof(trader: Trader, orders: Orders) -> None:
    order = orders.resting(trader, Side.BUY, ONE, id=OrderId(UUID(int=999_999)))
    first, second = await trader.lookup(order), await trader.lookup(order)
    assert kinds(first) == kinds(second) == ["Rejected"]
