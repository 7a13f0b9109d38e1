"""Orders whose outcome asking the venue cannot determine, or not yet: what an operator is shown, and what ends it."""

from decimal import Decimal

import pytest

from cadenza.application.orders.list_doubtful import ListDoubtful
from cadenza.application.orders.resolve import Resolution, ResolveOrder, payload_of
from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt
from cadenza.ports.alarms import Alarm
from tests.scripted.kinds import kinds, only
from tests.scripted.session import Fault
from tests.scripted.specs import (
    CLOCK_AHEAD,
    DESK,
    FENCE_MS,
    FORGETFUL,
    FORGETS_UNFILLED,
    NO_FENCE,
    NO_LOOKUP,
    PER_SYMBOL,
    POLLED,
    STREAMED,
)
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
DAY_MS = 86_400_000
provable = kinds(lambda kind: kind.can_prove)
some_provable = only(STREAMED, POLLED, DESK, PER_SYMBOL, CLOCK_AHEAD)
"""Where only news and ids make a difference."""


@only(NO_LOOKUP)
async def test_without_a_lookup_the_order_stays_in_doubt_an_alarm_sounds_and_nobody_asks_again(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await world.pass_time(120_000, 2_000)
    assert len(trader.venue.requests("lookup", order.sent_id)) == 1
    doubtful = await trader.order(order)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    (alarm,) = world.alarms.of(Alarm.OUTCOME_UNDETERMINED)
    assert alarm["order_id"] == order.id
    async with world.process.storage.read() as uow:
        assert [each.id for each in await uow.orders.in_doubt(0, 10)] == [order.id]


@only(NO_FENCE)
async def test_without_a_fence_not_knowing_an_order_is_never_a_proof(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST, Fault.LOSE_REPLY)
    lost, arrived = await trader.submit(), await trader.submit()
    await world.pass_time(6_000)
    assert (await trader.order(lost)).doubt is Doubt.UNANSWERED, "it may still arrive"
    assert (await trader.order(arrived)).status is OrderStatus.ACCEPTED
    await world.pass_time(120_000, 2_000)
    doubtful = await trader.order(lost)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    assert [alarm["order_id"] for alarm in world.alarms.of(Alarm.OUTCOME_UNDETERMINED)] == [lost.id]
    await world.settle()
    await check_truth(trader)


async def shown(world: World) -> list[OrderId]:
    orders = await ListDoubtful(storage=world.process.storage, clock=world.clock)(10)
    return [order.id for order in orders]


@only(STREAMED)
async def test_an_operator_is_shown_the_orders_that_stay_in_doubt(world: World, trader: Trader) -> None:
    """A cancel that is not confirmed is no doubt: nobody can resolve it."""
    works = await trader.submit()
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.always("cancel", Fault.LOSE_REQUEST)
    trader.script.next("submit", Fault.DUPLICATE_ID, Fault.LOSE_REQUEST)
    for _ in range(2):
        await trader.submit()
    await trader.cancel(works)
    assert await shown(world) == []
    await world.pass_time(70_000, 5_000)
    in_doubt = {order.id for order in await trader.orders() if order.is_in_doubt}
    assert len(in_doubt) == 2
    assert works.id not in in_doubt
    assert set(await shown(world)) == in_doubt


@only(STREAMED)
async def test_fills_do_not_hide_an_order_that_stays_in_doubt(world: World, trader: Trader) -> None:
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REPLY)
    trader.session.hold_stream()
    order = await trader.submit(quantity="100")
    at = trader.at_venue(order)
    trader.session.release_stream([])
    for _ in range(4):
        trader.venue.fill(at, "1")
        await world.pass_time(30_000, 10_000)
    assert (await trader.order(order)).executed_quantity == 4
    assert await shown(world) == [order.id]


@only(STREAMED)
async def test_an_old_order_with_a_new_doubt_is_not_shown_yet(world: World, trader: Trader) -> None:
    """Its age says nothing: it was in doubt once, and is again since a moment."""
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="2")
    await world.pass_time(120_000, 10_000)
    assert not (await trader.order(order)).is_in_doubt
    trader.script.always("lookup", Fault.REFUSE)
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1")
    trader.session.report(trader.session.parse.status(trader.at_venue(order), trader.venue.now_ms))
    await trader.heard()
    assert (await trader.order(order)).is_in_doubt
    assert await shown(world) == []
    await world.pass_time(70_000, 5_000)
    assert await shown(world) == [order.id]


