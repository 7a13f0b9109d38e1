"""Payloads of a wire, read into typed values.

Numbers become `Decimal` straight from the text of the payload, whether they stand in quotes or not, so no binary float
is ever between.
"""

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from cadenza.adapters.venues.kit.words import UnreadablePayload

T = TypeVar("T")


@cache
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


def decode(type: type[T], payload: bytes | str | msgspec.Raw) -> T:
    """Return the payload as a value of `type`. Raises `UnreadablePayload`."""
    try:
        decoded: T = _decoder(cast(Any, type)).decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadablePayload(f"not a {getattr(type, '__name__', type)}: {error}") from None
    return decoded


def decode_list(type: type[T], payload: bytes | str | msgspec.Raw) -> list[T]:
    """Return the payload as a list of values of `type`. Raises `UnreadablePayload`."""
    return decode(list[type], payload)  # type: ignore[valid-type]
