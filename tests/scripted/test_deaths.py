"""The process dies at every boundary on the way of a gap, a snapshot, an id and an operator's request.

Each case does a piece of work while the process dies at the n-th time that it reaches a failpoint, for n = 1, 2, …
until the work runs through. After each death another process does what it finds to do, what was asked for is asked for
again, and the venue's ledger of truth is compared.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import pytest

from cadenza.application.orders.cancel_closed import CancelClosed
from cadenza.application.orders.resolve import FoundFill, Resolution, ResolveOrder, payload_of
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import VenueOrderStatus
from tests.scripted.session import Fault
from tests.scripted.specs import (
    COMPARED,
    COUNTED,
    HELD_AND_LOCKED,
    NO_LOOKUP,
    PER_SYMBOL,
    STREAMED,
    WITHOUT_GTD,
    WITHOUT_TRAILING,
    Kind,
)
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World, actor_of

D = Decimal
DEATHS_MAX = 25
COMMITS = ("committer.before_commit", "committer.after_commit")

Act = Callable[[], Awaitable[object]]
Prepare = Callable[[World, Trader], Awaitable[Act]]


async def a_gap(world: World, trader: Trader) -> Act:
    """The stream breaks; orders of ours and of others are executed meanwhile, and the outcome of one is unknown."""
    ours = [await trader.submit(quantity="1") for _ in range(2)]
    trader.script.next("submit", Fault.LOSE_REPLY)
    unknown = await trader.submit(Side.SELL, "1")
    await trader.heard()
    await world.pass_time(60_000, 20_000)
    trader.session.break_stream()
    await trader.session.delivered()
    for order in (*ours, unknown):
        trader.venue.fill(trader.at_venue(order), "0.5")
    for instrument_id in (trader.venue.btc, trader.venue.eth) * 2:
        trader.venue.fill(trader.venue.place(trader.at, instrument_id, Side.BUY, D(1), D(100)), "1")
    world.clock.advance(60_000)
    trader.session.restore_stream()

    async def restore() -> None:
        await trader.heard()
        while not trader.takes_orders:
            await world.pass_time(1_000)

    return restore


async def an_id(world: World, trader: Trader) -> Act:
    key = f"key {world.clock.now_ms()}"
    return lambda: trader.submit(quantity="1", idempotency_key=key)


async def an_operators_word(world: World, trader: Trader) -> Act:
    """An order is executed in part, its reply is lost, and the venue cannot be asked."""
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "0.5")
    trader.venue.cancel(at)
    (fill,) = at.fills
    await world.pass_time(10_000)
    found = FoundFill(fill.trade_id, fill.quantity, fill.price, fill.at_ms, fill.fees)
    payload = payload_of(Resolution(order.id, OrderStatus.CANCELED, (found,)))

    async def resolve() -> Order:
        process = world.process
        work = ResolveOrder(storage=process.storage, committer=process.trading.committer, intake=process.trading.intake)
        await work(payload)
        resolved = await trader.order(order)
        assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
        trader.session.release_stream()
        return resolved

    return resolve


async def a_closed_order_that_works(world: World, trader: Trader) -> Act:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "1")
    await trader.heard()
    at.status = VenueOrderStatus.WORKING
    trader.venue.amend(at, "3", "100")
    await trader.heard()

    async def cancel() -> None:
        trading = world.process.trading
        work = CancelClosed(storage=world.process.storage, sessions=trading.sessions, send_cancel=trading.send_cancel)
        await work({"order_id": str(order.id)})
        assert at.status is VenueOrderStatus.CANCELED
        assert (await trader.order(order)).status is OrderStatus.FILLED

    return cancel


async def a_new_account(world: World, trader: Trader) -> Act:
    """Somebody connects an account that has orders and fills at the venue already."""
    name = f"new {world.clock.now_ms()}"
    at = trader.venue.add_account(name, f"key of {name}", AccountType.SPOT)
    trader.venue.deposit(at, "USDT", "1000")
    works = trader.venue.place(at, trader.venue.btc, Side.BUY, D(2), D(100))
    trader.venue.fill(works, "0.5")
    credential_id = await world.store_credential(trader.venue, trader.account.tenant_id, at)

    async def connect() -> None:
        view = await world.process.connect_account(actor_of(trader.account.tenant_id), (credential_id,), name, None)
        await world.process.drain()
        new = Trader(world, trader.venue, at, view.account)
        await world.settle()
        assert new.takes_orders
        (adopted,) = await new.orders()
        assert (adopted.is_external, adopted.executed_quantity) == (True, works.executed)
        if works.executed == D("0.5"):
            trader.venue.fill(works, "0.5")
        await new.heard()
        await world.settle()
        await check_truth(new)

    return connect


async def an_expiry(world: World, trader: Trader) -> Act:
    expire_at_ms = world.clock.now_ms() + 60_000
    order = await trader.submit(quantity="1", time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)
    trader.venue.fill(trader.at_venue(order), "0.5")
    await world.pass_time(59_000, 1_000)

    async def expire() -> None:
        await world.settle()
        assert (await trader.order(order)).status is OrderStatus.EXPIRED

    return expire


async def a_release(world: World, trader: Trader) -> Act:
    """A trailing stop that the platform holds: recorded, moved and released, while the process may die at any of it."""
    await world.trade(trader.venue.btc, "100")
    key = f"key {world.clock.now_ms()}"
    terms = {"type": OrderType.TRAILING_STOP, "stop_price": D(95), "idempotency_key": key}

    async def follow_and_release() -> None:
        order = await trader.submit(Side.SELL, "0.1", None, **terms)
        await world.trade(trader.venue.btc, "110")
        await world.pass_time(2_000)
        await world.trade(trader.venue.btc, "60")
        await world.settle()
        order = await trader.order(order)
        # A death between the release and its call leaves the unknown outcome that every order may have.
        assert (order.status, order.reject_reason) in (
            (OrderStatus.FILLED, None),
            (OrderStatus.REJECTED, RejectReason.NOT_FOUND_AT_VENUE.value),
        )
        assert order.stop_price in (D(95), D(105))

    return follow_and_release


async def a_cancel_of_a_held_order(world: World, trader: Trader) -> Act:
    await world.trade(trader.venue.btc, "100")
    order = await trader.submit(Side.SELL, "0.1", None, type=OrderType.TRAILING_STOP, stop_price=D(95))

    async def cancel() -> None:
        assert (await trader.cancel(order)).status is OrderStatus.CANCELED
        await world.trade(trader.venue.btc, "60")
        assert (await trader.order(order)).status is OrderStatus.CANCELED

    return cancel


@dataclass(frozen=True)
class Scenario:
    kind: Kind
    prepare: Prepare
    failpoints: tuple[str, ...]


SCENARIOS = (
    Scenario(
        PER_SYMBOL,
        a_gap,
        (
            "mark.after_moving_back",
            "reconcile.after_piece",
            "reconcile.after_replay",
            "reconcile.before_lookup",
            "reconcile.after_lookup",
            "snapshot.after_venue",
            *COMMITS,
        ),
    ),
    Scenario(STREAMED, a_gap, ("reconcile.after_piece", "snapshot.after_venue", *COMMITS)),
    Scenario(STREAMED, a_new_account, ("snapshot.after_venue", *COMMITS)),
    Scenario(COMPARED, a_new_account, ("snapshot.after_venue", *COMMITS)),
    Scenario(COUNTED, an_id, ("submit.after_id", "submit.before_venue", "submit.after_venue", *COMMITS)),
    Scenario(NO_LOOKUP, an_operators_word, COMMITS),
    Scenario(WITHOUT_GTD, an_expiry, ("cancel.before_venue", "cancel.after_venue", *COMMITS)),
    Scenario(WITHOUT_TRAILING, a_release, ("submit.after_id", "submit.before_venue", "submit.after_venue", *COMMITS)),
    Scenario(HELD_AND_LOCKED, a_release, ("submit.before_venue", "committer.after_commit")),
    Scenario(WITHOUT_TRAILING, a_cancel_of_a_held_order, COMMITS),
    Scenario(STREAMED, a_closed_order_that_works, ("cancel.before_venue", "cancel.after_venue")),
)
CASES = [
    pytest.param(each.kind, each.prepare, failpoint, id=f"{each.kind.name}-{each.prepare.__name__}-{failpoint}")
    for each in SCENARIOS
    for failpoint in each.failpoints
]


@pytest.mark.parametrize(("kind", "prepare", "failpoint"), CASES)
async def test_nothing_is_lost_or_doubled(world: World, trader: Trader, prepare: Prepare, failpoint: str) -> None:
    deaths = 0
    for count in range(1, DEATHS_MAX + 1):
        act = await prepare(world, trader)
        world.failpoints.die_at(failpoint, count)
        has_died = await _ran_into_death(world, act)
        world.failpoints.revive()
        if has_died:
            deaths += 1
            await world.crash()
            await world.pass_time(10_000)
            await act()
        await world.settle()
        await check_truth(trader)
        if not has_died:
            break
    assert 0 < deaths < DEATHS_MAX, f"{failpoint}: {deaths} deaths"


async def _ran_into_death(world: World, act: Act) -> bool:
    """Do the work; return whether the process died of it."""
    work = asyncio.ensure_future(act())
    death = asyncio.ensure_future(world.failpoints.died.wait())
    await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
    death.cancel()
    if not world.failpoints.died.is_set():
        await work
        return False
    work.cancel()
    with suppress(BaseException):
        await work
    return True
