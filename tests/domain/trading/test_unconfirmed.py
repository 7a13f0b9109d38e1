"""Fills that no word of the venue contains yet: the limits count them once, whatever comes first, twice or never."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain import errors as e
from cadenza.domain.accounts.risk_limits import AccountRisk, RiskLimits
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide, TradingAccount, TradingMode
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    PositionReport,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.unconfirmed import ROW_FILLS_MAX, unconfirmed_of_asset
from cadenza.domain.trading.venue_books import adopt_snapshot, apply_snapshot
from cadenza.domain.trading.venue_spec import Books, FundsCheck

from .worlds import ACCOUNT, BTC, NOW_MS, D, account, state, submit, venue_spec

SPOT, FUTURES = AccountType.SPOT, AccountType.FUTURES
NET = PositionSide.NET
VENUE = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE), funds_check=FundsCheck.AT_VENUE)
RATES = {("BTC", "USDT"): D(100)}


def at_venue(owner: TradingAccount, balances: dict[str, str] | None = None) -> TradingState:
    return state(owner, balances or {}, spec=VENUE, rates=RATES)


def holding_at_most(value: str, type: AccountType = SPOT, mode: PositionMode = PositionMode.NETTING) -> TradingAccount:
    limits = RiskLimits(currency="USDT", net_position_max=D(value))
    return account(type, mode, risk=AccountRisk(limits=limits))


def fill(
    order: Order, quantity: str = "1", at: int = 5, trade_id: str = "t1", row: PositionSide | None = None
) -> FillReport:
    return FillReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + at, trade_id=trade_id,
        side=order.side, price=D(90), quantity=D(quantity), position_side=row,
    )  # fmt: skip


def balance(total: str, at: int, asset: str = "BTC") -> BalanceReport:
    return BalanceReport(
        account_id=ACCOUNT,
        at_ms=NOW_MS + at,
        asset=asset,
        total=D(total),
        locked=D(0),
        borrowed=D(0),
        as_of=NOW_MS + at,
    )


def position(quantity: str, at: int, row: PositionSide = NET) -> PositionReport:
    return PositionReport(
        account_id=ACCOUNT, at_ms=NOW_MS + at, instrument_id=BTC, side=row, quantity=D(quantity), entry_price=D(90),
        as_of=NOW_MS + at,
    )  # fmt: skip


def snapshot(
    where: TradingState, at: int, *, balances: tuple[BalanceReport, ...] | None = (), is_whole: bool = True
) -> None:
    apply_snapshot(where, ACCOUNT, balances, None, as_of=NOW_MS + at, at_ms=NOW_MS + at, is_whole=is_whole)


def filled(where: TradingState, quantity: str = "1", at: int = 5, number: int = 100, side: Side = Side.BUY) -> Order:
    order = submit(
        where, number=number, side=side, quantity=D(quantity), limit_price=D(90 if side is Side.BUY else 110)
    )
    apply_report(where, fill(order, quantity, at, f"t{number}"))
    return order


def fits(where: TradingState, quantity: str, number: int = 900) -> bool:
    """Whether another BUY passes the limit. It is not kept."""
    place = where.savepoint()
    try:
        submit(where, number=number, quantity=D(quantity))
    except e.RiskLimitExceeded:
        return False
    finally:
        where.roll_back(place)
    return True


# --- spot


def test_a_fill_counts_before_the_venue_has_reported_the_balance() -> None:
    where = at_venue(holding_at_most("200"))
    filled(where)
    assert fits(where, "1")
    assert not fits(where, "1.001")
    apply_report(where, balance("1", 5))
    assert where.account(ACCOUNT).unconfirmed == ()
    assert fits(where, "1")
    assert not fits(where, "1.001")


@pytest.mark.parametrize("at", [5, 6])
def test_a_fill_that_comes_after_its_balance_counts_once(at: int) -> None:
    where = at_venue(holding_at_most("200"))
    order = submit(where)
    apply_report(where, balance("1", at))
    apply_report(where, fill(order, at=5))
    assert where.account(ACCOUNT).unconfirmed == ()
    assert fits(where, "1")


def test_a_word_from_before_the_fill_or_of_another_asset_does_not_confirm_it() -> None:
    where = at_venue(holding_at_most("200"))
    filled(where)
    apply_report(where, balance("0", 4))
    apply_report(where, balance("910", 9, "USDT"))
    assert not fits(where, "1.001")


def test_a_fill_that_comes_twice_counts_once() -> None:
    where = at_venue(holding_at_most("200"))
    order = filled(where)
    apply_report(where, fill(order, trade_id="t100"))
    assert fits(where, "1")


def test_an_older_word_that_comes_late_confirms_nothing_more() -> None:
    where = at_venue(holding_at_most("300"))
    apply_report(where, balance("0", 4))
    filled(where, at=8)
    apply_report(where, balance("0", 3))
    assert unconfirmed_of_asset(where.account(ACCOUNT), "BTC", Side.BUY) == 1


def test_a_snapshot_confirms_what_it_contains_also_where_it_leaves_the_asset_out() -> None:
    where = at_venue(holding_at_most("200"))
    filled(where, "1", 5, 100)
    filled(where, "1", 6, 101, Side.SELL)
    snapshot(where, 5, balances=(balance("1", 5),))
    left = where.account(ACCOUNT).unconfirmed
    assert [(fill.side, fill.executed_at_ms) for fill in left] == [(Side.SELL, NOW_MS + 6)]
    snapshot(where, 7)
    assert where.account(ACCOUNT).unconfirmed == ()
    assert where.balance(ACCOUNT, "BTC").total == 0
    assert fits(where, "2")


def test_a_snapshot_that_is_not_whole_confirms_only_what_it_shows() -> None:
    where = at_venue(holding_at_most("200"))
    filled(where)
    snapshot(where, 9, is_whole=False)
    snapshot(where, 9, balances=None)
    assert not fits(where, "1.001")
    snapshot(where, 10, balances=(balance("1", 10),), is_whole=False)
    assert where.account(ACCOUNT).unconfirmed == ()


def test_an_account_that_goes_on_from_a_snapshot_leaves_its_older_fills_behind() -> None:
    where = at_venue(holding_at_most("200"))
    filled(where)
    adopt_snapshot(where, ACCOUNT, (balance("1", 9),), None, as_of=NOW_MS + 9, at_ms=NOW_MS + 9)
    assert where.account(ACCOUNT).unconfirmed == ()


def test_a_reducing_account_does_not_sell_twice_what_it_has_just_sold() -> None:
    owner = account(trading_mode=TradingMode.REDUCING)
    where = at_venue(owner)
    apply_report(where, balance("2", 1))
    filled(where, "1.5", 5, 100, Side.SELL)
    with pytest.raises(e.OrderNotReducing) as refused:
        submit(where, number=101, side=Side.SELL, quantity=D(1), limit_price=D(110))
    assert refused.value.metadata == {"closable": "0.5", "quantity": "1"}
    apply_report(where, balance("0.5", 5))
    submit(where, number=102, side=Side.SELL, quantity=D("0.5"), limit_price=D(110))


def test_what_was_bought_and_not_reported_cannot_be_closed_yet() -> None:
    where = at_venue(account())
    filled(where)
    where.put_account(replace(where.account(ACCOUNT), trading_mode=TradingMode.REDUCING))
    with pytest.raises(e.OrderNotReducing):
        submit(where, number=101, side=Side.SELL, quantity=D(1), limit_price=D(110))
    apply_report(where, balance("1", 5))
    submit(where, number=101, side=Side.SELL, quantity=D(1), limit_price=D(110))


def test_a_ledger_of_ours_has_every_fill_at_once() -> None:
    where = state(holding_at_most("200"), {"USDT": "1000"}, rates=RATES)
    filled(where)
    assert where.account(ACCOUNT).unconfirmed == ()
    assert fits(where, "1")
    assert not fits(where, "1.001")


def test_a_busted_or_corrected_fill_waits_for_the_word_that_knows_it() -> None:
    where = at_venue(holding_at_most("200"))
    order = filled(where)
    corrected = fill(order, "0.5", 6, "t100")
    facts = {name: getattr(corrected, name) for name in corrected.__dataclass_fields__}
    apply_report(where, FillCorrectedReport(**facts))
    assert not fits(where, "1.001")
    busted = FillBustedReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + 7, trade_id="t100"
    )
    apply_report(where, busted)
    apply_report(where, balance("0", 7))
    assert fits(where, "2")


def test_a_thousand_fills_without_a_word_are_remembered_in_a_few_lines() -> None:
    where = at_venue(holding_at_most("200000"))
    order = submit(where, quantity=D(100))
    for number in range(1000):
        apply_report(where, fill(order, "0.1", 1000 - number, f"t{number}"))
    left = where.account(ACCOUNT).unconfirmed
    assert len(left) == ROW_FILLS_MAX
    assert sum(each.quantity for each in left) == 100
    apply_report(where, balance("0.1", 1))
    assert unconfirmed_of_asset(where.account(ACCOUNT), "BTC", Side.BUY) == 100
    apply_report(where, balance("100", 1000))
    assert where.account(ACCOUNT).unconfirmed == ()


# --- positions


def test_a_position_closed_by_the_venues_word_before_its_fill_counts_once() -> None:
    where = at_venue(holding_at_most("200", FUTURES))
    apply_report(where, position("1", 1))
    order = submit(where, side=Side.SELL, limit_price=D(110))
    apply_report(where, position("0", 5))
    apply_report(where, fill(order, at=5))
    assert where.account(ACCOUNT).unconfirmed == ()
    assert fits(where, "2")
    assert not fits(where, "2.1")


def test_a_fill_of_a_position_counts_until_the_word_of_its_row() -> None:
    where = at_venue(holding_at_most("200", FUTURES, PositionMode.HEDGE))
    order = submit(where)
    apply_report(where, fill(order, at=5, row=PositionSide.LONG))
    apply_report(where, position("-1", 9, PositionSide.SHORT))
    apply_report(where, balance("1", 9, "USDT"))
    assert [fill.position_side for fill in where.account(ACCOUNT).unconfirmed] == [PositionSide.LONG]
    apply_report(where, position("1", 9, PositionSide.LONG))
    assert where.account(ACCOUNT).unconfirmed == ()


def test_a_reducing_account_does_not_close_twice_what_it_has_just_closed() -> None:
    where = at_venue(account(FUTURES, trading_mode=TradingMode.REDUCING))
    apply_report(where, position("2", 1))
    filled(where, "1.5", 5, 100, Side.SELL)
    with pytest.raises(e.OrderNotReducing):
        submit(where, number=101, side=Side.SELL, quantity=D(1), limit_price=D(110))
    submit(where, number=102, side=Side.SELL, quantity=D("0.5"), limit_price=D(110))


# --- the law


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[int, Decimal | None]]:
    """Fills (instant, signed quantity) and words (instant, None), in the order in which they arrive."""
    signs = draw(st.lists(st.sampled_from((D("0.1"), D("-0.1"))), min_size=1, max_size=50))
    instants = sorted(draw(st.lists(st.integers(1, 40), min_size=len(signs), max_size=len(signs))))
    words = draw(st.lists(st.integers(1, 40), max_size=10))
    news: list[tuple[int, Decimal | None]] = [*zip(instants, signs, strict=True), *((at, None) for at in words)]
    return draw(st.permutations(news))


@given(traffic())
def test_what_is_held_is_always_within_what_the_limits_count(news: list[tuple[int, Decimal | None]]) -> None:
    where = at_venue(account())
    orders = {
        side: submit(where, number=number, side=side, quantity=D(100), limit_price=D(100))
        for number, side in enumerate(Side, 100)
    }
    fills = [(at, quantity) for at, quantity in news if quantity is not None]
    booked: list[tuple[int, Decimal]] = []
    newest = 0
    for number, (at, quantity) in enumerate(news):
        if quantity is None:
            newest = max(newest, at)
            apply_report(where, balance(str(sum((q for when, q in fills if when <= at), D(0))), at))
        else:
            booked.append((at, quantity))
            order = orders[Side.BUY if quantity > 0 else Side.SELL]
            apply_report(where, fill(order, str(abs(quantity)), at, f"t{number}"))
        known = sum((q for when, q in fills if when <= newest), D(0)) + sum(
            (q for when, q in booked if when > newest), D(0)
        )
        owner, held = where.account(ACCOUNT), where.balance(ACCOUNT, "BTC").total
        assert held - unconfirmed_of_asset(owner, "BTC", Side.SELL) <= known
        assert known <= held + unconfirmed_of_asset(owner, "BTC", Side.BUY)
    apply_report(where, balance("0", 41))
    assert where.account(ACCOUNT).unconfirmed == ()
