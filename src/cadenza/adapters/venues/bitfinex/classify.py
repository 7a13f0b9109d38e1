"""What a refusal of BITFINEX proves. Pure: an HTTP status and the body.

The venue refuses with an array of a code and a text, as a rule under HTTP 500. Such an array is the venue's own word,
so the status says nothing. An answer without it proves nothing.

An order is refused with proof by these codes: 10020 (a field is wrong, and nothing was tried), 11000 (the engine takes
nothing), those for the key and those for the pace. Code 10001 stands for everything else, and the text decides: what
begins with `Invalid order` is about the order, whatever follows. Any other text may come from a part of the venue that
does not know what became of the order. It proves nothing, and the order is looked up. So does 10114 (the nonce is too
small): where something on the way sent the request twice, it is about the second arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.adapters.venues.bitfinex.answers import (
    GENERIC,
    HTTP_OK,
    HTTP_TOO_MANY,
    NOT_READY,
    RestRefusal,
    refusal_of,
)
from cadenza.adapters.venues.bitfinex.models import NotificationFields
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import CancelRefusal

PARAMETERS = 10020

SUCCESS = "SUCCESS"
REFUSED_STATUSES = frozenset({"ERROR", "FAILURE"})
"""Statuses of a notification, beside SUCCESS."""

INVALID_ORDER = "Invalid order"
_TEXTS: Mapping[str, RejectReason] = {
    f"{INVALID_ORDER}: not enough exchange balance": RejectReason.INSUFFICIENT_BALANCE,
    f"{INVALID_ORDER}: not enough tradable balance": RejectReason.INSUFFICIENT_MARGIN,
    f"{INVALID_ORDER}: available balance is only": RejectReason.INSUFFICIENT_BALANCE,
    f"{INVALID_ORDER}: symbol is not traded on margin": RejectReason.INSTRUMENT_NOT_TRADABLE,
    f"{INVALID_ORDER}: pair is inactive": RejectReason.INSTRUMENT_NOT_TRADABLE,
    "symbol: invalid": RejectReason.INSTRUMENT_NOT_TRADABLE,
}
"""How texts begin, and what they say. Any other text of a proved refusal says INVALID_ORDER."""

_NOT_FOUND = ("Order not found", "order: not found", "order not found")


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """The answer to a request about orders: that it succeeded, the venue's refusal, or nothing that can be read."""

    is_success: bool = False
    refusal: RestRefusal | None = None

    @property
    def said(self) -> str:
        return "" if self.refusal is None else self.refusal.said


def order_answer(status: int, body: bytes) -> OrderAnswer:
    """Read the answer to a request about orders. A notification that is no success refuses like an array with the code
    10001."""
    refusal = refusal_of(body)
    if refusal is not None or status != HTTP_OK:
        return OrderAnswer(refusal=refusal)
    try:
        notification = decode(NotificationFields, body)
    except UnreadablePayload:
        return OrderAnswer()
    if notification.status == SUCCESS:
        return OrderAnswer(is_success=True)
    if notification.status in REFUSED_STATUSES:
        return OrderAnswer(refusal=RestRefusal(GENERIC, notification.text or ""))
    return OrderAnswer()


def classify_submit(status: int, answer: OrderAnswer) -> ReplyOutcome:
    """Return what an answer that is not a success proves about a new order."""
    if limit := _limit_of(status, answer):
        return limit
    refusal = answer.refusal
    if refusal is None:
        return _unknown(status, answer)
    if refusal.is_about_key:
        return _verdict(ReplyVerdict.KEY_REJECTED, f"the key is not accepted, or may not trade here: {answer.said}")
    match refusal.code:
        case _ if refusal.code == NOT_READY:
            return ReplyOutcome(verdict=ReplyVerdict.REFUSED, text=answer.said)
        case _ if refusal.code == PARAMETERS or refusal.text.startswith(INVALID_ORDER):
            return ReplyOutcome(verdict=ReplyVerdict.REFUSED, reason=_reason(refusal.text), text=answer.said)
        case _:
            return _unknown(status, answer)


def classify_cancel(status: int, answer: OrderAnswer) -> ReplyOutcome:
    """Return what an answer that is not a success proves about a cancel. UNKNOWN, RATE_LIMITED and KEY_REJECTED: the
    venue could not be asked, or did not say; the order is as it was, as far as we know."""
    if limit := _limit_of(status, answer):
        return limit
    refusal = answer.refusal
    if refusal is None:
        return _unknown(status, answer)
    if refusal.is_about_key:
        return _verdict(ReplyVerdict.KEY_REJECTED, answer.said)
    if refusal.text.startswith(_NOT_FOUND):
        unknown = CancelRefusal.UNKNOWN_ORDER
        return ReplyOutcome(verdict=ReplyVerdict.CANCEL_REFUSED, text=answer.said, refusal=unknown)
    return _unknown(status, answer)


def _reason(text: str) -> RejectReason:
    found = (reason for begins, reason in _TEXTS.items() if text.startswith(begins))
    return next(found, RejectReason.INVALID_ORDER)


def _limit_of(status: int, answer: OrderAnswer) -> ReplyOutcome | None:
    """A refusal for the pace proves that nothing was processed, whatever the body is."""
    if status == HTTP_TOO_MANY or (answer.refusal is not None and answer.refusal.is_for_pace):
        return _verdict(ReplyVerdict.RATE_LIMITED, answer.said or f"HTTP {status}")
    return None


def _verdict(verdict: ReplyVerdict, text: str) -> ReplyOutcome:
    reason = RejectReason.RATE_LIMITED if verdict is ReplyVerdict.RATE_LIMITED else RejectReason.OTHER
    return ReplyOutcome(verdict=verdict, reason=reason, text=text)


def _unknown(status: int, answer: OrderAnswer) -> ReplyOutcome:
    text = f"status {status}" if answer.refusal is None else f"status {status}, {answer.said}"
    return ReplyOutcome(verdict=ReplyVerdict.UNKNOWN, text=text)
