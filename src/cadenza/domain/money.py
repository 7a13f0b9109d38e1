"""Exact decimals: parsing, plain text, multiples and rounding.

Every price, quantity, cost, fee and balance is a `Decimal`. The largest product the interface admits (two numbers of
`DIGITS_MAX` digits) fits the precision set below with room for sums, so +, - and * never round. Division is the one
inexact operation and lives here only, with its rounding named.
"""

import decimal
import re
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from enum import StrEnum

DIGITS_MAX = 38
"""Digits (before and after the point together) accepted in one number from outside."""

SCALE_MAX = 18
"""Decimal places accepted in one number from outside."""

PRECISION_DIGITS = 100
# Threads started later copy DefaultContext; the importing thread and every asyncio task it starts use the current one.
decimal.DefaultContext.prec = PRECISION_DIGITS
decimal.getcontext().prec = PRECISION_DIGITS

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
RATIO_SCALE = 18
"""Decimal places kept by a division that does not come out even (a share of a cost, an average)."""

AVERAGE_PLACES = 12
"""Decimal places kept by an average price that does not come out even."""

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class NotADecimal(ValueError):
    """The text is not a plain decimal (`^-?\\d+(\\.\\d+)?$`, ASCII digits) within the limits of this module."""


def parse_decimal(text: str) -> Decimal:
    """Return the exact value of plain notation; raise `NotADecimal` for exponents, signs, blanks, NaN or excess
    digits."""
    if len(text) > DIGITS_MAX + 2 or _PLAIN.fullmatch(text) is None:
        raise NotADecimal("expected a plain decimal such as 1234.5678, at most 38 digits, 18 of them after the point")
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > SCALE_MAX:
        raise NotADecimal("at most 18 digits after the point")
    return value


def to_plain(value: Decimal) -> str:
    """Return plain notation without exponent, without trailing zeros and never `-0`; the inverse of `parse_decimal`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Rounding(StrEnum):
    """How a quantity becomes a multiple of the lot size; the wire's `quantityRounding`."""

    NONE = ""
    UP = "UP"
    DOWN = "DOWN"
    NEAREST = "NEAREST"
    CEIL = "CEIL"
    FLOOR = "FLOOR"
    HALF_UP = "HALF_UP"
    HALF_DOWN = "HALF_DOWN"
    HALF_EVEN = "HALF_EVEN"


_MODES = {
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.NEAREST: ROUND_HALF_UP,
    Rounding.CEIL: ROUND_CEILING,
    Rounding.FLOOR: ROUND_FLOOR,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
}


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Return whether `value` is a whole multiple of `step` (> 0)."""
    return value % step == 0


def round_to_step(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Return the multiple of `step` (> 0) that `rounding` chooses; exact, ties decided on the exact quotient."""
    if rounding is Rounding.NONE or is_multiple(value, step):
        return value
    # value/step has a finite expansion only for some steps; compare on integers to decide ties exactly.
    scale = 10 ** max(_places(value), _places(step))
    steps = _divide_integers(int(value * scale), int(step * scale), _MODES[rounding])
    return steps * step


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _divide_integers(numerator: int, denominator: int, mode: str) -> Decimal:
    whole, rest = divmod(numerator, denominator)
    if rest == 0:
        return Decimal(whole)
    # Two extra decimals stand for below, at and above the tie, so that no remainder is too small to count.
    tie = rest * 2 - denominator
    fraction = Decimal("0.25") if tie < 0 else Decimal("0.5") if tie == 0 else Decimal("0.75")
    return (Decimal(whole) + fraction).quantize(ONE, rounding=mode)


def divide(numerator: Decimal, denominator: Decimal, places: int = RATIO_SCALE) -> Decimal:
    """Return the quotient, exact where it comes out even within `places` decimals, else rounded half-even there."""
    return (numerator / denominator).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


def average_price(cost: Decimal, quantity: Decimal) -> Decimal:
    """Return cost / quantity, exact where it comes out even, else rounded at the 12th decimal; 0 for no quantity."""
    return ZERO if quantity == 0 else divide(cost, quantity, AVERAGE_PLACES)
