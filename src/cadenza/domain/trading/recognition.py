"""Whose order a report is about that names it by an id of ours which others may give out too.

Such an id alone proves nothing (`CountedSentId.is_shared`), and neither do the terms of the order beside it, because
somebody else's order may have both. So only a report that has our order id names our order. What comes before waits.
"""

from typing import TypeGuard

from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.contradictions import contradiction_of, may_be_shown_as, names_another
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.enums import RESOLVED_BY_OPERATOR, CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import ExternalOrderReport, OrderReport, OrderTermsReport
from cadenza.domain.trading.venue_spec import CountedSentId, SentIdRule, VenueSpec

_SUPPOSED = (RejectReason.NOT_FOUND_AT_VENUE.value, RESOLVED_BY_OPERATOR)
"""Reasons of orders that were only taken for dead."""


def means(order: Order, report: OrderReport, spec: VenueSpec) -> bool:
    """Whether a report that names this order by our id, and not by our order id, means it. `spec` is that of its venue.
    Where others may give out the same id, the report has to state the venue's id of the order. As long as that is not
    known, another order with the same terms may still show itself. So the reply to our request names the order, or the
    answer to a question about it, which has seen all orders with our id. Only an order that was taken for dead is
    recognized by its terms: nothing asks about it any more."""
    if names_another(order, report):
        return False
    is_named = order.venue_order_id is not None or report.venue_order_id is None
    if is_named or not is_shared(spec.sent_id):
        return True
    if not order.is_closed or _is_proved_absent(order) or _is_after_fence(order, report, spec):
        return False
    return states_terms_of(order, report, spec.sent_id)


def awaits(order: Order, report: OrderReport, spec: VenueSpec) -> bool:
    """Whether a report that names this order by our id may turn out to mean it: it states the terms of an order that
    the venue has not named, and asking may still name it."""
    is_open = order.venue_order_id is None and not order.is_closed and order.doubt is not Doubt.UNDETERMINED
    return is_open and is_shared(spec.sent_id) and states_terms_of(order, report, spec.sent_id)


def is_shared(rule: SentIdRule) -> TypeGuard[CountedSentId]:
    """Whether others may give out our ids."""
    return isinstance(rule, CountedSentId) and rule.is_shared


def states_terms_of(order: Order, report: OrderReport, rule: CountedSentId) -> bool:
    """Whether the report states all terms of this order as they were sent: instrument, side, type, quantity and both
    prices. An order that its trigger has changed, or somebody at the venue, has other ones. Only an announcement states
    all of them: the others leave open whether a LIMIT order is immediate."""
    if not isinstance(report, ExternalOrderReport) or contradiction_of(order, report) is not None:
        return False
    sent_type = rule.shown_as.get(order.type, order.type)
    sent = (order.side, sent_type, order.quantity, order.limit_price, order.stop_price)
    stated = (report.side, report.type, report.quantity, report.limit_price, report.stop_price)
    return stated == sent and _rests_alike(order, report)


def may_be_amended(order: Order, report: ExternalOrderReport) -> bool:
    """Whether the report may be about this order after somebody has amended it, or its trigger has changed it: it
    states a side and a type that this order may have, and is not from before the order was recorded."""
    return contradiction_of(order, report) is None and may_be_shown_as(order.type, report.type)


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
