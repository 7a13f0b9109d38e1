"""The venue's silence is limited, not its work: what makes progress goes on, and what hangs holds up nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from cadenza.application.accounts.keep_sessions import ACCOUNTS_PER_VENUE_MAX, RETRY_DELAY_MS_MAX
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.ports.venue import ANSWER_MS_MAX, ORDERS_PER_LOOKUP_MAX, SESSION_OPEN_MS_MAX
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import PIECE_MAX, Fault
from tests.scripted.specs import DESK, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import OTHER_TENANT, Trader, World, running

GIVE_UP_S = 60

SLOW_MS = ANSWER_MS_MAX - 10_000
PIECES = 6


async def _gated(world: World, trader: Trader, times: int) -> None:
    """Let that many requests through, each after nearly as long as a venue may take."""
    for _ in range(times):
        await until(lambda: trader.script.waiting > 0, "a request on its way")
        world.clock.advance(SLOW_MS)
        trader.script.let_go()


def _happens_meanwhile(trader: Trader) -> None:
    for _ in range(PIECES * PIECE_MAX // 2):
        trader.venue.fill(trader.venue.place(trader.at, trader.venue.eth, Side.BUY, 1, 100), "1")  # type: ignore[arg-type]


@only(STREAMED)
async def test_a_long_replay_that_makes_progress_goes_on_after_an_outage(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    _happens_meanwhile(trader)
    trader.script.next("piece", *[Fault.HOLD] * PIECES)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    await _gated(world, trader, PIECES)
    await world.process.drain()
    assert trader.takes_orders
    assert len(trader.venue.requests("replay")) == 1 + 1, "once when it was connected, once now"
    await world.settle()
    await check_truth(trader)


@only(STREAMED)
async def test_a_long_replay_that_makes_progress_goes_on_at_a_start(world: World, trader: Trader) -> None:
    await world.process.stop()
    _happens_meanwhile(trader)
    trader.script.next("piece", *[Fault.HOLD] * PIECES)
    await world.start()
    await world.process.keeper.tick()
    await _gated(world, trader, PIECES)
    await world.process.drain()
    assert trader.takes_orders
    await world.settle()
    await check_truth(trader)


@only(STREAMED)
@pytest.mark.parametrize("request_kind", ["piece", "lookup", "snapshot"])
async def test_silence_ends_a_reconcile_which_begins_again(world: World, trader: Trader, request_kind: str) -> None:
    order, _ = await trader.submit(quantity="1"), await trader.submit(quantity="1")
    trader.session.break_stream()
    await trader.session.delivered()
    trader.venue.fill(trader.at_venue(order), "1")
    trader.script.next(request_kind, Fault.HOLD)
    trader.session.restore_stream()
    await trader.session.delivered()
    await world.process.keeper.tick()
    await until(lambda: trader.script.waiting > 0, "the request that hangs")
    world.clock.advance(ANSWER_MS_MAX + 1)
    await world.process.drain()
    assert world.process.keeper.failing == {trader.id: "VENUE_UNAVAILABLE"}
    assert not trader.takes_orders
    await world.pass_time(2_000)
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED


Opening = Callable[..., Awaitable[Any]]


def _hang(world: World, trader: Trader, external_ids: Sequence[str]) -> list[str]:
    """Let no session of these accounts open. Return the list of those that were tried."""
    tried: list[str] = []
    connector = world.process.connectors[trader.account.venue_id]
    opens: Opening = connector.open_session

    async def open_session(account: Any, type: Any, secrets: Any, sink: Any) -> Any:
        if account.external.external_id in external_ids:
            tried.append(account.external.external_id)
            await asyncio.Event().wait()
        return await opens(account, type, secrets, sink)

    connector.open_session = open_session  # type: ignore[method-assign]
    return tried


async def test_a_venue_whose_sessions_do_not_open_stops_the_keeper_for_nobody(database_dsn: str) -> None:
    async with running(database_dsn, STREAMED, POLLED) as world:
        hanging = await world.connect(world.venues[STREAMED.spec.venue_id])
        other = await world.connect(world.venues[POLLED.spec.venue_id], tenant_id=OTHER_TENANT)
        await world.crash()
        tried = _hang(world, hanging, [hanging.at.external_id])
        await asyncio.wait_for(world.process.keeper.tick(), GIVE_UP_S)
        await until(lambda: bool(tried), "the session that hangs")
        await until(lambda: other.takes_orders, "the other venue's account")
        other.session.break_stream()
        await other.session.delivered()
        other.session.restore_stream()
        await other.session.delivered()
        await asyncio.wait_for(world.process.keeper.tick(), GIVE_UP_S)
        await until(lambda: other.takes_orders, "the other venue's account, restored")
        assert not hanging.takes_orders
        world.clock.advance(SESSION_OPEN_MS_MAX + 1)
        await world.process.drain()
        assert world.process.keeper.failing == {hanging.id: "VENUE_UNAVAILABLE"}


async def test_accounts_that_hang_hold_up_the_others_of_their_venue_for_a_limited_time_and_once(
    database_dsn: str,
) -> None:
    async with running(database_dsn, STREAMED) as world:
        venue = world.venues[STREAMED.spec.venue_id]
        traders = [await world.connect(venue) for _ in range(2 * ACCOUNTS_PER_VENUE_MAX + 1)]
        hanging, healthy = traders[:-1], traders[-1]
        await world.crash()
        tried = _hang(world, healthy, [trader.at.external_id for trader in hanging])
        keeper = world.process.keeper
        await keeper.tick()
        for rounds in (1, 2):
            await until(lambda: len(tried) == rounds * ACCOUNTS_PER_VENUE_MAX, "the sessions that hang")  # noqa: B023
            world.clock.advance(SESSION_OPEN_MS_MAX + 1)
        await until(lambda: healthy.takes_orders, "the healthy account")
        assert not any(trader.takes_orders for trader in hanging)
        world.clock.advance(RETRY_DELAY_MS_MAX)
        healthy.session.end("logged out by the venue")
        await healthy.session.delivered()
        await keeper.tick()  # all are due: those that failed the last time come last
        await until(lambda: healthy.takes_orders, "the healthy account, again")


@only(DESK)
async def test_a_venue_that_is_slow_is_asked_about_fewer_orders_at_a_time(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.always("submit", Fault.LOSE_REPLY)
    count = ORDERS_PER_LOOKUP_MAX
    await asyncio.gather(*(trader.submit(quantity="0.1") for _ in range(count)))
    lookup = trader.session.lookup

    async def slow(orders: Sequence[Order]) -> Any:
        await world.clock.sleep_ms(len(orders) * 1_000)
        return await lookup(orders)

    trader.session.lookup = slow  # type: ignore[method-assign]
    inquire = world.process.trading.inquire
    async with asyncio.timeout(GIVE_UP_S):
        while await _accepted(trader) <= count // 2:
            world.clock.advance(2_000)
            await inquire.tick()
            for _ in range(5):
                await asyncio.sleep(0)
    trader.session.lookup = lookup  # type: ignore[method-assign]
    world.clock.advance(ANSWER_MS_MAX)
    await world.process.drain()


async def _accepted(trader: Trader) -> int:
    return sum(order.status is OrderStatus.ACCEPTED for order in await trader.orders())
