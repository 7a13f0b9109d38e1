"""Whatever happens to an order whose acknowledgement was lost, in the end all that the venue executed is booked."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.adapters.inhouse.mock_world import MockWorld, mock_world

from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.order import Order

D = Decimal
LONG_MS = 20_000
"""Longer than any order stays in doubt at a venue that answers."""


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[MockWorld]:
    async with mock_world(database_dsn) as world:
        yield world


async def check_money(world: MockWorld, order: Order) -> None:
    """The platform's ledger agrees with the venue's, and the order holds nothing any more."""
    balances = await world.balances()
    snapshot = await world.trading.sessions.get(world.account.id).snapshot()
    assert {asset: balance.total for asset, balance in balances.items()} == {
        b.asset: b.total for b in snapshot.balances
    }
    assert balances["BTC"].total == 10 + order.executed_quantity
    assert all(balance.locked == 0 for balance in balances.values())


async def test_half_is_executed_before_the_order_is_canceled(world: MockWorld) -> None:
    order = await world.submit("mock.ack-lost.partial:2:3600000")
    assert (order.status, order.is_in_doubt, order.executed_quantity) == (OrderStatus.SUBMITTED, True, 0)
    await world.pass_time(300)
    await world.cancel(order)
    await world.pass_time(LONG_MS, 500)
    order = await world.order(order)
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.USER)
    assert (order.executed_quantity, order.is_in_doubt) == (D("0.05"), False)
    await check_money(world, order)


async def test_half_is_executed_before_the_order_expires(world: MockWorld) -> None:
    expire_at_ms = world.clock.now_ms() + 1_000
    script = "mock.ack-lost.partial:2:3600000"
    order = await world.submit(script, time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)
    assert order.executed_quantity == 0
    await world.pass_time(LONG_MS, 500)
    order = await world.order(order)
    assert (order.status, order.closed_at_ms) == (OrderStatus.EXPIRED, expire_at_ms)
    assert (order.executed_quantity, order.is_in_doubt) == (D("0.05"), False)
    await check_money(world, order)


async def test_a_later_fill_comes_before_the_order_was_looked_up(world: MockWorld) -> None:
    order = await world.submit("mock.ack-lost.partial:2:300")
    await world.pass_time(400)
    order = await world.order(order)
    assert (order.status, order.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.05"))
    assert order.is_in_doubt, "a fill does not say how the order stands"
    await world.pass_time(LONG_MS, 500)
    order = await world.order(order)
    assert (order.status, order.executed_quantity, order.is_in_doubt) == (OrderStatus.FILLED, D("0.1"), False)
    assert len(order.executions) == 2
    await check_money(world, order)


async def test_what_never_arrived_is_closed_after_its_deadline_only(world: MockWorld) -> None:
    order = await world.submit("mock.never-arrives")
    assert order.send_before_ms is not None
    await world.pass_time(order.send_before_ms - world.clock.now_ms(), 500)
    assert (await world.order(order)).status is OrderStatus.SUBMITTED
    await world.pass_time(30_000, 500)
    order = await world.order(order)
    assert (order.status, order.reject_reason, order.is_in_doubt) == (OrderStatus.REJECTED, "NOT_FOUND_AT_VENUE", False)
    await check_money(world, order)
