"""Every page of a list is the same slice of the whole list, from whichever end the database reads it."""

from collections.abc import AsyncIterator

import pytest

from cadenza.application.orders.list import ListOrders, OrderQuery
from cadenza.application.paging import CursorCodec
from tests.application.orders.order_world import ACTOR, OrderWorld, order_world
from tests.domain.trading.worlds import request

ORDERS = 7


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


@pytest.mark.parametrize("ascending", [False, True])
async def test_pages_at_any_offset(world: OrderWorld, ascending: bool) -> None:
    for number in range(ORDERS):  # within few instants, so that the id decides as well
        await world.submit_order(ACTOR, request(idempotency_key=f"key-{number}"))
    list_orders = ListOrders(storage=world.storage, cursors=CursorCodec(b"key"))

    async def page(offset: int, limit: int) -> tuple[list[str], int, bool, bool]:
        found = await list_orders(ACTOR, OrderQuery(offset=offset, limit=limit, ascending=ascending))
        return [str(order.id) for order in found.items], found.total, found.has_next, found.next_cursor is not None

    whole, *_ = await page(0, ORDERS)
    assert len(set(whole)) == ORDERS
    assert whole == sorted(whole, reverse=not ascending)
    for offset in range(ORDERS + 2):
        for limit in range(1, ORDERS + 2):
            has_next = offset + limit < ORDERS
            assert await page(offset, limit) == (whole[offset : offset + limit], ORDERS, has_next, has_next)
