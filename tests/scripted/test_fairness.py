"""Asking about orders is fair and backs off: one account, tenant or venue that does not answer holds up nobody else."""

import asyncio
from collections import Counter
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import FillReport
from tests.inhouse_kit import until
from tests.scripted.session import Fault
from tests.scripted.specs import DESK, POLLED, STREAMED
from tests.scripted.world import OTHER_TENANT, Trader, World, running

MANY = 1_005
ASKED_IN_TEN_MINUTES_MAX = 16
"""After 2, 4, 8, 16, 32 and 60 s, and then once a minute."""


async def _unanswered(trader: Trader, count: int) -> None:
    """Orders of which neither a reply nor the stream brought anything, at a venue that answers no lookup."""
    trader.session.hold_stream()
    trader.script.always("submit", Fault.LOSE_REPLY)
    trader.script.always("lookup", Fault.REFUSE)
    for start in range(0, count, 200):
        await asyncio.gather(*(trader.submit(quantity="0.1") for _ in range(start, min(start + 200, count))))


async def _is_answered_soon(world: World, trader: Trader) -> None:
    """Another tenant's lost acknowledgement is looked up within seconds."""
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit()
    await world.pass_time(4_000)
    assert (await trader.order(order)).status is OrderStatus.ACCEPTED


async def test_a_thousand_unanswered_orders_hold_up_no_other_account(database_dsn: str) -> None:
    async with running(database_dsn, STREAMED, POLLED) as world:
        crowded, other = world.venues[STREAMED.spec.venue_id], world.venues[POLLED.spec.venue_id]
        noisy = await world.connect(crowded)
        same_venue = await world.connect(crowded, tenant_id=OTHER_TENANT)
        elsewhere = await world.connect(other, tenant_id=OTHER_TENANT)
        await _unanswered(noisy, MANY)
        await world.pass_time(4_000)
        noisy.script.always("submit", None)
        await _is_answered_soon(world, elsewhere)
        noisy.script.always("lookup", None)
        await _is_answered_soon(world, same_venue)


async def test_every_unanswered_order_is_asked_about_ever_more_seldom(database_dsn: str) -> None:
    async with running(database_dsn, STREAMED) as world:
        trader = await world.connect(world.venues[STREAMED.spec.venue_id])
        await _unanswered(trader, 600)
        asked: Counter[str] = Counter()
        trader.script.always("lookup", None)
        lookup = trader.session.lookup

        async def counted(orders):  # type: ignore[no-untyped-def]
            asked.update(order.sent_id for order in orders)
            trader.script.always("lookup", Fault.REFUSE)
            return await lookup(orders)

        trader.session.lookup = counted  # type: ignore[method-assign]
        await world.pass_time(600_000, 2_000)
        assert len(asked) == 600, "each was asked about"
        assert max(asked.values()) <= ASKED_IN_TEN_MINUTES_MAX
        assert min(asked.values()) >= 5
        trader.script.always("lookup", None)
        trader.session.lookup = lookup  # type: ignore[method-assign]
        await world.pass_time(70_000, 2_000)
        assert {order.status for order in await trader.orders()} == {OrderStatus.ACCEPTED}


async def test_an_account_whose_session_is_gone_is_not_asked_about_and_holds_up_nobody(database_dsn: str) -> None:
    async with running(database_dsn, STREAMED, DESK) as world:
        gone = await world.connect(world.venues[DESK.spec.venue_id])
        other = await world.connect(world.venues[STREAMED.spec.venue_id], tenant_id=OTHER_TENANT)
        orders = await asyncio.gather(*(gone.submit(quantity="0.1") for _ in range(200)))
        gone.script.always("cancel", Fault.LOSE_REQUEST)
        for order in orders:
            await gone.cancel(order)
        gone.venue.keys.clear()  # the venue does not take the key any more
        gone.session.end("the key was revoked")
        await gone.session.delivered()
        await world.tick()
        before = len(gone.venue.requests("lookup"))
        await _is_answered_soon(world, other)
        await world.pass_time(60_000, 5_000)
        assert len(gone.venue.requests("lookup")) == before
        pending = [order for order in await gone.orders() if order.status is OrderStatus.PENDING_CANCEL]
        assert len(pending) == 200, "the wish is on disk"
        gone.script.always("cancel", None)
        gone.venue.keys[f"key of {gone.at.external_id}"] = [gone.at.external_id]
        await world.pass_time(120_000, 2_000)
        assert {order.status for order in await gone.orders()} == {OrderStatus.CANCELED}


async def test_a_venue_that_hangs_holds_up_no_other_venue(database_dsn: str) -> None:
    async with running(database_dsn, STREAMED, POLLED) as world:
        hanging = await world.connect(world.venues[STREAMED.spec.venue_id])
        other = await world.connect(world.venues[POLLED.spec.venue_id], tenant_id=OTHER_TENANT)
        for trader in (hanging, other):
            trader.session.hold_stream()
            trader.script.next("submit", Fault.LOSE_REPLY)
        lost = [await trader.submit() for trader in (hanging, other)]
        hanging.script.always("lookup", Fault.HOLD)
        inquire = world.process.trading.inquire
        await inquire.tick()
        world.clock.advance(2_000)
        await inquire.tick()
        await until(lambda: hanging.script.waiting > 0, "the lookup that hangs")
        await until(lambda: bool(other.venue.requests("lookup")), "the other lookup")
        for _ in range(4):
            world.clock.advance(2_000)
            await inquire.tick()
        assert hanging.script.waiting == 1, "an account is asked about once at a time"
        hanging.script.always("lookup", None)
        hanging.script.let_go()
        await world.settle()
        assert [(await t.order(o)).status for t, o in zip((hanging, other), lost, strict=True)] == [
            OrderStatus.ACCEPTED,
            OrderStatus.ACCEPTED,
        ]


def _unknown_fill(trader: Trader, name: str) -> FillReport:
    return FillReport(
        account_id=trader.id, instrument_id=trader.venue.btc, venue_order_id=name, at_ms=trader.venue.now_ms,
        trade_id=name, side=Side.BUY, price=Decimal(100), quantity=Decimal(1),
    )  # fmt: skip


async def test_orders_of_one_account_that_nobody_knows_keep_no_other_account_from_being_identified(
    database_dsn: str,
) -> None:
    async with running(database_dsn, STREAMED, POLLED) as world:
        noisy = await world.connect(world.venues[STREAMED.spec.venue_id])
        other = await world.connect(world.venues[STREAMED.spec.venue_id], tenant_id=OTHER_TENANT)
        other.session.hold_stream()
        by_hand = other.venue.place(other.at, other.venue.eth, Side.BUY, Decimal(1), Decimal(100))
        other.venue.fill(by_hand, "1")
        other.session.release_stream([other.session.held.index("fill")])
        await other.heard()
        world.clock.advance(1_000)
        noisy.session.report(*(_unknown_fill(noisy, f"unknown {n}") for n in range(250)))
        await noisy.session.delivered()
        await world.pass_time(4_000)
        assert [order.status for order in await other.orders()] == [OrderStatus.FILLED]
        await world.pass_time(8_000)
        asked = {request.names[0] for request in noisy.venue.requests("identify")}
        assert len(asked) == 250 + 1, "each was asked about"
