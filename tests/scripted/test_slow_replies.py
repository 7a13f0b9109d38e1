"""A reply that is merely slow is no unknown outcome: until it is late, its order is not asked about, and no alarm
sounds."""

import asyncio

from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import NO_LOOKUP, STREAMED
from tests.scripted.world import Trader, World

both = only(STREAMED, NO_LOOKUP)


async def _slow(trader: Trader) -> "asyncio.Task[Order]":
    """Submit an order whose reply is on the wire; the stream brings nothing of it either."""
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    task = trader.submitting()
    await until(lambda: trader.script.waiting > 0, "the reply on its way")
    return task


async def _in_doubt(trader: Trader) -> Order:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    return await trader.submit()


@both
async def test_an_order_whose_reply_is_slow_is_not_asked_about(world: World, trader: Trader) -> None:
    lost = await _in_doubt(trader)
    slow = await _slow(trader)
    for _ in range(9):  # 4.5 s; the reply is late after 5 s
        world.clock.advance(500)
        await world.process.trading.inquire.tick()
    await until(lambda: bool(trader.venue.requests("lookup", lost.sent_id)), "the inquiry about the other order")
    (order,) = [order for order in await trader.orders() if order.id != lost.id]
    assert not trader.venue.requests("lookup", order.sent_id)
    trader.script.let_go()
    answered = await slow
    assert (answered.status, answered.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    assert order.id not in {facts["order_id"] for _, facts in world.alarms.sounded}


@only(STREAMED)
async def test_the_first_inquiry_comes_two_seconds_after_the_reply_was_due(world: World, trader: Trader) -> None:
    slow = await _slow(trader)
    begun_ms = world.clock.monotonic_ms()
    for _ in range(9):
        world.clock.advance(500)
        await world.process.trading.inquire.tick()
    world.clock.advance(500)
    order = await slow
    assert order.is_in_doubt
    await world.pass_time(20_000)
    after_ms = [request.elapsed_ms - begun_ms for request in trader.venue.requests("lookup", order.sent_id)]
    assert 7_000 <= after_ms[0] <= 8_000


@only(NO_LOOKUP)
async def test_a_reconnect_does_not_raise_the_alarm_of_an_order_whose_reply_is_slow(
    world: World, trader: Trader
) -> None:
    slow = await _slow(trader)
    trader.session.break_stream()
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    await until(lambda: trader.takes_orders, "the account to be reconciled")
    assert world.alarms.sounded == []
    trader.script.let_go()
    assert (await slow).status is OrderStatus.ACCEPTED


@only(STREAMED)
async def test_a_late_word_that_nothing_was_sent_does_not_reject_an_order_that_works(
    world: World, trader: Trader
) -> None:
    trader.script.next("submit", Fault.HOLD)
    order = await trader.answered_late(trader.submitting())
    trader.venue.place(
        trader.at, order.instrument_id, order.side, order.quantity, order.limit_price, sent_id=order.sent_id
    )
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    world.clock.advance(trader.venue.kind.spec.send_within_ms)
    trader.script.let_go()  # after its deadline the session does not send, and says so
    await until(lambda: bool(world.alarms.sounded), "the alarm")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    (kept,) = await world.kept()
    assert (kept.reason, type(kept.report)) == (KeepReason.SHOWN_AT_VENUE, NotSentReport)
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1
