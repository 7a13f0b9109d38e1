"""What the venue states of an order's terms and of its trigger: each has its own instant, and the newest counts."""

from dataclasses import replace

import pytest

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, TriggerMovedReport, VenueOrderStatus
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, named, now, stands
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, state, submit


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def trailing(world: TradingState) -> Order:
    order = submit(
        world, type=OrderType.TRAILING_STOP, side=Side.SELL, quantity=D(2), limit_price=None, stop_price=D(90)
    )
    apply_report(world, replace(accepted(order), at_ms=NOW_MS))
    return now(world, order)


def test_a_newer_move_of_the_trigger_does_not_hide_an_amendment(world: TradingState, trailing: Order) -> None:
    apply_report(world, _moved(trailing, 95, NOW_MS + 9))
    amended = stands(trailing, VenueOrderStatus.WORKING, "1", quantity="3", at_ms=NOW_MS + 8)
    for _ in range(2):
        apply_report(world, replace(amended, stop_price=D(94)))
        order = now(world, trailing)
        assert (order.quantity, order.stated_quantity, order.stop_price) == (D(3), D(1), D(95))
    apply_report(world, replace(amended, at_ms=NOW_MS + 7, quantity=D(4)))
    assert now(world, trailing).quantity == D(3)


def test_a_status_that_states_no_trigger_does_not_hide_an_earlier_move(world: TradingState, trailing: Order) -> None:
    apply_report(world, stands(trailing, VenueOrderStatus.WORKING, "0", quantity="3", at_ms=NOW_MS + 9))
    apply_report(world, _moved(trailing, 95, NOW_MS + 8))
    order = now(world, trailing)
    assert (order.quantity, order.stop_price) == (D(3), D(95))


def test_an_older_status_or_move_does_not_change_an_adopted_order(world: TradingState) -> None:
    placed = ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, venue_order_id="v1", at_ms=NOW_MS + 9, side=Side.SELL,
        type=OrderType.TRAILING_STOP, time_in_force=TimeInForce.GTC, quantity=D(3), executed_quantity=D(0),
        stop_price=D(95),
    )  # fmt: skip
    order = apply_report(world, placed)
    assert order is not None
    older = stands(order, VenueOrderStatus.WORKING, "0", quantity="2", at_ms=NOW_MS + 8)
    apply_report(world, replace(older, stop_price=D(90)))
    apply_report(world, _moved(order, 91, NOW_MS + 8))
    assert (now(world, order).quantity, now(world, order).stop_price) == (D(3), D(95))
    apply_report(world, replace(older, at_ms=NOW_MS + 10))
    apply_report(world, _moved(order, 96, NOW_MS + 10))
    assert (now(world, order).quantity, now(world, order).stop_price) == (D(2), D(96))


def test_an_older_move_of_the_trigger_does_not_undo_a_newer_one(world: TradingState) -> None:
    order = submit(world, type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(90))
    apply_report(world, _moved(order, 95, NOW_MS + 2))
    apply_report(world, _moved(order, 94, NOW_MS + 1))
    assert now(world, order).stop_price == D(95)
    apply_report(world, _moved(order, 96, NOW_MS + 2))
    assert now(world, order).stop_price == D(96)


def test_a_move_of_the_trigger_and_an_order_status_are_compared(world: TradingState) -> None:
    order = submit(world, type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(90))
    terms = stands(order, VenueOrderStatus.WORKING, "0", quantity="1")
    apply_report(world, replace(terms, stop_price=D(91), at_ms=NOW_MS + 3))
    apply_report(world, _moved(order, 95, NOW_MS + 2))
    assert now(world, order).stop_price == D(91)
    apply_report(world, _moved(order, 96, NOW_MS + 5))
    apply_report(world, replace(terms, stop_price=D(92), at_ms=NOW_MS + 4))
    assert now(world, order).stop_price == D(96)


def _moved(order: Order, stop_price: int, at_ms: int) -> TriggerMovedReport:
    return TriggerMovedReport(**named(order, at_ms=at_ms), stop_price=D(stop_price))
