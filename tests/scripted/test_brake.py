"""The brake at venues that answer late, are away, or lose replies, and in a process that dies."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.brake.mass_cancel import ANSWER_MS_MAX, MassCancelView
from cadenza.application.brake.risk_limits import SetLimits
from cadenza.application.brake.trading_modes import SetAccountMode
from cadenza.domain.accounts.risk_limits import RiskLimits
from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import (
    DeadMansSwitchFired,
    InsufficientScope,
    OrderNotReducing,
    RiskLimitExceeded,
    TradingHalted,
)
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.identity.origin import OriginKind
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import MassCanceled
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import VenueOrderStatus
from cadenza.ports.storage.api_keys import AuditFilter
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import HELD_AND_LOCKED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import TENANT, Trader, World, actor_of

D = Decimal
ACTOR = actor_of(TENANT)
HALTED = TradingMode.HALTED
here = only(STREAMED)


async def mass_cancel(world: World, **selected: Any) -> MassCancelView:
    return await world.process.brake.mass_cancel_orders(ACTOR, **selected)


async def halt(world: World, trader: Trader | None, *, cancel_open: bool = False) -> Any:
    account_id = None if trader is None else trader.id
    return await world.process.brake.set_trading_mode(ACTOR, account_id, HALTED, cancel_open=cancel_open)


async def finished(world: World, view: MassCancelView) -> MassCancelView:
    return await world.process.brake.get_mass_cancel(ACTOR, view.mass_cancel.id, offset=0, limit=1_000)


def ends(world: World) -> list[MassCanceled]:
    return [event.body for event in world.publisher.events if isinstance(event.body, MassCanceled)]


async def statuses(trader: Trader, orders: Iterable[Order]) -> list[OrderStatus]:
    return [(await trader.order(order)).status for order in orders]


# --- mass cancels


@here
async def test_all_open_orders_of_a_tenant_are_canceled_at_once(world: World, trader: Trader) -> None:
    other = await world.connect(trader.venue)
    orders = [await each.submit() for each in (trader, trader, other)]
    trader.venue.fill(trader.at_venue(orders[0]), "0.5")
    await trader.heard()
    view = await mass_cancel(world)
    assert (view.outcome.total, view.outcome.open_count) == (3, 0)
    assert {order.status for order in view.orders} == {OrderStatus.CANCELED}
    assert (await finished(world, view)).mass_cancel.finished_at_ms is not None
    assert [end.counts for end in ends(world)] == [{OrderStatus.CANCELED: 2}, {OrderStatus.CANCELED: 1}]
    await check_truth(trader)


@here
async def test_only_what_was_selected_is_canceled(world: World, trader: Trader) -> None:
    buy, sell = await trader.submit(), await trader.submit(Side.SELL, price="200")
    eth = await trader.submit(instrument_id=trader.venue.eth)
    await mass_cancel(world, account_id=trader.id, instrument_id=trader.venue.btc, side=Side.BUY)
    expected = [OrderStatus.CANCELED, OrderStatus.ACCEPTED, OrderStatus.ACCEPTED]
    assert await statuses(trader, (buy, sell, eth)) == expected


@here
async def test_an_order_that_comes_later_is_not_canceled(world: World, trader: Trader) -> None:
    await trader.submit()
    trader.session.break_stream()
    await trader.session.delivered()
    await mass_cancel(world)
    trader.session.restore_stream()
    while not trader.takes_orders:
        await world.pass_time(1_000)
    later = await trader.submit()
    await world.settle()
    assert await statuses(trader, [later]) == [OrderStatus.ACCEPTED]


@here
async def test_it_answers_with_what_it_knows_while_a_venue_is_away_and_goes_on(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.script.next("cancel", Fault.LOSE_REQUEST)
    asked = asyncio.create_task(mass_cancel(world))
    await until(lambda: trader.script.waiting > 0 or asked.done(), "the cancel on its way")
    world.clock.advance(ANSWER_MS_MAX)
    view = await asked
    assert (view.outcome.total, view.outcome.open_count) == (1, 1)
    assert view.orders[0].status is OrderStatus.PENDING_CANCEL
    await world.settle()
    assert (await finished(world, view)).outcome.counts == {OrderStatus.CANCELED: 1}
    assert len(ends(world)) == 1
    assert await statuses(trader, [order]) == [OrderStatus.CANCELED]


@here
async def test_a_process_that_dies_after_the_request_leaves_it_to_the_next(world: World, trader: Trader) -> None:
    orders = [await trader.submit() for _ in range(3)]
    world.failpoints.die_at("cancel.before_venue", 1)
    asked = asyncio.create_task(mass_cancel(world))
    await world.failpoints.died.wait()
    asked.cancel()
    world.failpoints.revive()
    await world.crash()
    await world.settle()
    assert await statuses(trader, orders) == [OrderStatus.CANCELED] * 3
    assert sum(sum(end.counts.values()) for end in ends(world)) == 3
    await check_truth(trader)


@here
async def test_an_order_in_doubt_and_a_cancel_that_is_refused_are_tried_until_they_end(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.LOSE_REPLY)
    doubtful, order = await trader.submit(), await trader.submit()
    trader.script.next("cancel", Fault.REFUSE, Fault.REFUSE)
    view = await mass_cancel(world)
    await world.pass_time(60_000, 1_000)
    assert (await finished(world, view)).outcome.open_count == 0
    assert await statuses(trader, (doubtful, order)) == [OrderStatus.CANCELED] * 2
    await check_truth(trader)


async def restarted(world: World, trader: Trader) -> None:
    """The process dies, and the next one takes orders."""
    await world.crash()
    while not trader.takes_orders:
        await world.pass_time(1_000)


@here
async def test_a_venue_with_a_request_for_a_whole_instrument_gets_one(world: World, trader: Trader) -> None:
    btc = [await trader.submit() for _ in range(3)]
    eth = await trader.submit(instrument_id=trader.venue.eth)
    trader.session.hold_stream()
    by_hand = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90))
    await mass_cancel(world)
    assert await statuses(trader, [*btc, eth]) == [OrderStatus.CANCELED] * 4
    asked = [request.kind for request in trader.venue.ledger if request.kind.startswith("cancel")]
    assert sorted(asked) == ["cancel", "cancel_all"]
    assert by_hand.status is VenueOrderStatus.CANCELED
    trader.session.release_stream()
    await trader.heard()
    await check_truth(trader)


@here
async def test_what_that_request_leaves_open_is_canceled_one_by_one(world: World, trader: Trader) -> None:
    orders = [await trader.submit() for _ in range(3)]
    trader.script.next("cancel_all", Fault.LOSE_REQUEST)
    await mass_cancel(world)
    await world.settle()
    assert await statuses(trader, orders) == [OrderStatus.CANCELED] * 3
    await check_truth(trader)


@here
async def test_a_part_of_an_instruments_orders_is_canceled_one_by_one(world: World, trader: Trader) -> None:
    buys = [await trader.submit() for _ in range(2)]
    sell = await trader.submit(Side.SELL, price="200")
    await mass_cancel(world, side=Side.BUY)
    assert await statuses(trader, [*buys, sell]) == [OrderStatus.CANCELED, OrderStatus.CANCELED, OrderStatus.ACCEPTED]


# --- halting


@here
async def test_an_order_that_was_recorded_and_not_sent_is_not_sent_after_a_halt(world: World, trader: Trader) -> None:
    await trader.submit()
    sent = len(trader.at.orders)
    halted = world.process.trading.halted
    world.failpoints.on("committer.after_commit", lambda: halted.note_tenant(TENANT, HALTED))
    order = await trader.submit()
    assert (order.status, order.executed_quantity) == (OrderStatus.CANCELED, 0)
    assert len(trader.at.orders) == sent


@here
async def test_an_order_on_its_way_is_canceled_when_it_answers(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    task = trader.submitting()
    await until(lambda: trader.script.waiting > 0, "the request on its way")
    await world.process.trading.committer.commit(SetAccountMode(trader.id, HALTED, ACTOR))
    trader.script.let_go()
    order = await task
    assert order.status is OrderStatus.PENDING_CANCEL
    trader.session.release_stream()
    await world.settle()
    assert await statuses(trader, [order]) == [OrderStatus.CANCELED]
    assert trader.at_venue(order).status is VenueOrderStatus.CANCELED


@here
async def test_halting_leaves_what_rests_unless_it_is_asked_to_cancel_it(world: World, trader: Trader) -> None:
    resting = await trader.submit()
    modes = await halt(world, trader)
    assert (modes.account, modes.tenant, modes.mass_cancel.outcome.total) == (HALTED, TradingMode.ACTIVE, 0)
    assert await statuses(trader, [resting]) == [OrderStatus.ACCEPTED]
    modes = await halt(world, trader, cancel_open=True)
    assert modes.mass_cancel.outcome.counts == {OrderStatus.CANCELED: 1}


@here
@pytest.mark.parametrize("of_tenant", [True, False])
async def test_what_is_halted_stays_halted_over_a_crash(world: World, trader: Trader, of_tenant: bool) -> None:
    other = await world.connect(trader.venue)
    await halt(world, None if of_tenant else trader)
    await restarted(world, trader)
    for _ in range(2):  # from fresh rows, and from remembered ones
        with pytest.raises(TradingHalted):
            await trader.submit()
    if of_tenant:
        with pytest.raises(TradingHalted):
            await other.submit()
    else:
        assert (await other.submit()).status is OrderStatus.ACCEPTED


@here
async def test_a_new_account_of_a_halted_tenant_is_halted_too(world: World, trader: Trader) -> None:
    await halt(world, None)
    other = await world.connect(trader.venue)
    with pytest.raises(TradingHalted):
        await other.submit()


@here
async def test_lifting_the_brake_takes_orders_again(world: World, trader: Trader) -> None:
    await halt(world, None)
    await world.process.brake.set_trading_mode(ACTOR, None, TradingMode.ACTIVE, cancel_open=False)
    assert (await trader.submit()).status is OrderStatus.ACCEPTED


@here
async def test_a_reducing_account_counts_open_orders_that_it_had_before(world: World, trader: Trader) -> None:
    await trader.submit(Side.SELL, "8", "200")
    await world.process.brake.set_trading_mode(ACTOR, trader.id, TradingMode.REDUCING, cancel_open=False)
    with pytest.raises(OrderNotReducing) as refused:
        await trader.submit(Side.SELL, "3", "200")
    assert refused.value.metadata["closable"] == "2"
    await trader.submit(Side.SELL, "2", "200")


# --- limits


async def limit(world: World, trader: Trader, **limits: Any) -> None:
    await world.process.brake.set_risk_limits(ACTOR, trader.id, RiskLimits(currency="USDT", **limits))


@here
async def test_of_two_orders_at_once_one_passes_a_limit_that_holds_one(world: World, trader: Trader) -> None:
    await limit(world, trader, open_orders_max=1)
    results = await asyncio.gather(trader.submit(), trader.submit(), return_exceptions=True)
    refused = [each for each in results if isinstance(each, RiskLimitExceeded)]
    assert len(refused) == 1, results
    assert refused[0].metadata["value"] == "2"


@here
async def test_limits_count_the_orders_of_before_and_of_the_same_batch(world: World, trader: Trader) -> None:
    await trader.submit()
    committer = world.process.trading.committer
    limits = RiskLimits(currency="USDT", open_orders_max=2)
    results = await asyncio.gather(
        trader.submit(), committer.commit(SetLimits(trader.id, limits)), trader.submit(), return_exceptions=True
    )
    assert sum(isinstance(each, RiskLimitExceeded) for each in results) == 1, results
    with pytest.raises(RiskLimitExceeded):
        await trader.submit()
    await mass_cancel(world)
    await trader.submit()


@only(HELD_AND_LOCKED)
async def test_limits_outlive_a_crash_where_our_ledger_is_kept(world: World, trader: Trader) -> None:
    await limit(world, trader, open_orders_max=1)
    await trader.submit()
    await restarted(world, trader)
    with pytest.raises(RiskLimitExceeded):
        await trader.submit()


# --- dead-man's switches


async def arm(world: World, seconds: int, *, again: bool = False, trader: Trader | None = None) -> Any:
    account_id = None if trader is None else trader.id
    return await world.process.brake.arm_dead_mans_switch(ACTOR, account_id, seconds * 1_000, again=again)


async def switch(world: World) -> Any:
    (found,) = await world.process.brake.list_dead_mans_switches(ACTOR)
    return found


@here
async def test_a_switch_fires_unless_it_is_armed_again_in_time(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await arm(world, 10)
    await world.pass_time(9_000, 1_000)
    await arm(world, 10)
    await world.pass_time(9_000, 1_000)
    assert await statuses(trader, [order]) == [OrderStatus.ACCEPTED]
    await world.pass_time(2_000, 1_000)
    assert await statuses(trader, [order]) == [OrderStatus.CANCELED]


@here
async def test_it_fires_once_and_a_late_call_learns_that(world: World, trader: Trader) -> None:
    await trader.submit()
    await arm(world, 5)
    await world.pass_time(6_000, 1_000)
    later = await trader.submit()
    await world.pass_time(30_000, 1_000)
    assert await statuses(trader, [later]) == [OrderStatus.ACCEPTED]
    with pytest.raises(DeadMansSwitchFired) as late:
        await arm(world, 5)
    fired = await switch(world)
    assert late.value.metadata == {"firedAt": fired.fired_at_ms, "massCancelId": str(fired.mass_cancel_id)}
    await arm(world, 5, again=True)
    await world.pass_time(6_000, 1_000)
    assert await statuses(trader, [later]) == [OrderStatus.CANCELED]


@here
async def test_the_time_in_which_the_platform_was_away_counts(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await arm(world, 60)
    await world.process.stop()
    world.clock.advance(61_000)
    await world.start()
    await world.settle()
    assert await statuses(trader, [order]) == [OrderStatus.CANCELED]


@here
@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000])
async def test_a_stepped_clock_neither_delays_nor_hurries_it(world: World, trader: Trader, jump_ms: int) -> None:
    order = await trader.submit()
    await arm(world, 300)
    await world.pass_time(1_000)
    world.clock.jump(jump_ms)
    await world.pass_time(297_000, 3_000)
    assert await statuses(trader, [order]) == [OrderStatus.ACCEPTED]
    await world.pass_time(4_000, 1_000)
    assert await statuses(trader, [order]) == [OrderStatus.CANCELED]


@here
async def test_a_switch_that_was_removed_does_not_fire(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await arm(world, 5, trader=trader)
    assert (await world.process.brake.disarm_dead_mans_switch(ACTOR, trader.id)).fired_at_ms is None
    assert await world.process.brake.disarm_dead_mans_switch(ACTOR, trader.id) is None
    await world.pass_time(10_000, 1_000)
    assert await statuses(trader, [order]) == [OrderStatus.ACCEPTED]


async def audit(world: World) -> list[tuple[AuditKind, OriginKind]]:
    async with world.process.storage.read() as uow:
        page = await uow.audit.page(AuditFilter(tenant_id=TENANT), after=None, offset=0, limit=100)
    return [(entry.kind, entry.origin.kind) for entry in reversed(page)]


@here
async def test_the_audit_log_says_who_armed_and_disarmed_a_switch_and_that_it_fired(
    world: World, trader: Trader
) -> None:
    for _ in range(3):
        await arm(world, 5)
    await world.pass_time(6_000, 1_000)
    assert (await world.process.brake.disarm_dead_mans_switch(ACTOR, None)).fired_at_ms is not None
    assert [kind for kind, _ in await audit(world)] == [
        AuditKind.DEAD_MANS_SWITCH_ARMED, AuditKind.DEAD_MANS_SWITCH_FIRED, AuditKind.DEAD_MANS_SWITCH_DISARMED,
    ]  # fmt: skip


@here
async def test_a_stricter_mode_that_comes_between_is_not_lifted_by_a_program(world: World, trader: Trader) -> None:
    program = replace(ACTOR, scopes=frozenset({Scope.WRITE}))
    set_mode = world.process.brake.set_trading_mode
    results = await asyncio.gather(
        set_mode(ACTOR, trader.id, HALTED, cancel_open=False),
        set_mode(program, trader.id, TradingMode.REDUCING, cancel_open=False),
        return_exceptions=True,
    )
    assert isinstance(results[1], InsufficientScope), results
    assert (await trader.stored()).trading_mode is HALTED


@here
async def test_mass_cancels_of_the_same_orders_at_once_send_each_cancel_once(world: World, trader: Trader) -> None:
    for side in Side:
        await trader.submit(side, price="100" if side is Side.BUY else "200")
    await trader.submit(instrument_id=trader.venue.eth)
    views = await asyncio.gather(*(mass_cancel(world, side=Side.BUY) for _ in range(5)))
    assert len({view.mass_cancel.id for view in views}) == 5
    await world.settle()
    assert [request.kind for request in trader.venue.ledger].count("cancel") == 2


@here
async def test_connecting_again_lifts_neither_mode_nor_limits_nor_the_switch(world: World, trader: Trader) -> None:
    await limit(world, trader, open_orders_max=1)
    await trader.submit()
    await halt(world, trader)
    await arm(world, 60, trader=trader)
    process = world.process
    disconnect = DisconnectAccount(
        storage=process.storage, committer=process.trading.committer, changer=process.changer,
        sessions=process.trading.sessions, clock=world.clock,
    )  # fmt: skip
    await disconnect(ACTOR, trader.id)
    view = await process.connect_account(ACTOR, trader.account.credential_ids, trader.at.external_id, None)
    await process.drain()
    assert view.account.id != trader.id
    assert view.account.trading_mode is HALTED
    assert view.account.risk is not None
    assert view.account.risk.limits.open_orders_max == 1
    await world.pass_time(61_000, 1_000)
    assert [order.status for order in trader.at.orders] == [VenueOrderStatus.CANCELED]


@here
async def test_finished_mass_cancels_are_forgotten_whole_and_open_ones_stay(world: World, trader: Trader) -> None:
    made = []
    for size in (2, 0, 1):
        for _ in range(size):
            await trader.submit()
        made.append(await mass_cancel(world))
        await world.pass_time(1_000)
    await trader.submit()
    trader.script.next("cancel", Fault.LOSE_REQUEST)
    asked = asyncio.create_task(mass_cancel(world))
    await until(lambda: trader.script.waiting > 0 or asked.done(), "the cancel on its way")
    world.clock.advance(ANSWER_MS_MAX)
    made.append(await asked)

    async def purged(before_ms: int, rows_max: int) -> tuple[int, list[bool]]:
        async with world.process.storage.begin() as uow:
            count = await uow.brake.purge(before_ms, rows_max=rows_max)
            left = [await uow.brake.get_mass_cancel(view.mass_cancel.id) for view in made]
            await uow.commit()
        return count, [each is not None for each in left]

    later_ms = world.clock.now_ms() + 1
    first = (await finished(world, made[0])).mass_cancel.finished_at_ms
    assert await purged(first, 100) == (0, [True] * 4)
    assert await purged(later_ms, 1) == (1, [False, True, True, True])
    assert await purged(later_ms, 100) == (2, [False, False, False, True])
    await world.settle()
