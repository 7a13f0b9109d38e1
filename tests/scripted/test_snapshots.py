"""Reading whole accounts: what a stream has lost is found, and what is under way is not taken for something else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from cadenza.application.orders.resolve import FoundFill, Resolution, ResolveChange
from cadenza.application.orders.take_snapshots import CONFIRM_MS, EVERY_MS, LOOKUPS_MS_MAX, RETRY_MS
from cadenza.application.orders.watch_closed import AGAIN_MS, SETTLE_MS
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import CanceledReport
from cadenza.ports.alarms import Alarm
from cadenza.ports.venue import ORDERS_PER_LOOKUP_MAX
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import COMPARED, DESK, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
UNPROVABLE = replace(COMPARED, spec=replace(COMPARED.spec, lookup=None, fence=None))
"""Our ledger keeps the books, the venue has snapshots, and asking about an order determines nothing."""


async def _usdt(trader: Trader) -> Decimal:
    return (await trader.balances())["USDT"].total


async def _compared_twice(world: World) -> None:
    await world.pass_time(EVERY_MS + CONFIRM_MS + 20_000, 10_000)


# --- a difference that something may explain


@only(COMPARED)
async def test_nothing_is_corrected_while_a_fill_waits_for_its_order(world: World, trader: Trader) -> None:
    """Its order becomes known later, and then its money is booked."""
    trader.session.hold_stream()
    trader.script.always("identify", Fault.REFUSE)
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100))
    trader.venue.fill(by_hand, "1")
    trader.session.release_stream([trader.session.held.index("fill")])
    await trader.heard()
    assert len(await world.kept()) == 1
    await _compared_twice(world)
    assert await _usdt(trader) == D(1_000_000), "not corrected"
    assert [alarm["is_corrected"] for alarm in world.alarms.of(Alarm.BOOKS_DIFFER)] == [False]
    assert set(world.process.trading.compare_books.differing) == {trader.id}
    await _compared_twice(world)
    assert len(world.alarms.of(Alarm.BOOKS_DIFFER)) == 1, "the same difference is shown once"
    trader.script.always("identify", None)
    await world.pass_time(EVERY_MS, 10_000)
    await world.settle()
    assert not await world.kept()
    await check_truth(trader)
    await world.pass_time(EVERY_MS, 10_000)
    assert not world.process.trading.compare_books.differing
    assert world.process.trading.compare_books.corrections_total == 0


@only(UNPROVABLE)
async def test_nothing_is_corrected_while_the_outcome_of_an_order_is_undetermined(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="1", price="100")
    fill = trader.venue.fill(trader.at_venue(order), "1", "100")
    await world.pass_time(10_000)
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    await _compared_twice(world)
    assert await _usdt(trader) == D(1_000_000), "not corrected"
    assert [alarm["is_corrected"] for alarm in world.alarms.of(Alarm.BOOKS_DIFFER)] == [False]
    found = FoundFill(fill.trade_id, D(1), D(100), fill.at_ms)
    change = ResolveChange(trader.id, Resolution(order.id, OrderStatus.CANCELED, [found]))
    await world.process.trading.committer.commit_report(change)
    assert await _usdt(trader) == D(999_900)
    await _compared_twice(world)
    assert await _usdt(trader) == trader.at.totals["USDT"] == D("999899.9"), "the fee, which nothing explains"


@only(COMPARED)
async def test_nothing_is_corrected_before_a_late_report_may_have_come(world: World, trader: Trader) -> None:
    """A report may be a minute late."""
    order = await trader.submit(quantity="1", price="100")
    await world.pass_time(EVERY_MS - 10_000, 10_000)
    trader.session.hold_stream()
    trader.script.always("lookup", Fault.REFUSE)
    trader.venue.fill(trader.at_venue(order), "1", "100")
    await world.pass_time(CONFIRM_MS - 5_000, 5_000)
    assert await _usdt(trader) == D(1_000_000)
    trader.script.always("lookup", None)
    trader.session.release_stream()
    await trader.heard()
    await world.settle()
    await check_truth(trader)
    assert not world.alarms.of(Alarm.BOOKS_DIFFER)


# --- open orders


@only(STREAMED)
async def test_a_snapshot_that_fails_does_not_keep_open_orders_from_being_looked_up(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.venue.cancel(trader.at_venue(order))
    trader.session.release_stream([])
    trader.script.always("snapshot", Fault.REFUSE)
    await world.pass_time(EVERY_MS + RETRY_MS, 10_000)
    assert (await trader.order(order)).status is OrderStatus.CANCELED
    assert world.process.trading.snapshots.failing == {trader.id: "VENUE_UNAVAILABLE"}
    works = await trader.submit(quantity="1")
    lookups, snapshots = trader.venue.requests("lookup"), trader.venue.requests("snapshot")
    await world.pass_time(EVERY_MS // 2, 10_000)
    assert (await trader.order(works)).status is OrderStatus.ACCEPTED
    assert len(trader.venue.requests("lookup")) == len(lookups), "the orders are not looked up again because of it"
    assert len(trader.venue.requests("snapshot")) > len(snapshots) + 10, "but the snapshot is asked for again"
    trader.script.always("snapshot", None)
    await world.pass_time(2 * RETRY_MS, 5_000)
    assert not world.process.trading.snapshots.failing


@only(DESK)
async def test_a_lookup_that_fails_is_made_again_after_growing_pauses(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.venue.cancel(trader.at_venue(order))
    trader.session.release_stream([])
    tries: list[int] = []
    lookup = trader.session.lookup

    async def fails(orders: Sequence[Order]) -> Any:
        tries.append(world.clock.monotonic_ms())
        raise VenueUnavailable("the venue does not answer")

    trader.session.lookup = fails  # type: ignore[method-assign]
    await world.pass_time(2 * EVERY_MS, 5_000)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[0] <= RETRY_MS + 5_000
    assert len(pauses) <= 6
    assert pauses == sorted(pauses)
    trader.session.lookup = lookup  # type: ignore[method-assign]
    await world.pass_time(EVERY_MS, 5_000)
    assert (await trader.order(order)).status is OrderStatus.CANCELED
    assert not world.process.trading.snapshots.failing


@only(DESK)
async def test_lookups_that_take_long_go_on_at_the_following_order(world: World, trader: Trader) -> None:
    count = 3 * ORDERS_PER_LOOKUP_MAX
    for _ in range(3):
        await asyncio.gather(*(trader.submit(quantity="0.1") for _ in range(ORDERS_PER_LOOKUP_MAX)))
    last = (await trader.orders())[-1]
    trader.session.hold_stream()
    trader.venue.cancel(trader.at_venue(last))
    trader.session.release_stream([])
    asked: list[list[Order]] = []
    lookup = trader.session.lookup

    async def slow(orders: Sequence[Order]) -> Any:
        asked.append(list(orders))
        await world.clock.sleep_ms(LOOKUPS_MS_MAX * 3 // 4)
        return await lookup(orders)

    trader.session.lookup = slow  # type: ignore[method-assign]
    snapshots = world.process.trading.snapshots
    await snapshots.tick()
    world.clock.advance(EVERY_MS)
    await snapshots.tick()
    for lookups in (1, 2):
        await until(lambda: len(asked) == lookups, "a lookup")  # noqa: B023
        world.clock.advance(LOOKUPS_MS_MAX * 3 // 4)
    await world.process.drain()
    assert len(asked) == 2, "no further lookup after the limit"
    assert (await trader.order(last)).status is OrderStatus.ACCEPTED
    world.clock.advance(RETRY_MS)
    await snapshots.tick()
    await until(lambda: len(asked) == 3, "the next lookup")
    world.clock.advance(LOOKUPS_MS_MAX)
    await world.process.drain()
    assert (await trader.order(last)).status is OrderStatus.CANCELED
    assert len({order.id for orders in asked for order in orders}) == count
    assert not snapshots.failing


@only(STREAMED, POLLED)
async def test_an_open_order_that_no_stream_reported_is_adopted_from_a_snapshot(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(2), D(100))
    trader.venue.fill(by_hand, "0.5")
    trader.session._cursor = len(trader.at.journal)  # where it is polled
    trader.session.release_stream([])
    await world.pass_time(EVERY_MS + 20_000, 10_000)
    (adopted,) = await trader.orders()
    assert (adopted.is_external, adopted.venue_order_id) == (True, by_hand.id)
    await world.settle()
    filled = await trader.order(adopted)
    assert (filled.status, filled.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.5"))
    await check_truth(trader)
    await world.pass_time(EVERY_MS + 20_000, 10_000)
    assert len(await trader.orders()) == 1


@only(STREAMED)
async def test_an_open_order_is_adopted_when_an_account_is_reconciled(world: World, trader: Trader) -> None:
    """Its report is older than the venue's replay reaches."""
    trader.session.break_stream()
    await trader.session.delivered()
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(2), D(100))
    world.clock.advance(1_000)
    trader.venue.forgets_before_ms = trader.venue.now_ms
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.tick()
    assert [order.venue_order_id for order in await trader.orders()] == [by_hand.id]


