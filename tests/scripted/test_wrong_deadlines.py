"""Orders that were recorded while the wall clock was ahead: their doubt ends, and none is declared dead that may still
arrive."""

import pytest

from cadenza.application.orders.sending import ON_THE_WAY_MS_MAX
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Doubt, Order
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import DESK, FORGETFUL, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

DAY_MS = 86_400_000


async def _while_ahead(world: World, trader: Trader, fault: Fault) -> Order:
    """Submit an order while the clock is a day ahead; the clock is right again afterwards."""
    world.clock.jump(DAY_MS)
    trader.script.next("submit", fault)
    if fault is Fault.LOSE_REQUEST:
        order = await trader.submit()
    else:
        order = await trader.answered_late(trader.submitting())
    world.clock.jump(-DAY_MS)
    assert order.is_in_doubt
    return order


@only(STREAMED, POLLED, DESK)
async def test_an_order_that_never_left_is_closed(world: World, trader: Trader) -> None:
    order = await _while_ahead(world, trader, Fault.LOSE_REQUEST)
    await world.pass_time(ON_THE_WAY_MS_MAX, 5_000)
    assert (await trader.order(order)).is_in_doubt, "whatever was sent may still be on its way"
    await world.pass_time(180_000, 5_000)
    closed = await trader.order(order)
    assert (closed.status, closed.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_FOUND_AT_VENUE.value)
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK)
@pytest.mark.parametrize("fault", [Fault.HOLD, Fault.DELAY])
async def test_an_order_that_a_session_may_still_send_is_not_declared_dead(
    world: World, trader: Trader, fault: Fault
) -> None:
    order = await _while_ahead(world, trader, fault)
    await world.pass_time(3 * ON_THE_WAY_MS_MAX, 10_000)
    assert (await trader.order(order)).is_in_doubt
    trader.script.let_go()
    await until(lambda: trader.venue.find(trader.at, order.sent_id) is not None, "the order's arrival")
    await world.pass_time(120_000, 5_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK)
async def test_after_a_restart_no_session_holds_the_order(world: World, trader: Trader) -> None:
    order = await _while_ahead(world, trader, Fault.HOLD)
    await world.crash()
    await world.pass_time(2 * ON_THE_WAY_MS_MAX, 5_000)
    closed = await trader.order(order)
    assert (closed.status, closed.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_FOUND_AT_VENUE.value)
    trader.script.let_go()
    await world.settle()
    await check_truth(trader)


@only(FORGETFUL)
async def test_where_orders_are_forgotten_an_order_of_unknown_age_is_undetermined(world: World, trader: Trader) -> None:
    """By the order's own time it is younger than what the venue remembers. Nobody knows how old it is."""
    order = await _while_ahead(world, trader, Fault.LOSE_REQUEST)
    await world.process.stop()
    world.clock.advance(3_600_000)
    await world.start()
    await world.pass_time(ON_THE_WAY_MS_MAX, 5_000)
    doubtful = await trader.order(order)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)


@only(STREAMED)
async def test_a_clock_that_is_behind_declares_no_order_dead_early(world: World, trader: Trader) -> None:
    """The order was recorded by a right clock; the next process has a clock that is a day behind."""
    trader.script.next("submit", Fault.DELAY)
    order = await trader.answered_late(trader.submitting())
    await world.process.stop()
    world.clock.jump(-DAY_MS)
    await world.start()
    await world.pass_time(60_000, 1_000)
    assert (await trader.order(order)).is_in_doubt
    trader.script.let_go()
    await until(lambda: not trader.script.on_the_wire, "the end of the request")
    await world.pass_time(120_000, 5_000)
    now = await trader.order(order)
    at = trader.venue.find(trader.at, order.sent_id)
    assert at is not None
    assert now.status is OrderStatus.ACCEPTED
