"""The requests of this process that are under way: they may still be sent, or their replies are awaited.

A session compares `send_before_ms` with the wall clock, and so does a lookup that proves an order dead. A wall clock
that is ahead for a moment would prove it of an order whose request is still on its way. So this process measures the
same time with its monotonic clock as well, which no step of the wall clock changes.

A deadline that lies further in our future than any that is recorded now shows that a clock was wrong: ours was ahead
when the order was recorded, or is behind now. Such a deadline is no evidence, in either direction. While a session of
this process may still hold the request, the order may arrive. Otherwise nobody can send it any more, and the deadline
is replaced by one of the monotonic clock.

While the reply to a new order may still come in time, the venue is not asked about that order. A reply that is merely
slow is no unknown outcome.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.deadline import is_of_wrong_clock
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock

ON_THE_WAY_MS_MAX = 300_000
"""How long a request that nobody sends any more may be on its way, if its venue has no right deadline to refuse it by.
The kernel gives up a closed connection after about two minutes."""

WRONG_DEADLINES_MAX = 10_000
"""For how many orders with a wrong deadline it is remembered when they were first asked about. For the others, the time
begins again."""

FORGOTTEN_PER_ORDER = 2
"""Each new order lets at most so many older ones be forgotten, so none of them takes long."""


class Sending:
    """Remembers each order until the time in which it may be sent, and the venue's margin, have passed. Remembers each
    new order until its reply has been booked, or is late (`VenueSpec.reply_ms_max`)."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._until_ms: dict[OrderId, int] = {}
        self._abandoned: dict[OrderId, int] = {}
        """Orders whose sessions have not returned, with their deadlines."""
        self._wrong: dict[OrderId, int] = {}
        """Orders with a wrong deadline, with when they were first asked about."""
        self._unanswered: Counter[OrderId] = Counter()

    def begin(self, order: Order, spec: VenueSpec) -> None:
        """Note that the order is handed to its session now."""
        now_ms = self._clock.monotonic_ms()
        oldest = list(islice(self._until_ms.items(), FORGOTTEN_PER_ORDER))
        for order_id in [order_id for order_id, until_ms in oldest if until_ms < now_ms]:
            del self._until_ms[order_id]
        margin_ms = 0 if spec.fence is None else spec.fence.margin_ms
        self._until_ms[order.id] = now_ms + spec.send_within_ms + margin_ms

    def abandon(self, order: Order, spec: VenueSpec) -> None:
        """Note that the session has not returned in time. It may hold the request until the order's deadline. A venue
        in this process needs no note: it lets no order arrive that a lookup has not found."""
        now_ms = self._clock.now_ms()
        oldest = list(islice(self._abandoned.items(), FORGOTTEN_PER_ORDER))
        for order_id in [order_id for order_id, send_before_ms in oldest if send_before_ms < now_ms]:
            del self._abandoned[order_id]
        if order.send_before_ms is not None and not spec.is_in_process:
            self._abandoned[order.id] = order.send_before_ms

    def among(self, orders: Iterable[Order]) -> set[OrderId]:
        """Return those of the orders that may still reach their venue."""
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.now_ms()
        return {
            order.id
            for order in orders
            if now_ms <= self._until_ms.get(order.id, -1) or wall_ms <= self._abandoned.get(order.id, -1)
        }

    def with_right_deadline(self, order: Order, spec: VenueSpec) -> Order:
        """Return the order as a venue has to be asked about it. A wrong deadline is replaced: by then, and the venue's
        margin, whatever was sent has arrived. How long ago such an order was recorded is not known; if the venue
        forgets orders, it is asked as about the oldest."""
        wall_ms, now_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        if not is_of_wrong_clock(order, spec, wall_ms):
            self._wrong.pop(order.id, None)
            return order
        first_ms = self._wrong.setdefault(order.id, now_ms)
        if len(self._wrong) > WRONG_DEADLINES_MAX:
            del self._wrong[next(iter(self._wrong))]
        may_be_forgotten = spec.lookup is not None and bool(spec.lookup.memory)
        return evolve(
            order,
            send_before_ms=wall_ms - (now_ms - first_ms) + spec.send_within_ms + ON_THE_WAY_MS_MAX,
            created_at_ms=0 if may_be_forgotten else order.created_at_ms,
        )

    @contextmanager
    def awaiting_reply(self, order_id: OrderId) -> Iterator[None]:
        """Within this block, the reply to the new order is awaited."""
        self._unanswered[order_id] += 1
        try:
            yield
        finally:
            self._unanswered[order_id] -= 1
            if not self._unanswered[order_id]:
                del self._unanswered[order_id]

    def awaits_reply(self, order_id: OrderId) -> bool:
        """Return whether the reply to the new order may still come in time."""
        return order_id in self._unanswered
