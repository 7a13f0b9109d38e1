"""Our ids at a venue: recorded before an order is sent, and never given to two orders."""

import asyncio

import pytest

from cadenza.domain.errors import InvalidQuantity, LotSize
from cadenza.domain.trading.enums import OrderStatus
from tests.inhouse_kit import until
from tests.scripted.kinds import every_kind, only
from tests.scripted.session import Fault
from tests.scripted.specs import COUNTED, Kind
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World


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
