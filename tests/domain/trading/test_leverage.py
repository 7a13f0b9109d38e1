"""Leverage: how much an order may ask for, and what a position needs when an order changes it."""

from decimal import Decimal
from uuid import UUID

import pytest

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import (
    AccountType,
    ExternalAccount,
    PositionMode,
    PositionSide,
    TradingAccount,
)
from cadenza.domain.ids import PositionId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.reports import FillReport
from cadenza.domain.trading.venue_spec import FundsCheck
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, instrument, state, submit, venue_spec


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


def long(quantity: str = "500", leverage: int = 20) -> Position:
    return Position(
        id=PositionId(UUID(int=50)), account_id=ACCOUNT, instrument_id=BTC, side=PositionSide.NET, quantity=D(quantity),
        entry_cost=D(quantity) * D("99.75"), leverage=leverage, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


MARK = D("99.75")
AT_ONE = 500 * MARK
"""The margin that the position needs at leverage 1; it uses a twentieth of that."""


def test_an_order_pays_for_the_whole_position_that_it_re_margins() -> None:
    asked = {"quantity": D(1), "limit_price": D(90), "leverage": 1}
    more = AT_ONE - AT_ONE / 20
    needed = 90 + D("0.09") + more
    poor = state(margined(), {"USDT": str(AT_ONE / 20 + needed - D("0.01"))}, [long()])
    with pytest.raises(e.InsufficientMargin) as refused:
        submit(poor, **asked)
    assert D(refused.value.metadata["needed"]) == needed
    rich = state(margined(), {"USDT": str(AT_ONE / 20 + needed)}, [long()])
    submit(rich, **asked)
    assert rich.balance(ACCOUNT, "USDT").locked == needed


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"leverage": 100}, D("0.9") + D("0.09")),  # a higher leverage needs nothing more, and gives nothing back
        ({"leverage": 20}, D("4.5") + D("0.09")),
        ({}, D("4.5") + D("0.09")),
        ({"leverage": 1, "side": Side.SELL, "limit_price": D(120)}, D("0.12")),  # it closes
    ],
)
def test_what_does_not_re_margin_a_position_pays_for_itself_only(changes: dict[str, object], needed: Decimal) -> None:
    world = state(margined(), positions=[long()])
    submit(world, **changes)
    assert world.balance(ACCOUNT, "USDT").locked == needed


@pytest.mark.parametrize(("said", "leverage"), [(None, 5), (20, 20), (5, 5)])
def test_the_venues_word_of_a_leverage_counts(said: int | None, leverage: int) -> None:
    world = state(margined(), positions=[long("2")])
    order = submit(world, leverage=5)
    report = FillReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + 5, trade_id="t", side=order.side,
        price=D(90), quantity=D(1), leverage=said,
    )  # fmt: skip
    apply_report(world, report)
    (position,) = world.positions(ACCOUNT)
    assert (position.quantity, position.leverage) == (3, leverage)


@pytest.mark.parametrize("leverage", [1, 5])
def test_a_leverage_that_the_venue_keeps_is_no_part_of_an_order(leverage: int) -> None:
    spec = venue_spec(own_leverage=frozenset({AccountType.MARGIN}))
    with pytest.raises(e.InvalidLeverage, match="a setting of each instrument"):
        submit(state(margined(), spec=spec), leverage=leverage)
    assert submit(state(margined(), spec=spec)).leverage is None


def test_an_account_without_leverage_says_so() -> None:
    with pytest.raises(e.InvalidLeverage, match=r"^this account takes no leverage$"):
        submit(state(), leverage=2)