@only(STREAMED)
async def test_an_order_that_is_being_submitted_is_not_adopted(world: World, trader: Trader) -> None:
    """The venue names its open orders by its own ids only."""
    external = trader.session.parse.external
    trader.session.parse.external = lambda *args: replace(external(*args), sent_id=None)  # type: ignore[method-assign]
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    submitting = trader.submitting(quantity="1")
    await until(lambda: trader.script.waiting > 0, "the order is at the venue")
    snapshot = await world.process.trading.snapshots.take(trader.id, trader.session)
    assert snapshot is not None
    assert len(snapshot.open_orders) == 1
    trader.script.let_go()
    order = await submitting
    assert order.status is OrderStatus.ACCEPTED
    assert len(await trader.orders()) == 1
    await world.process.trading.snapshots.take(trader.id, trader.session)
    assert [each.id for each in await trader.orders()] == [order.id]
    assert not await world.kept()


# --- closed here, open there


async def _closed_here_alone(trader: Trader) -> Order:
    """The venue reports the end of an order that works on."""
    order = await trader.submit()
    trader.session.report(
        CanceledReport(
            account_id=trader.id,
            at_ms=trader.venue.now_ms,
            instrument_id=order.instrument_id,
            order_id=order.id,
            reason=CancelReason.VENUE,
            executed_quantity=D(0),
        )
    )
    await trader.session.delivered()
    assert (await trader.order(order)).is_closed
    return order


