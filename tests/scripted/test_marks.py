"""How far an account's news is known to be complete: it moves with a live and silent stream and with every replay, and
never so far that something is not asked for."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from cadenza.application.orders.apply_report import ApplyReports
from cadenza.application.orders.mark_complete import EVERY_MS, EVERY_MS_WITHOUT_LIMIT, MoveMarkBack
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import Report, UnreadableReport
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import every_kind, only
from tests.scripted.session import Fault
from tests.scripted.specs import CLOCK_BEHIND, FORGETFUL, PER_SYMBOL, POLLED, REPLIES, STREAMED, Kind
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
DAY_MS = 86_400_000
MINUTE_MS = 60_000
DEPTH_MS = 600_000
"""How far back a FORGETFUL venue's replay reaches."""


async def mark(trader: Trader) -> int:
    until_ms = (await trader.stored()).complete_until_ms
    assert until_ms is not None
    return until_ms


async def reconnect(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    world.clock.advance(100)
    trader.session.restore_stream()
    await world.pass_time(2_000)
    assert trader.takes_orders


def by_hand(trader: Trader, instrument_id: InstrumentId) -> None:
    """Somebody trades at the venue itself."""
    trader.venue.fill(trader.venue.place(trader.at, instrument_id, Side.BUY, D(1), D(100)), "1")


async def found(trader: Trader) -> list[OrderStatus]:
    return [order.status for order in await trader.orders() if order.is_external]


@only(FORGETFUL)
async def test_an_account_that_is_idle_for_long_has_no_gap(world: World, trader: Trader) -> None:
    await trader.submit()
    await world.pass_time(2 * DEPTH_MS, 10_000)
    await reconnect(world, trader)
    await reconnect(world, trader)
    assert not await world.gaps()
    assert not world.alarms.sounded


@only(FORGETFUL)
async def test_a_replay_that_brings_nothing_moves_the_mark(world: World, trader: Trader) -> None:
    for _ in range(4):
        await world.process.stop()
        world.clock.advance(DEPTH_MS // 2)
        await world.start()
        await world.tick()
        assert trader.takes_orders
    assert not await world.gaps()
    assert not world.alarms.sounded


@only(FORGETFUL)
async def test_one_gap_raises_one_alarm(world: World, trader: Trader) -> None:
    await world.process.stop()
    world.clock.advance(2 * DEPTH_MS)
    await world.start()
    await world.tick()
    for _ in range(3):
        await reconnect(world, trader)
        world.clock.advance(10_000)  # the pause between two outages
    assert len(await world.gaps()) == 1
    assert len(world.alarms.of(Alarm.NEWS_GAP)) == 1


@only(FORGETFUL)
async def test_silence_is_noted_once_a_minute(world: World, trader: Trader) -> None:
    await trader.heard()
    before = await mark(trader)
    written = world.process.trading.committer.batches_total
    await world.pass_time(4 * MINUTE_MS, 5_000)
    assert before + 3 * MINUTE_MS <= await mark(trader) <= trader.venue.now_ms
    assert world.process.trading.committer.batches_total - written <= 4 * MINUTE_MS // EVERY_MS


@only(STREAMED, POLLED, CLOCK_BEHIND)
async def test_silence_is_noted_less_often_where_the_replay_has_no_limit(world: World, trader: Trader) -> None:
    await trader.heard()
    before = await mark(trader)
    await world.pass_time(EVERY_MS_WITHOUT_LIMIT - MINUTE_MS, 10_000)
    assert await mark(trader) == before
    await world.pass_time(2 * MINUTE_MS, 10_000)
    assert before + EVERY_MS_WITHOUT_LIMIT - MINUTE_MS < await mark(trader) <= trader.venue.now_ms


@only(FORGETFUL)
async def test_a_gap_that_is_found_while_silence_is_noted_is_not_hidden(world: World, trader: Trader) -> None:
    await trader.heard()
    trader.session.fall_silent()
    world.clock.advance(1)
    by_hand(trader, trader.venue.eth)
    since_ms = trader.session._heard_ms
    world.clock.advance(EVERY_MS * 5)
    marks = world.process.trading.mark_complete
    await marks.tick()  # the account is live, and its time begins
    world.clock.advance(EVERY_MS)
    waiting = world.process.storage.read

    def found_meanwhile() -> object:
        trader.session._sink.lost("the stream is silent while the venue shows newer facts")
        trader.session._sink.restored(since_ms)
        return waiting()

    world.process.storage.read = found_meanwhile  # type: ignore[method-assign, assignment]
    await marks.tick()
    world.process.storage.read = waiting  # type: ignore[method-assign]
    await world.process.concurrency.drain(1_000)
    assert await mark(trader) <= since_ms


@only(FORGETFUL)
async def test_the_mark_stays_while_an_order_is_in_doubt(world: World, trader: Trader) -> None:
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    await world.pass_time(5 * MINUTE_MS, 10_000)
    assert await mark(trader) <= order.created_at_ms
    trader.script.always("lookup", None)
    await world.pass_time(5 * MINUTE_MS, 10_000)
    assert await mark(trader) > order.created_at_ms


@only(FORGETFUL)
async def test_the_mark_stays_while_the_stream_is_lost(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    broken_ms = trader.venue.now_ms
    await world.pass_time(5 * MINUTE_MS, 10_000)
    assert await mark(trader) <= broken_ms


@only(PER_SYMBOL)
async def test_what_happens_in_a_symbol_while_a_long_replay_reads_others_is_not_lost(world: World, kind: Kind) -> None:
    """The stream breaks meanwhile, and the process dies before the account is reconciled again."""
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    trader.session.break_stream()
    await trader.session.delivered()
    trader.script.next("piece", Fault.HOLD, Fault.HOLD)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    await until(lambda: trader.script.waiting > 0, "the first symbol's piece")
    trader.script.let_go()
    await until(lambda: trader.script.waiting > 0, "the second symbol's piece")
    trader.session.break_stream("the stream breaks too")
    by_hand(trader, trader.venue.btc)
    world.clock.advance(50_000)  # a piece is waited for at most a minute
    trader.script.next("piece", Fault.HOLD)
    trader.script.let_go()
    await until(lambda: trader.script.waiting > 0, "the third symbol's piece")
    world.clock.advance(50_000)
    by_hand(trader, trader.venue.perpetual)
    trader.script.let_go()
    await world.process.drain()
    assert not trader.takes_orders
    await world.crash()
    world.clock.advance(1_000)
    await world.tick()
    assert await found(trader) == [OrderStatus.FILLED] * 2
    await world.settle()
    await check_truth(trader)


@only(STREAMED)
async def test_a_gap_survives_a_crash_before_it_is_closed(world: World, trader: Trader) -> None:
    """Own replies had moved the mark while the stream was silent."""
    await trader.submit()
    await trader.heard()
    trader.session.fall_silent()
    by_hand(trader, trader.venue.eth)
    world.clock.advance(5 * MINUTE_MS)
    await trader.submit()
    assert await mark(trader) == trader.venue.now_ms
    trader.session.compare_with_venue()
    await trader.session.delivered()
    await world.process.drain()
    await world.crash()
    await world.tick()
    assert await found(trader) == [OrderStatus.FILLED]
    await world.settle()
    await check_truth(trader)


@only(FORGETFUL)
async def test_a_step_of_the_clock_does_not_move_the_mark_of_a_silent_stream_with_it(
    world: World, trader: Trader
) -> None:
    """The venue's clock is ours here, as in a venue that runs in this process."""
    await world.pass_time(2 * MINUTE_MS, 10_000)
    world.clock.jump(DAY_MS)
    await world.pass_time(5 * MINUTE_MS, 10_000)
    world.clock.jump(-DAY_MS)
    assert await mark(trader) <= trader.venue.now_ms + MINUTE_MS


@only(STREAMED)
async def test_a_mark_that_was_made_while_the_clock_was_ahead_hides_nothing(world: World, trader: Trader) -> None:
    await world.process.stop()
    world.clock.jump(DAY_MS)
    await world.start()
    await world.tick()
    assert await mark(trader) == trader.venue.now_ms
    world.clock.jump(-DAY_MS)
    world.clock.advance(10 * MINUTE_MS)
    await world.process.stop()
    by_hand(trader, trader.venue.eth)
    world.clock.advance(10 * MINUTE_MS)
    await world.start()
    await world.tick()
    assert await found(trader) == [OrderStatus.FILLED]
    assert await mark(trader) == trader.venue.now_ms


@every_kind
async def test_an_idle_account_that_is_restarted_is_reconciled_without_an_alarm(world: World, trader: Trader) -> None:
    await world.pass_time(3 * MINUTE_MS, 30_000)
    await world.crash()
    await world.tick()
    assert trader.takes_orders
    assert not world.alarms.sounded


@only(STREAMED)
async def test_a_gap_is_kept_when_its_batch_also_has_a_complete_report(world: World, trader: Trader) -> None:
    order = await trader.submit()
    await trader.heard()
    world.clock.advance(500_000)
    since_ms = trader.venue.now_ms - 300_000
    fill = trader.session.parse.fill(trader.venue.fill(trader.at_venue(order), "0.5"))
    committer = world.process.trading.committer
    for changes in ([ApplyReports([fill], True), MoveMarkBack(trader.id, since_ms)],
                    [MoveMarkBack(trader.id, since_ms), ApplyReports([fill], True)]):  # fmt: skip
        await asyncio.gather(*map(committer.commit_report, changes))
        assert (await trader.stored()).complete_until_ms == since_ms


@only(STREAMED)
async def test_a_gap_that_is_found_while_unreadable_reports_are_compared_is_kept(
    world: World, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await trader.submit()
    await trader.heard()
    world.clock.advance(600_000)
    trading, account_id = world.process.trading, trader.id
    trader.session.hold_stream()
    since_ms, compare = trader.venue.now_ms - 300_000, trading.intake._without_repeated
    link = trading.sessions._links[account_id]

    async def compare_while_a_gap_is_found(reports: Sequence[Report]) -> Sequence[Report]:
        trading.sessions.lost(link, "silence")
        await trading.committer.commit_report(MoveMarkBack(account_id, since_ms))
        return await compare(reports)

    monkeypatch.setattr(trading.intake, "_without_repeated", compare_while_a_gap_is_found)
    fill = trader.session.parse.fill(trader.venue.fill(trader.at_venue(order), "0.5"))
    odd = UnreadableReport(account_id=account_id, at_ms=trader.venue.now_ms, text="?", why="?")
    await trading.intake.apply([odd, fill], is_complete=True)
    assert ((await trader.stored()).complete_until_ms or 0) <= since_ms


@only(FORGETFUL)
async def test_a_cancel_that_is_never_confirmed_makes_no_gap(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.script.always("cancel", Fault.LOSE_REQUEST)
    await trader.cancel(order)
    await world.pass_time(2 * DEPTH_MS, 10_000)
    await reconnect(world, trader)
    assert (await trader.order(order)).status is OrderStatus.PENDING_CANCEL
    assert not await world.gaps()


@only(REPLIES)
async def test_replies_alone_do_not_move_the_mark(world: World, trader: Trader) -> None:
    before = await mark(trader)
    by_hand(trader, trader.venue.eth)
    world.clock.advance(5 * MINUTE_MS)
    await trader.submit()
    assert await mark(trader) == before
