"""Cross margin: orders that borrow, debts, and the stream over a token."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.binance_kit import Desk, open_desk, simulated_binance
from tests.inhouse_kit import kinds, replayed, until

from cadenza.domain.accounts.trading_account import AccountType, CollateralMode
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import BalanceReport


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market="margin") as opened:
        yield opened


def last(desk: Desk, asset: str) -> BalanceReport | None:
    found = [each for each in desk.sink.of(BalanceReport) if each.asset == asset]
    return found[-1] if found else None


async def test_a_key_reaches_the_cross_margin_account(desk: Desk) -> None:
    external = desk.account.external
    assert (external.type, external.collateral_mode) == (AccountType.MARGIN, CollateralMode.CROSS)
    assert external.max_leverage > 1, "an order may borrow"
    balances = {each.asset: each.total for each in (await desk.session.snapshot()).balances or ()}
    assert balances == {"USDT": D(100_000), "BTC": D(1)}


async def test_an_order_with_leverage_borrows_and_the_debt_is_shown(desk: Desk) -> None:
    order = replace(desk.limit("2", None, time_in_force=TimeInForce.IOC), leverage=3)
    reply = await desk.session.submit(order)
    assert desk.believed(reply).id == desk.order.id
    assert kinds(reply)[0] == "Accepted"

    def owes() -> bool:
        found = last(desk, "USDT")
        return found is not None and found.borrowed > 0

    await until(owes, "the debt, read because the stream does not state it")
    snapshot = await desk.session.snapshot()
    debts = {each.asset: each.borrowed for each in snapshot.balances or () if each.borrowed}
    assert set(debts) == {"USDT"}
    numbers = [each.as_of for each in desk.sink.of(BalanceReport)]
    assert numbers == sorted(numbers)


async def test_an_order_without_leverage_borrows_nothing(desk: Desk) -> None:
    reply = await desk.session.submit(desk.limit("2", None, time_in_force=TimeInForce.IOC))
    assert kinds(reply) == ["Rejected"]


async def test_a_balance_that_is_gone_is_reported_as_nothing(desk: Desk) -> None:
    await desk.session.snapshot()
    await desk.session.submit(desk.limit("1", None, Side.SELL, time_in_force=TimeInForce.IOC))

    def is_gone() -> bool:
        found = last(desk, "BTC")
        return found is not None and found.total == 0

    await until(is_gone, "nothing is left")


async def test_a_replay_and_a_lookup_know_the_account_alone(desk: Desk) -> None:
    await desk.session.submit(desk.order)
    again = await replayed(desk.session, desk.venue.clock.now_ms() - 60_000)
    assert desk.believed(again).status is OrderStatus.ACCEPTED
    shown = await desk.session.lookup([desk.order])
    assert desk.believed(shown).status is OrderStatus.ACCEPTED
    assert await desk.truth() == ["NEW"]
    assert (await desk.venue.get("truth"))["spot"]["orders"] == []
