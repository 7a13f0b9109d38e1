"""Reading orders."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import Row, execution_of, orders_of, venue_id_of
from cadenza.adapters.storage.statuses import EXPIRING_STATUSES, OPEN_STATUSES
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.order import Order
from cadenza.network.slices import in_slices
from cadenza.ports.storage.trading import FinishedOrder, OrderFilter, OverdueOrder

_EXECUTIONS = """
SELECT * FROM executions WHERE order_id = ANY($1::uuid[])
ORDER BY executed_at_ms, length(trade_id), trade_id
"""
_OPEN = f"status IN {OPEN_STATUSES}"
# As the index `orders_held` has it.
_HELD = "trail_distance IS NOT NULL AND released_at_ms IS NULL AND status = 'ACCEPTED'"
_FINISHED = f"""
WITH named AS (
    SELECT id FROM orders WHERE account_id = $1 AND id = ANY($2::uuid[])
    UNION SELECT id FROM orders WHERE account_id = $1 AND sent_id = ANY($3::text[])
    UNION SELECT o.id FROM unnest($4::text[], $5::text[]) AS k (instrument_id, id)
        JOIN orders o ON (o.account_id, o.instrument_id, o.venue_order_id) = ($1, k.instrument_id, k.id)
)
SELECT id, instrument_id, side, sent_id, venue_order_id, executed_quantity
FROM orders JOIN named USING (id) WHERE NOT ({_OPEN}) AND NOT is_awaited
"""

_AWAITED = """
SELECT k.account_id, ARRAY(
    SELECT o.id FROM orders o
    WHERE o.account_id = k.account_id AND o.is_awaited AND (k.after IS NULL OR o.id > k.after) ORDER BY o.id LIMIT $3
) AS ids
FROM unnest($1::uuid[], $2::uuid[]) AS k (account_id, after)
"""

# As the index `orders_expiring` has it.
_OVERDUE = f"""
SELECT account_id, venue, environment, expire_at_ms, id FROM orders
WHERE expiry = 'HERE' AND status IN {EXPIRING_STATUSES} AND expire_at_ms <= $1
    AND ($2::bigint IS NULL OR (expire_at_ms, id) > ($2, $3::uuid))
