"""What orders and executions of inverse contracts cost: quantities divided by prices, and harmonic means."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, FillBustedReport, FillCorrectedReport, FillReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Books, FundsCheck
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, instrument, state, submit, venue_spec

TRADED = instrument(
    type=InstrumentType.PERPETUAL, quote_asset="USD", is_inverse=True, lot_size=D(10), min_quantity=D(10),
    max_quantity=D(10**9), max_notional=None,
)  # fmt: skip
SPEC = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE), funds_check=FundsCheck.AT_VENUE)
ULP = Fraction(1, 10**18)
"""The last decimal of a cost."""

lots = st.integers(min_value=1, max_value=10_000)
halves = st.integers(min_value=2_000, max_value=400_000)
"""Prices from 1000 to 200000, in half dollars."""


def order_of(quantity: int) -> tuple[TradingState, Order]:
    world = state(account(AccountType.MARGIN), traded=TRADED, spec=SPEC)
    return world, submit(world, type=OrderType.MARKET, quantity=D(quantity))


def filled(*fills: tuple[int, D]) -> Order:
    """Return an order that these fills (quantity, price) complete."""
    world, order = order_of(sum(quantity for quantity, _ in fills))
    for number, (quantity, price) in enumerate(fills):
        apply_report(world, fill(order, f"t{number}", quantity, price))
    return now(world, order)


def fill(order: Order, trade_id: str, quantity: int, price: D) -> FillReport:
    return FillReport(**about(order), trade_id=trade_id, side=order.side, price=price, quantity=D(quantity))  # type: ignore[arg-type]


def about(order: Order) -> dict[str, object]:
    return {
        "account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "venue_order_id": "v1", "at_ms": NOW_MS + 5
    }  # fmt: skip


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


def test_an_order_in_two_prices_costs_what_its_parts_cost_at_their_harmonic_mean() -> None:
    order = filled((1_000, D(60_000)), (1_000, D(60_600)))
    assert [each.cost for each in order.executions] == [D("0.016666666666666667"), D("0.016501650165016502")]
    assert order.executed_cost == D("0.033168316831683169")
    assert order.executed_price == D("60298.50746269")
    assert (order.executed_quantity, order.base_asset, TRADED.settled_in) == (2_000, "BTC", "BTC")


@given(fills=st.lists(st.tuples(lots, halves), min_size=1, max_size=12))
def test_an_order_costs_the_sum_of_its_executions_and_has_their_harmonic_mean(fills: list[tuple[int, int]]) -> None:
    parts = [(10 * lot, D(half) / 2) for lot, half in fills]
    order = filled(*parts)
    exact = sum(Fraction(quantity) / Fraction(price) for quantity, price in parts)
    assert order.executed_cost == sum(each.cost for each in order.executions)
    assert abs(Fraction(order.executed_cost) - exact) <= len(parts) * ULP / 2
    mean = Fraction(sum(quantity for quantity, _ in parts)) / exact
    assert abs(Fraction(order.executed_price) - mean) <= Fraction(1, 10**8)


@given(quantity=lots, half=halves, parts=st.integers(min_value=1, max_value=60))
def test_parts_at_one_price_cost_what_the_whole_costs_and_have_exactly_its_price(
    quantity: int, half: int, parts: int
) -> None:
    price = D(half) / 2
    whole, split = filled((10 * quantity * parts, price)), filled(*[(10 * quantity, price)] * parts)
    assert abs(Fraction(whole.executed_cost - split.executed_cost)) <= (parts + 1) * ULP / 2
    assert whole.executed_price == split.executed_price == price


def test_a_thousand_equal_fills_have_their_price() -> None:
    assert filled(*[(10, D(60_000))] * 1_000).executed_price == 60_000


def test_a_correction_and_a_bust_change_the_cost() -> None:
    world, order = order_of(2_000)
    apply_report(world, fill(order, "t1", 1_000, D(60_000)))
    apply_report(world, fill(order, "t2", 1_000, D(60_600)))
    late = about(order) | {"at_ms": NOW_MS + 9}
    apply_report(
        world,
        FillCorrectedReport(**late, trade_id="t2", side=Side.BUY, price=D(50_000), quantity=D(500)),  # type: ignore[arg-type]
    )
    assert now(world, order).executed_cost == D("0.016666666666666667") + D("0.01")
    apply_report(world, FillBustedReport(**late, trade_id="t1"))  # type: ignore[arg-type]
    assert (now(world, order).executed_cost, now(world, order).executed_price) == (D("0.01"), 50_000)


def test_an_order_that_was_placed_elsewhere_costs_the_same() -> None:
    world = state(account(AccountType.MARGIN), traded=TRADED, spec=SPEC)
    report = ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, at_ms=NOW_MS, venue_order_id="v1", side=Side.BUY,
        type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(1_000), limit_price=D(50_000),
        executed_quantity=D(0),
    )  # fmt: skip
    apply_report(world, report)
    [order] = world.changed.created.values()
    apply_report(world, fill(order, "t1", 1_000, D(50_000)))
    assert now(world, order).executed_cost == D("0.02")


def test_a_linear_order_costs_price_times_quantity() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    for number, price in enumerate((D(88), D(90))):
        apply_report(world, fill(order, f"t{number}", 1, price))
    assert (now(world, order).executed_cost, now(world, order).executed_price) == (178, 89)


def test_what_an_earlier_version_logged_goes_on_saying_what_it_said() -> None:
    order = filled((1_000, D(50_000)))
    logged = {key: value for key, value in msgspec.to_builtins(order.executions[0]).items() if key != "is_inverse"}
    assert msgspec.convert(logged, Execution).cost == 50_000_000
