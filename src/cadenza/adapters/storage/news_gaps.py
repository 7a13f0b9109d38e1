"""Periods that a venue could not report any more."""

from collections.abc import Sequence

import asyncpg

from cadenza.ports.storage.trading import NewsGap


class NewsGapSql:
    """`ports.storage.trading.NewsGaps`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, gap: NewsGap) -> bool:
        is_new: bool = await self._connection.fetchval(
            "INSERT INTO news_gaps VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, from_ms)"
            " DO UPDATE SET until_ms = excluded.until_ms, found_at_ms = excluded.found_at_ms"
            " RETURNING xmax = 0",
            gap.account_id,
            gap.from_ms,
            gap.until_ms,
            gap.found_at_ms,
        )
        return is_new

    async def newest(self, limit: int) -> Sequence[NewsGap]:
        rows = await self._connection.fetch("SELECT * FROM news_gaps ORDER BY found_at_ms DESC LIMIT $1", limit)
        return [NewsGap(**row) for row in rows]
