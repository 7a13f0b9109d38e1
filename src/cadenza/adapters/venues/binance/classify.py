"""What a refusal of BINANCE proves. Pure: an HTTP status (or that of a WebSocket reply) and the body.

The tables hold every code of the venue's documents that an order, a cancel or a question about an order can meet. A
code that is not in a table proves nothing. For a new order that is an unknown outcome, never a rejection: the order is
looked up. A 5xx proves nothing either, whatever its body says, and nor does a refusal as duplicate, because the order
that the venue means may be this very one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinanceRefusal,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import (
    CancelRefusal,
)

_Meaning = RejectReason | ReplyVerdict

HTTP_OK = 200
HTTP_FORBIDDEN = 403
HTTP_BANNED = 418
HTTP_TOO_MANY = 429
HTTP_CLIENT_ERRORS = range(400, 500)


def _all(codes: Iterable[int], meaning: _Meaning) -> dict[int, _Meaning]:
    return dict.fromkeys(codes, meaning)


_NEW_ORDER_REJECTED = (-1010, -2010)
"""The matching engine's refusal; its text decides the reason."""

_EVERYWHERE: Mapping[int, _Meaning] = {
    **_all((-1000, -1001, -1006, -1007, -1016), ReplyVerdict.UNKNOWN),
    **_all((-1003, -1008, -1015), ReplyVerdict.RATE_LIMITED),
    **_all((-1002, -1022, -2014, -2015, -2017), ReplyVerdict.KEY_REJECTED),
    -1021: RejectReason.OTHER,  # it came too late, or the clocks differ
    -1112: RejectReason.OTHER,
    -1121: RejectReason.INSTRUMENT_NOT_TRADABLE,
    **_all((-1013, -1014, -1020), RejectReason.INVALID_ORDER),
    **_all(range(-1106, -1099), RejectReason.INVALID_ORDER),
    **_all((-1108, -1109, -1110, -1111), RejectReason.INVALID_ORDER),
    **_all((-1114, -1115, -1116, -1117, -1118, -1119), RejectReason.INVALID_ORDER),
    **_all((-1128, -1130, -1134, -1135, -1136), RejectReason.INVALID_ORDER),
}
_MARGIN_ONLY: Mapping[int, _Meaning] = _all((-3006, -3045), RejectReason.INSUFFICIENT_MARGIN)
OTHER_POSITION_MODE = -4061
"""The order is for another position mode than the account has."""

_USDM_ONLY: Mapping[int, _Meaning] = {
    **_all((-2018, -4050, -4051), RejectReason.INSUFFICIENT_BALANCE),
    **_all((-2019, -2027, -2028, -4118), RejectReason.INSUFFICIENT_MARGIN),
    **_all((-2021, -4142), RejectReason.STOP_WOULD_TRIGGER),
    **_all((-4140, -4141), RejectReason.INSTRUMENT_NOT_TRADABLE),
    **_all((-2022, -2024, -2025, -2026), RejectReason.INVALID_ORDER),
    **_all((-4001, -4002, -4003, -4004, -4005, -4006, -4007), RejectReason.INVALID_ORDER),
    **_all((-4013, -4014, -4015, -4016, -4020, -4023, -4024), RejectReason.INVALID_ORDER),
    **_all((-4031, -4045, -4055, -4060, OTHER_POSITION_MODE, -4062), RejectReason.INVALID_ORDER),
    **_all((-4120, -4131, -4135, -4137, -4138, -4139, -4164), RejectReason.INVALID_ORDER),
    **_all((-4183, -4184, -4210, -4211), RejectReason.INVALID_ORDER),
    **_all((-5037, -5038, -5039, -5040, -5041), RejectReason.INVALID_ORDER),
    **_all((-2020, -2023, -4087, -4088, -4109, -4192, -4400, -4401, -4402), RejectReason.OTHER),
    -4116: ReplyVerdict.UNKNOWN,  # a duplicate (`DUPLICATE_ID`)
    -5021: ReplyVerdict.KILLED,
    -5022: RejectReason.POST_ONLY_WOULD_TAKE,
    -5028: RejectReason.OTHER,  # too late for the matching engine
}
SUBMIT_CODES: Mapping[BinanceMarket, Mapping[int, _Meaning]] = {
    BinanceMarket.SPOT: _EVERYWHERE,
    BinanceMarket.MARGIN: {**_EVERYWHERE, **_MARGIN_ONLY},
    BinanceMarket.USDM: {**_EVERYWHERE, **_USDM_ONLY},
}
"""What each code proves about a new order. The codes of the matching engine's own refusal are not here: see
`SUBMIT_TEXTS`."""

