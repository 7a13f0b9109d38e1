"""What the open orders of margined accounts claim, added up by the database as the naive way does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, TradingAccount
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import PositionSide
from cadenza.domain.trading.reports import FillReport
from cadenza.ports.storage.trading import BatchKeys
from tests.application.orders.order_world import ACTOR, OrderWorld, accepts, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, request

NETTED, HEDGED = TradingAccountId(UUID(int=21)), TradingAccountId(UUID(int=22))


def margined(id: TradingAccountId, mode: PositionMode) -> TradingAccount:
    made = account(AccountType.MARGIN, mode, id=id)
    return replace(made, external=replace(made.external, external_id=str(id)))


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        for id, mode in ((NETTED, PositionMode.NETTING), (HEDGED, PositionMode.HEDGE)):
            await made.add_account(margined(id, mode), {"USDT": "1000"})
        yield made


async def claims(world: OrderWorld, *account_ids: TradingAccountId) -> dict[tuple[object, ...], Decimal]:
    keys = BatchKeys(accounts=set(account_ids), reserving=set(account_ids))
    rows = await world.trading.load(keys, is_fresh=True)
    return {_key(claim): claim.quantity for claim in rows.claims}


def _key(claim: Claim) -> tuple[object, ...]:
    return claim.account_id, claim.instrument_id, claim.side, claim.position_id, claim.position_side


async def added_up(world: OrderWorld, account_id: TradingAccountId) -> dict[tuple[object, ...], Decimal]:
    """Over all open orders, one by one."""
    sums: dict[tuple[object, ...], Decimal] = {}
    async with world.storage.read() as uow:
        orders = await uow.orders.unresolved(account_id)
        positions = await uow.accounts.positions([account_id])
    rows = {position.id: position.side for position in positions}
    for order in orders:
        row = rows.get(order.position_id) if order.position_id else None
        key = account_id, order.instrument_id, order.side, order.position_id, row
        sums[key] = sums.get(key, D(0)) + order.quantity - order.executed_quantity
    return sums


async def submit(world: OrderWorld, account_id: TradingAccountId, side: Side, quantity: str, **more: object) -> Order:
    return await world.submit_order(ACTOR, request(account_id=account_id, side=side, quantity=D(quantity), **more))


async def part(world: OrderWorld, order: Order, quantity: str, row: PositionSide | None = None) -> None:
    await world.sink.deliver(
        [
            FillReport(
                account_id=order.account_id, order_id=order.id, venue_order_id=None, at_ms=NOW_MS, trade_id="p",
                instrument_id=BTC, side=order.side, price=D(90), quantity=D(quantity), position_side=row,
            )
        ]
    )  # fmt: skip


async def test_the_database_adds_up_what_open_orders_may_still_execute(world: OrderWorld) -> None:
    world.session.on_submit = fills
    await submit(world, NETTED, Side.BUY, "2")
    opened = await submit(world, HEDGED, Side.BUY, "2")
    world.session.on_submit = accepts
    for quantity in ("0.5", "0.25"):
        await submit(world, NETTED, Side.SELL, quantity)
    await part(world, await submit(world, NETTED, Side.BUY, "3"), "1")
    closing = await submit(world, HEDGED, Side.SELL, "1.5", position_id=opened.position_id)
    await part(world, closing, "0.5", PositionSide.LONG)
    await submit(world, HEDGED, Side.SELL, "1")
    for account_id in (NETTED, HEDGED):
        summed = await added_up(world, account_id)
        assert await claims(world, account_id) == summed
        assert summed
    assert sum((await claims(world, NETTED, HEDGED)).values()) == D("0.75") + 2 + 2


async def test_spot_accounts_are_not_added_up(world: OrderWorld) -> None:
    await submit(world, ACCOUNT, Side.SELL, "1")
    assert await claims(world, ACCOUNT) == {}


async def test_only_batches_in_which_an_order_may_come_add_up(world: OrderWorld) -> None:
    order = await submit(world, NETTED, Side.SELL, "1")
    rows = await world.trading.load(BatchKeys(accounts={NETTED}, orders={OrderId(order.id)}), is_fresh=True)
    assert list(rows.claims) == []


async def test_an_order_in_a_later_batch_cannot_close_what_another_closes(world: OrderWorld) -> None:
    world.session.on_submit = fills
    await submit(world, NETTED, Side.BUY, "10")
    world.session.on_submit = accepts
    assert (await submit(world, NETTED, Side.SELL, "10")).reservation.locked == D("0.9")  # type: ignore[union-attr]
    with pytest.raises(e.InsufficientMargin):
        await submit(world, NETTED, Side.SELL, "10")
