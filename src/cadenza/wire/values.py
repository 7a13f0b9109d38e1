"""Decimals and instants as the wire writes them."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from msgspec import UNSET, UnsetType

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.money import NotADecimal, parse_decimal, to_plain

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - written with a Z of our own
_SECONDS_REMEMBERED_MAX = 4_096


def decimal_of(field: str, text: str) -> Decimal:
    """Return the exact value of a decimal field. Raises `InvalidRequest`, which names the field."""
    try:
        return parse_decimal(text)
    except NotADecimal as error:
        raise InvalidRequest(f"{field}: {error}", {"field": field}) from None


def optional_decimal_of(field: str, text: str | None) -> Decimal | None:
    return None if text is None else decimal_of(field, text)


def optional_plain(value: Decimal | None) -> str | UnsetType:
    return UNSET if value is None else to_plain(value)


def rfc3339(at_ms: int) -> str:
    """Return an instant (Unix, ms) as RFC 3339 in UTC with milliseconds and `Z`."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{millis:03}Z"


@lru_cache(_SECONDS_REMEMBERED_MAX)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def optional_rfc3339(at_ms: int | None) -> str | UnsetType:
    return UNSET if at_ms is None else rfc3339(at_ms)


def optional(value: int | None) -> int | UnsetType:
    return UNSET if value is None else value
