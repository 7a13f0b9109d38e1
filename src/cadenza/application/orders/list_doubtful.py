"""List the orders that an operator has to look at."""

from collections.abc import Sequence

from cadenza.domain.trading.order import Order
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage

ASKED_FOR_MS = 60_000
"""An operator is shown an order that has been in doubt for so long. By then the venue was asked several times."""


class ListDoubtful:
    """The orders in doubt of all accounts, the oldest first: those whose outcome asking the venue cannot determine, and
    those that have been in doubt for longer than `ASKED_FOR_MS`."""

    def __init__(self, *, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def __call__(self, limit: int) -> Sequence[Order]:
        """Return at most `limit` orders."""
        async with self._storage.read() as uow:
            return await uow.orders.in_doubt(self._clock.now_ms() - ASKED_FOR_MS, limit)
