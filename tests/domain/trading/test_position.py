"""Positions of linear and inverse contracts, by the formulas that DERIBIT documents for BTC-PERPETUAL."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.errors import LotSize, MaxQuantity
from cadenza.domain.ids import InstrumentId, PositionId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import InstrumentType, MarketLot
from cadenza.domain.trading.portfolio import MarkedPosition, position_margin, summarize, value_equity
from cadenza.domain.trading.position import Position, PositionStatus, increase, reduce
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, account, instrument, state, submit

BTC_PERPETUAL = instrument(
    id=InstrumentId("DERIBIT:BTC-PERPETUAL"),
    type=InstrumentType.PERPETUAL,
    quote_asset="USD",
    is_inverse=True,
    contract_size=D(10),
    lot_size=D(10),
)
LINEAR = instrument(type=InstrumentType.PERPETUAL)


def empty(leverage: int = 1) -> Position:
    return Position(
        id=PositionId(UUID(int=7)), account_id=ACCOUNT, instrument_id=BTC_PERPETUAL.id, side=PositionSide.NET,
        leverage=leverage, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


def opened(side: Side, *fills: tuple[int, str], leverage: int = 1) -> Position:
    position = empty(leverage)
    for quantity, price in fills:
        position = increase(position, BTC_PERPETUAL, side, D(quantity), D(price), NOW_MS).position
    return position


def near(value: D, exact: Fraction) -> bool:
    return abs(Fraction(value) - exact) <= Fraction(1, 10**15)


@pytest.mark.parametrize(
    ("side", "mark", "pnl"),
    [
        (Side.BUY, "62500", "0.004"),
        (Side.BUY, "40000", "-0.005"),
        (Side.SELL, "62500", "-0.004"),
        (Side.SELL, "40000", "0.005"),
        (Side.BUY, "50000", "0"),
    ],
)
def test_profit_of_an_inverse_position_is_quantity_by_the_difference_of_the_inverse_prices(
    side: Side, mark: str, pnl: str
) -> None:
    """1000 USD at 50000: 1000 x (1/entry - 1/mark), for a short one the opposite; in BTC."""
    position = opened(side, (1_000, "50000"))
    assert position.unrealized_pnl(BTC_PERPETUAL, D(mark)) == D(pnl)
    assert position.entry_price(BTC_PERPETUAL) == 50_000


def test_the_entry_price_of_an_inverse_position_is_the_harmonic_mean() -> None:
    position = opened(Side.BUY, (1_000, "50000"), (1_000, "40000"))
    assert position.entry_cost == D("0.045")
    assert position.entry_price(BTC_PERPETUAL) == D("44444.44444444444")


def test_margin_of_an_inverse_position_is_in_its_settlement_asset() -> None:
    position = opened(Side.SELL, (1_000, "50000"), leverage=5)
    assert position_margin(position, BTC_PERPETUAL, D(40_000)) == D("0.005")


def test_closing_an_inverse_position_realises_bitcoin() -> None:
    half = reduce(opened(Side.BUY, (1_000, "50000")), BTC_PERPETUAL, D(500), D(62_500), NOW_MS)
    assert half.realized_pnl == D("0.002")
    assert (half.position.quantity, half.position.entry_cost) == (500, D("0.01"))
    whole = reduce(half.position, BTC_PERPETUAL, D(500), D(40_000), NOW_MS)
    assert whole.realized_pnl == D("-0.0025")
    assert whole.position.status is PositionStatus.CLOSED
    assert (whole.position.entry_cost, whole.position.realized_pnl) == (0, D("-0.0005"))
    assert whole.position.exit_price(BTC_PERPETUAL) == D("48780.487804878")


def profit(quantity: int, entry: int, exit: int, is_inverse: bool) -> Fraction:
    """Of a long position, exactly."""
    if is_inverse:
        return quantity * (Fraction(1, entry) - Fraction(1, exit))
    return Fraction(quantity * (exit - entry))


@given(
    st.sampled_from(Side),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1_000, 10**6)), min_size=1, max_size=6),
    st.integers(1_000, 10**6),
    st.booleans(),
)
def test_all_profit_adds_up_whatever_way_a_position_is_closed(
    side: Side, fills: list[tuple[int, int]], exit_price: int, is_inverse: bool
) -> None:
    traded = BTC_PERPETUAL if is_inverse else LINEAR
    position = empty()
    for quantity, price in fills:
        position = increase(position, traded, side, D(quantity), D(price), NOW_MS).position
    sign = side.sign
    each = [
        sign
        * (Fraction(q) * (Fraction(1, p) - Fraction(1, exit_price)) if is_inverse else Fraction(q * (exit_price - p)))
        for q, p in fills
    ]
    assert near(position.unrealized_pnl(traded, D(exit_price)), sum(each, Fraction(0)))
    part = max(1, abs(int(position.quantity)) // 3)
    first = reduce(position, traded, D(part), D(exit_price), NOW_MS)
    rest = abs(first.position.quantity)
    realized = first.realized_pnl
    if rest:
        realized += reduce(first.position, traded, rest, D(exit_price), NOW_MS).realized_pnl
    assert near(realized, sum(each, Fraction(0)))


def test_a_summary_values_an_inverse_position_by_its_settlement_asset() -> None:
    marked = MarkedPosition(
        position=opened(Side.BUY, (1_000, "50000"), leverage=2),
        instrument=BTC_PERPETUAL,
        mark=D(40_000),
    )
    balance = Balance(account_id=ACCOUNT, asset="BTC", total=D(1), updated_at_ms=NOW_MS)
    rates = {"BTC": D(40_000), "USD": D(1)}
    summary = summarize((balance,), (marked,), "USD", rates.get)
    assert summary.equity == 40_000 - D("0.005") * 40_000
    assert (summary.margin, summary.risk_exposure) == (500, 1_000)
    assert summary.margin_requirement == 5
    assert marked.unrealized_pnl == D("-0.005")


def test_what_a_venue_has_paid_out_of_a_profit_is_not_counted_twice() -> None:
    """The cash has the profit from 50 000 to 62 500 already; the position's own profit stays what it is."""
    position = replace(opened(Side.BUY, (1_000, "50000")), settled_cost=D("0.016"))
    marked = MarkedPosition(position=position, instrument=BTC_PERPETUAL, mark=D(80_000))
    assert summarize((), (marked,), "BTC", {"BTC": D(1)}.get).equity == D("0.0035")
    assert marked.unrealized_pnl == D("0.0075")


