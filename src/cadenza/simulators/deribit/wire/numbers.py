"""Numbers on the venue's wire: JSON numbers, written as Erlang writes floats.

A whole number has `.0`, and a small one has an exponent (`1.6e-7`), as in the venue's payloads.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from cadenza.domain.money import to_plain

PLAIN_MIN = Decimal("0.0001")
"""Smaller numbers are written with an exponent."""


def number(value: Decimal) -> msgspec.Raw:
    """Return a figure with exactly its digits."""
    return msgspec.Raw(_text(value).encode())


def optional(value: Decimal | None) -> msgspec.Raw | None:
    return None if value is None else number(value)


def _text(value: Decimal) -> str:
    if not value:
        return "0.0"
    if abs(value) >= PLAIN_MIN:
        text = to_plain(value)
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}e{exponent + len(digits) - 1}"
