"""Expire orders whose time in force their venue does not have. Such an order is sent as GTC, and at its `expire_at_ms`
(our clock) the platform cancels it.

The request to cancel is recorded first, as that of a user is. If the process dies then, or the venue does not answer,
the request is sent again (`orders/inquire.py`). What was executed before the venue canceled the order counts. A cancel
that the venue refuses while the order works is tried again after growing pauses.

A wall clock that steps forward is not believed at once: until it has stayed there for a minute, time goes on as before
the step.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cadenza.application.orders.backoff import Backoff
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.orders.steady_time import SteadyTime
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.trading.held import is_held
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trailing import expire_held
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

ORDERS_PER_ROUND_MAX = 1_000
"""The most overdue orders that one round looks at. The next round continues with the following ones."""

CANCELS_PER_ACCOUNT_MAX = 8
"""The most orders of one account that are being expired at a time. The others follow; they are on disk."""

ACCOUNTS_PER_VENUE_MAX = 32
"""The most accounts of one venue whose orders are being expired at a time; the others of that venue wait for a later
round."""


@dataclass(frozen=True, slots=True)
class ExpiryChange:
    """A change: record the cancel of an order that is overdue at `now_ms`. Returns None if it is overdue no more, or if
    the platform held it: then it has ended here."""

    account_id: TradingAccountId
    order_id: OrderId
    now_ms: int

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Order | None:
        order = state.order(self.order_id)
        if order is None or not order.is_overdue(self.now_ms):
            return None
        if is_held(order):
            expire_held(state, order)
            return None
        order = order.expiry_requested(state.world.now_ms)
        state.put_order(order)
        return order


class ExpireOrders:
    """One supervised loop calls `tick`. It returns without waiting for any venue. A venue that does not answer holds up
    its own accounts only."""

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
        self._time = SteadyTime(clock)
        self._clock = clock
        self._concurrency = concurrency
        self._after: tuple[int, OrderId] | None = None
        self._pauses: Backoff[OrderId] = Backoff(first_delay_ms=0)
        self._busy: dict[TradingAccountId, VenueId] = {}

    async def tick(self) -> None:
        """Begin to expire what is overdue."""
        now_ms = self._time.now_ms()
        async with self._storage.read() as uow:
            overdue = await uow.orders.overdue(now_ms, self._after, ORDERS_PER_ROUND_MAX)
        is_full = len(overdue) == ORDERS_PER_ROUND_MAX
        self._after = (overdue[-1].expire_at_ms, overdue[-1].order_id) if is_full else None
        due = set(self._pauses.due([each.order_id for each in overdue], self._clock.monotonic_ms()))
        by_account: dict[tuple[TradingAccountId, VenueId], list[OrderId]] = defaultdict(list)
        for each in overdue:
            if each.order_id in due and each.account_id not in self._busy:
                by_account[each.account_id, each.venue_id].append(each.order_id)
        busy = Counter(self._busy.values())
        for (account_id, venue_id), order_ids in by_account.items():
            if busy[venue_id] < ACCOUNTS_PER_VENUE_MAX:
                busy[venue_id] += 1
                self._busy[account_id] = venue_id
                work = self._expire_all(account_id, order_ids, now_ms)
                self._concurrency.spawn(f"expire orders of {account_id}", work)

    async def _expire_all(self, account_id: TradingAccountId, order_ids: Sequence[OrderId], now_ms: int) -> None:
        try:
            for start in range(0, len(order_ids), CANCELS_PER_ACCOUNT_MAX):
                part = order_ids[start : start + CANCELS_PER_ACCOUNT_MAX]
                self._pauses.tried(part, self._clock.monotonic_ms())
                await self._concurrency.gather(*(self._expire(account_id, order_id, now_ms) for order_id in part))
        finally:
            del self._busy[account_id]

    async def _expire(self, account_id: TradingAccountId, order_id: OrderId, now_ms: int) -> None:
        order = await self._committer.commit(ExpiryChange(account_id, order_id, now_ms))
        if order is not None:
            await self._send_cancel(order)
