"""Reconcile: find out what happened in an account while it had no live session. It never sends an order.

There is one path, whatever the cause (a start, a reconnect, a broken stream, a new snapshot): replay what happened, ask
about every order that is open or in doubt, read the whole account. Only then are new orders sent.
"""

from collections.abc import Mapping, Sequence

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.inquire import ORDERS_PER_LOOKUP_MAX
from cadenza.application.orders.take_snapshots import TakeSnapshots
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    FillCorrectedReport,
    FillReport,
    OrderReport,
    RejectedReport,
    Report,
)
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import NewsGap, Settled
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ExecutionSession

REPLAY_OVERLAP_MS = 60_000
"""How far a replay overlaps with what is known already, because a stream may be out of order and clocks may differ by
this much."""


class Reconcile:
    """Reconciles accounts. Safe to repeat: after a crash the next run asks from the same instant."""

    def __init__(
        self,
        *,
        storage: Storage,
        intake: ReportIntake,
        snapshots: TakeSnapshots,
        alarms: Alarms,
        clock: Clock,
        failpoints: Failpoints,
    ) -> None:
        self._storage = storage
        self._intake = intake
        self._snapshots = snapshots
        self._alarms = alarms
        self._clock = clock
        self._failpoints = failpoints

    async def __call__(
        self, account_id: TradingAccountId, session: ExecutionSession, gap_since_ms: int | None = None
    ) -> None:
        """Reconcile the account. Raises `VenueUnavailable` or `DatabaseUnavailable`; then the account's
        `complete_until_ms` does not move. `gap_since_ms`: what happened since then (the venue's clock) may have been
        missed too.
        """
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            orders = await uow.orders.unresolved(account_id)
        if account is None or account.complete_until_ms is None:
            return
        # An order in doubt may hide news from before that instant.
        since = [account.complete_until_ms, *(order.created_at_ms for order in orders if order.is_in_doubt)]
        since_ms = min(since if gap_since_ms is None else [*since, gap_since_ms])
        await self._replay(account_id, session, since_ms)
        async with self._storage.read() as uow:
            orders = await uow.orders.unresolved(account_id)
        await self._lookup(session, orders)
        await self._snapshots.take(account_id, session)

    async def _replay(self, account_id: TradingAccountId, session: ExecutionSession, since_ms: int) -> None:
        """Apply the session's replay, piece by piece. Only the last piece makes it complete, so after a crash before
        that the next run asks from the same instant. Applying a report twice changes nothing."""
        held: Sequence[Report] = ()
        covers_from_ms = None
        async for piece in session.replay(since_ms - REPLAY_OVERLAP_MS):
            covers_from_ms = piece.covers_from_ms
            news = await self._news(piece.reports)
            if news:
                await self._apply(held)
                held = news
        if covers_from_ms is not None and covers_from_ms > since_ms:
            await self._note_gap(account_id, since_ms, covers_from_ms)
        await self._apply(held, is_complete=True)

    async def _note_gap(self, account_id: TradingAccountId, from_ms: int, until_ms: int) -> None:
        gap = NewsGap(account_id=account_id, from_ms=from_ms, until_ms=until_ms, found_at_ms=self._clock.now_ms())
        async with self._storage.begin() as uow:
            await uow.gaps.add(gap)
            await uow.commit()
        self._alarms.sound(Alarm.NEWS_GAP, {"account_id": account_id, "from_ms": from_ms, "until_ms": until_ms})

    async def _news(self, piece: Sequence[Report]) -> Sequence[Report]:
        """Leave out reports that closed orders already contain. That is nearly all of an overlap, which then costs no
        transaction."""
        order_ids = {r.order_id for r in piece if isinstance(r, OrderReport) and r.order_id is not None}
        if not order_ids:
            return piece
        async with self._storage.read() as uow:
            settled = await uow.orders.settled(order_ids)
        return [report for report in piece if not _is_known(report, settled)]

    async def _lookup(self, session: ExecutionSession, orders: Sequence[Order]) -> None:
        for start in range(0, len(orders), ORDERS_PER_LOOKUP_MAX):
            self._failpoints.reach("reconcile.before_lookup")
            reports = await session.lookup(orders[start : start + ORDERS_PER_LOOKUP_MAX])
            self._failpoints.reach("reconcile.after_lookup")
            await self._apply(reports)

    async def _apply(self, reports: Sequence[Report], *, is_complete: bool = False) -> None:
        """Apply in changes of at most `REPLAY_REPORTS_MAX` reports, one after another."""
        for start in range(0, len(reports), REPLAY_REPORTS_MAX):
            end = start + REPLAY_REPORTS_MAX
            await self._intake.apply(reports[start:end], is_complete=is_complete and end >= len(reports))


def _is_known(report: Report, settled: Mapping[OrderId, Settled]) -> bool:
    """Whether a report can change nothing: its order is closed, which is final, and has what the report states."""
    if not isinstance(report, OrderReport) or report.order_id is None:
        return False
    known = settled.get(report.order_id)
    if known is None:
        return False
    match report:
        case FillCorrectedReport():
            return False
        case FillReport():
            return report.trade_id in known.trade_ids
        case AcceptedReport():
            return report.venue_order_id == known.venue_order_id and report.executed_quantity <= known.executed_quantity
        case CanceledReport() | ExpiredReport():
            return (report.executed_quantity or 0) <= known.executed_quantity
        case RejectedReport():
            return True
        case _:
            return False
