"""Watch for orders that are closed here and that their venue shows as open: they can be executed there unseen."""

from collections.abc import Iterable

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock

SETTLE_MS = 60_000
"""How long before the request of a snapshot an order must have closed. A venue may answer from a copy that is a little
old, and our own clock gives the instant of the close."""

AGAIN_MS = 3_600_000
"""The pause between two alarms about one order."""


class WatchClosed:
    """Remembers the orders that it raised an alarm about for `AGAIN_MS`."""

    def __init__(self, *, alarms: Alarms, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock
        self._shown_ms: dict[OrderId, int] = {}

    def look(self, open_there: Iterable[Order], asked_at_ms: int) -> None:
        """Raise an alarm for each of these orders that was closed here long enough before `asked_at_ms` (our clock),
        when the venue was asked for its open orders."""
        now_ms = self._clock.monotonic_ms()
        self._shown_ms = {order_id: ms for order_id, ms in self._shown_ms.items() if now_ms - ms < AGAIN_MS}
        for order in open_there:
            is_settled = order.is_closed and order.updated_at_ms + SETTLE_MS <= asked_at_ms
            if is_settled and order.id not in self._shown_ms:
                self._shown_ms[order.id] = now_ms
                self._alarms.sound(Alarm.CLOSED_ORDER_WORKS, {"account_id": order.account_id, "order_id": order.id})
