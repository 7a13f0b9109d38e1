"""Operations on accounts."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import Row
from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.ids import OperationId
from cadenza.ports.storage.accounts import OperationFilter


class OperationSql:
    """`ports.storage.accounts.OperationRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, operation: Operation) -> None:
        await self._connection.execute(
            "INSERT INTO operations VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            operation.id,
            operation.tenant_id,
            operation.account_id,
            operation.type.value,
            operation.status.value,
            operation.created_at_ms,
            operation.finished_at_ms,
            operation.failure,
        )

    async def finish(self, operation: Operation) -> None:
        await self._connection.execute(
            "UPDATE operations SET status = $2, finished_at_ms = $3, failure = $4 WHERE id = $1 AND status = 'PENDING'",
            operation.id,
            operation.status.value,
            operation.finished_at_ms,
            operation.failure,
        )

    async def page(
        self, filter: OperationFilter, *, after: tuple[int, OperationId] | None, offset: int, limit: int
    ) -> Sequence[Operation]:
        where = _where(filter)
        if after is not None:
            where.add("(created_at_ms, id) < ({}, {})", *after)
        rows = await self._connection.fetch(
            f"SELECT * FROM operations {where.sql} ORDER BY created_at_ms DESC, id DESC "
            f"LIMIT {where.parameter(limit)} OFFSET {where.parameter(0 if after is not None else offset)}",
            *where.parameters,
        )
        return [_operation_of(row) for row in rows]

    async def count(self, filter: OperationFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM operations {where.sql}", *where.parameters)
        return count

    async def pending(self) -> Sequence[Operation]:
        rows = await self._connection.fetch("SELECT * FROM operations WHERE status = 'PENDING' ORDER BY created_at_ms")
        return [_operation_of(row) for row in rows]


def _where(filter: OperationFilter) -> Where:
    where = Where()
    where.add("tenant_id = {}", filter.tenant_id)
    where.add("account_id = {}", filter.account_id)
    where.among("account_id", filter.accounts)
    where.add("type = {}", filter.type)
    where.add("created_at_ms >= {}", filter.start_ms)
    where.add("created_at_ms < {}", filter.end_ms)
    return where


def _operation_of(row: Row) -> Operation:
    return Operation(
        id=row["id"],
        tenant_id=row["tenant_id"],
        account_id=row["account_id"],
        type=OperationType(row["type"]),
        status=OperationStatus(row["status"]),
        created_at_ms=row["created_at_ms"],
        finished_at_ms=row["finished_at_ms"],
        failure=row["failure"],
    )
