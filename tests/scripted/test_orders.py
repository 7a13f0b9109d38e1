"""An order at every kind of venue, when nothing goes wrong."""

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from tests.scripted.kinds import every_kind
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World


@every_kind
async def test_an_order_is_accepted_filled_and_booked(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    assert order.status is OrderStatus.ACCEPTED
    assert not order.is_in_doubt
    at = trader.at_venue(order)
    trader.venue.fill(at, "0.4")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.PARTIALLY_FILLED
    trader.venue.fill(at, "0.6")
    await trader.heard()
    await world.settle()
    filled = await trader.order(order)
    assert (filled.status, filled.executed_quantity) == (OrderStatus.FILLED, Decimal(1))
    await check_truth(trader)


@every_kind
async def test_an_order_is_cancelled(world: World, trader: Trader) -> None:
    order = await trader.submit(Side.SELL, "1")
    canceled = await trader.cancel(order)
    assert canceled.status is OrderStatus.CANCELED
    await world.settle()
    await check_truth(trader)


@every_kind
async def test_a_market_order_is_answered_with_its_fill(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price=None)
    assert order.status in (OrderStatus.ACCEPTED, OrderStatus.FILLED)
    await trader.heard()
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await check_truth(trader)


@every_kind
async def test_a_rejected_order_is_closed_at_once(world: World, trader: Trader) -> None:
    from tests.scripted.session import Fault

    trader.script.next("submit", Fault.REJECT)
    order = await trader.submit()
    assert order.status is OrderStatus.REJECTED
    await check_truth(trader)


@every_kind
async def test_everything_is_as_before_after_a_crash(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await world.crash()
    trader.venue.fill(trader.at_venue(order), "1")
    await world.tick()
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await check_truth(trader)
