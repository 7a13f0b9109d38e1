"""Reports that cannot be applied. They are kept with the reason, and shown, until they can be applied or an operator
dismisses them. The platform keeps one report of those that say the same again and again (`KeptReport.subject`,
`UnreadableReport`)."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.trading.reports import ExternalOrderReport, OrderReport, PositionReport, Report


class KeepReason(StrEnum):
    """Why a report was kept. The first three may be cured by later news, and are then applied; the others need a look.

    NO_ORDER: no order of the account is known by its names. NO_EXECUTION: it is about an execution that is not booked.
    MORE_THAN_ORDERED: with it, more would be executed than the order's quantity; a status of the venue that shows a
    larger quantity cures it, also when the order is closed. OTHER_INSTRUMENT, OTHER_SIDE,
    NOT_POSITIVE: it contradicts the order that it names. REFUSED: the domain or the database refused it. Snapshots
    show the same external order or position again and again, so only the first refused report of each is kept.
    NOT_TRADED: it names no known order, and is about an instrument that the account does not trade; one alarm sounds
    for each such order. UNREADABLE: the connector could not read it.
    """

    NO_ORDER = "NO_ORDER"
    NO_EXECUTION = "NO_EXECUTION"
    MORE_THAN_ORDERED = "MORE_THAN_ORDERED"
    OTHER_INSTRUMENT = "OTHER_INSTRUMENT"
    OTHER_SIDE = "OTHER_SIDE"
    NOT_POSITIVE = "NOT_POSITIVE"
    REFUSED = "REFUSED"
    NOT_TRADED = "NOT_TRADED"
    UNREADABLE = "UNREADABLE"

    @property
    def is_curable(self) -> bool:
        return self in CURABLE


CURABLE = frozenset({KeepReason.NO_ORDER, KeepReason.NO_EXECUTION, KeepReason.MORE_THAN_ORDERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report with why it was kept; `detail` is for people. `kept_at_ms` is our clock."""

    report: Report
    reason: KeepReason
    detail: str
    kept_at_ms: int

    @property
    def subject(self) -> "Subject | None":
        """The external order or the instrument's position whose report was refused, or the order of an instrument that
        the account does not trade; None for other reports."""
        report = self.report
        if self.reason is KeepReason.NOT_TRADED and isinstance(report, OrderReport):
            return report.account_id, report.instrument_id, report.venue_order_id
        if self.reason is not KeepReason.REFUSED:
            return None
        match report:
            case ExternalOrderReport():
                return report.account_id, report.instrument_id, report.venue_order_id
            case PositionReport():
                return report.account_id, report.instrument_id, None
            case _:
                return None


Subject = tuple[TradingAccountId, InstrumentId, str | None]
