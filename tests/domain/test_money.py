"""Laws of decimals: what comes in goes out unchanged, and rounding is exact."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.money import (
    NotADecimal,
    Rounding,
    average_price,
    is_multiple,
    parse_decimal,
    round_to_step,
    to_plain,
)

plain = st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", fullmatch=True)
amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=8, allow_nan=False, allow_infinity=False)
steps = st.decimals(min_value=Decimal("0.00000001"), max_value=1000, places=8, allow_nan=False, allow_infinity=False)


@given(plain)
def test_parsing_and_printing_keep_the_value(text: str) -> None:
    assert Fraction(to_plain(parse_decimal(text))) == Fraction(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "+1",
        "1e5",
        "1E-5",
        ".5",
        "5.",
        "NaN",
        "Infinity",
        "-",
        "1,5",
        "0x10",
        "١",
        "1" * 41,
        "0." + "1" * 19,
    ],
)
def test_anything_but_plain_notation_is_refused(text: str) -> None:
    with pytest.raises(NotADecimal):
        parse_decimal(text)


@pytest.mark.parametrize(("value", "text"), [("1E+3", "1000"), ("-0", "0"), ("1.500", "1.5"), ("0E-8", "0")])
def test_plain_notation_has_no_exponent_and_no_negative_zero(value: str, text: str) -> None:
    assert to_plain(Decimal(value)) == text


@given(amounts, steps, st.sampled_from([r for r in Rounding if r is not Rounding.NONE]))
def test_rounding_gives_the_neighbouring_multiple_that_its_name_says(
    value: Decimal, step: Decimal, mode: Rounding
) -> None:
    rounded = round_to_step(value, step, mode)
    assert is_multiple(rounded, step)
    assert abs(rounded - value) < step
    exact = Fraction(value) / Fraction(step)
    lower = exact.numerator // exact.denominator
    chosen = Fraction(rounded) / Fraction(step)
    if exact == lower:
        assert chosen == exact
        return
    tie = exact - lower == Fraction(1, 2)
    nearer = lower if exact - lower < Fraction(1, 2) else lower + 1
    away = lower + 1 if exact > 0 else lower
    towards = lower if exact > 0 else lower + 1
    expected = {
        Rounding.UP: away,
        Rounding.DOWN: towards,
        Rounding.CEIL: lower + 1,
        Rounding.FLOOR: lower,
        Rounding.NEAREST: away if tie else nearer,
        Rounding.HALF_UP: away if tie else nearer,
        Rounding.HALF_DOWN: towards if tie else nearer,
        Rounding.HALF_EVEN: (lower if lower % 2 == 0 else lower + 1) if tie else nearer,
    }[mode]
    assert chosen == expected


@given(amounts, amounts, amounts)
def test_sums_and_products_are_exact(a: Decimal, b: Decimal, c: Decimal) -> None:
    assert Fraction(a * b + c) == Fraction(a) * Fraction(b) + Fraction(c)


def test_the_average_price_is_exact_where_it_comes_out_even() -> None:
    assert average_price(Decimal("301.5"), Decimal(3)) == Decimal("100.5")
    assert average_price(Decimal(100), Decimal(3)) == Decimal("33.333333333333")
    assert average_price(Decimal(0), Decimal(0)) == 0
