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
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    FillReport,
    RejectedReport,
    Report,
)
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import Settled
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ExecutionSession

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
        await self._replay(session, since_ms)
        async with self._storage.read() as uow:
            orders = await uow.orders.unresolved(account_id)
        await self._lookup(session, orders)

    async def _replay(self, session: ExecutionSession, since_ms: int) -> None:
        """Apply what the session tells, piece by piece. That all has been heard is known with the last piece, so after
        a death before it the next start asks from the same instant; what was applied then changes nothing again."""
        held: Sequence[Report] = ()
        async for piece in session.replay(since_ms):
            news = await self._news(piece)
            if news:
                await self._apply(held)
                held = news
        await self._apply(held, tells_all=True)

    async def _news(self, piece: Sequence[Report]) -> Sequence[Report]:
        """Leave out what a closed order knows already, which is nearly all of an overlap: it costs no transaction."""
        order_ids = {report.order_id for report in piece if report.order_id is not None}
        if not order_ids:
            return piece
        async with self._storage.read() as uow:
            settled = await uow.orders.settled(order_ids)
        return [report for report in piece if not _is_known(report, settled)]

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
        the answer itself, at most `VENUE_REPLY_MS_MAX`."""
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
        """Apply in changes of at most `REPLAY_REPORTS_MAX` reports, one after another."""
        known: dict[OrderId, Order] = {}
        for start in range(0, len(reports), REPLAY_REPORTS_MAX):
            end = start + REPLAY_REPORTS_MAX
            change = ApplyReports(reports[start:end], tells_all and end >= len(reports))
            known |= await self._committer.commit_report(change)
        return known


def _is_known(report: Report, settled: Mapping[OrderId, Settled]) -> bool:
    """Whether a report can change nothing: its order is closed, which is final, and has the execution it tells of."""
    known = None if report.order_id is None else settled.get(report.order_id)
    if known is None:
        return False
    match report:
        case FillReport():
            return report.trade_id in known.trade_ids
        case AcceptedReport():
            return report.venue_order_id == known.venue_order_id
        case RejectedReport() | CanceledReport() | ExpiredReport():
            return True
        case _:
            return False
