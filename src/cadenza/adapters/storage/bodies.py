"""Events and reports as JSON text with a kind beside it."""

import msgspec

from cadenza.domain.accounts.risk_limits import AccountRisk
from cadenza.domain.accounts.trading_account import UnconfirmedFill
from cadenza.domain.trading import reports as r
from cadenza.domain.trading.events import (
    AccountUpdated,
    BalanceCorrected,
    EventBody,
    EventKind,
    MassCanceled,
    OrderUpdated,
    PositionCorrected,
)

_EVENTS: dict[str, type[EventBody]] = {
    EventKind.ORDER: OrderUpdated,
    EventKind.ACCOUNT: AccountUpdated,
    EventKind.BALANCE_CORRECTED: BalanceCorrected,
    EventKind.POSITION_CORRECTED: PositionCorrected,
    EventKind.MASS_CANCELED: MassCanceled,
}
_EVENT_KINDS = {type_: kind for kind, type_ in _EVENTS.items()}
_EVENT_DECODERS: dict[str, msgspec.json.Decoder[EventBody]] = {k: msgspec.json.Decoder(t) for k, t in _EVENTS.items()}

_REPORTS: dict[str, type[r.Report]] = {
    "accepted": r.AcceptedReport,
    "rejected": r.RejectedReport,
    "not_sent": r.NotSentReport,
    "withdrawn": r.WithdrawnReport,
    "unknown": r.UnknownOutcomeReport,
    "undetermined": r.UndeterminedOutcomeReport,
    "fill": r.FillReport,
    "found_fill": r.FoundFillReport,
    "fill_corrected": r.FillCorrectedReport,
    "fill_busted": r.FillBustedReport,
    "fee": r.FeeReport,
    "canceled": r.CanceledReport,
    "expired": r.ExpiredReport,
    "order_status": r.OrderStatusReport,
    "cancel_refused": r.CancelRefusedReport,
    "trigger_moved": r.TriggerMovedReport,
    "external_order": r.ExternalOrderReport,
    "balance": r.BalanceReport,
    "position": r.PositionReport,
    "unreadable": r.UnreadableReport,
}
_REPORT_KINDS = {type_: kind for kind, type_ in _REPORTS.items()}
EXECUTION_KINDS = tuple(
    _REPORT_KINDS[type_]
    for type_ in (r.FillReport, r.FoundFillReport, r.FillCorrectedReport, r.FillBustedReport, r.FeeReport)
)
"""The kinds of the reports that make or change an execution."""

_encode = msgspec.json.Encoder().encode
_RISK_DECODER = msgspec.json.Decoder(AccountRisk)
_FILLS_DECODER = msgspec.json.Decoder(tuple[UnconfirmedFill, ...])


def risk_text(risk: AccountRisk) -> str:
    return _encode(risk).decode()


def risk_of(text: str) -> AccountRisk:
    return _RISK_DECODER.decode(text)


def fills_text(fills: tuple[UnconfirmedFill, ...]) -> str:
    return _encode(fills).decode()


def fills_of(text: str) -> tuple[UnconfirmedFill, ...]:
    return _FILLS_DECODER.decode(text)


def event_text(body: EventBody) -> tuple[str, str]:
    """Return (kind, JSON)."""
    return _EVENT_KINDS[type(body)], _encode(body).decode()


def event_body(kind: str, text: str) -> EventBody:
    return _EVENT_DECODERS[kind].decode(text)


def report_text(report: r.Report) -> tuple[str, str]:
    """Return (kind, JSON)."""
    return _REPORT_KINDS[type(report)], _encode(report).decode()


def report_of(kind: str, text: str) -> r.Report:
    return msgspec.json.decode(text, type=_REPORTS[kind])
