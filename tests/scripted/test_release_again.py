"""A trailing stop that the platform holds and has to release more than once before it is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from cadenza.application.orders.release_held import WAITS_MS_MAX
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import NotSentReport, Report
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.session import Fault
from tests.scripted.test_trailing import ended, here, submits, trailing
from tests.scripted.world import Trader, World

ROUNDS_S_MAX = 60.0


async def rounds_until(world: World, tick: Callable[[], Awaitable[None]], condition: Callable[[], bool]) -> None:
    """Let a loop make a round each second until the condition holds."""
    async with asyncio.timeout(ROUNDS_S_MAX):
        while not condition():
            world.clock.advance(1_000)
            await tick()
            await asyncio.sleep(0)


@here
async def test_an_answer_about_an_earlier_release_does_not_end_the_order(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue is asked about the first release, and answers while the second one is under way."""
    order = await trailing(trader)
    trader.script.next("submit", Fault.HOLD)
    first = asyncio.create_task(world.trade(trader.venue.btc, "94"))
    await until(lambda: trader.script.waiting > 0, "the first release waits within the session")
    world.clock.advance(trader.venue.kind.spec.reply_ms_max + 1)
    await first
    for _ in range(24):
        world.clock.advance(500)  # the deadline and the fence pass
    lookup, has_answered, answer = trader.session.lookup, asyncio.Event(), asyncio.Event()

    async def slow(orders: Sequence[Order]) -> Sequence[Report]:
        reports = await lookup(orders)
        has_answered.set()
        await answer.wait()
        return reports

    monkeypatch.setattr(trader.session, "lookup", slow)
    await rounds_until(world, world.process.trading.inquire.tick, has_answered.is_set)
    assert trader.venue.requests("lookup")[-1].decision == "unknown"
    trader.script.let_go()
    trader.script.next("submit", Fault.LOSE_REPLY)
    trader.session.hold_stream()
    await rounds_until(world, world.process.trading.release_held.tick, lambda: submits(trader) > 0)
    answer.set()
    await world.process.drain()
    order = await trader.order(order)
    assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNANSWERED)
    trader.session.release_stream()
    assert (await ended(trader, order)).status is OrderStatus.FILLED
    assert submits(trader) == 1


@here
async def test_a_release_whose_commit_is_written_and_its_reply_lost_is_sent_once(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the price is back when the database answers again."""
    order = await trailing(trader)
    trading = world.process.trading.committer._trading
    save, lost = trading.save, asyncio.Event()

    async def replies_lost(rows: Any, changes: Any) -> Any:
        saved = await save(rows, changes)
        if not lost.is_set() and any(each.id == order.id for each in changes.updated):
            raise DatabaseUnavailable("the reply was lost")
        return saved

    monkeypatch.setattr(trading, "save", replies_lost)
    await world.trade(trader.venue.btc, "94")
    await world.trade(trader.venue.btc, "99")
    lost.set()
    assert (await ended(trader, order)).status is OrderStatus.FILLED
    assert submits(trader) == 1


@here
async def test_one_that_is_never_sent_is_tried_after_growing_pauses_and_an_alarm_sounds(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, tries = await trailing(trader), 0
    submit = trader.session.submit

    async def refused(sent: Order) -> Sequence[Report]:
        nonlocal tries
        tries += 1
        return [
            NotSentReport(
                account_id=sent.account_id, instrument_id=sent.instrument_id, order_id=sent.id,
                at_ms=world.clock.now_ms(), recorded_at_ms=sent.created_at_ms,
            )
        ]  # fmt: skip

    monkeypatch.setattr(trader.session, "submit", refused)
    await world.trade(trader.venue.btc, "94")
    await world.pass_time(WAITS_MS_MAX + 1_000, 1_000)
    assert (tries, len(world.alarms.of(Alarm.HELD_ORDER_WAITS))) == (3, 1)
    await world.pass_time(300_000, 2_000)
    assert (tries, len(world.alarms.of(Alarm.HELD_ORDER_WAITS))) == (10, 1)
    await world.trade(trader.venue.btc, "99")
    await world.trade(trader.venue.btc, "94")
    await world.pass_time(WAITS_MS_MAX + 1_000, 1_000)
    assert len(world.alarms.of(Alarm.HELD_ORDER_WAITS)) == 2, "the price came back in between"
    monkeypatch.setattr(trader.session, "submit", submit)
    await world.pass_time(60_000, 2_000)
    assert (await ended(trader, order)).status is OrderStatus.FILLED