@only(NO_LOOKUP)
async def test_news_ends_a_doubt_that_asking_cannot_end(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    await world.pass_time(10_000)
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    trader.session.release_stream()
    await trader.heard()
    assert not (await trader.order(order)).is_in_doubt
    trader.venue.fill(trader.at_venue(order), "1")
    await world.settle()
    await check_truth(trader)


@only(NO_LOOKUP)
async def test_an_order_that_works_is_not_doubted_when_the_venue_cannot_be_asked(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await world.crash()
    await world.tick()
    known = await trader.order(order)
    assert (known.status, known.doubt) == (OrderStatus.ACCEPTED, None)
    assert not world.alarms.of(Alarm.OUTCOME_UNDETERMINED)


@only(FORGETFUL)
async def test_an_order_whose_end_was_lost_and_forgotten_becomes_visible(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    trader.session.hold_stream()
    trader.venue.cancel(at)
    at.is_forgotten = True
    trader.session.release_stream([])  # the report of its end is lost
    await world.pass_time(600_000, 10_000)
    doubtful = await trader.order(order)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.ACCEPTED, Doubt.UNDETERMINED)
    (alarm,) = world.alarms.of(Alarm.OUTCOME_UNDETERMINED)
    assert alarm["order_id"] == order.id
    async with world.process.storage.read() as uow:
        assert [each.id for each in await uow.orders.in_doubt(0, 10)] == [order.id]


@pytest.mark.parametrize("is_canceled", [False, True])
@only(STREAMED, FORGETFUL, PER_SYMBOL, NO_FENCE)
async def test_an_acknowledged_order_that_queries_do_not_find_yet_is_asked_about_again(
    world: World, trader: Trader, is_canceled: bool
) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    at.is_forgotten = True  # its queries are behind
    if is_canceled:
        trader.script.next("cancel", Fault.LOSE_REQUEST)
        await trader.cancel(order)
    trader.session.break_stream()
    trader.session.restore_stream()
    await trader.heard()
    await world.tick()
    doubtful = await trader.order(order)
    assert (doubtful.doubt, doubtful.is_awaited) == (Doubt.UNANSWERED, True)
    at.is_forgotten = False
    await world.pass_time(20_000, 1_000)
    found = await trader.order(order)
    expected = OrderStatus.CANCELED if is_canceled else OrderStatus.ACCEPTED
    assert (found.status, found.is_in_doubt) == (expected, False)
    assert not world.alarms.sounded
    await world.settle()
    await check_truth(trader)


@only(FORGETS_UNFILLED)
async def test_an_order_that_ended_without_a_fill_and_is_forgotten_is_closed(world: World, trader: Trader) -> None:
    """Had it been executed, its venue would still know it; if it worked, too."""
    order = await trader.submit()
    at = trader.at_venue(order)
    trader.session.hold_stream()
    trader.venue.cancel(at)
    at.is_forgotten = True
    trader.session.release_stream([])
    await world.pass_time(700_000, 10_000)
    found = await trader.order(order)
    assert (found.status, found.executed_quantity, found.is_in_doubt) == (OrderStatus.CANCELED, 0, False)
    assert not world.alarms.sounded


@only(FORGETS_UNFILLED)
async def test_an_unanswered_order_is_dead_although_unfilled_orders_are_forgotten_by_now(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await world.process.stop()
    world.clock.advance(400_000)
    await world.start()
    await world.pass_time(20_000, 1_000)
    found = await trader.order(order)
    assert (found.status, found.is_in_doubt) == (OrderStatus.REJECTED, False)
    assert not world.alarms.of(Alarm.OUTCOME_UNDETERMINED)


@only(NO_LOOKUP, NO_FENCE)
async def test_a_cancel_of_an_undetermined_order_is_sent_until_it_is_answered(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    at = trader.at_venue(order)
    at.is_forgotten = True
    await world.pass_time(40_000, 1_000)
    at.is_forgotten = False
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    trader.script.next("cancel", Fault.LOSE_REQUEST, Fault.LOSE_REQUEST)
    await trader.cancel(order)
    await world.pass_time(30_000, 1_000)
    assert not at.is_working
    trader.session.release_stream()
    await world.settle()
    canceled = await trader.order(order)
    assert (canceled.status, canceled.is_in_doubt) == (OrderStatus.CANCELED, False)


@only(FORGETFUL)
async def test_an_order_that_the_venue_remembers_after_all_is_healed(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    at.is_forgotten = True
    await world.pass_time(FENCE_MS + 500)
    trader.session.break_stream()
    trader.session.restore_stream()
    await trader.heard()
    await world.tick()
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    at.is_forgotten = False
    trader.venue.fill(at, "0.5")
    await world.pass_time(5_000)
    healed = await trader.order(order)
    assert (healed.status, healed.is_in_doubt) == (OrderStatus.PARTIALLY_FILLED, False)
    await world.settle()
    await check_truth(trader)


@only(FORGETFUL)
async def test_an_order_that_the_venue_has_forgotten_is_in_doubt_and_not_dead(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    trader.session.hold_stream()
    trader.script.next("cancel", Fault.LOSE_REPLY)
    await trader.cancel(order)
    at.is_forgotten = True
    await world.pass_time(10_000)
    doubtful = await trader.order(order)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    assert world.alarms.of(Alarm.OUTCOME_UNDETERMINED)


@pytest.mark.parametrize("outcome", [OrderStatus.REJECTED, OrderStatus.CANCELED])
@only(DESK, NO_LOOKUP)
async def test_an_order_that_was_resolved_as_gone_and_shows_itself_raises_an_alarm(
    world: World, trader: Trader, outcome: OrderStatus
) -> None:
    trader.session.hold_stream()
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    await world.pass_time(20_000, 2_000)
    process = world.process
    resolve = ResolveOrder(storage=process.storage, committer=process.trading.committer, intake=process.trading.intake)
    await resolve(payload_of(Resolution(order.id, outcome)))
    trader.session.release_stream(times=2)
    await trader.heard()
    assert (await trader.order(order)).status is outcome
    (alarm,) = world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    assert alarm["order_id"] == order.id


@pytest.mark.parametrize("is_canceled", [False, True])
@only(NO_FENCE)
async def test_an_undetermined_order_does_not_make_each_replay_longer(
    world: World, trader: Trader, is_canceled: bool
) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await world.pass_time(60_000, 2_000)
    if is_canceled:
        trader.script.always("cancel", Fault.LOSE_REQUEST)
        await trader.cancel(order)
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    for _ in range(3):
        world.clock.advance(DAY_MS)
        by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100))
        trader.venue.fill(by_hand, "1")
        await world.pass_time(10_000, 5_000)
    before = len(trader.venue.requests("replay"))
    trader.session.break_stream()
    trader.session.restore_stream()
    await trader.heard()
    await world.tick()
    (replay,) = trader.venue.requests("replay")[before:]
    assert int(replay.names[0]) > trader.venue.now_ms - DAY_MS
