"""The brake at its edges: what waits inside of us, a lost answer of the database, and accounts that come back."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.brake.trading_modes import SetAccountMode
from cadenza.domain.errors import DatabaseUnavailable, InstrumentNotFound
from cadenza.domain.ids import InstrumentId
from tests.inhouse_kit import until
from tests.scripted.session import Fault
from tests.scripted.test_brake import ACTOR, HALTED, arm, halt, here, limit, mass_cancel
from tests.scripted.world import Trader, World


async def disconnect(world: World, trader: Trader) -> None:
    process = world.process
    use_case = DisconnectAccount(
        storage=process.storage, committer=process.trading.committer, changer=process.changer,
        sessions=process.trading.sessions, clock=world.clock,
    )  # fmt: skip
    await use_case(ACTOR, trader.id)


async def connect_again(world: World, trader: Trader) -> Any:
    view = await world.process.connect_account(ACTOR, trader.account.credential_ids, trader.at.external_id, None)
    await world.process.drain()
    return view


@here
async def test_an_order_that_waits_inside_of_us_is_not_sent_after_a_halt(world: World, trader: Trader) -> None:
    """It has passed the look at HaltedAccounts and waits for pacing; no byte has left when the halt is committed."""
    trader.script.next("submit", Fault.HOLD)
    task = trader.submitting()
    await until(lambda: trader.script.waiting > 0, "the request inside of us")
    # the pacing has room at the moment after the halt is committed, before the mass cancel withdraws
    world.failpoints.on("committer.after_commit", trader.script.let_go)
    await halt(world, trader)
    await task
    assert len(trader.at.orders) == 0


@here
async def test_connecting_again_does_not_lift_the_daily_loss(world: World, trader: Trader) -> None:
    await limit(world, trader, daily_loss_max=Decimal(1), excluded_assets=frozenset({"BTC", "ETH"}))
    before = (await trader.stored()).risk
    assert before is not None
    assert before.day_start is not None
    await disconnect(world, trader)
    view = await connect_again(world, trader)
    assert view.account.risk is not None
    assert view.account.risk.day_start == before.day_start


@here
async def test_a_switch_that_is_due_while_its_account_is_disconnected_still_cancels(
    world: World, trader: Trader
) -> None:
    await trader.submit()
    await arm(world, 10, trader=trader)
    await disconnect(world, trader)
    await world.pass_time(11_000, 1_000)
    await connect_again(world, trader)
    await world.pass_time(11_000, 1_000)
    assert [order.status.value for order in trader.at.orders] == ["CANCELED"]


@here
async def test_a_mass_cancel_of_an_instrument_that_does_not_exist_is_refused(world: World, trader: Trader) -> None:
    await trader.submit()
    with pytest.raises(InstrumentNotFound):
        await mass_cancel(world, instrument_id=InstrumentId("BTC/USDT"))


@here
async def test_a_halt_whose_commit_was_not_confirmed_is_known_when_it_is_answered(world: World, trader: Trader) -> None:
    """The database commits, and its answer is lost: the committer decides again and finds nothing to change."""
    order = await trader.submit()
    trading = world.process.trading.committer._trading
    save = trading.save

    async def save_and_lose_the_answer(rows: Any, changes: Any) -> Any:
        trading.save = save
        await save(rows, changes)
        raise DatabaseUnavailable("the connection was lost")

    trading.save = save_and_lose_the_answer
    asked = asyncio.create_task(world.process.trading.committer.commit(SetAccountMode(trader.id, HALTED, ACTOR)))
    while not asked.done():
        await world.pass_time(100, 100)
    await asked
    assert (await trader.stored()).trading_mode is HALTED
    assert world.process.trading.halted.withholds(order)
