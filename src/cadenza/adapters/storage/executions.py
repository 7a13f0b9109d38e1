"""Reading executions."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import execution_of
from cadenza.domain.ids import ExecutionId
from cadenza.domain.trading.execution import Execution
from cadenza.network.slices import in_slices
from cadenza.ports.storage.trading import ExecutionFilter


class ExecutionSql:
    """`ports.storage.trading.ExecutionQueries`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def page(
        self, filter: ExecutionFilter, *, ascending: bool, after: tuple[int, ExecutionId] | None, limit: int
    ) -> Sequence[Execution]:
        where = _where(filter)
        if after is not None:
            where.add("(executed_at_ms, id) " + (">" if ascending else "<") + " ({}, {})", *after)
        way = "ASC" if ascending else "DESC"
        rows = await self._connection.fetch(
            f"SELECT * FROM executions {where.sql} ORDER BY executed_at_ms {way}, id {way} "
            f"LIMIT {where.parameter(limit)}",
            *where.parameters,
        )
        return await in_slices(rows, lambda part: map(execution_of, part))

    async def count(self, filter: ExecutionFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM executions {where.sql}", *where.parameters)
        return count


def _where(filter: ExecutionFilter) -> Where:
    where = Where()
    where.add("account_id = {}", filter.account_id)
    where.add("order_id = {}", filter.order_id)
    where.add("instrument_id = {}", filter.instrument_id)
    where.add("side = {}", filter.side)
    where.add("is_busted = {}", filter.is_busted)
    where.add("executed_at_ms >= {}", filter.start_ms)
    where.add("executed_at_ms < {}", filter.end_ms)
    return where
