"""Two orders at a venue with one client id. Many venues take an id again once its order has ended, and some never check
it; connectors report the ids of other programs as they are."""

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from tests.scripted.kinds import only
from tests.scripted.specs import COMPARED, DESK, NO_REPLAY, PER_SYMBOL, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal


async def by_venue_id(trader: Trader) -> dict[str | None, Order]:
    return {order.venue_order_id: order for order in await trader.orders()}


@only(STREAMED, DESK)
async def test_an_id_that_is_used_again_after_a_fill_names_another_order(world: World, trader: Trader) -> None:
    one = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100), sent_id="bot-1")
    trader.venue.fill(one, "1")
    await world.tick()
    two = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id="bot-1")
    await world.tick()
    trader.venue.fill(two, "0.5", "90")
    await world.settle()
    orders = await by_venue_id(trader)
    assert set(orders) == {one.id, two.id}
    assert (orders[one.id].status, orders[one.id].limit_price) == (OrderStatus.FILLED, D(100))
    assert (orders[two.id].executed_quantity, orders[two.id].limit_price) == (D("0.5"), D(90))
    assert [order.sent_id for order in orders.values()].count("bot-1") == 1
    assert not await world.kept()
    await check_truth(trader)


@only(STREAMED, PER_SYMBOL)
async def test_one_id_in_two_symbols_names_two_orders(world: World, trader: Trader) -> None:
    trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100), sent_id="bot-1")
    await world.tick()
    two = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(90), sent_id="bot-1")
    await world.tick()
    trader.venue.fill(two, "0.5")
    await world.settle()
    executed = {order.instrument_id: order.executed_quantity for order in await trader.orders()}
    assert executed == {trader.venue.btc: D(0), trader.venue.eth: D("0.5")}
    assert not await world.kept()


@only(STREAMED)
async def test_an_order_by_hand_with_the_id_of_our_closed_order_is_another(world: World, trader: Trader) -> None:
    ours = await trader.submit()
    await trader.cancel(ours)
    trader.at_venue(ours).is_forgotten = True
    world.clock.advance(600_000)
    by_hand = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id=ours.sent_id)
    await world.tick()
    trader.venue.fill(by_hand, "1", "90")
    await world.settle()
    ended = await trader.order(ours)
    assert (ended.status, ended.executed_quantity, ended.former_venue_order_ids) == (OrderStatus.CANCELED, D(0), ())
    other = (await by_venue_id(trader))[by_hand.id]
    assert (other.is_external, other.status, other.sent_id) == (True, OrderStatus.FILLED, None)
    assert not await world.kept()
    assert not world.alarms.sounded


@only(STREAMED)
async def test_two_open_orders_with_one_label_stay_two_after_a_restart(world: World, trader: Trader) -> None:
    one = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100), sent_id="grid")
    two = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id="grid")
    await world.settle()
    prices = {id: order.limit_price for id, order in (await by_venue_id(trader)).items()}
    assert prices == {one.id: D(100), two.id: D(90)}
    await world.crash()
    trader.venue.fill(two, "0.5", "90")
    await world.settle()
    executed = {id: order.executed_quantity for id, order in (await by_venue_id(trader)).items()}
    assert executed == {one.id: D(0), two.id: D("0.5")}
    assert not await world.kept()
    assert not world.alarms.sounded


@only(STREAMED, COMPARED, NO_REPLAY)
async def test_open_orders_with_one_label_are_adopted_from_a_snapshot(world: World, trader: Trader) -> None:
    """They were placed while nobody listened."""
    await world.process.stop()
    one = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100), sent_id="grid")
    two = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id="grid")
    await world.start()
    await world.settle()
    prices = {id: order.limit_price for id, order in (await by_venue_id(trader)).items()}
    assert prices == {one.id: D(100), two.id: D(90)}


@only(STREAMED)
async def test_an_order_that_was_renamed_while_nobody_listened_stays_one_order(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    former_id = at.id
    await world.process.stop()
    trader.venue.rename(at, "second")
    trader.venue.rename(at, "third")
    trader.venue.fill(at, "0.5")
    await world.start()
    await world.settle()
    (known,) = await trader.orders()
    assert (known.id, known.venue_order_id, known.executed_quantity) == (order.id, "third", D("0.5"))
    assert known.former_venue_order_ids == (former_id, "second")
    assert not await world.kept()