SUBMIT_TEXTS: Mapping[str, RejectReason] = {
    "account has insufficient balance for requested action": RejectReason.INSUFFICIENT_BALANCE,
    "order would immediately match and take": RejectReason.POST_ONLY_WOULD_TAKE,
    "order would trigger immediately": RejectReason.STOP_WOULD_TRIGGER,
    "market is closed": RejectReason.INSTRUMENT_NOT_TRADABLE,
    "this symbol is not permitted for this account": RejectReason.INSTRUMENT_NOT_TRADABLE,
    "this symbol is restricted for this account": RejectReason.INSTRUMENT_NOT_TRADABLE,
    "this action is disabled on this account": RejectReason.OTHER,
    "this account may not place or cancel orders": RejectReason.OTHER,
    "unsupported order combination": RejectReason.INVALID_ORDER,
    "price * qty is zero or less": RejectReason.INVALID_ORDER,
    "icebergqty exceeds qty": RejectReason.INVALID_ORDER,
    "the relationship of the prices for the orders is not correct": RejectReason.INVALID_ORDER,
}
"""The texts of the matching engine's refusal. Any other text is a refusal as well, for a reason without a name here,
unless it speaks of a duplicate."""
_INVALID_PREFIX = "filter failure"
_UNSUPPORTED_SUFFIXES = ("not supported for this symbol", "not support for this symbol")
_DUPLICATE = "duplicate"

CANCEL_REJECTED = -2011
CANCEL_CODES: Mapping[int, CancelRefusal] = {
    -2013: CancelRefusal.UNKNOWN_ORDER,
    -4117: CancelRefusal.TOO_LATE,  # the conditional order is being triggered
}
CANCEL_TEXTS: Mapping[str, CancelRefusal] = {
    "unknown order sent": CancelRefusal.UNKNOWN_ORDER,  # it was never there, or it is closed
    "cancel order is invalid. check origclordid and orderid": CancelRefusal.UNKNOWN_ORDER,
    "order was not canceled due to cancel restrictions": CancelRefusal.WORKS_ON,
    "market is closed": CancelRefusal.WORKS_ON,
    "this action is disabled on this account": CancelRefusal.WORKS_ON,
    "this account may not place or cancel orders": CancelRefusal.WORKS_ON,
}

TIMESTAMP_REFUSED = -1021
"""The request came too late, or our idea of the venue's time is wrong."""

NO_SUCH_LISTEN_KEY = -1125
"""The listen key of a user stream has ended."""

DUPLICATE_ID = -4116
"""USD-M has an order under this id already."""

NO_SUCH_ORDER = -2013
ORDER_ARCHIVED = -2026
"""On USD-M the same code refuses a reduce-only order."""


def error_body(body: bytes | str) -> BinanceRefusal | None:
    """Return the code and text of a refusal; None when the body is anything else, such as a page of a proxy."""
    try:
        return decode(BinanceRefusal, body)
    except UnreadablePayload:
        return None


def said(error: BinanceRefusal) -> str:
    """Return the venue's code and its own words, for people."""
    return f"{error.code} {' '.join(error.msg.split())[:200]}"


