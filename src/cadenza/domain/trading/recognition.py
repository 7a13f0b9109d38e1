"""Whose order a report is about that names it by an id of ours which others may give out too.

Such an id alone proves nothing (`SentIdProof.is_shared`), and neither do the terms of the order beside it, because
somebody else's order may have both. So only a report that has our order id names our order. What comes before waits.
"""

from dataclasses import replace
from decimal import Decimal

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.contradictions import PLAIN_TYPES, contradiction_of, may_be_shown_as, names_another
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.enums import RESOLVED_BY_OPERATOR, CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.held import as_sent, is_held
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import ExternalOrderReport, OrderReport, OrderTermsReport
from cadenza.domain.trading.venue_spec import SentIdProof, VenueSpec

_SUPPOSED = (RejectReason.NOT_FOUND_AT_VENUE.value, RESOLVED_BY_OPERATOR)
"""Reasons of orders that were only taken for dead."""


def means(order: Order, report: OrderReport, spec: VenueSpec) -> bool:
    """Whether a report that names this order by our id, and not by our order id, means it. `spec` is that of its venue.
    Where others may give out the same id, the report has to state the venue's id of the order. As long as that is not
    known, another order with the same terms may still show itself. So the reply to our request names the order, or the
    answer to a question about it, which has seen all orders with our id. An order that nothing asks about is recognized
    by its terms: one that was taken for dead, and one that the platform holds, which was released before a backup was
    restored."""
    if names_another(order, report):
        return False
    is_named = order.venue_order_id is not None or report.venue_order_id is None
    if is_named or not spec.sent_id.is_shared:
        return True
    if not (order.is_closed or is_held(order)) or _is_proved_absent(order) or _is_after_fence(order, report, spec):
        return False
    return states_terms_of(order, report, spec.sent_id)


def awaits(order: Order, report: OrderReport, spec: VenueSpec) -> bool:
    """Whether a report that names this order by our id may turn out to mean it: it states the terms of an order that
    the venue has not named, or what may have become of it, and asking may still name it."""
    is_open = order.venue_order_id is None and not order.is_closed and order.doubt is not Doubt.UNDETERMINED
    if not is_open or not spec.sent_id.is_shared or is_held(order):
        return False
    return _may_be_triggered(order, report) or states_terms_of(order, _as_placed(order, report, spec), spec.sent_id)


def states_terms_of(order: Order, report: OrderReport, rule: SentIdProof) -> bool:
    """Whether the report states all terms of this order as they were sent: instrument, side, type, quantity and both
    prices. An order that its trigger has changed, or somebody at the venue, has other ones. Only an announcement states
    all of them: the others leave open whether a LIMIT order is immediate."""
    if not isinstance(report, ExternalOrderReport) or contradiction_of(order, report) is not None:
        return False
    sent = as_sent(order)
    sent_type = rule.shown_as.get(sent.type, sent.type)
    terms = (sent.side, sent_type, sent.quantity, sent.limit_price, sent.stop_price)
    stated = (report.side, report.type, report.quantity, report.limit_price, report.stop_price)
    return stated == terms and _rests_alike(sent, report)


def may_be_moved(side: Side, sent: Decimal | None, stated: Decimal | None) -> bool:
    """Whether a venue that moves limit prices (`SentIdProof.moves_limits`) may show the one that was sent as the stated
    one."""
    if sent is None or stated is None:
        return sent is stated
    return stated <= sent if side is Side.BUY else stated >= sent


def may_be_amended(order: Order, report: ExternalOrderReport) -> bool:
    """Whether the report may be about this order after somebody has amended it, or its trigger has changed it: it
    states a side and a type that this order may have, and is not from before the order was recorded."""
    return contradiction_of(order, report) is None and may_be_shown_as(order.type, report.type)


def _may_be_triggered(order: Order, report: OrderReport) -> bool:
    """Whether the report may be about what a conditional order has become when its trigger was reached."""
    has_become = isinstance(report, ExternalOrderReport) and report.former_venue_order_id is not None
    return has_become and as_sent(order).type not in PLAIN_TYPES and contradiction_of(order, report) is None


def _as_placed(order: Order, report: OrderReport, spec: VenueSpec) -> OrderReport:
    """Return the report with the limit price that was sent, if its venue may have moved that."""
    if not spec.sent_id.moves_limits or not isinstance(report, ExternalOrderReport):
        return report
    is_moved = may_be_moved(order.side, order.limit_price, report.limit_price)
    return replace(report, limit_price=order.limit_price) if is_moved else report


def _is_proved_absent(order: Order) -> bool:
    """Whether it is proved that an order which the venue has not named never worked there: it was not sent, or was
    withdrawn before, or the venue refused it. That the venue does not know an order may be wrong, and so may an
    operator."""
    if order.status is OrderStatus.REJECTED:
        return order.reject_reason not in _SUPPOSED
    is_ended = order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
    return is_ended and order.cancel_reason != CancelReason.VENUE.value


def _is_after_fence(order: Order, report: OrderReport, spec: VenueSpec) -> bool:
    """Whether the report is about an order that the venue took in when ours could not arrive any more. The two clocks
    differ by less than `CLOCK_TOLERANCE_MS`."""
    placed_at_ms = report.placed_at_ms if isinstance(report, OrderTermsReport) else None
    if placed_at_ms is None or spec.fence is None or order.send_before_ms is None:
        return False
    return placed_at_ms > order.send_before_ms + spec.fence.margin_ms + CLOCK_TOLERANCE_MS


def _rests_alike(order: Order, report: ExternalOrderReport) -> bool:
    """Whether a LIMIT order is IOC, FOK or neither, as was ordered."""
    if order.type is not OrderType.LIMIT:
        return True
    ours, stated = (
        time if time in (TimeInForce.IOC, TimeInForce.FOK) else None
        for time in (order.sent_time_in_force, report.time_in_force)
    )
    return ours is stated
