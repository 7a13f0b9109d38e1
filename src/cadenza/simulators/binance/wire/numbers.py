"""Numbers on the venue's wire: most are strings with eight decimals."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from cadenza.domain.money import to_plain


def fixed(value: Decimal) -> str:
    """Return a price, quantity or amount as the venue writes it."""
    return format(value, ".8f")


def places(value: Decimal, decimals: int) -> str:
    """Return a number with so many decimals."""
    return format(value, f".{decimals}f")


def number(value: Decimal) -> msgspec.Raw:
    """Return a figure that the wire writes as a number instead of a text: exactly these digits."""
    return msgspec.Raw(to_plain(value).encode())
