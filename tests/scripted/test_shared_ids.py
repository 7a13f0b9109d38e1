"""A venue that takes our ids from others too: whose order is whose while the reply to ours is lost, through crashes."""

from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import SHARED, SHARED_LABELS
from tests.scripted.truth import check_truth
from tests.scripted.venue import VenueOrder
from tests.scripted.world import Trader, World

D = Decimal


def twin(trader: Trader, order: Order) -> VenueOrder:
    """Somebody else's order with the number and the terms of ours."""
    return trader.venue.place(
        trader.at, trader.venue.btc, order.side, order.quantity, order.limit_price, sent_id=order.sent_id
    )


async def by_venue_id(trader: Trader) -> dict[str | None, Order]:
    return {order.venue_order_id: order for order in await trader.orders()}


@pytest.mark.parametrize("is_crashed", [False, True])
@only(SHARED, SHARED_LABELS)
async def test_the_answer_to_a_question_divides_what_the_stream_brought(
    world: World, trader: Trader, is_crashed: bool
) -> None:
    trader.script.next("submit", Fault.LOSE_REPLY)
    ours = await trader.submit(price="100")
    theirs, at = twin(trader, ours), trader.at_venue(ours)
    trader.venue.fill(theirs, "0.5")
    trader.venue.fill(at, "0.25")
    await trader.heard()
    stands = await trader.order(ours)
    assert (stands.venue_order_id, stands.executed_quantity, stands.is_in_doubt) == (None, D(0), True)
    assert await by_venue_id(trader) == {None: stands}
    if is_crashed:
        await world.crash()
    await world.settle()
    orders = await by_venue_id(trader)
    assert {id: each.executed_quantity for id, each in orders.items()} == {at.id: D("0.25"), theirs.id: D("0.5")}
    assert (orders[at.id].id, orders[theirs.id].is_external) == (ours.id, True)
    assert not await world.kept()
    assert not world.alarms.sounded
    await check_truth(trader)


@only(SHARED, SHARED_LABELS)
async def test_what_came_before_the_reply_is_booked_by_it(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.HOLD_REPLY)
    task = trader.submitting(price="100")
    await until(lambda: trader.script.waiting > 0, "the reply is on its way")
    (at,) = trader.at.orders
    trader.venue.fill(at, "1")
    await trader.heard()
    trader.script.let_go()
    await task
    await world.settle()
    (ours,) = await trader.orders()
    assert (ours.status, ours.venue_order_id) == (OrderStatus.FILLED, at.id)
    assert not await world.kept()
    await check_truth(trader)


@only(SHARED, SHARED_LABELS)
async def test_an_order_that_was_not_sent_leaves_the_strangers_to_the_stranger(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    ours = await trader.submit(price="100")
    other = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(3), D(100), sent_id=ours.sent_id)
    trader.venue.fill(other, "0.5")
    await trader.heard()
    orders = await by_venue_id(trader)
    assert (orders[other.id].executed_quantity, orders[None].executed_quantity) == (D("0.5"), D(0))
    assert (await trader.stored()).trading_mode is TradingMode.ACTIVE
