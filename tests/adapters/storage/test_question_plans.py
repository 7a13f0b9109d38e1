"""What the database reads for a page of a list: about as many rows as the page has, however long the list is, however
deep the page lies, and however many closed orders stand beside the open ones."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.application.orders.order_world import ACTOR, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, TENANT, request

from cadenza.adapters.storage.events import EventLogSql
from cadenza.adapters.storage.executions import ExecutionSql
from cadenza.adapters.storage.orders import OrderSql
from cadenza.domain.ids import ExecutionId, OrderId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import EventKind
from cadenza.ports.storage.trading import EventFilter, EventSpan, ExecutionFilter, OrderFilter

COPIES = 10_000
LIMIT = 20
ROWS_MAX = 3 * LIMIT
"""A page, one row more, and what an index shows before it."""
DEEP = COPIES // 2


class Explained:
    """A connection that runs each query, and counts the rows that its plan read from tables and indexes."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.rows_read = 0

    async def fetch(self, query: str, *parameters: Any) -> Any:
        await self._explain(query, parameters)
        return await self._connection.fetch(query, *parameters)

    async def fetchval(self, query: str, *parameters: Any) -> Any:
        await self._explain(query, parameters)
        return await self._connection.fetchval(query, *parameters)

    async def fetchrow(self, query: str, *parameters: Any) -> Any:
        await self._explain(query, parameters)
        return await self._connection.fetchrow(query, *parameters)

    async def _explain(self, query: str, parameters: Any) -> None:
        text = await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *parameters)
        self.rows_read += _rows_of(json.loads(text)[0]["Plan"])


def _rows_of(plan: dict[str, Any]) -> int:
    below = sum(_rows_of(each) for each in plan.get("Plans", ()))
    if "Scan" not in plan["Node Type"]:
        return below
    each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + round(each * plan["Actual Loops"])


@pytest.fixture
async def long_lists(database_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """An account with a long history: an order that is filled, copied many times, with its execution and events, and
    between them a few that are open."""
    async with order_world(database_dsn) as world:
        for number in range(3):
            await world.submit_order(ACTOR, request(client_order_id=f"open-{number}"))
        world.session.on_submit = fills
        await world.submit_order(ACTOR, request(client_order_id="filled", idempotency_key="key"))
        async with _connected(database_dsn) as connection:
            for statement in _COPY:
                await connection.execute(statement)
            await connection.execute("ANALYZE")
            yield connection


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off", "random_page_cost": "1.1"})
    try:
        yield connection
    finally:
        await connection.close()


_ID = "lpad(to_hex(%d + g), 32, '0')::uuid"
_ORDER, _EXECUTION = _ID % 1_000_000, _ID % 2_000_000
_COPY = (
    f"""
    INSERT INTO orders SELECT n.* FROM orders o, generate_series(1, {COPIES}) g,
        LATERAL jsonb_populate_record(o, jsonb_build_object(
            'id', {_ORDER}, 'client_order_id', NULL, 'idempotency_key', NULL, 'sent_id', g, 'venue_order_id', g,
            'created_at_ms', {NOW_MS} + g)) n
    WHERE o.client_order_id = 'filled'
    """,
    f"""
    INSERT INTO executions SELECT n.* FROM executions x, generate_series(1, {COPIES}) g,
        LATERAL jsonb_populate_record(x, jsonb_build_object(
            'id', {_EXECUTION}, 'order_id', {_ORDER}, 'trade_id', g, 'executed_at_ms', {NOW_MS} + g)) n
    """,
    f"""
    INSERT INTO account_events SELECT n.* FROM account_events x, generate_series(1, {COPIES}) g,
        LATERAL jsonb_populate_record(x, jsonb_build_object(
            'sequence', x.sequence + g, 'order_id', {_ORDER}, 'at_ms', {NOW_MS} + g)) n
    WHERE x.sequence = (SELECT max(sequence) FROM account_events)
    """,
)
OF_ACCOUNT = OrderFilter(tenant_id=TENANT, account_id=ACCOUNT)
OF_TENANT = OrderFilter(tenant_id=TENANT)


async def test_closed_orders_cost_nothing(long_lists: asyncpg.Connection) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"is_open": True}, 3),
        ({"statuses": frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})}, 3),
        ({"client_order_id": "filled"}, 1),
        ({"idempotency_key": "key"}, 1),
    ]
    for filter in (OF_ACCOUNT, OF_TENANT):
        for more, total in cases:
            explained: Any = Explained(long_lists)
            orders, wanted = OrderSql(explained), replace(filter, **more)
            found = await orders.page(wanted, ascending=False, after=None, offset=0, limit=LIMIT)
            assert len(found) == await orders.count(wanted) == total
            assert explained.rows_read <= ROWS_MAX, (filter, more)