ORDER BY expire_at_ms, id LIMIT $4
"""

_IN_DOUBT = """
SELECT * FROM orders
WHERE doubt = 'UNDETERMINED' OR is_awaited AND in_doubt_since_ms < $1
ORDER BY created_at_ms LIMIT $2
"""


class OrderSql:
    """`ports.storage.trading.OrderQueries`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def page(
        self, filter: OrderFilter, *, ascending: bool, after: tuple[int, OrderId] | None, offset: int, limit: int
    ) -> Sequence[Order]:
        where = _where(filter)
        if after is not None:
            where.add("(created_at_ms, id) " + (">" if ascending else "<") + " ({}, {})", *after)
        way = "ASC" if ascending else "DESC"
        rows = await self._connection.fetch(
            f"SELECT * FROM orders {where.sql} ORDER BY created_at_ms {way}, id {way} "
            f"LIMIT {where.parameter(limit)} OFFSET {where.parameter(0 if after is not None else offset)}",
            *where.parameters,
        )
        executions = await self._executions_of(rows)

        def orders(part: Sequence[Row]) -> list[Order]:
            ids = {row["id"] for row in part}
            return orders_of(part, (execution for execution in executions if execution["order_id"] in ids))

        return await in_slices(rows, orders)

    async def count(self, filter: OrderFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM orders {where.sql}", *where.parameters)
        return count

    async def get(self, order_id: OrderId) -> Order | None:
        rows = await self._connection.fetch("SELECT * FROM orders WHERE id = $1", order_id)
        found = await self._with_executions(rows)
        return found[0] if found else None

    async def unresolved(self, account_id: TradingAccountId) -> Sequence[Order]:
        rows = await self._connection.fetch(
            f"SELECT * FROM orders WHERE account_id = $1 AND {_OPEN} AND NOT ({_HELD})"
            f" UNION ALL SELECT * FROM orders WHERE account_id = $1 AND is_awaited AND NOT ({_OPEN})"
            " ORDER BY created_at_ms, id",
            account_id,
        )
        return await self._with_executions(rows)

    async def held(self, after: OrderId | None, limit: int) -> Sequence[Order]:
        rows = await self._connection.fetch(
            f"SELECT * FROM orders WHERE {_HELD} AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2", after, limit
        )
        return await self._with_executions(rows)

    async def held_of(self, account_id: TradingAccountId) -> Sequence[OrderId]:
        rows = await self._connection.fetch(f"SELECT id FROM orders WHERE account_id = $1 AND {_HELD}", account_id)
        return [OrderId(row["id"]) for row in rows]

    async def newest_sent_ids(self, account_id: TradingAccountId, limit: int) -> Sequence[str]:
        rows = await self._connection.fetch(
            "SELECT sent_id FROM orders WHERE account_id = $1 ORDER BY created_at_ms DESC, id DESC LIMIT $2",
            account_id,
            limit,
        )
        return [row["sent_id"] for row in rows if row["sent_id"] is not None]

    async def some(self, order_ids: Collection[OrderId]) -> Sequence[Order]:
        rows = await self._connection.fetch("SELECT * FROM orders WHERE id = ANY($1::uuid[])", list(order_ids))
        return await self._with_executions(rows)

    async def finished(
        self,
        account_id: TradingAccountId,
        *,
        order_ids: Collection[OrderId],
        sent_ids: Collection[str],
        venue_order_ids: Collection[tuple[InstrumentId, str]],
    ) -> Sequence[FinishedOrder]:
        rows = await self._connection.fetch(
            _FINISHED,
            account_id,
            list(order_ids),
            list(sent_ids),
            [instrument_id for instrument_id, _ in venue_order_ids],
            [id for _, id in venue_order_ids],
        )
        executions: dict[OrderId, dict[str, Execution]] = {}
        for row in await self._executions_of(rows):
            executions.setdefault(row["order_id"], {})[row["trade_id"]] = execution_of(row)
        return [
            FinishedOrder(
                order_id=OrderId(row["id"]),
                instrument_id=InstrumentId(row["instrument_id"]),
                side=Side(row["side"]),
                sent_id=row["sent_id"],
                venue_order_id=row["venue_order_id"],
                executed_quantity=row["executed_quantity"],
                executions=executions.get(row["id"], {}),
            )
            for row in rows
        ]

    async def accounts_awaiting(self) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch("SELECT DISTINCT account_id FROM orders WHERE is_awaited")
        return [TradingAccountId(row["account_id"]) for row in rows]

    async def accounts_in_doubt(self) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch(
            "SELECT DISTINCT account_id FROM orders WHERE is_awaited AND in_doubt_since_ms IS NOT NULL"
        )
        return [TradingAccountId(row["account_id"]) for row in rows]

    async def awaited(
        self, after: Mapping[TradingAccountId, OrderId | None], limit_per_account: int
    ) -> Mapping[TradingAccountId, Sequence[OrderId]]:
        rows = await self._connection.fetch(_AWAITED, list(after), list(after.values()), limit_per_account)
        return {TradingAccountId(row["account_id"]): row["ids"] for row in rows}

    async def overdue(self, now_ms: int, after: tuple[int, OrderId] | None, limit: int) -> Sequence[OverdueOrder]:
        rows = await self._connection.fetch(_OVERDUE, now_ms, *(after or (None, None)), limit)
        return [
            OverdueOrder(TradingAccountId(row["account_id"]), venue_id_of(row), row["expire_at_ms"], OrderId(row["id"]))
            for row in rows
        ]

    async def revoked_before_expiry(self, account: TradingAccount) -> Sequence[Order]:
        rows = await self._connection.fetch(
            "SELECT o.* FROM trading_accounts a JOIN orders o ON o.account_id = a.id"
            " WHERE a.tenant_id = $1 AND a.venue = $2 AND a.environment = $3 AND a.external_id = $4 AND a.id <> $5"
            " AND o.status = 'REVOKED' AND o.expiry IS NOT NULL",  # as the index `orders_revoked_before_expiry` has it
            account.tenant_id,
            account.venue_id.venue.value,
            account.venue_id.environment.value,
            account.external.external_id,
            account.id,
        )
        return orders_of(rows, ())

    async def in_doubt(self, since_before_ms: int, limit: int) -> Sequence[Order]:
        return await self._with_executions(await self._connection.fetch(_IN_DOUBT, since_before_ms, limit))

    async def has_order_in_doubt(self, account_id: TradingAccountId) -> bool:
        found: bool = await self._connection.fetchval(
            "SELECT EXISTS(SELECT FROM orders WHERE account_id = $1 AND is_awaited)"
            " OR EXISTS(SELECT FROM orders WHERE account_id = $1 AND doubt = 'UNDETERMINED')",
            account_id,
        )
        return found

    async def executed_though_rejected_count(self, since_ms: int) -> int:
        count: int = await self._connection.fetchval(
            "SELECT count(*) FROM orders WHERE status = 'REJECTED' AND executed_quantity > 0 AND updated_at_ms >= $1",
            since_ms,
        )
        return count

    async def undetermined_count(self) -> int:
        count: int = await self._connection.fetchval("SELECT count(*) FROM orders WHERE doubt = 'UNDETERMINED'")
        return count

    async def _with_executions(self, rows: Sequence[Row]) -> list[Order]:
        return orders_of(rows, await self._executions_of(rows))

    async def _executions_of(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the executions of these orders: also busted ones, which no quantity of an order shows."""
        return await self._connection.fetch(_EXECUTIONS, [row["id"] for row in rows]) if rows else []


def _where(filter: OrderFilter) -> Where:
    where = Where()
    where.add("tenant_id = {}", filter.tenant_id)
    where.add("account_id = {}", filter.account_id)
    where.among("account_id", filter.account_ids)
    if filter.account_id is None and filter.account_ids is None and _is_found_by_account(filter):
        # The indexes of open orders and of clients' keys are by account.
        where.add("account_id = ANY(ARRAY(SELECT id FROM trading_accounts WHERE tenant_id = {}))", filter.tenant_id)
    where.add("id = {}", filter.order_id)
    where.add("status = ANY({}::text[])", list(filter.statuses) or None)
    if _is_of_open(filter):
        where.add(_OPEN)
    if filter.is_open is False:
        where.add(f"NOT ({_OPEN})")
    where.add("instrument_id = {}", filter.instrument_id)
    where.add("side = {}", filter.side)
    where.add("type = {}", filter.type)
    where.add("client_order_id = {}", filter.client_order_id)
    where.add("idempotency_key = {}", filter.idempotency_key)
    where.add("created_at_ms >= {}", filter.start_ms)
    where.add("created_at_ms < {}", filter.end_ms)
    return where


def _is_of_open(filter: OrderFilter) -> bool:
    """Whether the filter selects open orders only, which have an index of their own."""
    is_of_open = bool(filter.statuses) and not any(status.is_closed for status in filter.statuses)
    return filter.is_open is True or is_of_open


def _is_found_by_account(filter: OrderFilter) -> bool:
    return _is_of_open(filter) or filter.client_order_id is not None or filter.idempotency_key is not None
