"""What a refusal of DERIBIT proves. Pure: an HTTP status and the body.

The tables hold the codes of the venue's documents that an order, a cancel or a question about an order can meet. A code
that is not in a table proves nothing: for a new order that is an unknown outcome, never a rejection, and the order is
looked up. `timed_out` is not in them: the venue answers so to an order whose `valid_until` has passed, and also when it
had no time to process a request. It proves something only of an order that came after its `valid_until`: each answer
states when the venue got the request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.deribit.models import RpcErrorData, RpcFrame
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import CancelRefusal

_Meaning = RejectReason | ReplyVerdict

HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500


def _all(codes: Iterable[int], meaning: _Meaning) -> dict[int, _Meaning]:
    return dict.fromkeys(codes, meaning)


TOO_MANY_REQUESTS = 10028
TIMED_OUT = 13888
UNAUTHORIZED = 13009
ORDER_NOT_FOUND = 10004
INSTRUMENT_NOT_FOUND = 13020

_EVERYWHERE: Mapping[int, _Meaning] = {
    **_all((TOO_MANY_REQUESTS, 10047, 11051), ReplyVerdict.RATE_LIMITED),  # a full queue, or maintenance
    **_all((10000, 13004, UNAUTHORIZED, 13021, 11042, 13668), ReplyVerdict.KEY_REJECTED),
}
SUBMIT_CODES: Mapping[int, _Meaning] = {
    **_EVERYWHERE,
    11054: RejectReason.POST_ONLY_WOULD_TAKE,
    **_all((10009,), RejectReason.INSUFFICIENT_MARGIN),
    **_all((10012, 10020, 10041, 11090, INSTRUMENT_NOT_FOUND), RejectReason.INSTRUMENT_NOT_TRADABLE),
    **_all((10034, 10035), RejectReason.STOP_WOULD_TRIGGER),
    **_all((-32602, 10002, 10005, 10006, 10007, 10008, 10011, 10013, 10014, 10015), RejectReason.INVALID_ORDER),
    **_all((10021, 10022, 10023, 10024, 10025, 10026, 10027, 10029, 10031), RejectReason.INVALID_ORDER),
    **_all((10036, 10043, 10044, 10045, 10046, 11021, 11036, 11041, 11053), RejectReason.INVALID_ORDER),
    **_all((10003, 11030, 11035, 11043, 11045, 11046, 11047, 11048), RejectReason.OTHER),
}
"""What each code proves about a new order. 10003 is a self-trade that the account's settings refuse; 11030 and 11035
name their reason."""

CANCEL_CODES: Mapping[int, CancelRefusal] = {
    ORDER_NOT_FOUND: CancelRefusal.UNKNOWN_ORDER,
    10010: CancelRefusal.TOO_LATE,
    11008: CancelRefusal.TOO_LATE,
    11044: CancelRefusal.TOO_LATE,
    10012: CancelRefusal.WORKS_ON,  # the book is closed
    10041: CancelRefusal.WORKS_ON,  # settlement is under way
}

_OF_THE_CLOCK = "timestamp"
"""A signature is refused as unauthorized too when its timestamp is too old or too far ahead."""


@dataclass(frozen=True, slots=True)
class RpcReply:
    """An answer: a result, or the code and the words of an error. `received_ms` is when the venue got the request, by
    its clock."""

    result: msgspec.Raw | None = None
    code: int = 0
    text: str = ""
    received_ms: int | None = None

    @property
    def is_success(self) -> bool:
        return self.result is not None

    @property
    def said(self) -> str:
        """The venue's code and its own words, for people."""
        return f"{self.code} {' '.join(self.text.split())[:200]}".strip()

    @property
    def is_about_time(self) -> bool:
        """Whether the venue refuses the timestamp of a signature, and not the key."""
        return self.code == UNAUTHORIZED and _OF_THE_CLOCK in self.text


def answer_of(body: bytes) -> RpcReply | None:
    """Return an answer; None when the body is anything else, such as a page of a proxy."""
    try:
        return frame_answer(decode(RpcFrame, body))
    except UnreadablePayload:
        return None


def frame_answer(frame: RpcFrame) -> RpcReply | None:
    """Return what a frame answers; None when it is no answer."""
    if frame.error is not None:
        text = f"{frame.error.message} {_detail(frame.error.data)}".strip()
        received_ms = None if frame.received_us is None else frame.received_us // 1_000
        return RpcReply(code=frame.error.code, text=text, received_ms=received_ms)
    return RpcReply(result=frame.result) if bytes(frame.result) else None


