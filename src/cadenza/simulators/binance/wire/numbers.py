"""Numbers on the venue's wire: strings with eight decimals."""

from __future__ import annotations

from decimal import Decimal


def fixed(value: Decimal) -> str:
    """Return a price, quantity or amount as the venue writes it."""
    return format(value, ".8f")


def places(value: Decimal, decimals: int) -> str:
    """Return a number with so many decimals."""
    return format(value, f".{decimals}f")
