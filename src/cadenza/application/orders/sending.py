"""The requests of this process that are under way: they may still be sent, or their replies are awaited.

A session compares `send_before_ms` with the wall clock, and so does a lookup that proves an order dead. A wall clock
that is ahead for a moment would prove it of an order whose request is still on its way. So this process measures the
same time with its monotonic clock as well, which no step of the wall clock changes.

While the reply to a request may still come in time, the venue is not asked about its order. A reply that is merely slow
is no unknown outcome.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock

FORGOTTEN_PER_ORDER = 2
"""Each new order lets at most so many older ones be forgotten, so none of them takes long."""


class Sending:
    """Remembers each order until the time in which it may be sent, and the venue's margin, have passed. Remembers each
    request until its reply has been booked, or is late (`VenueSpec.reply_ms_max`)."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._until_ms: dict[OrderId, int] = {}
        self._unanswered: Counter[OrderId] = Counter()

    def begin(self, order: Order, spec: VenueSpec) -> None:
        """Note that the order is handed to its session now."""
        now_ms = self._clock.monotonic_ms()
        oldest = list(islice(self._until_ms.items(), FORGOTTEN_PER_ORDER))
        for order_id in [order_id for order_id, until_ms in oldest if until_ms < now_ms]:
            del self._until_ms[order_id]
        margin_ms = 0 if spec.fence is None else spec.fence.margin_ms
        self._until_ms[order.id] = now_ms + spec.send_within_ms + margin_ms

    def among(self, orders: Iterable[Order]) -> set[OrderId]:
        """Return those of the orders that may still reach their venue."""
        now_ms = self._clock.monotonic_ms()
        return {order.id for order in orders if now_ms <= self._until_ms.get(order.id, -1)}

    @contextmanager
    def awaiting_reply(self, order_id: OrderId) -> Iterator[None]:
        """Within this block, the reply to a request about the order is awaited."""
        self._unanswered[order_id] += 1
        try:
            yield
        finally:
            self._unanswered[order_id] -= 1
            if not self._unanswered[order_id]:
                del self._unanswered[order_id]

    def awaits_reply(self, order_id: OrderId) -> bool:
        """Return whether a reply about the order may still come in time."""
        return order_id in self._unanswered
