"""What an earlier version stored about orders of inverse contracts, after an upgrade."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from tests.adapters.http.http_world import EXECUTION, ORDER

from cadenza.adapters.storage.migrate import VERSIONS_DIR, migrate
from cadenza.adapters.storage.rows import execution_of, execution_row, order_row, orders_of
from cadenza.domain.ids import ExecutionId, OrderId

INVERSE, LINEAR, PARTS = OrderId(UUID(int=1)), OrderId(UUID(int=2)), ("60000", "60600")
_INSTRUMENT = """
INSERT INTO instruments SELECT (jsonb_populate_record(NULL::instruments, jsonb_build_object(
    'id', $1::text, 'is_inverse', $2::boolean, 'contract_size', 1, 'lot_size', 1, 'pip_size', 1, 'base_precision', 8,
    'quote_precision', 8, 'min_quantity', 1, 'max_quantity', 1, 'min_notional', 1, 'maker_fee', 0, 'taker_fee', 0,
    'is_iceberg_allowed', false, 'order_types', '[]'::jsonb, 'time_in_force_options', '[]'::jsonb,
    'price_steps', '[]'::jsonb
) || (SELECT jsonb_object_agg(name, '') FROM unnest(ARRAY[
    'venue', 'environment', 'symbol', 'external_symbol', 'description', 'type', 'status', 'base_asset', 'quote_asset',
    'base_security_type', 'quote_security_type', 'order_filters', 'trading_hours'
]) AS name))).*
"""


async def test_stored_costs_of_inverse_contracts_are_quantities_divided_by_prices(
    empty_database_dsn: str, tmp_path: Path
) -> None:
    before = tmp_path / "versions"
    shutil.copytree(VERSIONS_DIR, before, ignore=lambda _, names: {each for each in names if each >= "0010"})
    await migrate(empty_database_dsn, versions_dir=before)
    connection = await asyncpg.connect(empty_database_dsn)
    try:
        await connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_account_id_fkey")
        for order_id, is_inverse in ((INVERSE, True), (LINEAR, False)):
            await _store(connection, order_id, is_inverse)
        await migrate(empty_database_dsn)
        executions = await connection.fetch("SELECT * FROM executions ORDER BY executed_at_ms, trade_id")
        inverse, linear = orders_of(await connection.fetch("SELECT * FROM orders ORDER BY id"), executions)
    finally:
        await connection.close()
    assert (inverse.is_inverse, linear.is_inverse) == (True, False)
    counted = [each.cost for each in inverse.executions if not each.is_busted]
    assert counted == [D("16666.666666666666666667"), D("16501.650165016501650165")]
    assert (inverse.executed_cost, inverse.executed_price) == (sum(counted), D("60298.50746269"))
    assert linear.executed_cost == sum(each.cost for each in linear.executions if not each.is_busted)
    assert linear.executed_price == 60_300
    assert {each.is_inverse for each in map(execution_of, executions) if each.order_id == LINEAR} == {False}


async def _store(connection: "asyncpg.Connection", order_id: OrderId, is_inverse: bool) -> None:
    """Store an order with two executions of a thousand million, and a third that was busted."""
    await connection.execute(_INSTRUMENT, str(order_id), is_inverse)
    size = D(10**9)
    cost = sum(size * D(price) for price in PARTS)
    order = replace(
        ORDER, id=order_id, instrument_id=str(order_id), quantity=3 * size, executed_quantity=2 * size,
        executed_cost=cost, client_order_id=None, idempotency_key=None, sent_id=None, venue_order_id=None,
    )  # type: ignore[arg-type]  # fmt: skip
    await _insert(connection, "orders", order_row(order)[:-1])
    for number, price in enumerate((*PARTS, "1")):
        execution = replace(
            EXECUTION, id=ExecutionId(UUID(int=10 * order_id.int + number)), order_id=order_id, trade_id=str(number),
            instrument_id=order.instrument_id, price=D(price), quantity=size, is_busted=price == "1",
        )  # fmt: skip
        await _insert(connection, "executions", execution_row(execution)[:-1])


async def _insert(connection: "asyncpg.Connection", table: str, row: Sequence[Any]) -> None:
    places = ", ".join(f"${number}" for number, _ in enumerate(row, 1))
    await connection.execute(f"INSERT INTO {table} VALUES ({places})", *row)
