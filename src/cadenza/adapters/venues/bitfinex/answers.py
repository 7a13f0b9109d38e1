"""The refusals of BITFINEX's REST API: an array with a code and a text, as a rule under HTTP 500. So a 500 with such an
array is an answer, and one without proves nothing. What a refusal means for an order is decided by `classify`."""

from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload

HTTP_OK = 200
HTTP_TOO_MANY = 429

GENERIC, AUTHENTICATION, NONCE, NOT_READY, RATE_LIMIT = 10001, 10100, 10114, 11000, 11010
"""Codes of refusals. GENERIC says all in its text; NOT_READY is maintenance."""

KEY_CODES = frozenset({AUTHENTICATION, 10111, 10112, 10113})
"""The key, or its payload, signature or encryption is not accepted."""

_RATE_LIMITED = "ERR_RATE_LIMIT"
_KEY_TEXTS = ("permission invalid", "apikey: invalid", "digest invalid")
_ERROR = "error"
_TEXT_LENGTH_MAX = 200


class _ErrorObject(msgspec.Struct, frozen=True):
    error: str


@dataclass(frozen=True, slots=True)
class RestRefusal:
    """What the venue says when it refuses a request."""

    code: int
    text: str

    @property
    def said(self) -> str:
        """The venue's code and its own words, for people."""
        return f"{self.code} {' '.join(self.text.split())[:_TEXT_LENGTH_MAX]}".strip()

    @property
    def is_for_pace(self) -> bool:
        """Whether the address sends too many requests."""
        return self.code == RATE_LIMIT or self.text == _RATE_LIMITED

    @property
    def is_about_key(self) -> bool:
        """Whether the key, its signature or its permissions are not accepted. A nonce that is too small is not that."""
        return self.code in KEY_CODES or any(text in self.text for text in _KEY_TEXTS)


def refusal_of(body: bytes) -> RestRefusal | None:
    """Return the refusal that a body is; None when it is anything else: a result, or a page of a proxy."""
    if body.lstrip().startswith(b"{"):
        return _of_object(body)
    try:
        fields = decode(list[msgspec.Raw], body)
        if not fields or decode(object, fields[0]) != _ERROR:
            return None
        return RestRefusal(decode(int, fields[1]), decode(str, fields[2]))
    except (UnreadablePayload, IndexError):
        return None


def is_result(status: int, body: bytes) -> bool:
    """Return whether an answer is the result of a request."""
    return status == HTTP_OK and body.lstrip().startswith(b"[") and refusal_of(body) is None


def _of_object(body: bytes) -> RestRefusal | None:
    try:
        text = decode(_ErrorObject, body).error
    except UnreadablePayload:
        return None
    return RestRefusal(RATE_LIMIT if text == _RATE_LIMITED else GENERIC, text)
