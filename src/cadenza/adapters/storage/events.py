"""Reading the accounts' event logs."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.bodies import event_body
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.events import AccountEvent


class EventLogSql:
    """`ports.storage.trading.EventLog`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def after(self, account_id: TradingAccountId, sequence: int, limit: int) -> Sequence[AccountEvent]:
        rows = await self._connection.fetch(
            "SELECT * FROM account_events WHERE account_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            account_id,
            sequence,
            limit,
        )
        return [
            AccountEvent(
                account_id=row["account_id"],
                tenant_id=row["tenant_id"],
                sequence=row["sequence"],
                at_ms=row["at_ms"],
                body=event_body(row["kind"], row["body"]),
            )
            for row in rows
        ]

    async def last_at_ms(self, account_id: TradingAccountId) -> int | None:
        at_ms: int | None = await self._connection.fetchval(
            "SELECT at_ms FROM account_events WHERE account_id = $1 ORDER BY sequence DESC LIMIT 1", account_id
        )
        return at_ms

    async def epoch(self) -> str:
        epoch: str = await self._connection.fetchval("SELECT epoch FROM installation")
        return epoch
