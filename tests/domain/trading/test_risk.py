"""The brake and the limits: each refuses what it must, counts what is in flight, and lets everybody out."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain import errors as e
from cadenza.domain.accounts.risk_limits import AccountRisk, DayStart, RiskLimits
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide, TradingAccount, TradingMode
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, PositionId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.exposure import equity_of
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.risk import DAY_MS
from cadenza.domain.trading.state import TradingState

from .worlds import ACCOUNT, BTC, NOW_MS, SPEC, D, account, book, instrument, state, submit

RATES = {("BTC", "USDT"): D("99.75")}
HALTED, REDUCING, ACTIVE = TradingMode.HALTED, TradingMode.REDUCING, TradingMode.ACTIVE


def limited(type: AccountType = AccountType.SPOT, mode: PositionMode | None = None, **limits: object) -> TradingAccount:
    risk = AccountRisk(limits=RiskLimits(currency="USDT", **limits))  # type: ignore[arg-type]
    return account(type, mode, risk=risk)


def world(owner: TradingAccount, balances: dict[str, str] | None = None, *positions: Position) -> TradingState:
    return state(owner, balances, positions, rates=RATES)


def position(quantity: str, side: PositionSide = PositionSide.NET) -> Position:
    return Position(
        id=PositionId(UUID(int=50)), account_id=ACCOUNT, instrument_id=BTC, side=side, quantity=D(quantity),
        entry_cost=D(quantity) * 90, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


def refusal(where: TradingState, **changes: object) -> Mapping[str, object]:
    with pytest.raises(e.RiskLimitExceeded) as refused:
        submit(where, **changes)
    return refused.value.metadata


# --- the brake


@pytest.mark.parametrize(("own", "tenants"), [(HALTED, ACTIVE), (ACTIVE, HALTED), (REDUCING, HALTED), (HALTED, HALTED)])
def test_a_halted_account_takes_nothing(own: TradingMode, tenants: TradingMode) -> None:
    where = world(account(trading_mode=own, tenant_trading_mode=tenants))
    with pytest.raises(e.TradingHalted):
        submit(where, side=Side.SELL, limit_price=D(101))
    assert not where.changed.created


def test_an_order_of_before_the_halt_is_answered_again() -> None:
    where = world(account())
    first = submit(where, client_order_id="a")
    where.put_account(evolve(where.account(ACCOUNT), trading_mode=HALTED))
    assert submit(where, number=101, client_order_id="a").id == first.id


def test_a_reducing_spot_account_sells_what_it_owns_once() -> None:
    where = world(account(tenant_trading_mode=REDUCING), {"USDT": "1000", "BTC": "2"})
    with pytest.raises(e.OrderNotReducing):
        submit(where)
    submit(where, side=Side.SELL, quantity=D("1.5"), limit_price=D(101))
    with pytest.raises(e.OrderNotReducing) as refused:
        submit(where, number=101, side=Side.SELL, quantity=D(1), limit_price=D(101))
    assert refused.value.metadata == {"closable": "0.5", "quantity": "1"}
    submit(where, number=102, side=Side.SELL, quantity=D("0.5"), limit_price=D(101))


def test_a_reducing_account_that_borrows_buys_back_what_it_owes() -> None:
    spec = replace(SPEC, holds_assets=frozenset({AccountType.MARGIN}))
    where = state(account(AccountType.MARGIN, trading_mode=REDUCING), {"USDT": "1000"}, spec=spec, rates=RATES)
    where.put_balance(evolve(where.balance(ACCOUNT, "BTC"), borrowed=D(2)))
    submit(where, quantity=D(2))
    with pytest.raises(e.OrderNotReducing):
        submit(where, number=101, quantity=D("0.1"))
    with pytest.raises(e.OrderNotReducing):
        submit(where, number=102, side=Side.SELL, limit_price=D(101))


def test_a_reducing_margined_account_closes_its_position_and_no_more() -> None:
    where = world(account(AccountType.MARGIN, trading_mode=REDUCING), None, position("-1"))
    with pytest.raises(e.OrderNotReducing):
        submit(where, quantity=D("1.1"))
    with pytest.raises(e.OrderNotReducing):
        submit(where, side=Side.SELL, limit_price=D(101))
    submit(where, quantity=D(1))
    with pytest.raises(e.OrderNotReducing):
        submit(where, number=101, quantity=D("0.1"))


# --- limits of the order itself


def test_an_order_is_refused_with_the_limit_and_both_values() -> None:
    where = world(limited(order_quantity_max={BTC: D("0.5")}))
    assert refusal(where, quantity=D(1)) == {
        "limit": "orderQuantityMax", "allowed": "0.5", "value": "1", "unit": "",
    }  # fmt: skip
    submit(where, quantity=D("0.5"))


def test_the_quantity_of_another_instrument_is_not_limited() -> None:
    submit(world(limited(order_quantity_max={InstrumentId("PAPER:ETH/USDT"): D("0.5")})), quantity=D(1))


def test_a_sell_far_below_the_market_is_worth_what_the_market_pays() -> None:
    where = world(limited(order_value_max=D(50)))
    assert refusal(where, side=Side.SELL, limit_price=D(10))["value"] == "99.5"
    submit(where, side=Side.SELL, quantity=D("0.5"), limit_price=D(10))


def test_the_price_collar_catches_a_slipped_digit() -> None:
    where = world(limited(price_collar=D("0.05")))
    assert refusal(where, side=Side.SELL, limit_price=D(10)) == {
        "limit": "priceCollar", "allowed": "94.7625", "value": "10", "unit": "USDT",
    }  # fmt: skip
    assert refusal(where, limit_price=D("105"))["allowed"] == "104.7375"
    submit(where, limit_price=D("104.5"))
    submit(where, number=101, limit_price=D(10))  # far from the market on the safe side


def test_the_price_collar_does_not_take_a_lone_bid_for_the_market() -> None:
    where = state(limited(price_collar=D("0.05")), market=book(bid="10", ask="100"), rates=RATES)
    assert refusal(where, type=OrderType.MARKET, side=Side.SELL)["allowed"] == "52.25"
    assert refusal(where, number=101, side=Side.SELL, limit_price=D(10))["value"] == "10"
    submit(where, number=102, side=Side.SELL, limit_price=D(99))


def test_the_price_collar_follows_a_market_order_through_the_book() -> None:
    where = state(limited(price_collar=D("0.01")), market=book(depth="1"), rates=RATES)
    submit(where, type=OrderType.MARKET, quantity=D(2))
    assert refusal(where, number=101, type=OrderType.MARKET, quantity=D(3))["value"] == "101"
    with pytest.raises(e.RiskNotMeasurable):
        submit(where, number=102, type=OrderType.MARKET, quantity=D(11))


def test_the_limit_of_a_stop_is_compared_with_its_trigger() -> None:
    where = world(limited(price_collar=D("0.05")))
    stop = {"type": OrderType.STOP_LIMIT, "stop_price": D(120)}
    submit(where, **stop, limit_price=D(126))
    assert refusal(where, number=101, **stop, limit_price=D("126.5"))["allowed"] == "126"


def test_without_a_fresh_book_the_collar_refuses() -> None:
    where = state(limited(price_collar=D("0.05")), market=None, rates=RATES)
    with pytest.raises(e.RiskNotMeasurable):
        submit(where)


def test_a_market_buy_is_worth_what_the_book_asks_for_it() -> None:
    thin = replace(book(), asks=((D(100), D("0.1")), (D(200), D(10))))
    where = state(limited(order_value_max=D(150)), market=thin, rates=RATES)
    assert refusal(where, type=OrderType.MARKET, quantity=D(1))["value"] == "190"
    submit(where, type=OrderType.MARKET, quantity=D("0.5"))


def test_an_inverse_contract_is_worth_its_quantity_at_whatever_price() -> None:
    inverse = instrument(is_inverse=True, min_notional=D(0), max_quantity=D(1_000_000))
    owner = limited(AccountType.MARGIN, order_value_max=D(1000))
    where = state(owner, {"BTC": "1000"}, traded=inverse, rates=RATES)
    assert D(str(refusal(where, quantity=D(9000), limit_price=D(1000))["value"])) > 8900
    submit(where, quantity=D(500), limit_price=D(10))


# --- limits that count what is open


def test_two_orders_at_once_cannot_both_pass_a_limit_that_holds_one() -> None:
    where = world(limited(open_orders_max=1))
    submit(where)
    assert refusal(where, number=101)["value"] == "2"


def test_orders_per_second_are_counted_over_every_second() -> None:
    where = world(limited(orders_per_second_max=2))
    submit(where)
    submit(where, number=101)
    assert refusal(where, number=102)["limit"] == "ordersPerSecondMax"
    risk = where.account(ACCOUNT).risk
    later = state(account(risk=risk), rates=RATES, now_ms=NOW_MS + 999)
    assert refusal(later, number=103)["value"] == "3"
    submit(state(account(risk=risk), rates=RATES, now_ms=NOW_MS + 1000), number=104)


def test_a_refused_order_and_a_clock_that_was_ahead_count_nothing() -> None:
    risk = AccountRisk(
        limits=RiskLimits(currency="USDT", orders_per_second_max=1), recent_orders_ms=(NOW_MS + 3_600_000,)
    )
    submit(world(account(risk=risk)))


def test_the_net_position_counts_open_orders_in_the_worse_direction() -> None:
    where = world(limited(AccountType.MARGIN, net_position_max=D(300)))
    submit(where, quantity=D(3), limit_price=D(90))
    submit(where, number=101, side=Side.SELL, quantity=D(3), limit_price=D(110))
    assert refusal(where, number=102, quantity=D("0.1"))["limit"] == "netPositionMax"


def test_an_asset_held_counts_as_a_position_and_the_currency_does_not() -> None:
    where = world(limited(gross_position_max=D(1000)), {"USDT": "1000000", "BTC": "9"})
    submit(where, quantity=D(1))
    assert refusal(where, number=101, quantity=D(1))["limit"] == "grossPositionMax"
    submit(where, number=102, side=Side.SELL, quantity=D(9), limit_price=D(110))


def test_the_currency_of_the_limits_is_no_exposure() -> None:
    risk = AccountRisk(limits=RiskLimits(currency="BTC", net_position_max=D(5), gross_position_max=D(5)))
    where = state(account(risk=risk), {"USDT": "1000", "BTC": "10"}, rates={("USDT", "BTC"): D("0.001")})
    submit(where, quantity=D(1))
    submit(where, number=101, quantity=D("4.5"))


def test_an_open_order_of_an_instrument_that_is_off_the_list_lets_everybody_out() -> None:
    gone = Claim(ACCOUNT, InstrumentId("PAPER:OLD/USDT"), Side.SELL, None, None, D(1), 1, "OLD")
    owner = account(trading_mode=REDUCING, risk=limited(daily_loss_max=D(10)).risk)
    where = state(owner, {"USDT": "1000", "BTC": "1"}, claims=[gone], rates=RATES)
    submit(where, side=Side.SELL, limit_price=D(101))


def test_an_asset_without_a_price_refuses_until_it_is_excluded() -> None:
    held = {"USDT": "1000", "BTC": "1", "DUST": "7"}
    with pytest.raises(e.RiskNotMeasurable) as refused:
        submit(world(limited(gross_position_max=D(1000)), held))
    assert refused.value.metadata["asset"] == "DUST"
    submit(world(limited(gross_position_max=D(1000), excluded_assets=frozenset({"DUST"})), held))


def test_hedged_rows_count_one_by_one_in_the_gross_position() -> None:
    rows = (
        position("2", PositionSide.LONG),
        evolve(position("-2", PositionSide.SHORT), id=PositionId(UUID(int=51)), entry_cost=D(-180)),
    )
    owner = limited(AccountType.MARGIN, PositionMode.HEDGE, gross_position_max=D(450))
    submit(world(owner, None, *rows), quantity=D("0.5"))
    assert refusal(world(owner, None, *rows), quantity=D(1))["limit"] == "grossPositionMax"


# --- the loss of the day


def test_the_first_order_of_a_day_measures_it() -> None:
    where = world(limited(daily_loss_max=D(10)), {"USDT": "1000", "BTC": "1"})
    submit(where)
    risk = where.account(ACCOUNT).risk
    assert risk is not None
    assert risk.day_start == DayStart(day=NOW_MS // DAY_MS, equity=D("1099.75"))


def test_a_loss_beyond_the_limit_lets_nothing_in_and_everybody_out() -> None:
    limits = RiskLimits(currency="USDT", daily_loss_max=D(10))
    start = DayStart(day=NOW_MS // DAY_MS, equity=D(1200))
    where = world(account(risk=AccountRisk(limits=limits, day_start=start)), {"USDT": "1000", "BTC": "1"})
    assert refusal(where) == {"limit": "dailyLossMax", "allowed": "10", "value": "100.25", "unit": "USDT"}
    submit(where, side=Side.SELL, limit_price=D(101))


def test_a_premium_that_was_paid_is_no_loss_of_the_day() -> None:
    option = instrument(type=InstrumentType.OPTION)
    limits = RiskLimits(currency="USDT", daily_loss_max=D(10))
    risk = AccountRisk(limits=limits, day_start=DayStart(day=NOW_MS // DAY_MS, equity=D(1000)))
    where = state(account(AccountType.MARGIN, risk=risk), {"USDT": "700.75"}, [position("3")], traded=option)
    assert equity_of(where.account(ACCOUNT), limits, where) == 1000
    submit(where)


def test_an_equity_that_lacks_a_price_is_refused_with_what_lacks_it() -> None:
    limits = RiskLimits(currency="USDT", daily_loss_max=D(10), excluded_assets=frozenset({"XRP"}))
    owner = account(AccountType.MARGIN, risk=AccountRisk(limits=limits))
    for market, balances, lacking in (
        (None, {"XRP": "5"}, {"instrumentId": BTC}),
        (book(), {"XRP": "5", "ADA": "1"}, {"asset": "ADA", "currency": "USDT"}),
    ):
        where = state(owner, balances, [position("3")], market=market)
        with pytest.raises(e.RiskNotMeasurable) as caught:
            equity_of(owner, limits, where)
        assert caught.value.metadata == lacking


def test_a_clock_that_goes_back_a_day_begins_no_new_one() -> None:
    limits = RiskLimits(currency="USDT", daily_loss_max=D(10))
    start = DayStart(day=NOW_MS // DAY_MS + 1, equity=D(1200))
    where = world(account(risk=AccountRisk(limits=limits, day_start=start)), {"USDT": "1000", "BTC": "1"})
    assert refusal(where)["limit"] == "dailyLossMax"


def test_orders_of_a_moment_ahead_count_when_the_clock_goes_back() -> None:
    risk = AccountRisk(limits=RiskLimits(currency="USDT", orders_per_second_max=1), recent_orders_ms=(NOW_MS + 1,))
    assert refusal(world(account(risk=risk)))["limit"] == "ordersPerSecondMax"


def test_yesterdays_equity_does_not_count_today() -> None:
    limits = RiskLimits(currency="USDT", daily_loss_max=D(10))
    start = DayStart(day=NOW_MS // DAY_MS - 1, equity=D(5000))
    submit(world(account(risk=AccountRisk(limits=limits, day_start=start)), {"USDT": "1000", "BTC": "1"}))


# --- laws


STEPS = st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 30).map(lambda n: D(n) / 10)), max_size=20)


@given(steps=STEPS, held=st.integers(-30, 30).map(lambda n: D(n) / 10), most=st.integers(1, 500).map(Decimal))
def test_no_sequence_of_orders_can_exceed_the_net_position(
    steps: list[tuple[Side, Decimal]], held: Decimal, most: Decimal
) -> None:
    """The naive twin: add up all orders that were taken, each side as if all of it were filled."""
    rows = [position(str(held))] if held else []
    where = world(limited(AccountType.MARGIN, net_position_max=most), {"USDT": "1000000000"}, *rows)
    mark, totals = D("99.75"), {Side.BUY: D(0), Side.SELL: D(0)}
    for number, (side, quantity) in enumerate(steps):
        closable = max(D(0), (-held if side is Side.BUY else held) - totals[side])
        after = totals | {side: totals[side] + quantity}
        worst = max(abs(held + after[Side.BUY]), abs(held - after[Side.SELL])) * mark
        try:
            submit(where, number=200 + number, side=side, quantity=quantity, limit_price=D(100))
        except e.RiskLimitExceeded:
            assert worst > most
            assert quantity > closable
        else:
            assert worst <= most or quantity <= closable
            totals = after


def test_without_limits_nothing_is_measured() -> None:
    where = state(account(), traded=instrument(), market=None)
    submit(where)
    assert where.account(ACCOUNT).risk is None
