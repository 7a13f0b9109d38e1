"""When an operator may state how an order stands at its venue."""

from cadenza.domain.trading.deadline import is_of_wrong_clock
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.venue_spec import VenueSpec


def may_be_resolved(order: Order, spec: VenueSpec) -> bool:
    """Whether an operator may state how the order stands: it is in doubt, or it is open at a venue that cannot be asked
    about orders. At such a venue nothing but a person finds out that the end of an order was missed."""
    return order.is_in_doubt or (spec.lookup is None and not order.is_closed)


def may_be_answered(order: Order, spec: VenueSpec, now_ms: int) -> bool:
    """Whether the venue's reply to the order may still come in time, so that it is too early for an operator. A
    deadline of a wrong clock says nothing."""
    if order.doubt is not Doubt.UNANSWERED or order.send_before_ms is None:
        return False
    is_late = now_ms > order.send_before_ms + spec.reply_ms_max
    return not (is_late or is_of_wrong_clock(order, spec, now_ms))