async def test_a_page_costs_the_same_at_any_depth(long_lists: asyncpg.Connection) -> None:
    for ascending in (False, True):
        await _orders_at_depth(long_lists, ascending=ascending)
        await _executions_at_depth(long_lists, ascending=ascending)
        await _events_at_depth(long_lists, ascending=ascending)


async def _orders_at_depth(connection: asyncpg.Connection, *, ascending: bool) -> None:
    for filter in (OF_ACCOUNT, OF_TENANT):
        explained: Any = Explained(connection)
        after = (NOW_MS + DEEP, OrderId(UUID(int=0)))
        found = await OrderSql(explained).page(filter, ascending=ascending, after=after, offset=0, limit=LIMIT)
        assert len(found) == LIMIT
        assert explained.rows_read <= ROWS_MAX, filter


async def _executions_at_depth(connection: asyncpg.Connection, *, ascending: bool) -> None:
    explained: Any = Explained(connection)
    executions, after = ExecutionSql(explained), (NOW_MS + DEEP, ExecutionId(UUID(int=0)))
    found = await executions.page(ExecutionFilter(account_id=ACCOUNT), ascending=ascending, after=after, limit=LIMIT)
    assert len(found) == LIMIT
    within = ExecutionFilter(account_id=ACCOUNT, start_ms=NOW_MS + DEEP, end_ms=NOW_MS + DEEP + 3)
    assert len(await executions.page(within, ascending=ascending, after=None, limit=LIMIT)) == 3
    of_order = ExecutionFilter(order_id=OrderId(UUID(int=1_000_000 + DEEP)))
    assert len(await executions.page(of_order, ascending=ascending, after=None, limit=LIMIT)) == 1
    assert await executions.count(within) + await executions.count(of_order) == 4
    assert explained.rows_read <= ROWS_MAX


async def _events_at_depth(connection: asyncpg.Connection, *, ascending: bool) -> None:
    within = {"start_ms": NOW_MS + DEEP, "end_ms": NOW_MS + DEEP + 3}
    cases = {
        EventFilter(account_id=ACCOUNT): COPIES,
        EventFilter(account_id=ACCOUNT, kind=EventKind.ORDER): COPIES,
        EventFilter(account_id=ACCOUNT, kind=EventKind.BALANCE_CORRECTED): 2,
        EventFilter(account_id=ACCOUNT, kind=EventKind.ACCOUNT): 0,
        EventFilter(account_id=ACCOUNT, order_id=OrderId(UUID(int=1_000_000 + DEEP))): 1,
        EventFilter(account_id=ACCOUNT, **within): 3,
        EventFilter(account_id=ACCOUNT, kind=EventKind.ORDER, **within): 3,
    }
    for filter, least in cases.items():
        explained: Any = Explained(connection)
        events = EventLogSql(explained)
        span = await events.span(filter)
        rest = span if least < COPIES else EventSpan(span.total, *((DEEP, span.last) if ascending else (1, DEEP)))
        found = await events.page(filter, rest, ascending=ascending, limit=LIMIT)
        assert len(found) == min(least, LIMIT)
        assert span.total == least if least < COPIES else COPIES <= span.total < COPIES + LIMIT
        assert explained.rows_read <= ROWS_MAX, filter
