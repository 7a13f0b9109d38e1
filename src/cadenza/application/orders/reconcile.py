"""Reconcile: ask the venue what became of orders whose outcome we do not know. It never sends an order; a cancel that
may not have arrived is repeated, which is harmless.

Run when a session opens (after a restart, a reconnect) and from time to time for orders that stay without an answer.
"""

from collections.abc import Mapping, Sequence

from cadenza.application.orders.apply_report import ApplyReports
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.in_flight import InFlight
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.venue import ExecutionSession

ORDERS_PER_LOOKUP_MAX = 100
UNANSWERED_AFTER_MS = 2_000
"""An order that has waited this long for an answer is asked for."""

REPLAY_OVERLAP_MS = 60_000
"""How much of what was heard already is asked for again: a stream may be out of order, and clocks may differ, by so
much."""

UNANSWERED_ORDERS_MAX = 1_000
"""Orders asked for in one round; the longest waiting come first."""


class Reconcile:
    """Asks a session about its account's orders and applies what it answers; safe to repeat."""

    def __init__(
        self, *, committer: Committer, storage: Storage, in_flight: InFlight, clock: Clock, failpoints: Failpoints
    ) -> None:
        self._in_flight = in_flight
        self._committer = committer
        self._storage = storage
        self._clock = clock
        self._failpoints = failpoints

    async def whole_account(self, account_id: TradingAccountId, session: ExecutionSession) -> None:
        """After a session opened: everything that was not heard yet, then every open order by its id.

        Our own newest event would be no bound: the venue's news may have been far behind it when the process ended.
        """
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
        if account is not None and account.heard_until_ms is not None:
            await self._since(account_id, session, account.heard_until_ms - REPLAY_OVERLAP_MS)

    async def after_adoption(self, account_id: TradingAccountId, session: ExecutionSession, adopted_at_ms: int) -> None:
        """After a snapshot was taken in: what happened since, and what open orders had been filled before."""
        await self._since(account_id, session, adopted_at_ms)

    async def _since(self, account_id: TradingAccountId, session: ExecutionSession, since_ms: int) -> None:
        await self._apply(await session.replay(since_ms), tells_all=True)
        async with self._storage.read() as uow:
            orders = await uow.orders.unresolved(account_id)
        await self._lookup(session, orders)

    async def waiting(self) -> Mapping[TradingAccountId, Sequence[Order]]:
        """Return the orders of all accounts that have waited too long for an answer."""
        before_ms = self._clock.now_ms() - UNANSWERED_AFTER_MS
        async with self._storage.read() as uow:
            orders = await uow.orders.unanswered(before_ms, UNANSWERED_ORDERS_MAX)
        waiting: dict[TradingAccountId, list[Order]] = {}
        for order in orders:
            waiting.setdefault(order.account_id, []).append(order)
        return waiting

    async def ask(self, session: ExecutionSession, orders: Sequence[Order]) -> None:
        """Ask the venue about these orders. Those that are being sent just now are left out: their request waits for
        the answer itself."""
        await self._lookup(session, orders)

    async def _lookup(self, session: ExecutionSession, orders: Sequence[Order]) -> None:
        orders = [order for order in orders if order.id not in self._in_flight]
        for start in range(0, len(orders), ORDERS_PER_LOOKUP_MAX):
            self._failpoints.reach("reconcile.before_lookup")
            reports = await session.lookup(orders[start : start + ORDERS_PER_LOOKUP_MAX])
            self._failpoints.reach("reconcile.after_lookup")
            known = await self._apply(reports)
            await self._cancel_again(session, [o for o in known.values() if o.status is OrderStatus.PENDING_CANCEL])

    async def _cancel_again(self, session: ExecutionSession, orders: Sequence[Order]) -> None:
        """The wish to cancel is on disk and the order works on at the venue: ask once more, which is harmless."""
        for order in orders:
            await self._apply(await session.cancel(order))

    async def _apply(self, reports: Sequence[Report], *, tells_all: bool = False) -> dict[OrderId, Order]:
        return await self._committer.commit_report(ApplyReports(reports, tells_all)) if reports else {}
