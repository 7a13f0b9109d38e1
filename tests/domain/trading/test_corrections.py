"""What a venue says of an execution later: corrections, busts and fees, in whatever order they arrive."""

from decimal import Decimal

import pytest

from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    CanceledReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    Report,
    VenueOrderStatus,
)
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, fill, named, now, stands
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


# --- the total that the venue states


def traded(order: Order, trade_id: str, quantity: str, later_ms: int) -> Report:
    return FillReport(
        **named(order, at_ms=NOW_MS + later_ms), trade_id=trade_id, side=order.side, price=D(90), quantity=D(quantity)
    )


def busted(order: Order, trade_id: str, later_ms: int) -> Report:
    return FillBustedReport(**named(order, at_ms=NOW_MS + later_ms), trade_id=trade_id)


def ended(order: Order, executed: str, later_ms: int) -> Report:
    return CanceledReport(
        **named(order, at_ms=NOW_MS + later_ms), reason=CancelReason.USER, executed_quantity=D(executed)
    )


def works(order: Order, executed: str, later_ms: int) -> Report:
    return stands(order, VenueOrderStatus.WORKING, executed, at_ms=NOW_MS + later_ms)


@pytest.fixture
def placed(world: TradingState) -> Order:
    """An order of 2, acknowledged."""
    order = submit(world, quantity=D(2))
    apply_report(world, accepted(order))
    return now(world, order)


def test_an_end_that_states_the_total_before_a_bust_misses_no_fill(world: TradingState, placed: Order) -> None:
    """In whatever order the reports arrive, and however often."""
    news = [
        traded(placed, "t1", "0.5", 10),
        traded(placed, "t2", "0.1", 11),
        ended(placed, "0.6", 20),
        busted(placed, "t1", 30),
    ]
    for report in (*news, *news, news[2]):
        apply_report(world, report)
    order = now(world, placed)
    assert (order.status, order.executed_quantity, order.stated_quantity) == (OrderStatus.CANCELED, D("0.1"), D("0.1"))
    assert not order.is_awaited


def test_a_bust_that_comes_before_the_older_end_counts(world: TradingState, placed: Order) -> None:
    for report in (
        traded(placed, "t1", "0.5", 10),
        traded(placed, "t2", "0.1", 11),
        busted(placed, "t1", 30),
        ended(placed, "0.6", 20),
    ):
        apply_report(world, report)
    order = now(world, placed)
    assert (order.status, order.missing_quantity, order.is_awaited) == (OrderStatus.CANCELED, D(0), False)


def test_a_bust_that_a_newer_total_contains_already_hides_no_missing_fill(world: TradingState, placed: Order) -> None:
    apply_report(world, traded(placed, "t1", "0.5", 10))
    apply_report(world, traded(placed, "t2", "0.1", 11))
    apply_report(world, works(placed, "0.6", 40))
    apply_report(world, busted(placed, "t1", 30))
    assert now(world, placed).missing_quantity == D("0.5")


def test_a_bust_of_an_execution_that_the_total_did_not_contain_leaves_the_total(
    world: TradingState, placed: Order
) -> None:
    apply_report(world, works(placed, "0.5", 5))
    apply_report(world, traded(placed, "t2", "0.2", 10))
    apply_report(world, busted(placed, "t2", 30))
    assert now(world, placed).missing_quantity == D("0.5")


def test_a_newer_status_lowers_the_total(world: TradingState, placed: Order) -> None:
    apply_report(world, works(placed, "0.6", 10))
    assert now(world, placed).missing_quantity == D("0.6")
    apply_report(world, works(placed, "0.1", 20))
    assert now(world, placed).missing_quantity == D("0.1")


def test_a_newer_end_lowers_the_total_of_a_closed_order(world: TradingState, placed: Order) -> None:
    apply_report(world, ended(placed, "0", 10))
    apply_report(world, works(placed, "0.6", 15))
    assert now(world, placed).is_awaited
    apply_report(world, ended(placed, "0", 20))
    order = now(world, placed)
    assert (order.missing_quantity, order.is_awaited) == (D(0), False)


def test_a_status_that_an_end_contradicts_gives_up_no_fill(world: TradingState, placed: Order) -> None:
    apply_report(world, ended(placed, "0.6", 10))
    apply_report(world, works(placed, "0", 20))
    order = now(world, placed)
    assert (order.is_closed, order.missing_quantity) == (False, D("0.6"))


def test_an_acknowledgement_lowers_nothing(world: TradingState, placed: Order) -> None:
    apply_report(world, works(placed, "0.6", 10))
    apply_report(world, accepted(placed))
    assert now(world, placed).missing_quantity == D("0.6")


def test_an_order_that_waits_for_fills_closes_once_the_venue_counts_them_no_more(
    world: TradingState, placed: Order
) -> None:
    apply_report(world, ended(placed, "0.6", 10))
    apply_report(world, ended(placed, "0", 20))
    order = now(world, placed)
    assert (order.status, order.is_awaited) == (OrderStatus.CANCELED, False)


def test_a_corrected_quantity_changes_the_total_that_was_stated_before(world: TradingState, placed: Order) -> None:
    apply_report(world, traded(placed, "t1", "0.5", 10))
    apply_report(world, works(placed, "0.8", 12))
    smaller = FillCorrectedReport(
        **named(placed, at_ms=NOW_MS + 20), trade_id="t1", side=placed.side, price=D(90), quantity=D("0.4")
    )
    apply_report(world, smaller)
    order = now(world, placed)
    assert (order.executed_quantity, order.missing_quantity) == (D("0.4"), D("0.3"))


# --- totals from before a correction


def lowered(order: Order) -> Report:
    return FillCorrectedReport(
        **named(order, at_ms=NOW_MS + 20), trade_id="t1", side=order.side, price=D(90), quantity=D("0.6")
    )


def test_a_total_from_before_a_correction_does_not_make_a_fill_missing(world: TradingState, filled: Order) -> None:
    apply_report(world, lowered(filled))
    old = stands(filled, VenueOrderStatus.WORKING, "1", at_ms=NOW_MS + 10)
    apply_report(world, old)
    apply_report(world, accepted(filled, "1"))
    order = now(world, filled)
    assert (order.executed_quantity, order.missing_quantity, order.is_in_doubt) == (D("0.6"), D(0), False)
    apply_report(world, stands(filled, VenueOrderStatus.WORKING, "0.8", at_ms=NOW_MS + 30))
    assert now(world, filled).missing_quantity == D("0.2")


@pytest.mark.parametrize(("total", "is_closed"), [("0.6", True), ("1", False)])
def test_an_end_with_a_total_from_before_a_correction_is_asked_about(
    world: TradingState, filled: Order, total: str, is_closed: bool
) -> None:
    apply_report(world, lowered(filled))
    ended = named(filled, at_ms=NOW_MS + 10)
    apply_report(world, CanceledReport(**ended, reason=CancelReason.USER, executed_quantity=D(total)))
    order = now(world, filled)
    assert (order.is_closed, order.is_awaited, order.missing_quantity) == (is_closed, not is_closed, D(0))
