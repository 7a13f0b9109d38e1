"""Whether a report can be about the order that it names.

Our id for an order may belong to another order at the venue: a counter that a restored backup has set back gives out
the same number again, and some venues compare ids with open orders only. What such an order did must not be booked to
ours.
"""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import OrderType
from cadenza.domain.money import ZERO, to_plain
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    FillCorrectedReport,
    FillReport,
    NotSentReport,
    OrderReport,
    OrderTermsReport,
    OwnReport,
    WithdrawnReport,
)
from cadenza.domain.trading.same_trade import contradicts

PLAIN_TYPES = (OrderType.MARKET, OrderType.LIMIT)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why a report cannot be about the order that it names; `detail` is for people."""

    reason: KeepReason
    detail: str = ""


def contradiction_of(order: Order, report: OrderReport) -> Contradiction | None:
    """Return the contradiction between a report and the order that it names; None when it may be about that order."""
    if report.instrument_id != order.instrument_id:
        return Contradiction(KeepReason.OTHER_INSTRUMENT)
    if names_another(order, report):
        return Contradiction(KeepReason.OTHER_ORDER, f"at the venue it is {report.venue_order_id}")
    if isinstance(report, FillReport | OrderTermsReport) and report.side not in (None, order.side):
        return Contradiction(KeepReason.OTHER_SIDE)
    other = _before(order, report) or (_other_type(order, report) if isinstance(report, OrderTermsReport) else None)
    if other is not None:
        return Contradiction(KeepReason.OTHER_ORDER, other)
    if isinstance(report, NotSentReport | WithdrawnReport) and _is_shown(order):
        return Contradiction(KeepReason.SHOWN_AT_VENUE, f"the order is {order.status.value}")
    if isinstance(report, FillReport):
        if report.quantity <= 0 or report.price <= 0:
            return Contradiction(KeepReason.NOT_POSITIVE)
        if _executed_with(order, report) > order.quantity:
            return Contradiction(KeepReason.MORE_THAN_ORDERED)
        known = execution_of(order, report.trade_id)
        if known is not None and contradicts(known, report):
            return Contradiction(KeepReason.OTHER_EXECUTION, f"booked is {_shown(known)}")
    return None


def names_another(order: Order, report: OrderReport) -> bool:
    """Whether the report, by the venue's id in it, is about another order, although it may name this one by our id.
    Venues take a client id again once its order has ended, and some never check it. A rename says what the order was
    called before, so it is about the order that had that id."""
    if order.venue_order_id is None or report.venue_order_id is None:
        return False
    if report.instrument_id != order.instrument_id:
        return True
    ids = (order.venue_order_id, *order.former_venue_order_ids)
    is_rename = isinstance(report, AcceptedReport) and report.former_venue_order_id in ids
    return report.venue_order_id not in ids and not is_rename


def may_be_shown_as(ours: OrderType, stated: OrderType) -> bool:
    """A trigger turns an order into a plain one, and some venues show a market order as a limit order."""
    if ours is OrderType.LIMIT:
        return stated is OrderType.LIMIT
    return ours not in PLAIN_TYPES or stated in PLAIN_TYPES


def execution_of(order: Order, trade_id: str) -> Execution | None:
    """Return the order's execution of that trade."""
    return next((execution for execution in order.executions if execution.trade_id == trade_id), None)


def _is_shown(order: Order) -> bool:
    """Whether the venue has shown the order. That an order is closed does not say that it ever arrived."""
    if order.is_closed:
        return order.venue_order_id is not None or order.executed_quantity > 0 or order.stated_quantity > 0
    return order.is_acknowledged


def _before(order: Order, report: OrderReport) -> str | None:
    """Return why the report is of a time before the order was recorded, by the venue's clock alone; None when it is
    not. It may be `CLOCK_TOLERANCE_MS` earlier, because a clock may step back a little. However far back that clock has
    stepped, a report under the venue's own id of the order is about the order, and so is one that names it by our order
    id: the reply to our request, and what a session found and has compared."""
    is_named = order.venue_order_id is not None and report.venue_order_id == order.venue_order_id
    if is_named or report.order_id == order.id or isinstance(report, OwnReport):
        return None
    placed_at_ms = report.placed_at_ms if isinstance(report, OrderTermsReport) else None
    happened_ms = report.at_ms if placed_at_ms is None else min(placed_at_ms, report.at_ms)
    if happened_ms >= order.recorded_after_ms - CLOCK_TOLERANCE_MS:
        return None
    return f"it happened at {happened_ms}, and the order was recorded after {order.recorded_after_ms}"


def _other_type(order: Order, report: OrderTermsReport) -> str | None:
    """Return why an order of the stated type is not ours; None when it may be. Only an id that
    is counted or shared can belong to another order. A quantity says nothing: ours may have been amended before the
    venue showed it."""
    if not order.recorded_after_ms or report.type is None or may_be_shown_as(order.type, report.type):
        return None
    return f"its type is {report.type}, and a {order.type} order was placed"


def _executed_with(order: Order, report: FillReport) -> Decimal:
    """What would be executed of the order with this report."""
    known = execution_of(order, report.trade_id)
    if known is None:
        return order.executed_quantity + report.quantity
    if not (isinstance(report, FillCorrectedReport) or known.is_by_operator):
        return order.executed_quantity
    return order.executed_quantity + report.quantity - (ZERO if known.is_busted else known.quantity)


def _shown(execution: Execution) -> str:
    fees = ", ".join(f"{to_plain(fee.quantity)} {fee.asset}" for fee in execution.fees) or "no fee"
    return f"{to_plain(execution.quantity)} at {to_plain(execution.price)}, {fees}"
