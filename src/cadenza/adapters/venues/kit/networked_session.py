"""What the sessions of venues on the network do alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from cadenza.adapters.venues.kit.order_calls import Reports, SubmitCall
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import AccountSnapshot, ExecutionSession


class NetworkedSession(ExecutionSession, ABC):
    """Implements of `ExecutionSession` how calls about orders are made, how the account is read, and how the session
    ends. A venue's session adds what it asks of the venue, and the methods that are missing here."""

    def __init__(self, life: SessionLife) -> None:
        self._life = life
        self._orders = life.new_orders

    # What a venue's session says

    @abstractmethod
    async def open(self) -> None:
        """Return when all streams are live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""

    @abstractmethod
    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        """Send an order; `call.leaving` makes the request."""

    @abstractmethod
    async def _cancel(self, order: Order) -> Reports:
        """Ask the venue to cancel an order that may have left."""

    # `ExecutionSession`

    async def submit(self, order: Order) -> Sequence[Report]:
        return await self._orders.submit(order, lambda call: self._submit(order, call))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return self._life.calls.withdraw(order) or await self._life.calls.other(self._cancel(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        self._life.calls.withdraw_unsent(is_meant)

    async def snapshot(self) -> AccountSnapshot:
        snapshot = await self._life.snapshot()
        await self._life.delivery.wait_idle()
        return snapshot

    def venue_time_ms(self) -> int:
        return self._life.venue_time_ms()

    def is_caught_up(self) -> bool:
        return self._life.is_caught_up

    @property
    def is_closed(self) -> bool:
        return self._life.is_closed

    async def close(self) -> None:
        await self._life.close()
