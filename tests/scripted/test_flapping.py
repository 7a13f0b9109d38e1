"""A session that is lost again and again: it is not reconciled in full each time, and nothing is sent meanwhile."""

import pytest

from cadenza.application.accounts.restore_pauses import STANDS_MS
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.trading.enums import OrderStatus
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.specs import STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

MINUTES = 3
MS_A_MINUTE = 60_000
streamed = only(STREAMED)
how = pytest.mark.parametrize("ends", [False, True], ids=["restored", "ended"])


async def fail(trader: Trader, ends: bool) -> None:
    if ends:
        trader.session.end("logged out by the venue")
    else:
        trader.session.break_stream()
        trader.session.restore_stream()
    await trader.session.delivered()


async def flap(world: World, trader: Trader, ends: bool, seconds: int) -> None:
    """Let the session die each second."""
    for _ in range(seconds):
        await fail(trader, ends)
        await world.pass_time(1_000, 1_000)


@how
@streamed
async def test_it_is_reconciled_after_growing_pauses(world: World, trader: Trader, ends: bool) -> None:
    order = await trader.submit(quantity="1")
    await trader.heard()
    before = len(trader.venue.requests("replay"))
    await flap(world, trader, ends, MINUTES * 60)
    asked = [request.elapsed_ms for request in trader.venue.requests("replay")[before:]]
    assert MINUTES < len(asked) <= MINUTES + 5
    assert asked[-1] - asked[-2] >= MS_A_MINUTE
    assert not trader.takes_orders
    trader.venue.fill(trader.at_venue(order), "1")
    await world.pass_time(MS_A_MINUTE, 1_000)
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@how
@streamed
async def test_no_order_goes_out_before_the_account_is_reconciled(world: World, trader: Trader, ends: bool) -> None:
    await flap(world, trader, ends, 25)
    assert not trader.takes_orders
    task = trader.submitting()
    await until(lambda: bool(list(world.process.trading.sessions.waited_for())), "the order waits")
    for _ in range(3):
        world.clock.advance(5_000)
    with pytest.raises(VenueUnavailable):
        await task
    assert not trader.venue.requests("submit")


@how
@streamed
async def test_a_session_that_has_stood_for_a_while_is_reconciled_at_once(
    world: World, trader: Trader, ends: bool
) -> None:
    await flap(world, trader, ends, 25)
    await world.pass_time(MS_A_MINUTE + STANDS_MS, 5_000)
    await fail(trader, ends)
    assert not trader.takes_orders
    await world.tick()
    assert trader.takes_orders


@how
@streamed
async def test_a_session_that_stood_for_less_is_not(world: World, trader: Trader, ends: bool) -> None:
    await flap(world, trader, ends, 40)
    while not trader.takes_orders:
        await world.pass_time(1_000, 1_000)
    await world.pass_time(STANDS_MS // 2, 5_000)
    await fail(trader, ends)
    await world.tick()
    assert not trader.takes_orders
