"""A report with a value that cannot be stored becomes one that cannot be read; every other passes as it is."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    UNREADABLE_TEXT_LENGTH_MAX,
    BalanceReport,
    ExternalOrderReport,
    FillReport,
    UnreadableReport,
)
from cadenza.domain.trading.storable import INSTANT_MS_MAX, storable
from cadenza.wire.values import rfc3339
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D

FILL = FillReport(
    account_id=ACCOUNT, at_ms=NOW_MS, instrument_id=BTC, sent_id="s", venue_order_id="v", trade_id="t", side=Side.BUY,
    price=D(100), quantity=D(1), fees=(Fee("USDT", D("0.1")),),
)  # fmt: skip
UNFIT: dict[str, dict[str, object]] = {
    "a huge price": {"price": D("1E+200000")},
    "a tiny quantity": {"quantity": D("1E-20000")},
    "too many digits": {"price": D("1." + "1" * 200)},
    "no number": {"price": D("NaN")},
    "an infinite fee": {"fees": (Fee("USDT", D("Infinity")),)},
    "NUL in a fee's asset": {"fees": (Fee("US\x00DT", D(1)),)},
    "half a character": {"trade_id": "\ud800"},
    "NUL in our id": {"sent_id": "a\x00b"},
    "an instant beyond 64 bits": {"at_ms": 2**63},
    "an instant in microseconds": {"at_ms": NOW_MS * 1_000},
    "an instant after the year 9999": {"at_ms": INSTANT_MS_MAX + 1},
    "an instant before 1970": {"at_ms": -1},
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_value_that_cannot_be_stored(name: str) -> None:
    found = storable(replace(FILL, **UNFIT[name]))
    assert isinstance(found, UnreadableReport)
    assert (found.account_id, found.instrument_id, found.venue_order_id) == (ACCOUNT, BTC, "v")
    assert next(iter(UNFIT[name])) in found.why
    found.text.encode()


@pytest.mark.parametrize("at_ms", [0, INSTANT_MS_MAX])
def test_the_first_and_the_last_instant_can_be_stored_and_shown(at_ms: int) -> None:
    report = replace(FILL, at_ms=at_ms)
    assert storable(report) is report
    assert rfc3339(at_ms) in ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize("name", ["placed_at_ms", "expire_at_ms"])
def test_every_instant_of_a_report_is_checked(name: str) -> None:
    order = ExternalOrderReport(
        account_id=ACCOUNT, at_ms=NOW_MS, instrument_id=BTC, venue_order_id="v", side=Side.BUY, type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTD, quantity=D(1), executed_quantity=D(0),
    )  # fmt: skip
    assert storable(replace(order, **{name: NOW_MS})) == replace(order, **{name: NOW_MS})
    found = storable(replace(order, **{name: NOW_MS * 1_000}))
    assert isinstance(found, UnreadableReport)
    assert name in found.why


def test_an_unreadable_report_is_bounded_once_and_for_all() -> None:
    odd = UnreadableReport(account_id=ACCOUNT, at_ms=2**63, text="\x00" * 10_000, why="\ud800", venue_order_id="\x00")
    found = storable(odd)
    assert (found.at_ms, found.text[:4], found.why, found.venue_order_id) == (0, "\\x00", "\\ud800", "\\x00")
    assert len(found.text) <= UNREADABLE_TEXT_LENGTH_MAX
    assert storable(found) == found


def test_the_same_fact_of_another_instant_is_the_same_report() -> None:
    balance = BalanceReport(
        account_id=ACCOUNT, at_ms=1, asset="A\x00B", total=D(1), locked=None, borrowed=None, as_of=1
    )
    assert storable(balance) == storable(replace(balance, at_ms=2, as_of=2))
    assert storable(balance) != storable(replace(balance, total=D(2)))


@given(
    price=st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=0, max_value=10**30),
    trade_id=st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))),
)
def test_every_other_report_passes(price: Decimal, trade_id: str) -> None:
    report = replace(FILL, price=price, trade_id=trade_id)
    assert storable(report) is report
