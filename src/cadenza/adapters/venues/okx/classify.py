"""What a refusal of OKX proves. Pure: an HTTP status and the body.

A request about orders is answered with a code for each of them (`sCode`), beside the code of the whole answer. The
tables hold the codes of the venue's documents that an order, a cancel or a question about an order can meet. A code
that is not in a table proves nothing: for a new order that is an unknown outcome, never a rejection, and the order is
looked up. A 5xx proves nothing either, whatever its body says, and nor does a refusal as duplicate, because the order
that the venue means may be this very one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.models import SUCCESS, OkxOrderRow, OkxReply
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import CancelRefusal

_Meaning = RejectReason | ReplyVerdict

HTTP_OK = 200
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500

_ROWS_DECIDE = frozenset({"1", "2"})
"""Codes of a whole answer that leave it to the rows: all have failed, or some."""


def _all(codes: Iterable[int], meaning: _Meaning) -> dict[str, _Meaning]:
    return dict.fromkeys(map(str, codes), meaning)


TIMESTAMP_REFUSED = "50102"
TOO_FREQUENT = "50011"
DUPLICATES = frozenset({"51016", "50071", "50042"})
"""The venue has a pending order under this id, or takes the request for one that it had before."""
NOT_FOUND = "51603"
NO_OPEN_ORDER = "51400"
"""A cancel found no open order: it was filled, canceled, or never there."""

_EVERYWHERE: Mapping[str, _Meaning] = {
    **_all((50011, 50040, 50061), ReplyVerdict.RATE_LIMITED),
    **_all((50101, *range(50103, 50108), 50110, 50111, 50113, 50114, 50119, 50120, 50121), ReplyVerdict.KEY_REJECTED),
}
SUBMIT_CODES: Mapping[str, _Meaning] = {
    **_EVERYWHERE,
    **_all((50036, 50037, 50102, 50112), RejectReason.OTHER),  # it came too late, or the clocks differ
    **_all((50002, 50006, 50014, 50015, 50016, 50024, 50025), RejectReason.INVALID_ORDER),
    **_all((50007, 50009, 50012, 50027, 50028), RejectReason.OTHER),  # the account may not trade
    **_all((51000, 51002, 51003, 51004, 51005, 51006, 51007, 51010, 51011), RejectReason.INVALID_ORDER),
    **_all((51012, 51014, 51015, 51017, 51018, 51019, 51020, 51025, 51026), RejectReason.INVALID_ORDER),
    **_all((51001, 51021, 51022, 51027, 51028, 51029, 51030), RejectReason.INSTRUMENT_NOT_TRADABLE),
    **_all((51009, 51024, 51155), RejectReason.OTHER),  # placing is blocked, or not allowed where the owner lives
    **_all((51023, 51031, 51032, 51033, *range(51037, 51049)), RejectReason.INVALID_ORDER),
    **_all((51100, 51101, 51102, 51103, 51108, 51109, 51110, 51111), RejectReason.INVALID_ORDER),
    **_all((51112, 51113, 51115, 51116, 51117, 51118, 51120, 51121, 51122), RejectReason.INVALID_ORDER),
    **_all((51124, 51125, 51126, 51128, 51129, 51130, 51132, 51137, 51138), RejectReason.INVALID_ORDER),
    **_all((51139, 51147, 51148, 51150, 51169, 51170), RejectReason.INVALID_ORDER),
    **_all((51008, 51119, 51127, 51131), RejectReason.INSUFFICIENT_BALANCE),
    **_all((51061,), RejectReason.INSUFFICIENT_MARGIN),
    **_all((51201, 51202, 51203, 51204, 51205), RejectReason.INVALID_ORDER),
    **_all((51250, 51251, 51252, 51253, 51254, 51255, 51256, 51257, 51258), RejectReason.INVALID_ORDER),
    **_all((51259, 51260, 51261, 51262, 51263, 51264, 51265, 51267, 51268), RejectReason.INVALID_ORDER),
    **_all((51270, 51271, 51272, 51273, 51274, 51275, 51276), RejectReason.INVALID_ORDER),
    **_all((51277, 51278, 51279, 51280), RejectReason.STOP_WOULD_TRIGGER),
    **_all((54000, 54001, 54084, 54085, 54109), RejectReason.INVALID_ORDER),
}
"""What each code proves about a new order. Timeouts and errors of the venue's own systems are not here: 50001, 50004,
50013, 50026, 51054, 51149."""

CANCEL_CODES: Mapping[str, CancelRefusal] = {
    NO_OPEN_ORDER: CancelRefusal.UNKNOWN_ORDER,
    "51401": CancelRefusal.TOO_LATE,  # it is canceled
    "51402": CancelRefusal.TOO_LATE,  # it is filled
    NOT_FOUND: CancelRefusal.UNKNOWN_ORDER,
}
WRONG_PARAMETER = "51000"
"""The words name the parameter."""
SETTINGS_DOUBTED = frozenset({WRONG_PARAMETER, "51010"})
"""A parameter that is wrong, or that the account's mode does not take: the account's settings may have changed."""
UNDER_WAY = "51410"
"""A cancel of the order is under way already."""


@dataclass(frozen=True, slots=True)
class OkxAnswer:
    """An answer with the code that counts, and its words. `row` is what it says of the one order that was asked for."""

    code: str
    text: str
    reply: OkxReply
    row: OkxOrderRow | None = None

    @property
    def is_success(self) -> bool:
        return self.code == SUCCESS

    @property
    def is_about_position_side(self) -> bool:
        """Whether the venue refuses the row of the position that an order names (`Parameter posSide error`)."""
        return self.code == WRONG_PARAMETER and "posSide" in self.text

    @property
    def said(self) -> str:
        """The venue's code and its own words, for people."""
        return f"{self.code} {' '.join(self.text.split())[:200]}".strip()


