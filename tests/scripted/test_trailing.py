"""Trailing stops at a venue that has none: the platform holds them, whatever happens meanwhile."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.update_account import disabled
from cadenza.application.orders import held_orders
from cadenza.application.orders.held_orders import HELD_ORDERS_PER_ACCOUNT_MAX
from cadenza.application.orders.release_held import SILENT_MS_MAX, WAITS_MS_MAX
from cadenza.domain.errors import (
    AccountNotActive,
    IdempotencyKeyReused,
    NoMarketPrice,
    TooManyHeldOrders,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.events import OrderUpdated
from cadenza.domain.trading.order import Order
from cadenza.ports.alarms import Alarm
from cadenza.runtime.local import SystemIds
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import HELD_AND_LOCKED, WITHOUT_TRAILING
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World, actor_of

D = Decimal
here = only(WITHOUT_TRAILING)
GTD = TimeInForce.GTD


async def trailing(trader: Trader, side: Side = Side.SELL, stop: str = "95", **terms: Any) -> Order:
    """Everything costs 100, so the distance is 5."""
    return await trader.submit(
        side, terms.pop("quantity", "1"), None, type=OrderType.TRAILING_STOP, stop_price=D(stop), **terms
    )


async def ended(trader: Trader, order: Order) -> Order:
    await trader.world.settle()
    await check_truth(trader)
    return await trader.order(order)


def held_ids(world: World) -> set[object]:
    return {each.id for each in world.process.trading.held.all()}


def submits(trader: Trader) -> int:
    return len(trader.venue.requests("submit"))


@here
async def test_it_waits_here_follows_the_market_and_is_sent_once(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    assert (order.status, order.stop_price, order.type) == (OrderStatus.ACCEPTED, D(95), OrderType.TRAILING_STOP)
    await world.trade(trader.venue.btc, "96", "110", "105.5")
    await world.pass_time(1_000)
    assert (await trader.order(order)).stop_price == 105
    assert not trader.venue.requests("submit")
    await world.trade(trader.venue.btc, "105")
    order = await ended(trader, order)
    assert (order.status, order.stop_price, order.type) == (OrderStatus.FILLED, D(105), OrderType.TRAILING_STOP)
    at = trader.at_venue(order)
    assert (at.type, at.quantity, at.side) == (OrderType.MARKET, D(1), Side.SELL)
    assert submits(trader) == 1
    await world.trade(trader.venue.btc, "90", "80")
    assert submits(trader) == 1


@here
async def test_a_buy_follows_a_falling_market(world: World, trader: Trader) -> None:
    order = await trailing(trader, Side.BUY, "104")
    await world.trade(trader.venue.btc, "90", "93")
    await world.pass_time(1_000)
    assert (await trader.order(order)).stop_price == 94
    await world.trade(trader.venue.btc, "94")
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_a_gap_over_the_trigger_releases_it(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    await world.trade(trader.venue.btc, "50")
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_trades_of_other_instruments_do_nothing(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    await world.trade(trader.venue.eth, "200", "10")
    assert await ended(trader, order) == order


@here
async def test_the_trigger_is_committed_once_a_second_with_one_event(world: World, trader: Trader) -> None:
    orders = [await trailing(trader) for _ in range(3)]
    world.publisher.events.clear()
    for price in range(101, 141):
        await world.trade(trader.venue.btc, str(price))
        await world.pass_time(50, 50)
    bodies = [event.body for event in world.publisher.events]
    moved = [
        body.order.stop_price for body in bodies if isinstance(body, OrderUpdated) and body.order.id == orders[0].id
    ]
    assert 2 <= len(moved) <= 3
    assert moved == sorted(moved)
    await world.pass_time(2_000)
    assert {(await trader.order(order)).stop_price for order in orders} == {D(135)}


@here
async def test_a_crash_loses_what_was_not_committed_and_nothing_else(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    await world.trade(trader.venue.btc, "110")
    await world.pass_time(2_000)
    await world.trade(trader.venue.btc, "120")
    await world.crash()
    await world.pass_time(2_000)
    assert (await trader.order(order)).stop_price == 105
    assert held_ids(world) == {order.id}
    await world.trade(trader.venue.btc, "106")
    assert submits(trader) == 0
    await world.trade(trader.venue.btc, "60")  # the price moved through the trigger while the platform was down
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_without_a_fresh_price_it_is_refused_and_leaves_no_trace(world: World, trader: Trader) -> None:
    world.process.market.set_fresh(False)
    with pytest.raises(NoMarketPrice):
        await trailing(trader)
    assert not await trader.orders()


@here
async def test_one_that_is_through_already_is_rejected(world: World, trader: Trader) -> None:
    order = await trailing(trader, stop="100", await_closed=True)
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, RejectReason.STOP_WOULD_TRIGGER.value)
    assert not held_ids(world)
    await world.settle()
    assert not trader.venue.requests("submit")


@here
async def test_await_closed_answers_after_a_second_or_with_the_close(world: World, trader: Trader) -> None:
    waiting = asyncio.create_task(trailing(trader, await_closed=True))
    await until(lambda: bool(held_ids(world)), "the order is held")
    await asyncio.sleep(0)
    world.clock.advance(1_100)
    assert (await waiting).status is OrderStatus.ACCEPTED
    waiting = asyncio.create_task(trailing(trader, await_closed=True))
    await until(lambda: len(held_ids(world)) == 2, "the order is held")
    await world.trade(trader.venue.btc, "90")
    assert (await waiting).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@here
async def test_a_repeated_request_gets_the_order_and_sends_nothing(world: World, trader: Trader) -> None:
    first = await trailing(trader, idempotency_key="k")
    assert (await trailing(trader, idempotency_key="k")).id == first.id
    with pytest.raises(IdempotencyKeyReused):
        await trailing(trader, stop="94", idempotency_key="k")
    await world.trade(trader.venue.btc, "95")
    assert (await trailing(trader, idempotency_key="k")).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)
    assert submits(trader) == 1


@here
async def test_two_equal_requests_at_the_same_time_make_one_order(world: World, trader: Trader) -> None:
    first, second = await asyncio.gather(*(trailing(trader, client_order_id="c") for _ in range(2)))
    assert first.id == second.id
    assert len(held_ids(world)) == 1


@here
async def test_an_account_has_room_for_a_number_of_them(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HELD_ORDERS_PER_ACCOUNT_MAX == 100
    monkeypatch.setattr(held_orders, "HELD_ORDERS_PER_ACCOUNT_MAX", 3)
    answers = await asyncio.gather(
        *(trailing(trader, idempotency_key=str(n)) for n in range(5)), return_exceptions=True
    )
    orders = [answer for answer in answers if isinstance(answer, Order)]
    assert (len(orders), sum(isinstance(answer, TooManyHeldOrders) for answer in answers)) == (3, 2)
    assert (await trailing(trader, idempotency_key=orders[0].idempotency_key)).id == orders[0].id
    await trader.cancel(orders[0])
    assert (await trailing(trader)).status is OrderStatus.ACCEPTED
    other = await world.connect(trader.venue)
    assert (await trailing(other)).status is OrderStatus.ACCEPTED


# --- cancel and expiry


@here
async def test_a_cancel_needs_no_venue(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    trader.session.break_stream()
    canceled = await trader.cancel(order)
    assert (canceled.status, canceled.cancel_reason) == (OrderStatus.CANCELED, CancelReason.USER.value)
    assert (await trader.cancel(order)).status is OrderStatus.CANCELED
    trader.session.restore_stream()
    await world.trade(trader.venue.btc, "90")
    assert (await ended(trader, order)).status is OrderStatus.CANCELED
    assert not trader.venue.requests("cancel")
    assert not trader.venue.requests("submit")


@here
async def test_a_cancel_and_a_release_at_the_same_moment(world: World, trader: Trader) -> None:
    """Both are on their way to the committer, in either order. One of them wins."""
    for cancels_first in (True, False):
        await world.trade(trader.venue.btc, "100")
        order = await trailing(trader)
        before = submits(trader)
        if cancels_first:
            canceling = asyncio.create_task(trader.cancel(order))
            await asyncio.sleep(0)
            await world.trade(trader.venue.btc, "90")
        else:
            releasing = asyncio.create_task(world.trade(trader.venue.btc, "90"))
            await asyncio.sleep(0)
            canceling = asyncio.create_task(trader.cancel(order))
            await releasing
        (answer,) = await asyncio.gather(canceling, return_exceptions=True)
        order = await ended(trader, order)
        was_sent = submits(trader) > before
        assert was_sent is (order.status is OrderStatus.FILLED)
        assert was_sent or (isinstance(answer, Order) and answer.status is OrderStatus.CANCELED)


@here
async def test_it_expires_here(world: World, trader: Trader) -> None:
    order = await trailing(trader, time_in_force=GTD, expire_at_ms=world.clock.now_ms() + 5_000)
    day = await trailing(trader, time_in_force=TimeInForce.DAY)
    await world.pass_time(6_000)
    order = await ended(trader, order)
    assert (order.status, order.cancel_reason) == (OrderStatus.EXPIRED, CancelReason.EXPIRED.value)
    assert not trader.venue.requests("cancel")
    assert held_ids(world) == {day.id}
    await world.trade(trader.venue.btc, "90")
    assert submits(trader) == 1


@here
async def test_disconnecting_its_account_ends_it(world: World, trader: Trader) -> None:
    order, works = await trailing(trader), await trader.submit(quantity="1")
    process = world.process
    changer = AccountChanger(
        storage=process.storage, committer=process.trading.committer, clock=world.clock, ids=SystemIds()
    )
    disconnect = DisconnectAccount(
        storage=process.storage,
        committer=process.trading.committer,
        changer=changer,
        sessions=process.trading.sessions,
        clock=world.clock,
    )
    await disconnect(actor_of(trader.account.tenant_id), trader.id)
    assert {(await trader.order(each)).status for each in (order, works)} == {OrderStatus.REVOKED}
    await world.trade(trader.venue.btc, "90")
    await world.pass_time(3_000)
    assert not held_ids(world)
    assert submits(trader) == 1


@here
async def test_that_of_a_disabled_account_is_released(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    await world.process.trading.committer.commit(AccountChange(trader.id, disabled, None))
    with pytest.raises(AccountNotActive):
        await trailing(trader)
    await world.trade(trader.venue.btc, "95")
    assert (await ended(trader, order)).status is OrderStatus.FILLED


# --- the session


@here
async def test_while_the_session_is_lost_it_stays_held(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    trader.session.break_stream()
    await trader.session.delivered()
    await world.trade(trader.venue.btc, "94")
    await world.pass_time(WAITS_MS_MAX + 1_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    (alarm,) = world.alarms.of(Alarm.HELD_ORDER_WAITS)
    assert alarm["order_id"] == order.id
    trader.session.restore_stream()
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_the_last_trade_counts_for_an_order_that_is_held_after_it(world: World, trader: Trader) -> None:
    """Another order was released by a lower price a moment before."""
    first = await trailing(trader)
    await world.trade(trader.venue.btc, "94")
    await world.trade(trader.venue.btc, "100")
    order = await trailing(trader)
    await world.pass_time(2_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    assert (await ended(trader, first)).status is OrderStatus.FILLED
    await world.trade(trader.venue.btc, "97")
    late = await trailing(trader)
    assert late.trail is not None
    assert late.trail.distance == 2


@here
async def test_it_is_not_released_if_the_price_has_come_back_meanwhile(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    trader.session.break_stream()
    await trader.session.delivered()
    await world.trade(trader.venue.btc, "94", "99")
    trader.session.restore_stream()
    assert (await ended(trader, order)).status is OrderStatus.ACCEPTED
    await world.trade(trader.venue.btc, "95")
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_a_price_that_may_be_old_releases_nothing(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    trader.session.break_stream()
    await trader.session.delivered()
    await world.trade(trader.venue.btc, "94")
    world.process.market.set_fresh(False)
    await world.pass_time(SILENT_MS_MAX + 2_000, 1_000)
    (alarm,) = world.alarms.of(Alarm.HELD_MARKET_SILENT)
    assert alarm == {"instrument_id": trader.venue.btc, "held_orders": 1}
    world.process.market.set_fresh(True)
    trader.session.restore_stream()
    assert (await ended(trader, order)).status is OrderStatus.ACCEPTED
    await world.trade(trader.venue.btc, "94.5")
    assert (await ended(trader, order)).status is OrderStatus.FILLED


@here
async def test_one_that_did_not_leave_in_time_is_held_again_and_sent_later(world: World, trader: Trader) -> None:
    order = await trailing(trader)
    trader.script.next("submit", Fault.HOLD)
    await_trade = asyncio.create_task(world.trade(trader.venue.btc, "94"))
    await until(lambda: trader.script.waiting > 0, "the order before it leaves")
    world.clock.advance(trader.venue.kind.spec.send_within_ms + 1)
    trader.script.let_go()
    await await_trade
    order = await ended(trader, order)
    assert order.status is OrderStatus.FILLED, "the last trade is still through its trigger"
    assert submits(trader) == 1


@here
@pytest.mark.parametrize(("fault", "status"), [
    (Fault.LOSE_REPLY, OrderStatus.FILLED),
    (Fault.LOSE_REQUEST, OrderStatus.REJECTED),
    (Fault.REJECT, OrderStatus.REJECTED),
])  # fmt: skip
async def test_what_becomes_of_a_release_that_the_venue_does_not_answer(
    world: World, trader: Trader, fault: Fault, status: OrderStatus
) -> None:
    order = await trailing(trader)
    await world.pass_time(60_000, 1_000)
    trader.script.next("submit", fault)
    await world.trade(trader.venue.btc, "94")
    await world.pass_time(60_000, 1_000)
    assert (await ended(trader, order)).status is status
    assert not held_ids(world)


@here
async def test_it_is_never_asked_about(world: World, trader: Trader) -> None:
    """Neither at a start, nor by the readings of the account, nor as an order in doubt."""
    order = await trailing(trader)
    await world.crash()
    await world.pass_time(700_000, 10_000)
    assert await ended(trader, order) == order
    assert not trader.venue.requests("lookup")


# --- feeds and books


@here
async def test_a_feed_is_kept_open_while_its_instrument_has_held_orders(world: World, trader: Trader) -> None:
    orders = [await trailing(trader) for _ in range(2)]
    await world.pass_time(1_000)
    assert world.process.market.wanted == {trader.venue.btc}
    for order in orders:
        await trader.cancel(order)
    await world.pass_time(1_000)
    assert not world.process.market.wanted


@only(HELD_AND_LOCKED)
async def test_what_our_ledger_locked_is_free_after_a_cancel_and_spent_after_a_release(
    world: World, trader: Trader
) -> None:
    first, second = await trailing(trader), await trailing(trader, quantity="2")
    assert (await trader.balances())["BTC"].locked == 3
    await trader.cancel(first)
    assert (await trader.balances())["BTC"].locked == 2
    await world.trade(trader.venue.btc, "90")
    assert (await ended(trader, second)).status is OrderStatus.FILLED
    balance = (await trader.balances())["BTC"]
    assert (balance.locked, balance.total) == (0, 8)
