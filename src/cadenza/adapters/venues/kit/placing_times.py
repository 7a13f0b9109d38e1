"""When orders of ours can have been placed, by the venue's clock: an order with our id that was placed at another time
is not ours."""

from dataclasses import dataclass

from cadenza.adapters.venues.kit.venue_clock import VenueClock, VenueInstant
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.order import Order

PLACED_TOLERANCE_MS = 2_000
"""How far the date of an order may lie beyond what the measured clock allows. What is measured is the clock that dates
the answers of the public host. Another machine dates the orders."""

ORDERS_MAX = 10_000
"""For how many orders the times are remembered. Of others, dates prove less."""


@dataclass(slots=True)
class _PlacingTime:
    """An order can have been placed from `earliest_ms` until `latest_ms` (the venue's clock), and was by
    `expected_by_ms` unless its request was held up for long. None: the instant is not known. `jumps` counts how often a
    clock had been set before they were measured."""

    jumps: int
    has_left: bool = False
    earliest_ms: int | None = None
    expected_by_ms: int | None = None
    latest_ms: int | None = None


class PlacingTimes:
    """The times of one session's orders.

    They follow our monotonic clock, so no step of our wall clock moves them. They are no evidence after the venue's
    clock was seen to have been set, or while it differs from our wall clock by more than `CLOCK_TOLERANCE_MS`: one of
    the two is wrong then. A session that did not send an order knows no earliest time of it.
    """

    def __init__(self, clock: VenueClock, *, held_up_ms: int) -> None:
        """`held_up_ms`: how much later than it left, or than its deadline, an order is expected to be placed at the
        latest."""
        self._clock = clock
        self._held_up_ms = held_up_ms
        self._times: dict[OrderId, _PlacingTime] = {}

    def leave(self, order_id: OrderId, *, valid_until_ms: int | None = None) -> None:
        """The order's request leaves now. `valid_until_ms` is the instant of the venue's clock after which the venue
        does not take it in, where the request names one. What was known of an earlier request is forgotten: the
        platform sends an order again only after a proof that it did not arrive."""
        self._times.pop(order_id, None)
        time, instant = self._time_of(order_id), self._trusted()
        time.has_left = True
        if instant is None:
            return
        time.earliest_ms = instant.venue_ms - _tolerance_ms(instant)
        if valid_until_ms is None:
            time.expected_by_ms = instant.venue_ms + _tolerance_ms(instant) + self._held_up_ms
        else:
            time.expected_by_ms = time.latest_ms = valid_until_ms + PLACED_TOLERANCE_MS

    def has_left(self, order_id: OrderId) -> bool:
        """Return whether this session has sent the order, as far as it remembers."""
        return order_id in self._times and self._times[order_id].has_left

    def arrive_no_more(self, order_id: OrderId) -> None:
        """A question was answered that no request for the order can follow. The first one counts."""
        time, instant = self._time_of(order_id), self._trusted()
        if instant is not None and time.latest_ms is None:
            time.latest_ms = instant.venue_ms + _tolerance_ms(instant)

    def prove(self, order: Order) -> bool:
        """Return whether dates can rule orders out: the venue's clock agrees with ours, and was not seen to be set
        since the order left."""
        time = self._times.get(order.id)
        return self._trusted() is not None and (time is None or time.jumps == self._clock.jumps)

    def rule_out(self, order: Order, placed_at_ms: int | None) -> bool:
        """Return whether an order that was placed then is another one for certain. Without a date, nothing is ruled
        out."""
        time = self._times.get(order.id)
        if time is None or placed_at_ms is None or not self.prove(order):
            return False
        is_before = time.earliest_ms is not None and placed_at_ms < time.earliest_ms
        return is_before or (time.latest_ms is not None and placed_at_ms > time.latest_ms)

    def fit(self, order: Order, placed_at_ms: int | None) -> bool:
        """Return whether an order that was placed then can be ours, by all that is known. A session that did not send
        ours goes by our wall clock, as it agrees with the venue's now. That proves nothing: it may have been wrong when
        the order was recorded."""
        if placed_at_ms is None or self.rule_out(order, placed_at_ms):
            return False
        time, instant = self._times.get(order.id), self._clock.usable()
        if time is not None and time.jumps == self._clock.jumps and time.expected_by_ms is not None:
            return placed_at_ms <= time.expected_by_ms
        if instant is None:
            return False
        placed_ms, tolerance_ms = placed_at_ms - instant.ahead_ms, _tolerance_ms(instant)
        send_before_ms = placed_ms if order.send_before_ms is None else order.send_before_ms
        return order.created_at_ms - tolerance_ms <= placed_ms <= send_before_ms + self._held_up_ms + tolerance_ms

    # Helpers

    def _trusted(self) -> VenueInstant | None:
        instant = self._clock.usable()
        return None if instant is None or abs(instant.ahead_ms) > CLOCK_TOLERANCE_MS else instant

    def _time_of(self, order_id: OrderId) -> _PlacingTime:
        """Return the times of an order. Those that were measured before a clock was set are forgotten."""
        time = self._times.get(order_id)
        if time is None or time.jumps != self._clock.jumps:
            time = self._times[order_id] = _PlacingTime(self._clock.jumps, self.has_left(order_id))
            if len(self._times) > ORDERS_MAX:
                del self._times[next(iter(self._times))]
        return time


def _tolerance_ms(instant: VenueInstant) -> int:
    return instant.error_ms + PLACED_TOLERANCE_MS
