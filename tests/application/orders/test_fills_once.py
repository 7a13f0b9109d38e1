"""A fill that is reported twice is booked once; the two fills of a trade of the account with itself are both booked."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from tests.application.orders.order_world import ACTOR, OrderWorld, fills, order_world
from tests.domain.trading.worlds import D, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


async def _both(world: OrderWorld) -> tuple[Order, Order]:
    return (
        await world.submit_order(ACTOR, request(side=Side.BUY, limit_price=D(100))),
        await world.submit_order(ACTOR, request(side=Side.SELL, limit_price=D(100))),
    )


async def test_both_sides_of_a_trade_with_oneself_are_booked(world: OrderWorld) -> None:
    bought, sold = await _both(world)
    await world.sink.deliver([*fills(bought, "t1"), *fills(sold, "t1")])
    for order in (bought, sold):
        stored = await world.stored(order)
        assert stored.status is OrderStatus.FILLED
        assert [execution.trade_id for execution in stored.executions] == ["t1"]
    assert await world.balance("BTC") == (D(10), D(0))
    assert await world.balance("USDT") == (D(1_000_000) - D("0.2"), D(0))  # the fees of both


async def test_each_of_them_once_however_often_it_is_reported(world: OrderWorld) -> None:
    bought, sold = await _both(world)
    for _ in range(2):
        await world.sink.deliver([*fills(bought, "t1"), *fills(sold, "t1")])
        await world.sink.deliver([*fills(sold, "t1")])
    assert [len((await world.stored(order)).executions) for order in (bought, sold)] == [1, 1]
    assert await world.balance("USDT") == (D(1_000_000) - D("0.2"), D(0))


async def test_the_database_itself_refuses_a_fill_of_the_same_side(world: OrderWorld, database_dsn: str) -> None:
    bought, _ = await _both(world)
    await world.sink.deliver(list(fills(bought, "t1")))
    connection = await asyncpg.connect(database_dsn)
    try:
        with pytest.raises(asyncpg.UniqueViolationError, match="executions_once"):
            await connection.execute("""
                INSERT INTO executions SELECT gen_random_uuid(), order_id, account_id, venue, environment,
                    instrument_id, trade_id, side, price, quantity, fees, liquidity, executed_at_ms,
                    corrected_at_ms, fees_at_ms, is_busted, position_side, is_by_operator, is_inverse
                FROM executions
            """)
    finally:
        await connection.close()
