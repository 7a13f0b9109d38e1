"""Orders as GTD and DAY at a venue that has neither: the platform expires them, whatever happens meanwhile."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.orders import expire_orders
from cadenza.application.orders.expire_orders import CANCELS_PER_ACCOUNT_MAX
from cadenza.application.orders.resolve import Resolution, ResolveOrder, payload_of
from cadenza.domain.errors import InvalidExpiry
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.trading.checks import DAY_MS
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import VenueOrderStatus
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import WITHOUT_GTD
from tests.scripted.test_reconnected import lock
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World, actor_of, running

D = Decimal
LIFE_MS = 60_000
WITHOUT_GTD_OR_LOOKUP = replace(
    WITHOUT_GTD, name="without GTD or lookup", spec=replace(WITHOUT_GTD.spec, lookup=None, fence=None)
)
here = only(WITHOUT_GTD)


async def short_lived(trader: Trader, quantity: str = "1", life_ms: int = LIFE_MS) -> Order:
    expire_at_ms = trader.world.clock.now_ms() + life_ms
    return await trader.submit(quantity=quantity, time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)


async def ended(trader: Trader, order: Order) -> Order:
    await trader.world.settle()
    await check_truth(trader)
    return await trader.order(order)


@here
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


@here
async def test_what_was_executed_counts(world: World, trader: Trader) -> None:
    order = await short_lived(trader, "2")
    trader.venue.fill(trader.at_venue(order), "0.5")
    await world.pass_time(LIFE_MS + 1_000)
    order = await ended(trader, order)
    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, D("0.5"))


@here
async def test_an_order_that_is_filled_before_its_cancel_arrives_is_filled(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1")
    await world.pass_time(LIFE_MS + 1_000)
    trader.session.release_stream()
    order = await ended(trader, order)
    assert (order.status, order.cancel_reason) == (OrderStatus.FILLED, None)


@here
@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_REPLY])
async def test_a_cancel_without_an_answer_is_sent_again(world: World, trader: Trader, fault: Fault) -> None:
    order = await short_lived(trader)
    trader.session.hold_stream()
    trader.script.next("cancel", fault)
    await world.pass_time(LIFE_MS + 1_000)
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    trader.session.release_stream()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@here
async def test_a_refused_cancel_is_sent_again_after_growing_pauses(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.script.always("cancel", Fault.REFUSE)
    await world.pass_time(LIFE_MS + 2_500)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    assert len(trader.venue.requests("cancel")) == 2
    await world.pass_time(5 * LIFE_MS, 1_000)
    assert len(trader.venue.requests("cancel")) <= 12
    trader.script.always("cancel", None)
    await world.pass_time(LIFE_MS, 1_000)
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@here
async def test_a_user_may_cancel_it_before(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    await trader.cancel(order)
    await world.pass_time(LIFE_MS + 1_000)
    order = await ended(trader, order)
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.USER.value)
    assert len(trader.venue.requests("cancel")) == 1


@here
async def test_a_user_who_cancels_it_while_it_expires_gets_the_expired_order(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.script.next("cancel", Fault.LOSE_REQUEST)
    await world.pass_time(LIFE_MS + 500)
    assert (await trader.cancel(order)).status is OrderStatus.EXPIRED
    assert (await ended(trader, order)).cancel_reason == CancelReason.EXPIRED.value


@here
async def test_time_away_counts(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    await world.process.stop()
    world.clock.advance(10 * LIFE_MS)
    await world.start()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@here
async def test_it_is_expired_as_soon_as_the_venue_is_reached_again(world: World, trader: Trader) -> None:
    order = await short_lived(trader)
    trader.session.break_stream()
    await world.pass_time(2 * LIFE_MS, 1_000)
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    trader.session.restore_stream()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@here
async def test_an_order_whose_reply_was_lost_is_found_and_expires(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await short_lived(trader, life_ms=1_000)
    trader.venue.fill(trader.at_venue(order), "0.25")
    await world.pass_time(30_000)
    trader.session.release_stream()
    order = await ended(trader, order)
    assert (order.status, order.executed_quantity) == (OrderStatus.EXPIRED, D("0.25"))


@here
async def test_an_order_that_never_arrived_is_rejected_and_not_expired(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await short_lived(trader, life_ms=1_000)
    await world.pass_time(60_000)
    assert (await ended(trader, order)).status is OrderStatus.REJECTED


@here
async def test_a_day_order_ends_at_midnight_and_so_do_all_others(world: World, trader: Trader) -> None:
    """More of them than one round expires."""
    orders = [await trader.submit(quantity="1", time_in_force=TimeInForce.DAY) for _ in range(250)]
    midnight_ms = (world.clock.now_ms() // DAY_MS + 1) * DAY_MS
    assert {order.expire_at_ms for order in orders} == {midnight_ms}
    world.clock.advance(midnight_ms - world.clock.now_ms())
    await world.settle()
    assert {order.status for order in await trader.orders()} == {OrderStatus.EXPIRED}
    assert len(trader.venue.requests("cancel")) == len(orders)


@here
async def test_the_cancels_of_an_account_are_few_at_a_time(world: World, trader: Trader) -> None:
    orders = [await short_lived(trader, life_ms=1_000) for _ in range(20)]
    trader.script.always("cancel", Fault.HOLD)
    world.clock.advance(1_000)
    for _ in range(4):
        await world.process.trading.expire_orders.tick()
        await until(lambda: trader.script.waiting >= CANCELS_PER_ACCOUNT_MAX, "the cancels on their way")
    assert trader.script.waiting == CANCELS_PER_ACCOUNT_MAX
    trader.script.always("cancel", None)
    trader.script.let_go()
    await world.process.drain()
    await world.settle()
    assert {(await trader.order(order)).status for order in orders} == {OrderStatus.EXPIRED}


async def test_a_venue_that_answers_no_cancel_holds_up_the_expiries_of_no_other_venue(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expire_orders, "ACCOUNTS_PER_VENUE_MAX", 2)
    elsewhere = replace(WITHOUT_GTD, spec=replace(WITHOUT_GTD.spec, venue_id=VenueId(Venue.DERIBIT, Environment.LIVE)))
    async with running(database_dsn, WITHOUT_GTD, elsewhere) as world:
        silent = [await world.connect(world.venues[WITHOUT_GTD.spec.venue_id]) for _ in range(3)]
        other = await world.connect(world.venues[elsewhere.spec.venue_id])
        for trader in silent:
            await short_lived(trader)
        await short_lived(other, life_ms=LIFE_MS + 1)
        script = silent[0].script
        script.always("cancel", Fault.HOLD)
        world.clock.advance(LIFE_MS + 1)
        expire = world.process.trading.expire_orders
        await expire.tick()
        await until(lambda: script.waiting == 2, "the cancels that hang")
        await until(lambda: bool(other.venue.requests("cancel")), "the cancel at the other venue")
        await expire.tick()
        assert script.waiting == 2, "a third account of that venue waits"
        script.always("cancel", None)
        script.let_go()
        await world.settle()
        assert {(await t.orders())[0].status for t in (*silent, other)} == {OrderStatus.EXPIRED}


@here
async def test_an_order_that_expires_before_it_leaves_is_not_sent(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.HOLD)
    task = asyncio.create_task(short_lived(trader, life_ms=1_000))
    await until(lambda: trader.script.waiting > 0, "the order before it leaves")
    world.clock.advance(2_000)
    trader.script.let_go()
    order = await ended(trader, await task)
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_SENT.value)
    assert not trader.at.orders


@here
async def test_a_wall_clock_that_is_ahead_for_a_moment_expires_nothing(world: World, trader: Trader) -> None:
    order = await short_lived(trader, life_ms=DAY_MS)
    world.clock.jump(2 * DAY_MS)
    await world.pass_time(30_000, 1_000)
    world.clock.jump(-2 * DAY_MS)
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED


@here
async def test_a_wall_clock_that_was_set_right_is_believed_after_a_minute(world: World, trader: Trader) -> None:
    order = await short_lived(trader, life_ms=DAY_MS)
    world.clock.jump(2 * DAY_MS)
    await world.pass_time(70_000, 1_000)
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@only(WITHOUT_GTD_OR_LOOKUP)
async def test_an_order_that_an_operator_found_working_expires(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    trader.script.always("cancel", Fault.LOSE_REQUEST)
    order = await short_lived(trader, life_ms=20_000)
    await world.pass_time(40_000, 1_000)
    undetermined = await trader.order(order)
    assert (undetermined.status, undetermined.doubt) == (OrderStatus.PENDING_CANCEL, Doubt.UNDETERMINED)
    trader.script.always("cancel", None)
    trading = world.process.trading
    resolve = ResolveOrder(storage=world.process.storage, committer=trading.committer, intake=trading.intake)
    await resolve(payload_of(Resolution(order.id, OrderStatus.ACCEPTED)))
    await world.pass_time(70_000, 1_000)
    assert not trader.at_venue(order).is_working
    trader.session.release_stream()
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


async def disconnect(world: World, trader: Trader) -> None:
    process, trading = world.process, world.process.trading
    disconnecting = DisconnectAccount(
        storage=process.storage, committer=trading.committer, changer=process.changer, sessions=trading.sessions,
        clock=world.clock,
    )  # fmt: skip
    await disconnecting(actor_of(trader.account.tenant_id), trader.id)


async def connect_again(world: World, trader: Trader) -> Trader:
    external_id, keys = trader.at.external_id, trader.account.credential_ids
    view = await world.process.connect_account(actor_of(trader.account.tenant_id), keys, external_id, None)
    await world.process.drain()
    world.clock.advance(1)
    return Trader(world, trader.venue, trader.at, view.account)


@here
@pytest.mark.parametrize("away_ms", [LIFE_MS // 2, 2 * LIFE_MS])
async def test_an_order_of_a_disconnected_account_expires_when_the_account_is_connected_again(
    world: World, trader: Trader, away_ms: int
) -> None:
    order = await short_lived(trader, "2")
    at = trader.at_venue(order)
    by_hand = trader.venue.place(trader.at, order.instrument_id, order.side, D(1), D(100), sent_id="by hand")
    await trader.heard()
    await disconnect(world, trader)
    assert (await trader.order(order)).status is OrderStatus.REVOKED
    await world.pass_time(away_ms, 10_000)
    assert at.is_working
    again = await connect_again(world, trader)
    await world.pass_time(LIFE_MS, 1_000)
    found = {each.sent_id: each for each in await again.orders()}
    expired = found[order.sent_id]
    assert (expired.status, expired.time_in_force, expired.is_external) == (OrderStatus.EXPIRED, TimeInForce.GTD, True)
    assert expired.expire_at_ms == order.expire_at_ms
    assert not at.is_working
    assert found["by hand"].status is OrderStatus.ACCEPTED
    assert by_hand.is_working


@here
async def test_an_order_of_a_locked_account_expires_when_the_account_is_connected_again(
    world: World, trader: Trader
) -> None:
    order = await short_lived(trader)
    before = await lock(world, trader)  # for two minutes
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    assert trader.at_venue(order).is_working
    await connect_again(world, replace(trader, account=before))
    await world.pass_time(5_000)
    assert (await ended(trader, order)).status is OrderStatus.EXPIRED


@here
async def test_an_instant_that_has_passed_is_refused(trader: Trader) -> None:
    with pytest.raises(InvalidExpiry):
        await short_lived(trader, life_ms=0)
