"""An account that was locked and is connected again: what happened meanwhile is found, and counted once."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.application.accounts.change_account import AccountChange
from cadenza.application.accounts.follow_credentials import locked_with
from cadenza.application.orders.resolve import ResolveOrder
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import COMPARED, DESK, NO_LOOKUP, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World, actor_of

D = Decimal
some_kinds = only(STREAMED, COMPARED, DESK, NO_LOOKUP)


async def lock(world: World, trader: Trader) -> TradingAccount:
    """Lock the account, as a revoked key does; return it as it was before."""
    before = await trader.stored()
    await world.process.trading.sessions.close(trader.id)
    await world.process.trading.committer.commit(AccountChange(trader.id, locked_with(before.credential_ids), None))
    await world.pass_time(120_000, 30_000)
    return before


def leave_out_balances(world: World, trader: Trader) -> None:
    """From now on, the snapshots of new sessions have no balances."""
    connector = world.process.connectors[trader.venue.kind.spec.venue_id]
    opened = connector.open_session

    async def open_without_balances(*args: object, **more: object) -> object:
        session = await opened(*args, **more)
        snapshot = session.snapshot

        async def without_balances() -> object:
            return replace(await snapshot(), balances=None, positions=None)

        session.snapshot = without_balances
        return session

    connector.open_session = open_without_balances


async def connect_again(world: World, trader: Trader, before: TradingAccount) -> TradingAccount:
    await world.pass_time(120_000, 30_000)
    await world.process.connect_account(actor_of(before.tenant_id), before.credential_ids, trader.at.external_id, None)
    await world.process.drain()
    world.clock.advance(1)
    account = await trader.stored()
    assert account.status is AccountStatus.ACTIVE
    return account


@some_kinds
async def test_an_order_that_was_filled_meanwhile_is_closed_with_its_fill(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    await trader.heard()
    before = await lock(world, trader)
    fill = trader.venue.fill(at, "1")
    await connect_again(world, trader, before)
    found = await trader.order(order)
    assert found.status is OrderStatus.FILLED
    assert [execution.trade_id for execution in found.executions] == [fill.trade_id]
    assert not await world.gaps()
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_fill_of_an_order_that_still_works_is_found(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    await trader.heard()
    before = await lock(world, trader)
    trader.venue.fill(at, "0.5")
    await connect_again(world, trader, before)
    assert (await trader.order(order)).executed_quantity == D("0.5")
    trader.venue.fill(at, "0.5")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_an_order_that_was_placed_and_filled_by_hand_meanwhile_is_found(world: World, trader: Trader) -> None:
    before = await lock(world, trader)
    at = trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(100))
    trader.venue.fill(at, "1")
    await connect_again(world, trader, before)
    await world.settle()
    (found,) = await trader.orders()
    assert (found.status, found.is_external) == (OrderStatus.FILLED, True)
    await check_truth(trader)


@only(DESK)
async def test_a_bust_of_an_earlier_fill_moves_its_money_back(world: World, trader: Trader) -> None:
    """The desk has no snapshot, so our ledger continues from where it was."""
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "1")
    await trader.heard()
    before = await lock(world, trader)
    account = await connect_again(world, trader, before)
    assert account.adopted_at_ms == before.adopted_at_ms
    trader.venue.bust(fill)
    await trader.heard()
    await world.settle()
    assert [balance.total for balance in (await trader.balances()).values()] == [0, 0]


@only(COMPARED)
async def test_a_snapshot_without_balances_leaves_the_ledger_where_it_was(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    await trader.heard()
    before = await lock(world, trader)
    trader.venue.fill(at, "1")
    leave_out_balances(world, trader)
    account = await connect_again(world, trader, before)
    assert account.adopted_at_ms == before.adopted_at_ms
    assert (await trader.balances())["BTC"].total == 11
    await check_truth(trader)


@only(COMPARED)
async def test_a_death_before_the_snapshot_leaves_the_ledger_where_it_was(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    await trader.heard()
    before = await lock(world, trader)
    trader.venue.fill(at, "1")
    trader.script.next("snapshot", Fault.HOLD)
    connecting = asyncio.create_task(
        world.process.connect_account(actor_of(before.tenant_id), before.credential_ids, trader.at.external_id, None)
    )
    await until(lambda: trader.script.waiting > 0, "the snapshot on its way")
    assert (await trader.stored()).adopted_at_ms is None
    connecting.cancel()
    await world.crash()
    leave_out_balances(world, trader)
    await world.process.keeper.finish_operations()
    await world.process.keeper.finish_at_venues()
    await world.pass_time(5_000)
    account = await trader.stored()
    assert (account.status, account.adopted_at_ms) == (AccountStatus.ACTIVE, before.adopted_at_ms)
    assert (await trader.balances())["BTC"].total == 11
    await check_truth(trader)


@only(NO_LOOKUP)
async def test_a_fill_that_the_operator_found_waits_until_the_account_was_read(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit(quantity="1")
    await world.pass_time(30_000, 5_000)
    before = await lock(world, trader)
    trader.script.next("snapshot", Fault.LOSE_REQUEST)
    with pytest.raises(VenueUnavailable):
        await world.process.connect_account(
            actor_of(before.tenant_id), before.credential_ids, trader.at.external_id, None
        )
    assert (await trader.stored()).adopted_at_ms is None
    fill = [["t1", "0.5", "100", trader.venue.now_ms]]
    trading = world.process.trading
    resolve = ResolveOrder(storage=world.process.storage, committer=trading.committer, intake=trading.intake)
    with pytest.raises(VenueUnavailable):
        await resolve({"order_id": str(order.id), "outcome": "CANCELED", "fills": fill})
    assert (await trader.order(order)).is_in_doubt
