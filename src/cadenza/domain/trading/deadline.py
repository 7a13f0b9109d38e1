"""What an order's deadline (`Order.send_before_ms`) says, while the clocks can be believed."""

from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec

CLOCK_TOLERANCE_MS = 60_000
"""How far an instant may lie beyond what is possible before it counts as that of a wrong clock, or of another order.
Clocks differ by less than this."""


def is_of_wrong_clock(order: Order, spec: VenueSpec, now_ms: int) -> bool:
    """Whether the deadline lies further in our future than any that is recorded now. Such a deadline shows that a clock
    was wrong, and says nothing."""
    return (order.send_before_ms or 0) > now_ms + spec.send_within_ms + CLOCK_TOLERANCE_MS
