"""What the open orders of margined accounts claim, added up by the database as the naive way does."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide, TradingAccount
from cadenza.domain.ids import OrderId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport
from cadenza.ports.storage.trading import BatchKeys
from tests.application.orders.order_world import ACTOR, OrderWorld, accepts, cancels, fills, order_world
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


async def part(
    world: OrderWorld, order: Order, quantity: str, row: PositionSide | None = None, trade_id: str = "p"
) -> None:
    await world.sink.deliver(
        [
            FillReport(
                account_id=order.account_id, order_id=order.id, at_ms=NOW_MS, trade_id=trade_id,
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


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_remembered_is_what_the_database_adds_up(world: OrderWorld, seed: int) -> None:
    """Whatever orders came, were filled in part, cancelled or named a position since it was read."""
    random = Random(seed)
    resting: list[Order] = []

    async def step(account_id: TradingAccountId) -> None:
        side, choice = random.choice(list(Side)), random.random()
        mine = [order for order in resting if order.account_id == account_id]
        if choice < 0.5 or not mine:
            world.session.on_submit = fills if random.random() < 0.3 else accepts
            quantity = D(random.randint(2, 20)) / 10
            price = D(99) if side is Side.BUY else D(101)
            named = await open_position(world, account_id, side) if random.random() < 0.5 else None
            asked = request(account_id=account_id, side=side, quantity=quantity, limit_price=price, position_id=named)
            with suppress(e.NoPosition):  # it was closed, or is the other row
                resting.append(await world.submit_order(ACTOR, asked))
        elif choice < 0.8:
            order = random.choice(mine)
            row = None if account_id == NETTED else (PositionSide.LONG if side is Side.BUY else PositionSide.SHORT)
            await part(world, order, "0.1", row, trade_id=str(random.random()))
        else:
            await world.sink.deliver(list(cancels(random.choice(mine))))

    remembered_count = 0
    for _ in range(25):
        await step(random.choice((NETTED, HEDGED)))
        keys = BatchKeys(accounts={NETTED, HEDGED}, reserving={NETTED, HEDGED})
        recalled = await world.trading.load(keys)
        fresh = await world.trading.load(keys, is_fresh=True)
        assert {_key(claim): claim.quantity for claim in recalled.claims} == {
            _key(claim): claim.quantity for claim in fresh.claims if claim.quantity
        }
        remembered_count += recalled.is_remembered
    assert remembered_count


async def open_position(world: OrderWorld, account_id: TradingAccountId, side: Side) -> PositionId | None:
    """A position that an order of this side would close, if there is one."""
    async with world.storage.read() as uow:
        positions = await uow.accounts.positions([account_id])
    closes = PositionSide.LONG if side is Side.SELL else PositionSide.SHORT
    return next((position.id for position in positions if position.side is closes), None)


async def test_the_next_order_of_a_margined_account_reads_nothing(world: OrderWorld) -> None:
    await submit(world, NETTED, Side.SELL, "1")
    before = world.trading.reads_total
    await submit(world, NETTED, Side.BUY, "1")
    assert world.trading.reads_total == before
