"""Reading the reports that fit no order."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.bodies import report_of
from cadenza.domain.trading.reports import Report
from cadenza.ports.storage.trading import UnmatchedSummary


class UnmatchedSql:
    """`ports.storage.trading.UnmatchedReports`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def summary(self) -> UnmatchedSummary:
        row = await self._connection.fetchrow("SELECT count(*), min(at_ms) FROM unmatched_reports")
        assert row is not None  # an aggregate always has one row
        return UnmatchedSummary(row["count"], row["min"])

    async def oldest(self, limit: int) -> Sequence[Report]:
        rows = await self._connection.fetch("SELECT kind, body FROM unmatched_reports ORDER BY at_ms LIMIT $1", limit)
        return [report_of(row["kind"], row["body"]) for row in rows]
