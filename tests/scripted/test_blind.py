"""A venue without lookup, replay and snapshots: what its stream does not bring, only an operator finds out."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.application.orders.resolve import RESOLVE_JOB, RequestResolution, Resolution, ResolveOrder, payload_of
from cadenza.domain.errors import OrderNotInDoubt
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.venue_spec import Lookup
from cadenza.ports.alarms import Alarm
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import BLIND, NO_LOOKUP, NO_REPLAY, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
blind = only(BLIND)


async def ended_while_away(world: World, trader: Trader, filled: str = "0") -> Order:
    """An order of 1 that was canceled at the venue while no process ran."""
    order = await trader.submit(quantity="1")
    await trader.heard()
    await world.process.stop()
    if filled != "0":
        trader.venue.fill(trader.at_venue(order), filled)
    trader.venue.cancel(trader.at_venue(order))
    await world.start()
    await world.pass_time(5_000)
    return await trader.order(order)


async def resolve(world: World, order: Order, outcome: OrderStatus) -> None:
    """Do what the command line does, and then the server."""
    process = world.process
    request = RequestResolution(storage=process.storage, spec=process.trading.sessions.spec, clock=world.clock)
    await request(Resolution(order.id, outcome))
    job = ResolveOrder(storage=process.storage, committer=process.trading.committer, intake=process.trading.intake)
    await job(
        json.loads(await process.pool.fetchval("SELECT payload FROM jobs.queue WHERE entrypoint = $1", RESOLVE_JOB))
    )


def undetermined(world: World) -> list[OrderId]:
    return [alarm["order_id"] for alarm in world.alarms.of(Alarm.OUTCOME_UNDETERMINED)]  # type: ignore[misc]


@pytest.mark.parametrize("filled", ["0", "0.25"])
@blind
async def test_a_cancel_that_comes_too_late_shows_that_the_end_was_missed(
    world: World, trader: Trader, filled: str
) -> None:
    order = await ended_while_away(world, trader, filled)
    assert (order.status, order.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    await trader.cancel(order)
    await world.pass_time(30_000, 1_000)
    order = await trader.order(order)
    assert (order.status, order.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    assert undetermined(world) == [order.id]
    await resolve(world, order, OrderStatus.CANCELED)
    order = await trader.order(order)
    assert (order.status, order.is_in_doubt) == (OrderStatus.CANCELED, False)
    requests = len(trader.venue.ledger)
    await world.settle()
    assert len(trader.venue.ledger) == requests


@only(BLIND, NO_LOOKUP)
async def test_a_cancel_that_meets_the_end_on_its_way_raises_no_alarm(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1")
    assert (await trader.cancel(order)).doubt is Doubt.UNANSWERED
    await world.pass_time(1_000)
    trader.session.release_stream()
    await world.settle()
    order = await trader.order(order)
    assert (order.status, order.is_in_doubt) == (OrderStatus.FILLED, False)
    assert not undetermined(world)
    await check_truth(trader)


@blind
async def test_an_end_that_comes_late_and_twice_still_counts(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "0.5")
    trader.venue.cancel(trader.at_venue(order))
    await trader.cancel(order)
    await world.pass_time(60_000, 1_000)
    assert undetermined(world) == [order.id]
    trader.session.release_stream(times=2)
    await world.settle()
    order = await trader.order(order)
    assert (order.status, order.executed_quantity, order.is_in_doubt) == (OrderStatus.CANCELED, D("0.5"), False)
    await check_truth(trader)


@blind
async def test_an_operator_can_resolve_an_open_order_without_a_cancel(world: World, trader: Trader) -> None:
    order = await ended_while_away(world, trader)
    await resolve(world, order, OrderStatus.CANCELED)
    assert (await trader.order(order)).status is OrderStatus.CANCELED


@only(STREAMED)
async def test_where_the_venue_can_be_asked_an_order_without_a_doubt_needs_no_operator(
    world: World, trader: Trader
) -> None:
    with pytest.raises(OrderNotInDoubt):
        await resolve(world, await trader.submit(quantity="1"), OrderStatus.CANCELED)


@blind
async def test_what_an_operator_stated_about_a_doubt_says_nothing_once_the_venue_has_spoken(
    world: World, trader: Trader
) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="1")
    await world.pass_time(30_000, 1_000)
    stated = payload_of(Resolution(order.id, OrderStatus.CANCELED))
    trader.session.release_stream()
    await trader.heard()
    process = world.process
    job = ResolveOrder(storage=process.storage, committer=process.trading.committer, intake=process.trading.intake)
    await job(stated)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED


# --- gaps

LOOKUP_ONLY = replace(BLIND, name="lookup only", spec=replace(BLIND.spec, lookup=Lookup(), fence=NO_REPLAY.spec.fence))
no_snapshots = only(BLIND, LOOKUP_ONLY)


async def miss_something(world: World, trader: Trader, *, is_restart: bool) -> None:
    await world.pass_time(120_000, 30_000)
    if is_restart:
        await world.process.stop()
        world.clock.advance(60_000)
        await world.start()
    else:
        trader.session.break_stream()
        world.clock.advance(60_000)
        trader.session.restore_stream()
        await trader.session.delivered()
    await world.tick()
    assert trader.takes_orders


@pytest.mark.parametrize("is_restart", [False, True])
@no_snapshots
async def test_a_gap_in_which_no_order_stood_raises_no_alarm(world: World, trader: Trader, is_restart: bool) -> None:
    ended = await trader.submit(quantity="1")
    await trader.cancel(ended)
    await miss_something(world, trader, is_restart=is_restart)
    assert len(await world.gaps()) == 1
    assert not world.alarms.of(Alarm.NEWS_GAP)


@pytest.mark.parametrize("is_doubtful", [False, True])
@pytest.mark.parametrize("is_restart", [False, True])
@no_snapshots
async def test_a_gap_in_which_an_order_stood_raises_one_alarm(
    world: World, trader: Trader, is_restart: bool, is_doubtful: bool
) -> None:
    if is_doubtful:
        trader.script.always("lookup", Fault.REFUSE)
        trader.script.next("submit", Fault.LOSE_REQUEST)
    assert (await trader.submit(quantity="1")).is_in_doubt is is_doubtful
    await miss_something(world, trader, is_restart=is_restart)
    (alarm,) = world.alarms.of(Alarm.NEWS_GAP)
    assert alarm["account_id"] == trader.id
