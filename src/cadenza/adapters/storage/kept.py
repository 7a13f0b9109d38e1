"""Reports that were kept because they cannot be applied."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from cadenza.adapters.storage.bodies import report_of, report_text
from cadenza.adapters.storage.rows import Row
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.reports import OrderReport
from cadenza.ports.storage.trading import KeptSummary


class KeptReportSql:
    """`ports.storage.trading.KeptReports`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def summary(self) -> KeptSummary:
        row = await self._connection.fetchrow(
            "SELECT count(*) FILTER (WHERE is_curable) AS curable, count(*) FILTER (WHERE NOT is_curable) AS refused,"
            " min(kept_at_ms) AS oldest FROM kept_reports"
        )
        assert row is not None  # an aggregate always has one row
        return KeptSummary(curable_count=row["curable"], refused_count=row["refused"], oldest_kept_at_ms=row["oldest"])

    async def oldest(self, limit: int) -> Sequence[KeptReport]:
        rows = await self._connection.fetch("SELECT * FROM kept_reports ORDER BY kept_at_ms LIMIT $1", limit)
        return [kept_of(row) for row in rows]

    async def without_order(self, limit: int) -> Sequence[OrderReport]:
        rows = await self._connection.fetch(
            "SELECT * FROM kept_reports WHERE reason = 'NO_ORDER' AND venue_order_id IS NOT NULL"
            " ORDER BY kept_at_ms DESC LIMIT $1",
            limit,
        )
        reports = [kept_of(row).report for row in rows]
        return [report for report in reports if isinstance(report, OrderReport)]


def kept_row(kept: KeptReport) -> tuple[Any, ...]:
    report = kept.report
    kind, body = report_text(report)
    names: tuple[Any, ...] = (None, None, None, None)
    if isinstance(report, OrderReport):
        names = (report.instrument_id, report.order_id, report.sent_id, report.venue_order_id)
    return (
        report.account_id, *names, report.at_ms, kind, body, kept.reason.value, kept.detail, kept.reason.is_curable,
        kept.kept_at_ms,
    )  # fmt: skip


def kept_of(row: Row) -> KeptReport:
    return KeptReport(
        report=report_of(row["kind"], row["body"]),
        reason=KeepReason(row["reason"]),
        detail=row["detail"],
        kept_at_ms=row["kept_at_ms"],
    )
