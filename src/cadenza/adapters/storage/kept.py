"""Reports that were kept because they cannot be applied."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

import asyncpg

from cadenza.adapters.storage.bodies import EXECUTION_KINDS, report_of, report_text
from cadenza.adapters.storage.rows import Row
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.reports import OrderReport, PositionReport, Report, UnreadableReport
from cadenza.ports.storage.trading import KeptSummary, UnknownOrder

_UNKNOWN = """
u.is_curable AND u.reason = 'NO_ORDER' AND u.instrument_id IS NOT NULL AND u.venue_order_id IS NOT NULL
AND NOT EXISTS (
    SELECT FROM kept_reports r
    WHERE (NOT r.is_curable AND r.kind = 'external_order' OR r.reason = 'UNREADABLE')
        AND (r.account_id, r.instrument_id, r.venue_order_id) = (u.account_id, u.instrument_id, u.venue_order_id)
)
"""
_WITHOUT_ORDER = f"""
SELECT found.account_id, found.instrument_id, found.venue_order_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS k (account_id, instrument_id, venue_order_id),
LATERAL (
    SELECT DISTINCT u.account_id, u.instrument_id, u.venue_order_id FROM kept_reports u
    WHERE u.account_id = k.account_id AND {_UNKNOWN}
        AND (k.venue_order_id IS NULL OR (u.instrument_id, u.venue_order_id) > (k.instrument_id, k.venue_order_id))
    ORDER BY u.instrument_id, u.venue_order_id LIMIT $4
) found
ORDER BY found.instrument_id, found.venue_order_id
"""
_FIRST_KEPT = """
SELECT min(kept_at_ms) FROM kept_reports
WHERE account_id = $1 AND (
    kind = $2 AND md5(body) = md5($3)
    OR $4 AND kind = $2 AND reason = $5
        AND (instrument_id, order_id, sent_id, venue_order_id)
            IS NOT DISTINCT FROM ($6::text, $7::uuid, $8::text, $9::text)
    OR ($5 = 'NOT_TRADED' OR $5 = 'REFUSED' AND $2 = 'external_order')
        AND (reason = 'NOT_TRADED' OR reason = 'REFUSED' AND kind = 'external_order')
        AND (instrument_id, venue_order_id) IS NOT DISTINCT FROM ($6::text, $9::text)
)
"""


class KeptReportSql:
    """`ports.storage.trading.KeptReports`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def summary(self) -> KeptSummary:
        row = await self._connection.fetchrow(
            "SELECT count(*) FILTER (WHERE is_curable) AS curable, count(*) FILTER (WHERE NOT is_curable) AS refused,"
            " min(kept_at_ms) AS oldest FROM kept_reports WHERE NOT is_dismissed"
        )
        assert row is not None  # an aggregate always has one row
        return KeptSummary(curable_count=row["curable"], refused_count=row["refused"], oldest_kept_at_ms=row["oldest"])

    async def oldest(self, limit: int) -> Sequence[KeptReport]:
        rows = await self._connection.fetch(
            "SELECT * FROM kept_reports WHERE NOT is_dismissed ORDER BY kept_at_ms LIMIT $1", limit
        )
        return [kept_of(row) for row in rows]

    async def dismiss(self, name: str) -> bool:
        dismissed = await self._connection.fetchval(
            "UPDATE kept_reports SET is_dismissed = true, is_curable = false WHERE NOT is_dismissed"
            " AND encode(sha256(convert_to(account_id::text || ' ' || kind || ' ' || body, 'UTF8')), 'hex') = $1"
            " RETURNING true",
            name,
        )
        return dismissed is not None

    async def known(self, reports: Sequence[Report]) -> Collection[Report]:
        rows = await self._connection.fetch(
            "SELECT n.place FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS n"
            " (account_id, kind, body, place) JOIN kept_reports u ON u.account_id = n.account_id AND u.kind = n.kind"
            " AND md5(u.body) = md5(n.body) AND u.body = n.body",
            [report.account_id for report in reports],
            *zip(*(report_text(report) for report in reports), strict=True),
        )
        return {reports[row["place"] - 1] for row in rows}

    async def accounts_without_order(self) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch(f"SELECT DISTINCT u.account_id FROM kept_reports u WHERE {_UNKNOWN}")
        return [TradingAccountId(row["account_id"]) for row in rows]

    async def without_order(
        self, after: Mapping[TradingAccountId, UnknownOrder | None], limit_per_account: int
    ) -> Mapping[TradingAccountId, Sequence[UnknownOrder]]:
        instruments = [None if each is None else each.instrument_id for each in after.values()]
        names = [None if each is None else each.venue_order_id for each in after.values()]
        rows = await self._connection.fetch(_WITHOUT_ORDER, list(after), instruments, names, limit_per_account)
        found: dict[TradingAccountId, list[UnknownOrder]] = {account_id: [] for account_id in after}
        for account_id, instrument_id, venue_order_id in rows:
            unknown = UnknownOrder(TradingAccountId(account_id), InstrumentId(instrument_id), venue_order_id)
            found[unknown.account_id].append(unknown)
        return found

    async def may_move_money(self, account_id: TradingAccountId) -> bool:
        found: bool = await self._connection.fetchval(
            "SELECT EXISTS(SELECT FROM kept_reports WHERE account_id = $1 AND is_curable AND kind = ANY($2::text[]))",
            account_id,
            EXECUTION_KINDS,
        )
        return found

    async def first_kept_at_ms(self, kept: KeptReport) -> int | None:
        account_id, instrument_id, order_id, sent_id, venue_order_id, _, kind, body, reason, *_ = kept_row(kept)
        found: int | None = await self._connection.fetchval(
            _FIRST_KEPT, account_id, kind, body, kept.is_repeated, reason, instrument_id, order_id, sent_id,
            venue_order_id,
        )  # fmt: skip
        return found


def name_of(report: Report) -> str:
    """Return the name by which `dismiss` finds a kept report."""
    kind, body = report_text(report)
    return sha256(f"{report.account_id} {kind} {body}".encode()).hexdigest()


def kept_row(kept: KeptReport) -> tuple[Any, ...]:
    report = kept.report
    kind, body = report_text(report)
    names: tuple[Any, ...] = (None, None, None, None)
    if isinstance(report, OrderReport | UnreadableReport):
        names = (report.instrument_id, report.order_id, report.sent_id, report.venue_order_id)
    elif isinstance(report, PositionReport):
        names = (report.instrument_id, None, None, None)
    return (
        report.account_id, *names, report.at_ms, kind, body, kept.reason.value, kept.detail, kept.reason.is_curable,
        kept.kept_at_ms, kept.is_repeated, False,
    )  # fmt: skip


def kept_of(row: Row) -> KeptReport:
    return KeptReport(
        report=report_of(row["kind"], row["body"]),
        reason=KeepReason(row["reason"]),
        detail=row["detail"],
        kept_at_ms=row["kept_at_ms"],
    )
