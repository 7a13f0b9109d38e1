"""Orders as GTD and DAY at a venue that has neither: the platform expires them, whatever happens meanwhile."""

from decimal import Decimal

import pytest

from cadenza.domain.errors import InvalidExpiry
from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.trading.checks import DAY_MS
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import VenueOrderStatus
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import WITHOUT_GTD
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
LIFE_MS = 60_000
pytestmark = only(WITHOUT_GTD)


async def short_lived(trader: Trader, quantity: str = "1", life_ms: int = LIFE_MS) -> Order:
    expire_at_ms = trader.world.clock.now_ms() + life_ms
    return await trader.submit(quantity=quantity, time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)


async def ended(trader: Trader, order: Order) -> Order:
    await trader.world.settle()
    await check_truth(trader)
    return await trader.order(order)


async def test_it_works_until_its_instant_and_expires_then(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    at = trader.at_venue(order)
    assert (at.time_in_force, at.expire_at_ms) == (TimeInForce.GTC, None)
    await world.pass_time(LIFE_MS - 500)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    await world.pass_time(1_000)
    order = await trader.order(order)
    assert (order.status, order.time_in_force, order.cancel_reason) == (
        OrderStatus.EXPIRED,
        TimeInForce.GTD,
        CancelReason.EXPIRED.value,
    )
    assert at.status is VenueOrderStatus.CANCELED
    await ended(trader, order)
    assert len(trader.venue.requests("cancel")) == 1


async def test_what_was_executed_counts(world: World, trader: Trader) -> None:
    order = await short_lived(trader, "2")
    trader.venue.fill(trader.at_venue(order), "0.5")
    await world.pass_time(LIFE_MS + 1_000)
    order = await ended(trader, order)
    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, D("0.5"))


async def test_an_order_that_is_filled_before_its_cancel_arrives_is_filled(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1")
    await world.pass_time(LIFE_MS + 1_000)
    trader.session.release_stream()
    order = await ended(trader, order)
    assert (order.status, order.cancel_reason) == (OrderStatus.FILLED, None)


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_REPLY])
async def test_a_cancel_without_an_answer_is_sent_again(world: World, trader: Trader, fault: Fault) -> None:
    order = await short_lived(trader)
    trader.session.hold_stream()
    trader.script.next("cancel", fault)
    await world.pass_time(LIFE_MS + 1_000)
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    trader.session.release_stream()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


async def test_a_refused_cancel_is_sent_again_after_a_pause(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.script.next("cancel", *[Fault.REFUSE] * 3)
    await world.pass_time(LIFE_MS + 2_500)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    assert len(trader.venue.requests("cancel")) == 2
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED
    assert len(trader.venue.requests("cancel")) == 4


async def test_a_user_may_cancel_it_before(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    await trader.cancel(order)
    await world.pass_time(LIFE_MS + 1_000)
    order = await ended(trader, order)
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.USER.value)
    assert len(trader.venue.requests("cancel")) == 1


async def test_a_user_who_cancels_it_while_it_expires_gets_the_expired_order(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.script.next("cancel", Fault.LOSE_REQUEST)
    await world.pass_time(LIFE_MS + 500)
    assert (await trader.cancel(order)).status is OrderStatus.EXPIRED
    assert (await ended(trader, order)).cancel_reason == CancelReason.EXPIRED.value


async def test_time_away_counts(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    await world.process.stop()
    world.clock.advance(10 * LIFE_MS)
    await world.start()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


async def test_it_is_expired_as_soon_as_the_venue_is_reached_again(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.session.break_stream()
    await world.pass_time(2 * LIFE_MS, 1_000)
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    trader.session.restore_stream()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


async def test_an_order_whose_reply_was_lost_is_found_and_expires(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await short_lived(trader, life_ms=1_000)
    trader.venue.fill(trader.at_venue(order), "0.25")
    await world.pass_time(30_000)
    trader.session.release_stream()
    order = await ended(trader, order)
    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, D("0.25"))


async def test_an_order_that_never_arrived_is_rejected_and_not_expired(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await short_lived(trader, life_ms=1_000)
    await world.pass_time(60_000)
    assert (await ended(trader, order)).status is OrderStatus.REJECTED


async def test_a_day_order_ends_at_midnight_and_so_do_all_others(world: World, trader: Trader) -> None:
    """More of them than one round expires."""
    orders = [await trader.submit(quantity="1", time_in_force=TimeInForce.DAY) for _ in range(250)]
    midnight_ms = (world.clock.now_ms() // DAY_MS + 1) * DAY_MS
    assert {order.expire_at_ms for order in orders} == {midnight_ms}
    world.clock.advance(midnight_ms - world.clock.now_ms())
    await world.settle()
    assert {order.status for order in await trader.orders()} == {OrderStatus.EXPIRED}
    assert len(trader.venue.requests("cancel")) == len(orders)


async def test_an_instant_that_has_passed_is_refused(trader: Trader) -> None:
    with pytest.raises(InvalidExpiry):
        await short_lived(trader, life_ms=0)
