"""Waiting for an order to close."""

from collections.abc import Iterable
from typing import Protocol

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order


class Watch(Protocol):
    """A wait for an order to close. It is registered before the order is sent, so that no close is missed. Law: it
    holds no database connection."""

    async def closed_within(self, timeout_ms: int) -> Order | None:
        """Return the closed order as committed, or None when it did not close in time."""

    def release(self) -> None: ...


class Waiters(Protocol):
    """Law: the number of waits is bounded, and `wake` never blocks."""

    def watch(self, order_id: OrderId) -> Watch: ...

    def wake(self, closed: Iterable[Order]) -> None: ...