def classify_submit(market: BinanceMarket, status: int, error: BinanceRefusal | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a new order."""
    limit = _limit_of(status, error)
    if limit is not None:
        return limit
    if status not in HTTP_CLIENT_ERRORS or error is None:
        return _unknown(status, error)
    if error.code in _NEW_ORDER_REJECTED:
        reason = _reason_of(error.msg)
        return _duplicate(status, error) if reason is None else _refused(reason, said(error))
    if error.code == DUPLICATE_ID:
        return _duplicate(status, error)
    meaning = SUBMIT_CODES[market].get(error.code, ReplyVerdict.UNKNOWN)
    if isinstance(meaning, RejectReason):
        return _refused(meaning, said(error))
    if meaning is ReplyVerdict.KEY_REJECTED:
        return _verdict(meaning, f"the key is not accepted, or may not trade here: {said(error)}")
    return _unknown(status, error) if meaning is ReplyVerdict.UNKNOWN else _verdict(meaning, said(error))


def classify_cancel(status: int, error: BinanceRefusal | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about a cancel. UNKNOWN, RATE_LIMITED and KEY_REJECTED: the
    venue could not be asked, or did not say; the order is as it was, as far as we know."""
    limit = _limit_of(status, error)
    if limit is not None:
        return limit
    if status not in HTTP_CLIENT_ERRORS or error is None:
        return _unknown(status, error)
    refusal = CANCEL_TEXTS.get(_plain(error.msg)) if error.code == CANCEL_REJECTED else CANCEL_CODES.get(error.code)
    if refusal is not None:
        return ReplyOutcome(verdict=ReplyVerdict.CANCEL_REFUSED, text=said(error), refusal=refusal)
    return _denied(status, error)


def classify_query(market: BinanceMarket, status: int, error: BinanceRefusal | None) -> ReplyOutcome:
    """Return what a reply that is not a success proves about an order that was asked for."""
    limit = _limit_of(status, error)
    if limit is not None:
        return limit
    if status not in HTTP_CLIENT_ERRORS or error is None:
        return _unknown(status, error)
    if error.code == NO_SUCH_ORDER:
        return _verdict(ReplyVerdict.NOT_FOUND, said(error))
    if error.code == ORDER_ARCHIVED and market is not BinanceMarket.USDM:
        return _verdict(ReplyVerdict.ENDED_UNFILLED, said(error))
    return _denied(status, error)


def refused_key(market: BinanceMarket, status: int, error: BinanceRefusal | None) -> str | None:
    """Return in words why the venue does not accept the key, by a reply that is not a success; None when it does."""
    outcome = classify_query(market, status, error)
    return outcome.text if outcome.verdict is ReplyVerdict.KEY_REJECTED else None


def _limit_of(status: int, error: BinanceRefusal | None) -> ReplyOutcome | None:
    """The statuses that the venue's gateway answers by itself. They prove that nothing was processed, whatever the body
    is: often it is no JSON."""
    text = f"HTTP {status}" if error is None else said(error)
    if status in (HTTP_TOO_MANY, HTTP_BANNED):
        return _verdict(ReplyVerdict.RATE_LIMITED, text)
    if status == HTTP_FORBIDDEN and error is None:
        return _refused(RejectReason.OTHER, "the venue's firewall stopped the request (HTTP 403)")
    return None


def _denied(status: int, error: BinanceRefusal) -> ReplyOutcome:
    """A cancel or a question that was not processed, as far as the code says so."""
    meaning = _EVERYWHERE.get(error.code)
    if meaning in (ReplyVerdict.RATE_LIMITED, ReplyVerdict.KEY_REJECTED):
        return _verdict(ReplyVerdict(meaning), said(error))
    return _unknown(status, error)


def _reason_of(text: str) -> RejectReason | None:
    """Why the matching engine refused; None for a duplicate, which proves nothing."""
    plain = _plain(text)
    if _DUPLICATE in plain:
        return None
    if plain.startswith(_INVALID_PREFIX) or plain.endswith(_UNSUPPORTED_SUFFIXES):
        return RejectReason.INVALID_ORDER
    return SUBMIT_TEXTS.get(plain, RejectReason.OTHER)


def _plain(text: str) -> str:
    return text.strip().rstrip(".").lower()


def _refused(reason: RejectReason, text: str) -> ReplyOutcome:
    return ReplyOutcome(verdict=ReplyVerdict.REFUSED, reason=reason, text=text)


def _verdict(verdict: ReplyVerdict, text: str) -> ReplyOutcome:
    reason = RejectReason.RATE_LIMITED if verdict is ReplyVerdict.RATE_LIMITED else RejectReason.OTHER
    return ReplyOutcome(verdict=verdict, reason=reason, text=text)


def _duplicate(status: int, error: BinanceRefusal) -> ReplyOutcome:
    return replace(_unknown(status, error), is_duplicate=True)


def _unknown(status: int, error: BinanceRefusal | None) -> ReplyOutcome:
    text = f"status {status}" if error is None else f"status {status}, {said(error)}"
    return ReplyOutcome(verdict=ReplyVerdict.UNKNOWN, text=text)
