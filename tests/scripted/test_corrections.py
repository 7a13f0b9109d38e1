"""Corrections, busts and fees of executions that stay true across a restart."""

from decimal import Decimal

from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import FeeReport
from tests.scripted.kinds import only
from tests.scripted.specs import COMPARED, DESK, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal


@only(STREAMED, DESK)
async def test_an_older_fee_that_comes_after_a_restart_does_not_undo_a_newer_one(world: World, trader: Trader) -> None:
    order = await trader.submit()
    fill = trader.venue.fill(trader.at_venue(order), "1", has_late_fee=True)
    await trader.heard()
    newer_ms = trader.venue.now_ms + 20

    async def charge(at_ms: int, fee: str) -> None:
        names = {"account_id": trader.id, "instrument_id": order.instrument_id, "order_id": order.id}
        trader.session.report(
            FeeReport(**names, trade_id=fill.trade_id, at_ms=at_ms, fees=(Fee("USDT", D(fee)),))  # type: ignore[arg-type]
        )
        await trader.session.delivered()

    await charge(newer_ms, "0.3")
    await world.crash()
    await world.settle()
    await charge(newer_ms - 10, "0.1")
    assert (await trader.order(order)).fees == (Fee("USDT", D("0.3")),)


@only(STREAMED, COMPARED)
async def test_an_end_from_before_a_bust_that_is_replayed_misses_no_fill(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    busted = trader.venue.fill(at, "0.5")
    trader.venue.fill(at, "0.1")
    world.clock.advance(10)
    trader.venue.cancel(at)
    world.clock.advance(10)
    trader.venue.bust(busted)
    await trader.heard()
    await world.crash()
    await world.pass_time(20_000)
    closed = await trader.order(order)
    assert (closed.executed_quantity, closed.missing_quantity, closed.is_awaited) == (D("0.1"), D(0), False)
    await check_truth(trader)


@only(STREAMED, COMPARED)
async def test_an_execution_that_was_wholly_taken_back_is_known_after_a_restart(world: World, trader: Trader) -> None:
    order = await trader.submit()
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    world.clock.advance(10)
    trader.venue.bust(fill)
    await trader.heard()
    await world.crash()
    await world.pass_time(20_000)
    known = await trader.order(order)
    assert [execution.is_busted for execution in known.executions] == [True]
    assert (await world.kept(), world.alarms.sounded) == ([], [])
    await check_truth(trader)
