"""Expire orders whose time in force their venue does not have. Such an order is sent as GTC, and at its `expire_at_ms`
(our clock) the platform cancels it.

The request to cancel is recorded first, as that of a user is. If the process dies then, or the venue does not answer,
the request is sent again (`orders/inquire.py`). What was executed before the venue canceled the order counts.
"""

from dataclasses import dataclass

from cadenza.application.orders.committer import Committer
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

ORDERS_PER_ROUND_MAX = 200
"""The most orders that one round expires. The next round continues with the following ones."""

AGAIN_AFTER_MS = 2_000
"""An order that works on although its cancel was sent is overdue again after this pause."""


@dataclass(frozen=True, slots=True)
class ExpiryChange:
    """A change: record the cancel of an order that is overdue. Returns None if it is overdue no more."""

    account_id: TradingAccountId
    order_id: OrderId

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Order | None:
        order = state.order(self.order_id)
        if order is None or not order.is_overdue(state.world.now_ms):
            return None
        order = order.expiry_requested(state.world.now_ms)
        state.put_order(order)
        return order


class ExpireOrders:
    """One supervised loop calls `tick`. It returns without waiting for any venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        send_cancel: SendCancel,
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._send_cancel = send_cancel
        self._clock = clock
        self._concurrency = concurrency
        self._after: tuple[int, OrderId] | None = None
        self._not_before_ms: dict[OrderId, int] = {}
        """Orders that were expired of late, with when they may be again (the monotonic clock)."""

    async def tick(self) -> None:
        """Begin to expire what is overdue."""
        async with self._storage.read() as uow:
            overdue = await uow.orders.overdue(self._clock.now_ms(), self._after, ORDERS_PER_ROUND_MAX)
        self._after = overdue[-1][1:] if len(overdue) == ORDERS_PER_ROUND_MAX else None
        now_ms = self._clock.monotonic_ms()
        self._not_before_ms = {order_id: ms for order_id, ms in self._not_before_ms.items() if ms > now_ms}
        for account_id, _, order_id in overdue:
            if order_id not in self._not_before_ms:
                self._not_before_ms[order_id] = now_ms + AGAIN_AFTER_MS
                self._concurrency.spawn(f"expire {order_id}", self._expire(account_id, order_id))

    async def _expire(self, account_id: TradingAccountId, order_id: OrderId) -> None:
        order = await self._committer.commit(ExpiryChange(account_id, order_id))
        if order is not None:
            await self._send_cancel(order)
