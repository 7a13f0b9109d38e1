"""Reports that cannot be applied. They are kept with the reason, and shown, until they can be applied or an operator
dismisses them. The platform keeps one report of those that say the same again and again (`KeptReport.subject`,
`UnreadableReport`)."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.trading.reports import (
    ExternalOrderReport,
    FeeReport,
    FillBustedReport,
    FillReport,
    OrderReport,
    PositionReport,
    Report,
)


class KeepReason(StrEnum):
    """Why a report was kept. The first three may be cured by later news, and are then applied; the others need a look.

    NO_ORDER: no order of the account is known by its names. NO_EXECUTION: it is about an execution that is not booked.
    MORE_THAN_ORDERED: with it, more would be executed than the order's quantity; a status of the venue that shows a
    larger quantity cures it, also when the order is closed. OTHER_INSTRUMENT, OTHER_SIDE, NOT_POSITIVE: it contradicts
    the order that it names. OTHER_EXECUTION: its trade is booked with another price, quantity or fee. OTHER_ORDER: it
    is about another order that has our id, because its type is not what we ordered, or it happened before our order was
    recorded; or it gives our order an id at the venue under which another order is recorded here: it renames ours, or
    others may give out our ids (`SentIdProof.is_shared`) and the other order was adopted. ID_TAKEN: the
    venue's id that it gives the order is that of another order of the account, so the venue has begun its ids again or
    the account is another one; the account is HALTED. SHOWN_AT_VENUE: it says that our request was never sent, and the
    venue has shown the order. REFUSED: the domain or the database refused it. Snapshots and lookups show the same thing
    again and again, so only the first report of each `KeptReport.fact` is kept. NOT_TRADED: it names no known order,
    and is about an instrument that the account does not trade; each report is kept, and one alarm sounds for each such
    order. UNREADABLE: the connector could not read it."""

    NO_ORDER = "NO_ORDER"
    NO_EXECUTION = "NO_EXECUTION"
    MORE_THAN_ORDERED = "MORE_THAN_ORDERED"
    OTHER_INSTRUMENT = "OTHER_INSTRUMENT"
    OTHER_SIDE = "OTHER_SIDE"
    OTHER_ORDER = "OTHER_ORDER"
    ID_TAKEN = "ID_TAKEN"
    NOT_POSITIVE = "NOT_POSITIVE"
    OTHER_EXECUTION = "OTHER_EXECUTION"
    SHOWN_AT_VENUE = "SHOWN_AT_VENUE"
    REFUSED = "REFUSED"
    NOT_TRADED = "NOT_TRADED"
    UNREADABLE = "UNREADABLE"

    @property
    def is_curable(self) -> bool:
        return self in CURABLE


CURABLE = frozenset({KeepReason.NO_ORDER, KeepReason.NO_EXECUTION, KeepReason.MORE_THAN_ORDERED})
ABOUT_ANOTHER = frozenset({KeepReason.OTHER_INSTRUMENT, KeepReason.OTHER_SIDE, KeepReason.OTHER_ORDER})
"""The report is about another order than the one that it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report with why it was kept; `detail` is for people. `kept_at_ms` is our clock."""

    report: Report
    reason: KeepReason
    detail: str
    kept_at_ms: int

    @property
    def is_repeated(self) -> bool:
        """Whether snapshots and lookups state the same fact again and again, with a new instant each time: a refused
        external order or position, or a report that contradicts its order and is about no execution."""
        match self.report:
            case ExternalOrderReport() | PositionReport() if self.reason is KeepReason.REFUSED:
                return True
            case FillReport() | FillBustedReport() | FeeReport():
                return False
            case _:
                return self.reason in ABOUT_ANOTHER or self.reason is KeepReason.ID_TAKEN

    @property
    def _is_of_order_set_aside(self) -> bool:
        """Whether it is about an order that was placed elsewhere and is not adopted."""
        is_refused = self.reason is KeepReason.REFUSED and isinstance(self.report, ExternalOrderReport)
        return is_refused or self.reason is KeepReason.NOT_TRADED

    @property
    def fact(self) -> "Fact":
        """What is wrong. One alarm sounds for each fact."""
        report = self.report
        names = (type(report), self.reason, report.account_id)
        match report:
            case OrderReport() if self._is_of_order_set_aside:
                return report.account_id, report.instrument_id, report.venue_order_id
            case OrderReport() if self.reason is KeepReason.ID_TAKEN:  # one alarm, whatever the reports say
                return self.reason, report.account_id, report.instrument_id, report.order_id
            case OrderReport() if self.is_repeated:
                return (*names, report.instrument_id, report.order_id, report.sent_id, report.venue_order_id)
            case PositionReport() if self.is_repeated:
                return (*names, report.instrument_id)
            case _:
                return (report,)


Fact = tuple[object, ...]