def classify_submit(
    status: int, answer: RpcReply | None, *, valid_until_ms: int | None = None, is_margined: bool = True
) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a new order. `valid_until_ms` is what the order said. The
    venue has one code for a lack of funds; `is_margined`: the order needed margin."""
    if status == HTTP_TOO_MANY:
        return _limited(answer)
    if status >= HTTP_SERVER_ERROR or answer is None:
        return _unknown(status, answer)
    if answer.is_about_time or came_too_late(answer, valid_until_ms):
        return ReplyOutcome(verdict=ReplyVerdict.REFUSED, text=answer.said)
    meaning = SUBMIT_CODES.get(answer.code, ReplyVerdict.UNKNOWN)
    if meaning is RejectReason.INSUFFICIENT_MARGIN and not is_margined:
        meaning = RejectReason.INSUFFICIENT_BALANCE
    if isinstance(meaning, RejectReason):
        return ReplyOutcome(verdict=ReplyVerdict.REFUSED, reason=meaning, text=answer.said)
    if meaning is ReplyVerdict.KEY_REJECTED:
        return _verdict(meaning, f"the key is not accepted, or may not trade here: {answer.said}")
    return _unknown(status, answer) if meaning is ReplyVerdict.UNKNOWN else _verdict(meaning, answer.said)


def came_too_late(answer: RpcReply, valid_until_ms: int | None) -> bool:
    """Whether the venue got an order after its `valid_until`, and refused it."""
    if answer.code != TIMED_OUT or answer.received_ms is None or valid_until_ms is None:
        return False
    return answer.received_ms > valid_until_ms


def classify_cancel(status: int, answer: RpcReply | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a cancel. UNKNOWN, RATE_LIMITED and KEY_REJECTED: the
    venue could not be asked, or did not say; the order is as it was, as far as we know."""
    if status < HTTP_SERVER_ERROR and answer is not None and answer.code in CANCEL_CODES:
        refusal = CANCEL_CODES[answer.code]
        return ReplyOutcome(verdict=ReplyVerdict.CANCEL_REFUSED, text=answer.said, refusal=refusal)
    return _denied(status, answer)


def classify_query(status: int, answer: RpcReply | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about an order that was asked for."""
    if status < HTTP_SERVER_ERROR and answer is not None and answer.code == ORDER_NOT_FOUND:
        return _verdict(ReplyVerdict.NOT_FOUND, answer.said)
    return _denied(status, answer)


def refused_key(status: int, answer: RpcReply | None) -> str | None:
    """Return in words why the venue does not accept the key, by a reply that is not a success; None when it does."""
    outcome = _denied(status, answer)
    return outcome.text if outcome.verdict is ReplyVerdict.KEY_REJECTED else None


def _denied(status: int, answer: RpcReply | None) -> ReplyOutcome:
    """A cancel or a question that was not processed, as far as the code says so."""
    if status == HTTP_TOO_MANY:
        return _limited(answer)
    if status >= HTTP_SERVER_ERROR or answer is None or answer.is_about_time:
        return _unknown(status, answer)
    meaning = _EVERYWHERE.get(answer.code)
    return _unknown(status, answer) if meaning is None else _verdict(ReplyVerdict(meaning), answer.said)


def _limited(answer: RpcReply | None) -> ReplyOutcome:
    """A refusal for the pace proves that nothing was processed, whatever the body is."""
    return _verdict(ReplyVerdict.RATE_LIMITED, "HTTP 429" if answer is None else answer.said)


def _verdict(verdict: ReplyVerdict, text: str) -> ReplyOutcome:
    reason = RejectReason.RATE_LIMITED if verdict is ReplyVerdict.RATE_LIMITED else RejectReason.OTHER
    return ReplyOutcome(verdict=verdict, reason=reason, text=text)


def _unknown(status: int, answer: RpcReply | None) -> ReplyOutcome:
    text = f"status {status}" if answer is None else f"status {status}, {answer.said}"
    return ReplyOutcome(verdict=ReplyVerdict.UNKNOWN, text=text)


def _detail(data: msgspec.Raw) -> str:
    """The venue's details of an error: a reason, and the parameter that it is about."""
    try:
        found = decode(RpcErrorData, data)
    except UnreadablePayload:
        return ""
    return " ".join(part for part in (found.param, found.reason) if part)
