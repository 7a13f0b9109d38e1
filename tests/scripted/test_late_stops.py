"""Stops that may wait within their venue for any time. Nothing proves one dead: when it shows itself, it ends as the
venue's ledger says, and until then an operator has to find out."""

from decimal import Decimal
from typing import Any

import pytest

from cadenza.application.orders.cancel_closed import CancelClosed
from cadenza.application.orders.resolve import Resolution, ResolveOrder, payload_of
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import FENCE_MS, LATE_STOPS
from tests.scripted.test_brake import halt
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
LONG_MS = 120_000
stops = only(LATE_STOPS)


async def held_back(trader: Trader, **terms: Any) -> Order:
    """Submit a stop that waits within its venue until it is let go."""
    trader.script.next("submit", Fault.DELAY)
    submitting = trader.submitting(price=None, type=OrderType.STOP, stop_price=D(110), **terms)
    return await trader.answered_late(submitting)


async def undetermined(world: World, trader: Trader) -> Order:
    """Submit such a stop, and wait until asking is over."""
    order = await held_back(trader)
    await world.pass_time(LONG_MS, 2_000)
    found = await trader.order(order)
    assert (found.status, found.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    return found


async def arrive(trader: Trader) -> None:
    """The venue takes the stop in, and says so."""
    trader.script.let_go()
    await until(lambda: bool(trader.at.orders) and not trader.script.on_the_wire, "the order's arrival")
    await trader.heard()


def resolve_of(world: World) -> ResolveOrder:
    trading = world.process.trading
    return ResolveOrder(storage=world.process.storage, committer=trading.committer, intake=trading.intake)


@stops
async def test_only_the_fence_of_an_order_with_a_deadline_proves_it_dead(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST, Fault.LOSE_REQUEST)
    limit = await trader.submit()
    stop = await trader.submit(price=None, type=OrderType.STOP, stop_price=D(110))
    await world.pass_time(LONG_MS, 2_000)
    dead, doubtful = await trader.order(limit), await trader.order(stop)
    assert (dead.status, dead.is_in_doubt) == (OrderStatus.REJECTED, False)
    assert (doubtful.status, doubtful.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    assert [alarm["order_id"] for alarm in world.alarms.of(Alarm.OUTCOME_UNDETERMINED)] == [stop.id]


@stops
async def test_until_the_fence_the_venue_is_asked_again(world: World, trader: Trader) -> None:
    """So an operator is not asked to find out what the next answer may show."""
    order = await held_back(trader)
    assert order.send_before_ms is not None
    while world.clock.now_ms() + 500 <= order.send_before_ms + FENCE_MS:
        await world.pass_time(500)
        assert (await trader.order(order)).doubt is Doubt.UNANSWERED
    asked = len(trader.venue.requests("lookup"))
    assert asked, "it was asked about meanwhile"
    await world.pass_time(LONG_MS, 2_000)
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    assert len(trader.venue.requests("lookup")) == asked + 1, "then asking is over"


@pytest.mark.parametrize("late_ms", [500, LONG_MS], ids=["before asking is over", "afterwards"])
@stops
async def test_a_stop_that_shows_itself_after_its_deadline_works_on(world: World, trader: Trader, late_ms: int) -> None:
    order = await held_back(trader)
    assert order.send_before_ms is not None
    world.clock.advance(order.send_before_ms - world.clock.now_ms())
    await world.pass_time(late_ms, 500)
    await arrive(trader)
    known = await trader.order(order)
    assert (known.status, known.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    trader.venue.fill(trader.at_venue(order), "0.5")
    await world.settle()
    assert (await trader.order(order)).executed_quantity == D("0.5")
    assert len(await trader.orders()) == 1
    await check_truth(trader)


@stops
async def test_a_stop_that_shows_itself_while_no_process_runs_is_found_at_the_next_start(
    world: World, trader: Trader
) -> None:
    order = await undetermined(world, trader)
    await world.process.stop()
    trader.script.let_go()
    await until(lambda: bool(trader.at.orders), "the order's arrival")
    await world.start()
    await world.tick()
    known = await trader.order(order)
    assert (known.status, known.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    assert len(await trader.orders()) == 1
    await world.settle()
    await check_truth(trader)


@pytest.mark.parametrize("is_undetermined", [False, True])
@stops
async def test_a_cancel_that_was_requested_meanwhile_is_carried_out(
    world: World, trader: Trader, is_undetermined: bool
) -> None:
    order = await undetermined(world, trader) if is_undetermined else await held_back(trader)
    asked = await trader.cancel(order)
    assert asked.status is OrderStatus.PENDING_CANCEL
    assert {request.decision for request in trader.venue.requests("cancel")} == {"UNKNOWN_ORDER"}
    await world.pass_time(LONG_MS, 2_000)
    waits = await trader.order(order)
    assert (waits.status, waits.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    await arrive(trader)
    await world.pass_time(LONG_MS, 2_000)
    assert not trader.at_venue(order).is_working
    ended = await trader.order(order)
    assert (ended.status, ended.executed_quantity, ended.is_in_doubt) == (OrderStatus.CANCELED, 0, False)
    await check_truth(trader)


@stops
async def test_a_stop_that_expired_here_meanwhile_is_canceled_when_it_shows_itself(
    world: World, trader: Trader
) -> None:
    expire_at_ms = world.clock.now_ms() + LONG_MS // 2
    order = await held_back(trader, time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)
    await world.pass_time(LONG_MS, 2_000)
    waits = await trader.order(order)
    assert (waits.status, waits.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    await arrive(trader)
    await world.pass_time(LONG_MS, 2_000)
    assert not trader.at_venue(order).is_working
    assert (await trader.order(order)).status is OrderStatus.EXPIRED


@stops
async def test_a_stop_that_shows_itself_while_trading_is_halted_is_canceled(world: World, trader: Trader) -> None:
    order = await undetermined(world, trader)
    await halt(world, trader)
    await arrive(trader)
    await world.pass_time(LONG_MS, 2_000)
    assert not trader.at_venue(order).is_working
    assert (await trader.order(order)).status is OrderStatus.CANCELED


@pytest.mark.parametrize("outcome", [OrderStatus.REJECTED, OrderStatus.CANCELED])
@stops
async def test_a_stop_that_was_resolved_as_gone_and_shows_itself_raises_an_alarm_and_can_be_canceled(
    world: World, trader: Trader, outcome: OrderStatus
) -> None:
    order = await undetermined(world, trader)
    await resolve_of(world)(payload_of(Resolution(order.id, outcome)))
    assert not (await trader.order(order)).is_in_doubt
    await arrive(trader)
    assert (await trader.order(order)).status is outcome
    (alarm,) = world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    assert alarm["order_id"] == order.id
    trading = world.process.trading
    cancel = CancelClosed(storage=world.process.storage, sessions=trading.sessions, send_cancel=trading.send_cancel)
    await cancel({"order_id": str(order.id)})
    assert not trader.at_venue(order).is_working
    await world.settle()
    assert ((await trader.order(order)).status, len(await trader.orders())) == (outcome, 1)


@stops
async def test_a_stop_that_was_resolved_as_working_and_shows_itself_works(world: World, trader: Trader) -> None:
    order = await undetermined(world, trader)
    await resolve_of(world)(payload_of(Resolution(order.id, OrderStatus.ACCEPTED)))
    await arrive(trader)
    await world.settle()
    known = await trader.order(order)
    assert (known.status, known.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    assert not world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    await check_truth(trader)
