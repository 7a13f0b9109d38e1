"""What a reply that is not a success proves, and the reports that follow from it."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.adapters.venues.kit.order_facts import reason_text
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    RejectedReport,
    UnknownOutcomeReport,
)


class ReplyVerdict(StrEnum):
    """What a reply proves."""

    REFUSED = "REFUSED"
    """The order does not work; `reason` says why."""
    KILLED = "KILLED"
    """The order could not be filled at once and in whole, and so does not work (FOK)."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too many requests or orders: nothing was processed, and the next request has to wait."""
    KEY_REJECTED = "KEY_REJECTED"
    """The key, its signature, its permissions or its address is not accepted: nothing was processed."""
    CANCEL_REFUSED = "CANCEL_REFUSED"
    """The order was not canceled; `refusal` says why."""
    NOT_FOUND = "NOT_FOUND"
    """The venue does not know the order that it was asked about."""
    ENDED_UNFILLED = "ENDED_UNFILLED"
    """The order ended long ago without an execution, and its details are archived."""
    UNKNOWN = "UNKNOWN"
    """Nothing is proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOutcome:
    """A verdict with its details. `text` is the venue's own code and words, for people; `reason` goes with the verdicts
    that end a new order, `refusal` with CANCEL_REFUSED. `is_duplicate`: the venue says that it has an order under this
    id already."""

    verdict: ReplyVerdict
    text: str
    reason: RejectReason = RejectReason.OTHER
    refusal: CancelRefusal | None = None
    is_duplicate: bool = False


_ENDS_ORDER = frozenset(
    {ReplyVerdict.REFUSED, ReplyVerdict.KILLED, ReplyVerdict.RATE_LIMITED, ReplyVerdict.KEY_REJECTED}
)


def submit_report(
    outcome: ReplyOutcome, order: Order, at_ms: int
) -> RejectedReport | CanceledReport | UnknownOutcomeReport:
    """Return the report of a new order that was not accepted. `at_ms` is the venue's clock where the outcome is
    proved, else ours."""
    if outcome.verdict is ReplyVerdict.KILLED:
        return CanceledReport(
            **names_of(order),
            at_ms=at_ms,
            reason=CancelReason.FOK_NOT_FILLABLE,
            executed_quantity=ZERO,
        )
    if outcome.verdict in _ENDS_ORDER:
        return RejectedReport(
            **names_of(order),
            at_ms=at_ms,
            reason=reason_text(outcome.reason, outcome.text),
        )
    return UnknownOutcomeReport(
        **names_of(order),
        at_ms=at_ms,
        cause=outcome.text,
        is_duplicate=outcome.is_duplicate,
    )


def cancel_report(outcome: ReplyOutcome, order: Order, at_ms: int) -> CancelRefusedReport | None:
    """Return the report of a cancel that was refused; None when the venue itself did not refuse it."""
    if outcome.refusal is None:
        return None
    return CancelRefusedReport(
        **names_of(order),
        at_ms=at_ms,
        venue_order_id=order.venue_order_id,
        refusal=outcome.refusal,
        reason=outcome.text,
    )
