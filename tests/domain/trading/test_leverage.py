"""Leverage: how much an order may ask for, and what a position needs when an order changes it."""

import pytest

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, PositionMode, TradingAccount
from cadenza.domain.trading.venue_spec import FundsCheck
from tests.domain.trading.worlds import BTC, D, account, instrument, state, submit, venue_spec


def margined(max_leverage: int = 1000) -> TradingAccount:
    external = ExternalAccount(
        external_id="x",
        type=AccountType.MARGIN,
        external_type="x",
        position_mode=PositionMode.NETTING,
        max_leverage=max_leverage,
    )
    return account(AccountType.MARGIN, external=external)


@pytest.mark.parametrize(("rate", "most"), [("0.005", 100), ("0.004", 125), ("0.03", 16), ("0.9", 1)])
def test_the_initial_margin_is_twice_the_maintenance_margin_at_least(rate: str, most: int) -> None:
    traded = instrument(maintenance_margin=D(rate))
    assert submit(state(margined(), traded=traded), leverage=most).leverage == most
    with pytest.raises(e.InvalidLeverage, match=f"at most {most} for {BTC}") as refused:
        submit(state(margined(), traded=traded), leverage=most + 1)
    assert refused.value.metadata == {"maxLeverage": most}


def test_the_account_may_allow_less_than_the_instrument() -> None:
    with pytest.raises(e.InvalidLeverage, match="at most 20 for"):
        submit(state(margined(20)), leverage=21)


def test_an_instrument_without_a_maintenance_margin_sets_no_limit() -> None:
    traded = instrument(maintenance_margin=None)
    assert submit(state(margined(), traded=traded), leverage=1000).leverage == 1000


def test_where_the_venue_checks_the_funds_the_venue_sets_the_limit() -> None:
    spec = venue_spec(funds_check=FundsCheck.AT_VENUE)
    assert submit(state(margined(), spec=spec), leverage=1000).leverage == 1000
