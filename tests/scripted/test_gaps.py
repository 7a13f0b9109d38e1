"""A session loses its venue and finds it again: nothing is sent meanwhile, and what was missed is found out first."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest

from cadenza.application.accounts.keep_sessions import RETRY_DELAY_MS
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import every_kind, kinds, only
from tests.scripted.session import Fault
from tests.scripted.specs import CLOCK_AHEAD, CLOCK_BEHIND, DESK, FORGETFUL, NO_REPLAY, PER_SYMBOL, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Died, Trader, World

D = Decimal
streamed = only(STREAMED, DESK, PER_SYMBOL, CLOCK_AHEAD)
some_kinds = only(STREAMED, POLLED, PER_SYMBOL)
SESSION_WAIT_MS = 5_000
NOT_REACHED = "the trading account does not reach its venue at the moment"


async def _late(trader: Trader) -> None:
    """Let an order wait for its session in vain."""
    task = trader.submitting()
    await until(
        lambda: task.done() or bool(list(trader.world.process.trading.sessions.waited_for())), "the order waits"
    )
    for _ in range(3):
        trader.world.clock.advance(SESSION_WAIT_MS)
    with pytest.raises(VenueUnavailable):
        await task


@some_kinds
async def test_while_the_stream_is_lost_no_order_goes_out(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    assert not trader.takes_orders
    await _late(trader)
    assert not trader.venue.requests("submit")
    assert not await trader.orders(), "nothing was recorded"


@some_kinds
async def test_an_order_that_waits_goes_out_when_the_account_is_reconciled(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    task = trader.submitting()
    await until(lambda: bool(list(world.process.trading.sessions.waited_for())), "the order waits")
    world.clock.advance(1_000)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    order = await task
    assert order.status is OrderStatus.ACCEPTED
    kinds_of_requests = [request.kind for request in trader.venue.ledger]
    submit = kinds_of_requests.index("submit")
    assert "replay" in kinds_of_requests[:submit]
    assert "snapshot" in kinds_of_requests[kinds_of_requests.index("replay") : submit]
    await world.settle()
    await check_truth(trader)


@kinds(lambda kind: kind.is_streamed and kind.can_prove)
async def test_restoring_is_replay_then_lookup_then_snapshot_and_only_then_orders(world: World, trader: Trader) -> None:
    works = await trader.submit(quantity="1")
    trader.script.next("submit", Fault.LOSE_REQUEST)
    await trader.submit(Side.SELL, "1")
    await world.pass_time(1_000)
    trader.session.break_stream()
    await trader.session.delivered()
    trader.venue.fill(trader.at_venue(works), "0.5")
    start = len(trader.venue.ledger)
    trader.script.next("snapshot", Fault.HOLD)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    if trader.venue.kind.spec.snapshots and trader.venue.kind.has_venue_books:
        await until(lambda: trader.script.waiting > 0, "the snapshot")
        assert not trader.takes_orders
        trader.script.let_go()
    await world.process.drain()
    assert trader.takes_orders
    found = [request.kind for request in trader.venue.ledger[start:]]
    assert found[0] == "replay"
    assert found.index("lookup") > found.index("piece")
    if trader.venue.kind.has_venue_books:
        assert found.index("snapshot") > len(found) - 1 - found[::-1].index("lookup")
    assert (await trader.order(works)).executed_quantity == D("0.5")
    await world.settle()
    await check_truth(trader)


@every_kind
async def test_what_happened_while_the_stream_was_lost_is_booked(world: World, trader: Trader) -> None:
    first, second = await trader.submit(quantity="1"), await trader.submit(Side.SELL, "1")
    await trader.heard()
    await world.pass_time(120_000, 20_000)
    trader.session.break_stream()
    await trader.session.delivered()
    trader.venue.fill(trader.at_venue(first), "1")
    trader.venue.cancel(trader.at_venue(second))
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100))
    trader.venue.fill(by_hand, "1")
    world.clock.advance(120_000)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.tick()
    assert trader.takes_orders
    assert (await trader.order(first)).status is OrderStatus.FILLED
    assert (await trader.order(second)).status is OrderStatus.CANCELED
    assert [order.status for order in await trader.orders() if order.is_external] == [OrderStatus.FILLED]
    await world.settle()
    await check_truth(trader)


@every_kind
async def test_what_happened_while_no_process_ran_is_booked(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    await trader.heard()
    await world.pass_time(120_000, 20_000)
    await world.process.stop()
    trader.venue.fill(trader.at_venue(order), "1")
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100))
    trader.venue.fill(by_hand, "1")
    world.clock.advance(300_000)
    await world.start()
    await world.tick()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    assert [order.status for order in await trader.orders() if order.is_external] == [OrderStatus.FILLED]
    await world.settle()
    await check_truth(trader)


@only(PER_SYMBOL, STREAMED)
async def test_a_replay_that_ends_half_way_is_asked_for_again_from_the_same_instant(
    world: World, trader: Trader
) -> None:
    traded = [trader.venue.btc, trader.venue.eth]
    await trader.heard()
    await world.process.stop()
    world.clock.advance(200_000)
    placed = [
        trader.venue.place(trader.at, instrument_id, Side.BUY, D(1), D(100))
        for instrument_id in traded
        for _ in range(3)
    ]
    for order in placed:
        trader.venue.fill(order, "1")
    world.clock.advance(200_000)
    trader.script.next("piece", *[Fault.HOLD] * 3)
    await world.start()
    task = asyncio.create_task(world.process.keeper.tick())
    for _ in range(2):  # two pieces come, and the third does not
        await until(lambda: trader.script.waiting > 0, "a piece")
        trader.script.let_go()
    await until(lambda: trader.script.waiting > 0, "the third piece")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    complete_before = (await trader.stored()).complete_until_ms
    await world.crash()
    assert (await trader.stored()).complete_until_ms == complete_before
    await world.tick()
    await world.settle()
    assert [order.status for order in await trader.orders()] == [OrderStatus.FILLED] * 6
    since = [int(request.names[0]) for request in trader.venue.requests("replay")]
    assert since[-1] == since[-2], "it was asked from the same instant again"
    await check_truth(trader)


@some_kinds
async def test_a_replay_that_the_venue_breaks_off_is_begun_again(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.break_stream()
    await trader.session.delivered()
    trader.venue.fill(trader.at_venue(order), "1")
    trader.script.next("piece", Fault.REFUSE)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.tick()
    assert not trader.takes_orders
    asked = len(trader.venue.requests("replay"))
    await world.tick()
    assert len(trader.venue.requests("replay")) == asked, "a venue that fails is not asked again at once"
    world.clock.advance(RETRY_DELAY_MS)
    await world.tick()
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED


@only(FORGETFUL)
async def test_a_hole_that_the_venue_cannot_fill_is_recorded_and_sounds_an_alarm(world: World, trader: Trader) -> None:
    await trader.heard()
    last = await trader.stored()
    assert last.complete_until_ms is not None
    await world.process.stop()
    world.clock.advance(3_600_000)
    await world.start()
    await world.tick()
    (gap,) = await world.gaps()
    assert gap.account_id == trader.id
    assert (gap.from_ms, gap.until_ms) == (last.complete_until_ms, trader.venue.now_ms - 600_000)
    (alarm,) = world.alarms.of(Alarm.NEWS_GAP)
    assert alarm["account_id"] == trader.id
    assert trader.takes_orders, "the account goes on; what is missing is known"
    await world.crash()
    await world.tick()
    assert len(await world.gaps()) == 1


@only(NO_REPLAY)
async def test_a_gap_that_belongs_to_how_the_venue_works_is_recorded_without_an_alarm(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1")
    await trader.heard()
    last = await trader.stored()
    await world.process.stop()
    trader.venue.fill(trader.at_venue(order), "1")
    world.clock.advance(3_600_000)
    await world.start()
    await world.tick()
    (gap,) = await world.gaps()
    assert (gap.from_ms, gap.until_ms) == (last.complete_until_ms, trader.venue.now_ms)
    assert not world.alarms.of(Alarm.NEWS_GAP)
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@streamed
async def test_a_silent_stream_is_found_out(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    await trader.heard()
    trader.session.fall_silent()
    world.clock.advance(30_000)
    trader.venue.fill(trader.at_venue(order), "1")
    trader.session.compare_with_venue()
    await trader.session.delivered()
    assert not trader.takes_orders
    await world.tick()
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_session_that_ended_is_replaced_by_a_new_one(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    old = trader.session
    old.end("logged out by the venue")
    await old.delivered()
    trader.venue.fill(trader.at_venue(order), "1")
    await world.tick()
    assert trader.session is not old
    assert old.is_closed
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await check_truth(trader, are_books_settled=False)


@some_kinds
async def test_after_a_session_has_ended_nothing_goes_out_by_it(world: World, trader: Trader) -> None:
    world.process.connectors[trader.account.venue_id].is_reachable = False
    trader.session.end("logged out by the venue")
    await trader.session.delivered()
    assert not trader.takes_orders
    await _late(trader)
    assert not trader.venue.requests("submit")


@some_kinds
async def test_an_order_that_comes_when_a_session_has_ended_goes_out_by_the_next_one(
    world: World, trader: Trader
) -> None:
    old = trader.session
    old.end("logged out by the venue")
    await old.delivered()
    task = trader.submitting()
    await until(lambda: bool(list(world.process.trading.sessions.waited_for())), "the order waits")
    await world.process.keeper.tick()
    order = await task
    assert order.status is OrderStatus.ACCEPTED
    assert trader.session is not old
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_an_order_that_was_decided_when_the_stream_broke_is_not_sent(world: World, trader: Trader) -> None:
    world.failpoints.on("committer.after_commit", lambda: trader.session.break_stream())
    task = trader.submitting()
    await until(lambda: task.done() or bool(list(world.process.trading.sessions.waited_for())), "the order waits")
    for _ in range(3):
        world.clock.advance(SESSION_WAIT_MS)
    order = await task
    assert order.status is OrderStatus.REJECTED
    assert order.reject_reason == f"{RejectReason.NOT_SENT.value}: {NOT_REACHED}; nothing was sent"
    assert not trader.venue.requests("submit")


@only(CLOCK_BEHIND)
async def test_a_venue_whose_clock_is_behind_is_asked_from_early_enough(world: World, trader: Trader) -> None:
    """An answer that we made ourselves must not say how far the venue's news is known."""
    trader.script.next("submit", Fault.HOLD_REPLY)
    trader.session.hold_stream()
    order = await trader.answered_late(trader.submitting())
    by_hand = trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100))
    trader.venue.fill(by_hand, "1")
    await world.crash()
    await world.tick()
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED
    assert [each.status for each in await trader.orders() if each.is_external] == [OrderStatus.FILLED]
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK)
async def test_the_end_of_an_order_that_no_stream_reported_is_found_out_in_the_end(
    world: World, trader: Trader
) -> None:
    """One line of the stream is lost, and nothing shows it: open orders are looked up from time to time."""
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "0.5")
    trader.venue.cancel(trader.at_venue(order))
    trader.session.release_stream([])
    await world.pass_time(900_000, 10_000)
    closed = await trader.order(order)
    assert (closed.status, closed.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))


@only(FORGETFUL)
async def test_a_death_between_a_gap_and_its_alarm_loses_neither(world: World, trader: Trader) -> None:
    await world.process.stop()
    world.clock.advance(2 * 600_000)
    await world.start()
    sound = world.alarms.sound

    def dies(alarm: Alarm, facts: Mapping[str, object]) -> None:
        world.failpoints.died.set()
        raise Died

    world.alarms.sound = dies  # type: ignore[method-assign]
    ticking = asyncio.ensure_future(world.tick())
    await world.failpoints.died.wait()
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    world.alarms.sound = sound  # type: ignore[method-assign]
    world.failpoints.revive()
    await world.crash()
    await world.pass_time(10_000)
    assert len(await world.gaps()) == 1
    assert len(world.alarms.of(Alarm.NEWS_GAP)) == 1
