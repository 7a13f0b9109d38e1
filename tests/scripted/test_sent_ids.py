"""Our ids at a venue: recorded before an order is sent, and never given to two orders."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from cadenza.domain.errors import InternalError, InvalidQuantity, LotSize
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import every_kind, only
from tests.scripted.session import Fault
from tests.scripted.specs import COUNTED, LAST_IDS, STREAMED, Kind
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal


@every_kind
async def test_the_id_is_on_disk_before_the_order_is_sent(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.HOLD)
    task = trader.submitting()
    await until(lambda: trader.script.waiting > 0, "the order is about to be sent")
    (order,) = await trader.orders()
    assert order.status is OrderStatus.SUBMITTED
    trader.script.let_go()
    sent = await task
    assert [request.names for request in trader.venue.requests("submit")] == [(order.sent_id,)]
    assert sent.sent_id == order.sent_id


@only(COUNTED)
async def test_counted_ids_begin_with_the_first_and_never_repeat_across_a_crash(
    world: World, trader: Trader, kind: Kind
) -> None:
    first = [await trader.submit() for _ in range(3)]
    trader.script.next("submit", Fault.LOSE_REQUEST)
    lost = await trader.submit()
    await world.crash()
    await world.tick()
    later = [await trader.submit() for _ in range(3)]
    ids = [int(order.sent_id or "") for order in (*first, lost, *later)]
    assert ids[0] == 1_000
    assert ids == sorted(set(ids))
    await world.settle()
    await check_truth(trader)


@only(COUNTED)
async def test_counted_ids_of_orders_at_the_same_time_are_different(world: World, trader: Trader) -> None:
    orders = await asyncio.gather(*(trader.submit(quantity="0.1") for _ in range(50)))
    assert len({order.sent_id for order in orders}) == 50
    assert len(trader.venue.requests("submit")) == 50


@only(COUNTED)
async def test_an_id_of_a_refused_order_is_skipped(world: World, trader: Trader) -> None:
    before = await trader.submit()
    with pytest.raises((LotSize, InvalidQuantity)):
        await trader.submit(quantity="0.00001")
    after = await trader.submit()
    assert int(after.sent_id or "") > int(before.sent_id or "")


@only(COUNTED)
async def test_each_account_counts_by_itself(world: World, trader: Trader) -> None:
    other = await world.connect(trader.venue)
    assert (await trader.submit()).sent_id == (await other.submit()).sent_id == "1000"
    await world.settle()
    await check_truth(trader)
    await check_truth(other)


@only(COUNTED)
async def test_another_process_goes_on_counting_after_a_take_over(world: World, trader: Trader) -> None:
    ours = await trader.submit()
    sent_ids = world.process.trading.sent_ids
    memories = sent_ids._memories(trader.account.venue_id)
    other = await memories.open(f"sent ids of {trader.id}")
    taken = await other.next("cid", first=1_000)
    after = await trader.submit()
    assert len({int(ours.sent_id or ""), taken, int(after.sent_id or "")}) == 3


async def _restore_backup(world: World, after: Order, *, forgets: bool) -> None:
    """End the process, take from the database all that came after that order, and start again an hour later.
    `forgets`: the venue's history does not show any more what happened meanwhile."""
    await world.process.stop()
    connection = await asyncpg.connect(world.dsn)
    gone = "(SELECT id FROM orders WHERE created_at_ms > $1)"
    await connection.execute(f"DELETE FROM executions WHERE order_id IN {gone}", after.created_at_ms)
    await connection.execute("DELETE FROM orders WHERE created_at_ms > $1", after.created_at_ms)
    await connection.execute("UPDATE venue_memory SET value = $1", str(int(after.sent_id or "") + 1))
    await connection.execute("UPDATE trading_accounts SET complete_until_ms = $1", after.created_at_ms)
    await connection.close()
    world.clock.advance(3_600_000)
    for venue in world.venues.values():
        venue.forgets_before_ms = venue.now_ms if forgets else 0
    await world.start()
    await world.pass_time(2_000)


async def _one_and_later_ones(world: World, trader: Trader) -> Order:
    """Place an order of which the backup knows, and three later ones, each filled."""
    first = await trader.submit(quantity="2", price="90")
    await trader.heard()
    for _ in range(3):
        world.clock.advance(1_000)
        trader.venue.fill(trader.at_venue(await trader.submit(quantity="3", price="80")), "3", "80")
        await trader.heard()
    return first


@only(COUNTED)
async def test_numbers_that_the_replay_shows_are_not_given_out_again(world: World, trader: Trader) -> None:
    """The replay brings the orders that the restored backup does not have."""
    first = await _one_and_later_ones(world, trader)
    await _restore_backup(world, first, forgets=False)
    new = await trader.submit(quantity="5")
    assert int(new.sent_id or "") == int(first.sent_id or "") + 4
    assert (new.status, new.executed_quantity) == (OrderStatus.ACCEPTED, 0)
    assert len([order for order in await trader.orders() if order.status is OrderStatus.FILLED]) == 3