@pytest.mark.parametrize(("quantity", "cash"), [("10", "9.5"), ("-10", "10.5")])
def test_an_option_adds_what_it_is_worth_to_the_cash_that_paid_for_it(quantity: str, cash: str) -> None:
    """Ten calls at 0.05 BTC: buying or selling them at the market changes nothing, and their price does."""
    call = instrument(type=InstrumentType.OPTION, quote_asset="BTC")
    held = replace(empty(), instrument_id=call.id, quantity=D(quantity), entry_cost=D(quantity) * D("0.05"))
    balance = Balance(account_id=ACCOUNT, asset="BTC", total=D(cash), updated_at_ms=NOW_MS)
    worth = {
        mark: value_equity(
            (balance,), (MarkedPosition(position=held, instrument=call, mark=D(mark)),), {"BTC": D(1)}.get
        )
        for mark in ("0.05", "0.07")
    }
    assert worth["0.05"].amount == 10
    assert worth["0.07"].amount == 10 + D(quantity) * D("0.02")


def test_an_equity_names_all_that_has_no_price() -> None:
    held, gone = (
        opened(Side.BUY, (1_000, "50000")),
        replace(empty(), instrument_id=InstrumentId("X:A/B"), quantity=D(1)),
    )
    balances = [Balance(account_id=ACCOUNT, asset=a, total=D(5), updated_at_ms=NOW_MS) for a in ("USD", "XRP", "BTC")]
    positions = [
        MarkedPosition(position=held, instrument=BTC_PERPETUAL, mark=None),
        MarkedPosition(position=gone, instrument=None, mark=D(1)),
        MarkedPosition(position=replace(held, quantity=D(0)), instrument=LINEAR, mark=None),
    ]
    found = value_equity(balances, positions, {"USD": D(1)}.get)
    assert (found.amount, found.unpriced, found.unmarked) == (5, ("XRP", "BTC"), (BTC_PERPETUAL.id, "X:A/B"))


def test_a_summary_names_the_positions_that_its_sums_lack() -> None:
    held = replace(opened(Side.BUY, (1_000, "50000")), maintenance_margin=D("0.01"))
    gone = replace(empty(), instrument_id=InstrumentId("X:A/B"), quantity=D(1), maintenance_margin=D(7))
    valued = replace(opened(Side.BUY, (1_000, "50000"), leverage=2), instrument_id=LINEAR.id)
    positions = (
        MarkedPosition(position=held, instrument=BTC_PERPETUAL, mark=None),
        MarkedPosition(position=gone, instrument=None, mark=None),
        MarkedPosition(position=valued, instrument=BTC_PERPETUAL, mark=D(50_000)),
    )
    summary = summarize((), positions, "BTC", {"BTC": D(1)}.get)
    assert summary.unmarked == summary.unmargined == (BTC_PERPETUAL.id, "X:A/B")
    assert summary.unrequired == ("X:A/B",), "the venue stated the other's, and its asset is known"
    assert (summary.equity, summary.risk_exposure, summary.margin) == (0, D("0.02"), D("0.01"))
    assert summary.margin_requirement == D("0.01") + D("0.02") * D("0.005")
    assert (summary.margin_usage, summary.margin_level, summary.risk_exposure_rate) == (None, None, None)


