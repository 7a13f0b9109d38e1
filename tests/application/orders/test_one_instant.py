"""What one unit reads is of one instant: nothing that is committed meanwhile tears it."""

from collections.abc import AsyncIterator

import pytest

from cadenza.ports.storage.trading import OrderFilter
from tests.application.orders.order_world import ACTOR, OrderWorld, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, TENANT, D, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        made.session.on_submit = fills
        yield made


async def test_a_page_agrees_with_its_total_while_orders_arrive(world: OrderWorld) -> None:
    filter = OrderFilter(tenant_id=TENANT)
    async with world.storage.read() as uow:
        total = await uow.orders.count(filter)
        await world.submit_order(ACTOR, request())
        page = await uow.orders.page(filter, ascending=False, after=None, offset=0, limit=100)
        assert len(page) == total == 0
    async with world.storage.read() as uow:
        assert await uow.orders.count(filter) == 1


async def test_a_portfolio_is_not_half_before_and_half_after_a_fill(world: OrderWorld) -> None:
    async with world.storage.read() as uow:
        before = await uow.accounts.get(ACCOUNT)
        order = await world.submit_order(ACTOR, request())
        held = {row.asset: row.total for row in await uow.accounts.balances([ACCOUNT])}
        assert await uow.orders.get(order.id) is None
        assert await uow.accounts.get(ACCOUNT) == before
        assert held == {"USDT": D(1000000), "BTC": D(10)}
    assert await world.balance("BTC") == (D(11), D(0))


async def test_reading_changes_nothing(world: OrderWorld) -> None:
    with pytest.raises(RuntimeError, match="commit belongs once"):
        async with world.storage.read() as uow:
            await uow.commit()
