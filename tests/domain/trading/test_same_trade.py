"""A fill whose trade is booked: a repetition, fees that were missing, an operator's word replaced, a contradiction."""

from dataclasses import replace
from uuid import UUID

import pytest

from cadenza.domain.ids import PAPER, ExecutionId, OrderId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.reports import FillCorrectedReport, FillReport, FoundFillReport
from cadenza.domain.trading.same_trade import contradicts, is_repetition, restated
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D

FEE = (Fee("USDT", D("0.1")),)
TERMS = {
    "account_id": ACCOUNT, "at_ms": NOW_MS, "instrument_id": BTC, "sent_id": "s", "trade_id": "t", "side": Side.BUY,
    "price": D(100), "quantity": D(1),
}  # fmt: skip
FILL = FillReport(**TERMS, fees=FEE)
BOOKED = Execution(
    id=ExecutionId(UUID(int=1)), order_id=OrderId(UUID(int=2)), account_id=ACCOUNT, venue_id=PAPER, instrument_id=BTC,
    trade_id="t", side=Side.BUY, price=D(100), quantity=D(1), fees=FEE, liquidity=None, executed_at_ms=NOW_MS,
)  # fmt: skip
TYPED = replace(BOOKED, price=D(99), quantity=D(2), executed_at_ms=1, fees=(), is_by_operator=True)


def test_the_same_fill_again_is_a_repetition() -> None:
    in_parts = (Fee("USDT", D("0.04")), Fee("BNB", D(0)), Fee("USDT", D("0.060")))
    for again in (
        FILL,
        replace(FILL, sent_id=None, at_ms=NOW_MS + 1),
        replace(FILL, fees=()),
        replace(FILL, fees=in_parts),
    ):
        assert is_repetition(BOOKED, again)


OTHER = [
    {"price": D(101)},
    {"quantity": D("0.5")},
    {"fees": (Fee("USDT", D("0.2")),)},
    {"fees": (Fee("BNB", D("0.1")),)},
]


@pytest.mark.parametrize("other", OTHER, ids=["price", "quantity", "fee", "asset of the fee"])
def test_other_terms_contradict_what_the_venue_reported(other: dict[str, object]) -> None:
    report = replace(FILL, **other)
    assert contradicts(BOOKED, report)
    assert not is_repetition(BOOKED, report)
    assert not contradicts(replace(BOOKED, corrected_at_ms=NOW_MS), report), "it is from before the correction"
    assert not contradicts(TYPED, report), "an operator's word is no word of the venue"


def test_fees_that_were_stated_later_are_not_contradicted_by_the_fill() -> None:
    charged = replace(BOOKED, fees=(Fee("USDT", D("0.2")),), fees_at_ms=NOW_MS + 5)
    assert is_repetition(charged, FILL)
    assert contradicts(charged, replace(FILL, price=D(101)))


def test_a_fill_that_comes_again_brings_the_fees_that_were_missing() -> None:
    free = replace(BOOKED, fees=())
    assert not is_repetition(free, FILL)
    assert restated(free, FILL) == BOOKED
    assert is_repetition(replace(free, fees_at_ms=NOW_MS), FILL), "the venue has stated since that there is no fee"


def test_a_correction_is_never_a_repetition() -> None:
    correction = FillCorrectedReport(**TERMS, fees=FEE)
    assert not contradicts(BOOKED, replace(correction, price=D(1)))
    assert not is_repetition(BOOKED, correction)


def test_the_venues_own_fill_replaces_what_an_operator_stated() -> None:
    assert restated(TYPED, FILL) == BOOKED
    assert not is_repetition(TYPED, FILL)


def test_the_fees_of_an_operator_count_until_the_venue_states_them() -> None:
    typed = replace(TYPED, fees=(Fee("USDT", D(7)),))
    without = restated(typed, replace(FILL, fees=()))
    assert (without.price, without.fees, without.is_by_operator) == (D(100), typed.fees, True)
    assert restated(without, FILL) == BOOKED


def test_fees_that_the_venue_has_stated_stay_when_its_fill_replaces_an_operators() -> None:
    charged = replace(TYPED, fees=(Fee("USDT", D("0.3")),), fees_at_ms=NOW_MS)
    now = restated(charged, FILL)
    assert (now.price, now.fees, now.is_by_operator) == (D(100), charged.fees, False)


def test_an_operator_does_not_overrule_the_venue() -> None:
    found = FoundFillReport(**TERMS)
    assert is_repetition(BOOKED, found)
    assert contradicts(BOOKED, replace(found, price=D(101)))
    assert contradicts(replace(BOOKED, fees=()), replace(found, fees=FEE))
    assert restated(TYPED, found).is_by_operator, "what was stated last counts"
