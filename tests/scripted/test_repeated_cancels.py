"""A client that repeats its cancel does not hold up what the platform has to find out about the order."""

import asyncio
from decimal import Decimal

import pytest

from cadenza.domain.errors import OrderAlreadyClosed
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import DESK, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
TEN_MINUTES_S = 600


async def _cancel_again_and_again(world: World, trader: Trader, every_s: int) -> None:
    """Cancel the account's order every so often for ten minutes; the venue answers no cancel."""
    trader.script.always("cancel", Fault.HOLD)
    (order,) = await trader.orders()
    inquire = world.process.trading.inquire
    cancels = []
    for second in range(TEN_MINUTES_S):
        if second % every_s == 0:
            cancels.append(asyncio.create_task(trader.cancel(order)))
            await until(lambda: trader.script.waiting > 0 or cancels[-1].done(), "a cancel on its way")
        world.clock.advance(1_000)
        await inquire.tick()
        # A round that has come to its own cancel waits for the reply to that.
        under_way = int(not cancels[-1].done())
        await until(lambda n=under_way: not inquire._asking or trader.script.waiting > n, "the round of inquiries")
    trader.script.always("cancel", None)
    trader.script.let_go()
    for answer in await asyncio.gather(*cancels, return_exceptions=True):
        assert isinstance(answer, Order | OrderAlreadyClosed)


@pytest.mark.parametrize("every_s", [2, 4, 6])
@only(STREAMED)
async def test_the_outcome_of_an_order_is_found_meanwhile(world: World, trader: Trader, every_s: int) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    trader.venue.fill(trader.at_venue(order), "0.5")
    await _cancel_again_and_again(world, trader, every_s)
    assert trader.venue.requests("lookup", order.sent_id)
    assert (await trader.order(order)).executed_quantity == D("0.5")
    trader.session.release_stream()
    await world.settle()
    await check_truth(trader)


@only(DESK)
async def test_an_order_that_never_arrived_is_proved_dead_meanwhile(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await _cancel_again_and_again(world, trader, 4)
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.REJECTED


@only(STREAMED)
async def test_cancels_at_the_same_time_are_one_request(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.session.hold_stream()
    trader.script.next("cancel", Fault.HOLD)
    first = asyncio.create_task(trader.cancel(order))
    await until(lambda: trader.script.waiting > 0, "the first cancel on its way")
    others = [asyncio.create_task(trader.cancel(order)) for _ in range(1_000)]
    await until(lambda: world.process.trading.committer.changes_total > 0, "the others to be recorded")
    trader.script.let_go()
    answers = await asyncio.gather(first, *others)
    assert {answer.status for answer in answers} == {OrderStatus.CANCELED}
    assert len(trader.venue.requests("cancel")) <= 2
    again = await trader.submit()
    assert (await trader.cancel(again)).status is OrderStatus.CANCELED
