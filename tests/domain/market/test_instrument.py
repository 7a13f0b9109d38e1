"""Steps of prices, and what quantities are worth."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.trading.worlds import instrument

from cadenza.domain.market.instrument import TopOfBook

OPTION_STEPS = ((D("0.005"), D("0.0005")), (D("0.05"), D("0.005")))
"""As DERIBIT raises the tick of options: 0.0001, from 0.005 on 0.0005, then more."""


@pytest.mark.parametrize(
    ("price", "step", "is_valid"),
    [
        ("0.0049", "0.0001", True),
        ("0.00495", "0.0001", False),
        ("0.005", "0.0005", True),
        ("0.0051", "0.0005", False),
        ("0.0495", "0.0005", True),
        ("0.05", "0.005", True),
        ("0.0505", "0.005", False),
    ],
)
def test_steps_rise_with_the_price(price: str, step: str, is_valid: bool) -> None:
    option = instrument(pip_size=D("0.0001"), price_steps=OPTION_STEPS)
    assert option.price_step(D(price)) == D(step)
    assert option.is_valid_price(D(price)) is is_valid


@pytest.mark.parametrize(
    ("price", "step", "is_valid"),
    [
        ("60400", "1", True),
        ("60400.5", "1", False),
        ("123456", "10", False),
        ("123450", "10", True),
        ("0.54321", "0.00001", True),
        ("0.543215", "0.00001", False),
        ("9.9999", "0.0001", True),
        ("10.0001", "0.001", False),
    ],
)
def test_a_price_has_so_many_significant_digits(price: str, step: str, is_valid: bool) -> None:
    pair = instrument(pip_size=D("0.0000001"), price_significant_digits=5)
    assert pair.price_step(D(price)) == D(step)
    assert pair.is_valid_price(D(price)) is is_valid


def test_no_price_is_not_a_price() -> None:
    assert not instrument().is_valid_price(D(0))
    assert not instrument().is_valid_price(D(-1))


def test_profits_are_settled_in_the_quote_asset_or_of_an_inverse_contract_in_the_base_asset() -> None:
    assert instrument().settled_in == "USDT"
    assert instrument(is_inverse=True).settled_in == "BTC"
    assert instrument(settlement_asset="USDC").settled_in == "USDC"


def test_the_notional_of_an_inverse_contract_is_its_quantity() -> None:
    assert instrument().notional(D(2), D(50_000)) == 100_000
    assert instrument(is_inverse=True).notional(D(1_000), D(50_000)) == 1_000


@given(st.integers(1, 10**9), st.integers(1, 10**7), st.booleans())
def test_a_quantity_has_the_price_that_it_cost(quantity: int, ticks: int, is_inverse: bool) -> None:
    traded = instrument(is_inverse=is_inverse)
    price = D(ticks) / 2
    assert abs(traded.average_price(traded.cost(D(quantity), price), D(quantity)) - price) <= D("1e-4")


@pytest.mark.parametrize("fills", [1, 20])
@pytest.mark.parametrize(
    ("quantity", "price"), [("100", "60004"), ("1", "123456.5"), ("10", "0.0713"), ("-30", "2999.05")]
)
def test_an_inverse_contract_shows_the_price_that_was_paid(quantity: str, price: str, fills: int) -> None:
    """Its cost is rounded; the decimals that are only rounding are not shown."""
    traded = instrument(is_inverse=True)
    cost = fills * traded.cost(D(quantity), D(price))
    assert traded.average_price(cost, fills * D(quantity)) == D(price)


def top(bid: str | None, ask: str | None, *, last: str | None = None, venue_mark: str | None = None) -> TopOfBook:
    bid_at, ask_at, last_at, mark = (None if each is None else D(each) for each in (bid, ask, last, venue_mark))
    return TopOfBook(bid_at, ask_at, last_at, 1, mark)


@pytest.mark.parametrize(
    ("shown", "mark", "estimate"),
    [
        (top("99", "101", last="90"), "100", "100"),
        (top("87.5", "112.5"), "100", "100"),  # a quarter of its middle
        (top("87.4", "112.6"), None, "100"),
        (top("0.01", "1000000"), None, "500000.005"),
        (top(None, "1000000"), None, "1000000"),
        (top("0.01", None), None, "0.01"),
        (top("0.01", None, last="7"), None, "7"),
        (top(None, None, last="7"), None, "7"),
        (top(None, None), None, None),
        (top("0.01", "1000000", venue_mark="9"), "9", "9"),
        (top(None, None, venue_mark="9"), "9", "9"),
    ],
)
def test_a_book_values_things_only_if_it_has_two_sides_that_are_near_each_other(
    shown: TopOfBook, mark: str | None, estimate: str | None
) -> None:
    assert shown.mark == (None if mark is None else D(mark))
    assert shown.estimate == (None if estimate is None else D(estimate))
