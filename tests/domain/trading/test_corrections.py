"""What a venue says of an execution later: corrections, busts and fees, in whatever order they arrive."""

from decimal import Decimal

import pytest

from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.order import Fee, Order
from cadenza.domain.trading.reports import FeeReport, FillCorrectedReport, Report
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, fill, named, now
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, state, submit


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def filled(world: TradingState) -> Order:
    """An order of 2, half of which was filled at 90 without a fee."""
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    apply_report(world, fill(order, "t1", "1"))
    return now(world, order)


def charged(order: Order, later_ms: int, fee: str) -> Report:
    return FeeReport(**named(order, at_ms=NOW_MS + later_ms), trade_id="t1", fees=(Fee("USDT", D(fee)),))


def corrected(order: Order, later_ms: int, price: str, fee: str | None = None) -> Report:
    fees = () if fee is None else (Fee("USDT", D(fee)),)
    return FillCorrectedReport(
        **named(order, at_ms=NOW_MS + later_ms), trade_id="t1", side=order.side, price=D(price), quantity=D(1),
        fees=fees,
    )  # fmt: skip


def usdt(world: TradingState) -> Decimal:
    return world.balance(ACCOUNT, "USDT").total


# --- fees


def test_an_older_fee_does_not_undo_a_newer_one(world: TradingState, filled: Order) -> None:
    apply_report(world, charged(filled, 20, "0.3"))
    total = usdt(world)
    apply_report(world, charged(filled, 10, "0.1"))
    assert now(world, filled).fees == (Fee("USDT", D("0.3")),)
    assert usdt(world) == total


def test_an_older_correction_keeps_a_newer_fee_and_changes_the_price(world: TradingState, filled: Order) -> None:
    apply_report(world, charged(filled, 20, "0.3"))
    total = usdt(world)
    apply_report(world, corrected(filled, 10, "89", "0.1"))
    order = now(world, filled)
    assert (order.executed_price, order.fees) == (D(89), (Fee("USDT", D("0.3")),))
    assert usdt(world) == total + 1


def test_a_fee_that_is_older_than_a_correction_counts_while_it_is_the_only_one(
    world: TradingState, filled: Order
) -> None:
    apply_report(world, corrected(filled, 20, "89"))
    apply_report(world, charged(filled, 10, "0.1"))
    apply_report(world, corrected(filled, 15, "88", "0.2"))
    order = now(world, filled)
    assert (order.executed_price, order.fees) == (D(89), (Fee("USDT", D("0.2")),))


def test_the_fee_of_a_fill_that_came_corrected_is_not_undone_by_an_older_one(
    world: TradingState,
) -> None:
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    apply_report(world, corrected(order, 20, "89", "0.3"))
    apply_report(world, charged(order, 10, "0.1"))
    assert now(world, order).fees == (Fee("USDT", D("0.3")),)


def test_the_same_fee_stated_again_moves_no_money(world: TradingState, filled: Order) -> None:
    apply_report(world, charged(filled, 10, "0.3"))
    world.changed.balances.clear()
    apply_report(world, charged(filled, 20, "0.3"))
    apply_report(world, charged(filled, 15, "0.1"))
    assert now(world, filled).fees == (Fee("USDT", D("0.3")),)
    assert not world.changed.balances
