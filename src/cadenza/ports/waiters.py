"""Waiting for an order to close."""

from collections.abc import Iterable
from typing import Protocol

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order


class Watch(Protocol):
    """A wait that was registered before the order was sent, so that no close is missed. Law: holds no connection."""

    async def closed_within(self, timeout_ms: int) -> Order | None:
        """Return the order as committed when it closed, or None when it did not in time."""

    def release(self) -> None: ...


class Waiters(Protocol):
    """Law: bounded; `wake` never blocks."""

    def watch(self, order_id: OrderId) -> Watch: ...

    def wake(self, closed: Iterable[Order]) -> None: ...