def test_an_unknown_leverage_is_no_number() -> None:
    pair = instrument(initial_margin=None, maintenance_margin=None)
    held = replace(empty(), instrument_id=pair.id, leverage=None, quantity=D(1), entry_cost=D(60_010))
    known = replace(held, leverage=5)
    both = tuple(MarkedPosition(position=each, instrument=pair, mark=D(60_010)) for each in (held, known))
    summary = summarize((), both, "USDT", {"USDT": D(1)}.get)
    assert (summary.leverage, summary.margin, summary.margin_requirement) == (None, 12_002, 0)
    assert (summary.unmargined, summary.unrequired) == ((pair.id,), (pair.id,))
    assert (summary.margin_usage, summary.margin_level, summary.unmarked) == (None, None, ())
    assert summarize((), both[1:], "USDT", {"USDT": D(1)}.get).leverage == 5


@pytest.mark.parametrize(("quantity", "margin", "unknown"), [("2", 0, ()), ("-2", 0, (LINEAR.id,))])
def test_an_option_that_was_bought_needs_no_margin(quantity: str, margin: int, unknown: tuple[str, ...]) -> None:
    option = instrument(type=InstrumentType.OPTION)
    held = replace(empty(), instrument_id=option.id, leverage=None, quantity=D(quantity), maintenance_margin=D(0))
    marked = MarkedPosition(position=held, instrument=option, mark=D(5))
    summary = summarize((), (marked,), "USDT", {"USDT": D(1)}.get)
    assert (summary.margin, summary.unmargined) == (margin, unknown)


def test_an_asset_without_a_price_leaves_the_ratios_of_margin() -> None:
    balances = tuple(
        Balance(account_id=ACCOUNT, asset=asset, total=D(5), updated_at_ms=NOW_MS) for asset in ("BTC", "XRP")
    )
    marked = MarkedPosition(position=opened(Side.BUY, (1_000, "50000")), instrument=BTC_PERPETUAL, mark=D(50_000))
    summary = summarize(balances, (marked,), "BTC", {"BTC": D(1)}.get)
    assert (summary.unpriced, summary.unmarked) == (("XRP",), ())
    assert (summary.margin_usage, summary.margin_level, summary.risk_exposure_rate) == (D("0.00002"), 250, None)


def test_a_stated_maintenance_margin_counts_instead_of_the_instruments_rate() -> None:
    stated = replace(opened(Side.BUY, (1_000, "50000"), leverage=2), maintenance_margin=D("0.001"))
    marked = MarkedPosition(position=stated, instrument=BTC_PERPETUAL, mark=D(40_000))
    rates = {"BTC": D(40_000), "USD": D(1)}
    assert summarize((), (marked,), "USD", rates.get).margin_requirement == 40


def test_an_order_of_an_inverse_contract_locks_its_settlement_asset() -> None:
    traded = instrument(
        type=InstrumentType.PERPETUAL, is_inverse=True, lot_size=D(10), min_quantity=D(10), max_quantity=D(10_000),
        taker_fee=D("0.001"),
    )  # fmt: skip
    where = state(account(AccountType.MARGIN), traded=traded)
    order = submit(where, quantity=D(1_000), limit_price=D(100), leverage=5)
    assert order.reservation is not None
    assert (order.reservation.asset, order.reservation.locked) == ("BTC", D(2) + D("0.01"))
    assert where.balance(ACCOUNT, "BTC").locked == D("2.01")


def test_market_orders_have_the_lot_of_market_orders() -> None:
    traded = instrument(
        market_lot=MarketLot(lot_size=D("0.01"), min_quantity=D("0.01"), max_quantity=D(1)),
    )
    with pytest.raises(LotSize):
        submit(state(traded=traded), type=OrderType.MARKET, quantity=D("0.001"))
    with pytest.raises(MaxQuantity):
        submit(state(traded=traded), type=OrderType.MARKET, quantity=D(2))
    assert submit(state(traded=traded), quantity=D("0.001"), limit_price=D(9_000)).quantity == D("0.001")
