"""Reconcile: find out what happened in an account while it had no live session. It never sends an order.

There is one path, whatever the cause (a start, a reconnect, a broken stream, a new snapshot): replay what happened, ask
about every order that is open or in doubt, read the whole account. Only then are new orders sent.
"""

from collections.abc import Callable, Sequence

from cadenza.application.orders.ask_venue import AskVenue
from cadenza.application.orders.leave_out_known import leave_out_known
from cadenza.application.orders.mark_complete import MarkComplete
from cadenza.application.orders.take_snapshots import TakeSnapshots
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import TradingAccountId, VenueId
from cadenza.domain.trading.held import recorded_to_send_at_ms
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import NewsGap
from cadenza.ports.venue import REPORTED_WITHIN_MS, ExecutionSession

UNDETERMINED_REPLAYED_MS = 86_400_000
"""For how long after it was recorded a replay goes back to an order that asking cannot determine."""


class Reconcile:
    """Reconciles accounts. Safe to repeat: after a crash the next run asks from the same instant."""

    def __init__(
        self,
        *,
        storage: Storage,
        ask_venue: AskVenue,
        snapshots: TakeSnapshots,
        marks: MarkComplete,
        spec: Callable[[VenueId], VenueSpec],
        alarms: Alarms,
        clock: Clock,
        failpoints: Failpoints,
    ) -> None:
        self._storage = storage
        self._ask_venue = ask_venue
        self._snapshots = snapshots
        self._marks = marks
        self._spec = spec
        self._alarms = alarms
        self._clock = clock
        self._failpoints = failpoints

    async def __call__(
        self, account_id: TradingAccountId, session: ExecutionSession, gap_since_ms: int | None = None
    ) -> None:
        """Reconcile the account. Raises `VenueUnavailable` or `DatabaseUnavailable`; then the account's
        `complete_until_ms` does not move on. `gap_since_ms`: what happened since then (the venue's clock) may have been
        missed too.
        """
        account = await self._with_mark(account_id, gap_since_ms)
        if account is None or account.complete_until_ms is None:
            return
        # Later news comes by the stream. If it breaks before the replay has ended, the next replay asks from here.
        begun_ms = session.venue_time_ms()
        async with self._storage.read() as uow:
            unresolved = await uow.orders.unresolved(account_id)
        in_doubt = [order for order in unresolved if order.is_in_doubt and self._may_hide_news(order)]
        # An order in doubt may hide news from before that instant.
        since_ms = min([account.complete_until_ms, *(recorded_to_send_at_ms(order) for order in in_doubt)])
        # An order that asking cannot determine needs an operator. What its venue has forgotten since is no gap.
        shown = (recorded_to_send_at_ms(order) for order in in_doubt if _may_be_shown(order))
        needed = [account.complete_until_ms, *shown]
        covers_from_ms = await self._replay(account, session, since_ms)
        if covers_from_ms is not None and covers_from_ms > min(needed):
            # No new order was sent since the session was lost, so these are the orders that a gap may hide news of.
            await self._note_gap(account, min(needed), covers_from_ms, has_orders=bool(unresolved))
        await self._marks.replayed(account_id, begun_ms)
        self._failpoints.reach("reconcile.after_replay")
        async with self._storage.read() as uow:
            orders = await uow.orders.unresolved(account_id)
        async for _ in self._ask_venue.lookup(session, orders):
            pass
        await self._snapshots.take(account_id, session)

    def _may_hide_news(self, order: Order) -> bool:
        """Whether a replay may still bring something of the order in doubt that is older than the mark. An order that
        asking cannot determine has been replayed often enough after a day."""
        return _may_be_shown(order) or recorded_to_send_at_ms(order) > self._clock.now_ms() - UNDETERMINED_REPLAYED_MS

    async def _with_mark(self, account_id: TradingAccountId, gap_since_ms: int | None) -> TradingAccount | None:
        """Return the account with the mark from which the replay has to ask. It was moved back durably to where a gap
        begins. A mark in our future was made while our clock was ahead, and says nothing."""
        account = await self._account(account_id)
        if account is None or account.complete_until_ms is None or account.adopted_at_ms is None:
            return account
        now_ms = self._clock.now_ms()
        bounds = [account.complete_until_ms] if gap_since_ms is None else [account.complete_until_ms, gap_since_ms]
        if account.complete_until_ms > now_ms + REPORTED_WITHIN_MS:
            bounds += [account.adopted_at_ms, now_ms]
        if min(bounds) == account.complete_until_ms:
            return account
        await self._marks.may_have_missed(account_id, min(bounds))
        return await self._account(account_id)

    async def _account(self, account_id: TradingAccountId) -> TradingAccount | None:
        async with self._storage.read() as uow:
            return await uow.accounts.get(account_id)

    async def _replay(self, account: TradingAccount, session: ExecutionSession, since_ms: int) -> int | None:
        """Apply the session's replay, piece by piece. Return the instant from which on it contains everything. After a
        crash the next run asks from the same instant. Applying a report twice changes nothing."""
        covers_from_ms = None
        async for piece in self._ask_venue.replay(session, since_ms - REPORTED_WITHIN_MS):
            covers_from_ms = piece.covers_from_ms
            if piece.reports:
                await self._ask_venue.book(await self._news(account.id, piece.reports))
            self._failpoints.reach("reconcile.after_piece")
        return covers_from_ms

    async def _note_gap(self, account: TradingAccount, from_ms: int, until_ms: int, *, has_orders: bool) -> None:
        """Record the gap. A gap that belongs to how the venue works raises no alarm, and neither does one that was
        recorded before. The alarm sounds before the commit: after a death in between it sounds twice, and never not."""
        gap = NewsGap(account_id=account.id, from_ms=from_ms, until_ms=until_ms, found_at_ms=self._clock.now_ms())
        async with self._storage.begin() as uow:
            is_new = await uow.gaps.add(gap)
            if is_new and not self._spec(account.venue_id).is_gap_expected(has_orders=has_orders):
                self._alarms.sound(Alarm.NEWS_GAP, {"account_id": account.id, "from_ms": from_ms, "until_ms": until_ms})
            await uow.commit()

    async def _news(self, account_id: TradingAccountId, piece: Sequence[Report]) -> Sequence[Report]:
        async with self._storage.read() as uow:
            return await leave_out_known(uow.orders, account_id, piece)


def _may_be_shown(order: Order) -> bool:
    """Whether asking may still show how the order in doubt stands."""
    return order.doubt is not Doubt.UNDETERMINED