def answer_of(body: bytes) -> OkxAnswer | None:
    """Return an answer to a question; None when the body is anything else, such as a page of a proxy."""
    try:
        reply = decode(OkxReply, body)
    except UnreadablePayload:
        return None
    return OkxAnswer(_main(reply.code), reply.msg, reply)


def order_answer_of(body: bytes) -> OkxAnswer | None:
    """Return an answer to a request about one order, whose own code counts."""
    answer = answer_of(body)
    if answer is None or not (answer.is_success or answer.code in _ROWS_DECIDE) or len(answer.reply.data) != 1:
        return answer if answer is None or not answer.is_success else None
    try:
        row = decode(OkxOrderRow, answer.reply.data[0])
    except UnreadablePayload:
        return None
    return replace(answer, code=_main(row.code), text=row.text, row=row)


def classify_submit(status: int, answer: OkxAnswer | None, *, is_margined: bool = False) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a new order. The venue has one code for a lack of funds;
    `is_margined`: the order needed margin."""
    if limit := _limit_of(status, answer):
        return limit
    if status >= HTTP_SERVER_ERROR or answer is None:
        return _unknown(status, answer)
    if answer.code in DUPLICATES:
        return replace(_unknown(status, answer), is_duplicate=True)
    meaning = SUBMIT_CODES.get(answer.code, ReplyVerdict.UNKNOWN)
    if meaning is RejectReason.INSUFFICIENT_BALANCE and is_margined:
        meaning = RejectReason.INSUFFICIENT_MARGIN
    if isinstance(meaning, RejectReason):
        return ReplyOutcome(verdict=ReplyVerdict.REFUSED, reason=meaning, text=answer.said)
    if meaning is ReplyVerdict.KEY_REJECTED:
        return _verdict(meaning, f"the key is not accepted, or may not trade here: {answer.said}")
    return _unknown(status, answer) if meaning is ReplyVerdict.UNKNOWN else _verdict(meaning, answer.said)


def classify_cancel(status: int, answer: OkxAnswer | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a cancel. UNKNOWN, RATE_LIMITED and KEY_REJECTED: the
    venue could not be asked, or did not say; the order is as it was, as far as we know."""
    if limit := _limit_of(status, answer):
        return limit
    if status >= HTTP_SERVER_ERROR or answer is None:
        return _unknown(status, answer)
    refusal = CANCEL_CODES.get(answer.code)
    if refusal is not None:
        return ReplyOutcome(verdict=ReplyVerdict.CANCEL_REFUSED, text=answer.said, refusal=refusal)
    return _denied(status, answer)


def classify_query(status: int, answer: OkxAnswer | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about an order that was asked for."""
    if limit := _limit_of(status, answer):
        return limit
    if status >= HTTP_SERVER_ERROR or answer is None:
        return _unknown(status, answer)
    if answer.code == NOT_FOUND:
        return _verdict(ReplyVerdict.NOT_FOUND, answer.said)
    return _denied(status, answer)


def refused_key(status: int, answer: OkxAnswer | None) -> str | None:
    """Return in words why the venue does not accept the key, by a reply that is not a success; None when it does."""
    outcome = classify_query(status, answer)
    return outcome.text if outcome.verdict is ReplyVerdict.KEY_REJECTED else None


def _main(code: str) -> str:
    """Some codes have a further one behind them, as `51008_1000`."""
    return code.partition("_")[0]


def _limit_of(status: int, answer: OkxAnswer | None) -> ReplyOutcome | None:
    """A refusal for the pace proves that nothing was processed, whatever the body is."""
    if status == HTTP_TOO_MANY:
        return _verdict(ReplyVerdict.RATE_LIMITED, "HTTP 429" if answer is None else answer.said)
    return None


def _denied(status: int, answer: OkxAnswer) -> ReplyOutcome:
    """A cancel or a question that was not processed, as far as the code says so."""
    meaning = _EVERYWHERE.get(answer.code)
    return _unknown(status, answer) if meaning is None else _verdict(ReplyVerdict(meaning), answer.said)


def _verdict(verdict: ReplyVerdict, text: str) -> ReplyOutcome:
    reason = RejectReason.RATE_LIMITED if verdict is ReplyVerdict.RATE_LIMITED else RejectReason.OTHER
    return ReplyOutcome(verdict=verdict, reason=reason, text=text)


def _unknown(status: int, answer: OkxAnswer | None) -> ReplyOutcome:
    text = f"status {status}" if answer is None else f"status {status}, {answer.said}"
    return ReplyOutcome(verdict=ReplyVerdict.UNKNOWN, text=text)
