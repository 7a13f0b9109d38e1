"""What an order is that the platform holds until its trigger is reached (`trailing.py`), to its venue."""

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.order import Order


def is_held(order: Order) -> bool:
    """Return whether the order is open and waits here for its trigger, unknown to its venue."""
    return order.trail is not None and order.trail.released_at_ms is None and not order.is_closed


def as_sent(order: Order) -> Order:
    """Return the order as its venue gets it and is asked about it. A released order is a MARKET order that was recorded
    when it was released. Any other order is itself."""
    if order.trail is None:
        return order
    return evolve(
        order,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        stop_price=None,
        expiry=None,
        expire_at_ms=None,
        created_at_ms=recorded_to_send_at_ms(order),
    )


def recorded_to_send_at_ms(order: Order) -> int:
    """Return when the order was recorded to be sent (our clock). Its venue has nothing of it from before."""
    released_at_ms = None if order.trail is None else order.trail.released_at_ms
    return order.created_at_ms if released_at_ms is None else released_at_ms