@only(STREAMED, COMPARED)
async def test_an_order_that_is_closed_here_and_open_there_raises_one_alarm_an_hour(
    world: World, trader: Trader
) -> None:
    order = await _closed_here_alone(trader)
    await world.pass_time(EVERY_MS * 3, 20_000)
    (alarm,) = world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    assert alarm == {"account_id": trader.id, "order_id": order.id}
    await world.pass_time(AGAIN_MS, 60_000)
    assert len(world.alarms.of(Alarm.CLOSED_ORDER_WORKS)) == 2


@only(STREAMED)
async def test_an_order_that_closed_just_before_the_snapshot_raises_no_alarm(world: World, trader: Trader) -> None:
    """The venue may answer from a copy that is a little old."""
    await _closed_here_alone(trader)
    world.clock.advance(SETTLE_MS - 1)
    await world.process.trading.snapshots.take(trader.id, world.process.trading.sessions.get(trader.id))
    assert not world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    world.clock.advance(1)
    await world.process.trading.snapshots.take(trader.id, world.process.trading.sessions.get(trader.id))
    assert len(world.alarms.of(Alarm.CLOSED_ORDER_WORKS)) == 1


@only(STREAMED, DESK)
async def test_a_fill_of_an_order_that_was_rejected_raises_an_alarm(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await world.pass_time(20_000)
    assert (await trader.order(order)).status is OrderStatus.REJECTED
    at = trader.venue.place(
        trader.at, order.instrument_id, Side.BUY, D(1), D(100), sent_id=order.sent_id, is_by_hand=False
    )
    trader.venue.fill(at, "0.5")
    await trader.heard()
    booked = await trader.order(order)
    assert (booked.status, booked.executed_quantity) == (OrderStatus.REJECTED, D("0.5"))
    assert {alarm["order_id"] for alarm in world.alarms.of(Alarm.CLOSED_ORDER_WORKS)} == {order.id}
