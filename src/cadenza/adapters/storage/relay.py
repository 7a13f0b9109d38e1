"""The relay's cursors."""

from collections.abc import Mapping, Sequence

import asyncpg

from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage.relay import Backlog

_BEGIN = "INSERT INTO relay VALUES (true, $1) ON CONFLICT DO NOTHING RETURNING true"
_COUNT_AS_PUBLISHED = """
INSERT INTO relay_cursor SELECT id, last_sequence FROM trading_accounts ON CONFLICT DO NOTHING
"""
_OPEN = """
INSERT INTO relay_cursor
SELECT a.id, 0 FROM trading_accounts a
WHERE a.last_sequence > 0 AND NOT EXISTS (SELECT FROM relay_cursor c WHERE c.account_id = a.id)
ON CONFLICT DO NOTHING
"""
_CLAIM = """
SELECT c.account_id, c.sequence, a.last_sequence
FROM relay_cursor c JOIN trading_accounts a ON a.id = c.account_id
WHERE a.last_sequence > c.sequence
ORDER BY c.account_id <= $2, c.account_id LIMIT $1
FOR UPDATE OF c SKIP LOCKED
"""
_ADVANCE = """
UPDATE relay_cursor c SET sequence = n.sequence
FROM unnest($1::uuid[], $2::bigint[]) AS n (account_id, sequence)
WHERE c.account_id = n.account_id
"""


class RelaySql:
    """`ports.storage.relay.RelayRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def begin(self, now_ms: int) -> bool:
        is_first = bool(await self._connection.fetchval(_BEGIN, now_ms))
        if is_first:
            await self._connection.execute(_COUNT_AS_PUBLISHED)
        return is_first

    async def claim(self, accounts_max: int, *, after: TradingAccountId | None) -> Sequence[Backlog]:
        await self._connection.execute(_OPEN)
        rows = await self._connection.fetch(_CLAIM, accounts_max, after)
        return [Backlog(row["account_id"], row["sequence"], row["last_sequence"]) for row in rows]

    async def advance(self, published: Mapping[TradingAccountId, int]) -> None:
        await self._connection.execute(_ADVANCE, list(published), list(published.values()))