@only(COUNTED)
@pytest.mark.parametrize("quantity", ["5", "3"], ids=["another quantity", "the same terms"])
async def test_an_id_that_another_order_has_at_the_venue_rejects_ours_and_books_nothing(
    world: World, trader: Trader, quantity: str
) -> None:
    first = await _one_and_later_ones(world, trader)
    await _restore_backup(world, first, forgets=True)
    new = await trader.submit(quantity=quantity, price="80")
    assert (new.status, new.doubt) == (OrderStatus.SUBMITTED, Doubt.DUPLICATE)
    await world.pass_time(5_000)
    closed = await trader.order(new)
    assert (closed.status, closed.reject_reason) == (OrderStatus.REJECTED, RejectReason.DUPLICATE_SENT_ID.value)
    assert (closed.executed_quantity, closed.venue_order_id) == (0, None)
    assert {kept.reason for kept in await world.kept()} == {KeepReason.OTHER_ORDER}
    await world.pass_time(600_000, 10_000)
    kinds_of_reports = {type(kept.report) for kept in await world.kept()}
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == len(await world.kept()) == len(kinds_of_reports)
    later = [await trader.submit(quantity="1") for _ in range(3)]
    await world.pass_time(10_000)
    assert (await trader.order(later[-1])).status is OrderStatus.ACCEPTED, "the counter has passed the old numbers"


@only(COUNTED)
async def test_numbers_of_stored_orders_are_skipped_though_the_counter_is_behind(world: World, trader: Trader) -> None:
    orders = [await trader.submit() for _ in range(8)]
    await trader.heard()
    await world.process.stop()
    connection = await asyncpg.connect(world.dsn)
    await connection.execute("UPDATE venue_memory SET value = '1000'")
    await connection.close()
    await world.start()
    await world.tick()
    assert int((await trader.submit()).sent_id or "") > max(int(order.sent_id or "") for order in orders)


@only(COUNTED)
async def test_a_number_that_an_order_has_got_meanwhile_is_drawn_again(world: World, trader: Trader) -> None:
    """Another process stored an order under the number that comes next."""
    first = await trader.submit()
    connection = await asyncpg.connect(world.dsn)
    await connection.execute("UPDATE orders SET sent_id = '1001' WHERE id = $1", first.id)
    await connection.close()
    second = await trader.submit()
    assert (second.sent_id, second.status) == ("1002", OrderStatus.ACCEPTED)
    assert [request.names for request in trader.venue.requests("submit")] == [("1000",), ("1002",)]


@only(COUNTED, STREAMED)
async def test_an_order_of_other_terms_under_our_id_is_set_aside(world: World, trader: Trader) -> None:
    """No duplicate was reported, so nothing proves that our order does not arrive: it stays in doubt."""
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit(quantity="5")
    trader.venue.place(trader.at, order.instrument_id, Side.SELL, D(3), D(120), sent_id=order.sent_id, is_by_hand=False)
    await trader.heard()
    await world.pass_time(30_000)
    now = await trader.order(order)
    assert (now.status, now.venue_order_id, now.is_in_doubt) == (OrderStatus.SUBMITTED, None, True)
    assert {kept.reason for kept in await world.kept()} == {KeepReason.OTHER_SIDE}
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == len(await world.kept())


@only(COUNTED)
async def test_a_counter_does_not_follow_the_numbers_of_other_programs(world: World, trader: Trader) -> None:
    """Some number their orders by the time."""
    for number in (1_764_000_000_000, 9 * 10**17):
        trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id=str(number), is_by_hand=False)
    trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id="5000", is_by_hand=False)
    await trader.heard()
    order = await trader.submit()
    assert order.sent_id == "5001"


@only(COUNTED)
async def test_a_counter_passes_all_orders_that_a_backup_has_lost(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadenza.application.orders.sent_ids.RANGE", 10)
    trader.session.break_stream()
    await trader.session.delivered()
    for number in range(1_000, 1_045):
        lost = trader.venue.place(
            trader.at, trader.venue.btc, Side.BUY, D("0.01"), D(100), sent_id=str(number), is_by_hand=False
        )
        trader.venue.fill(lost, "0.01")
    trader.session.restore_stream()
    await world.pass_time(10_000)
    assert [(await trader.submit()).sent_id for _ in range(2)] == ["1045", "1046"]


@only(LAST_IDS)
async def test_a_counter_ends_with_the_last_id_that_the_venue_takes(world: World, trader: Trader) -> None:
    """A number above it that somebody else's order has does not count."""
    for taken in ("1000", "1003"):
        trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100), sent_id=taken)
    await trader.heard()
    assert (await trader.submit()).sent_id == "1001"
    with pytest.raises(InternalError):
        await trader.submit()
    assert len(trader.venue.requests("submit")) == 1
