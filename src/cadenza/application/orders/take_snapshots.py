"""Read whole accounts from their venues, so that a missed report does not leave anything wrong for long. Where the
venue keeps the books, its snapshot is the truth. It is read when a session is restored, when a fill was followed by no
newer balance or position within two seconds, and every few minutes. Where our ledger keeps them, a snapshot is compared
just as often; a difference that no report explains, found twice in a row, is corrected and shown. Every few minutes the
venue is also asked about the open orders, except those that its snapshot shows as we know them: a stream may have lost
the report of a fill or of an order's end.
"""

from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.inquire import ORDERS_PER_LOOKUP_MAX
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.ids import TradingAccountId, VenueId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import apply_snapshot, differences
from cadenza.domain.trading.venue_spec import Books
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.venue import AccountSnapshot, ExecutionSession

AFTER_FILL_MS = 2_000
EVERY_MS = 300_000
RETRY_MS = 10_000
READ_MS_MAX = 60_000
ACCOUNTS_PER_VENUE_MAX = 4
"""The most accounts of one venue that are read at a time; the others wait for the next round."""

Difference = tuple[str, Decimal, Decimal]
"""A difference: the asset, or the instrument with its side; our value; the venue's value."""


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A change: take over the venue's snapshot of an account whose books the venue keeps."""

    account_id: TradingAccountId
    snapshot: AccountSnapshot

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> None:
        if state.account(self.account_id).adopted_at_ms is not None:
            _apply(state, self.account_id, self.snapshot)


@dataclass(frozen=True, slots=True)
class CompareSnapshot:
    """A change: compare a snapshot with our ledger, provided that nothing happened in the account since `sequence`; the
    differences are its decision (None when something did). Those that were `expected` are corrected."""

    account_id: TradingAccountId
    snapshot: AccountSnapshot
    sequence: int
    expected: tuple[Difference, ...]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> tuple[Difference, ...] | None:
        account = state.account(self.account_id)
        if account.last_sequence != self.sequence or account.adopted_at_ms is None:
            return None
        found = differences(state, self.account_id, self.snapshot.balances, self.snapshot.positions)
        if found and found == self.expected:
            _apply(state, self.account_id, self.snapshot)
        return found


class TakeSnapshots:
    """One supervised loop calls `tick`, which waits for no venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        intake: ReportIntake,
        sessions: Sessions,
        alarms: Alarms,
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._intake = intake
        self._sessions = sessions
        self._alarms = alarms
        self._clock = clock
        self._concurrency = concurrency
        self._due_ms: dict[TradingAccountId, int] = {}
        self._wanted_ms: dict[TradingAccountId, int] = {}
        self._reading: dict[TradingAccountId, VenueId] = {}
        self._expected: dict[TradingAccountId, tuple[Difference, ...]] = {}
        self.corrections_total = 0
        self.failing: dict[TradingAccountId, str] = {}

    def want(self, account_id: TradingAccountId) -> None:
        """A fill came without its balance: read the account soon. Several requests lead to one reading."""
        self._wanted_ms.setdefault(account_id, self._clock.monotonic_ms() + AFTER_FILL_MS)

    def spare(self, account_id: TradingAccountId) -> None:
        """The venue reported the balance by itself after the fill: the requested reading is not needed any more."""
        self._wanted_ms.pop(account_id, None)

    async def tick(self) -> None:
        """Start reading the accounts that are due, as far as their venues have room."""
        now_ms = self._clock.monotonic_ms()
        live = self._sessions.live()
        self._due_ms = {account_id: self._due_ms.get(account_id, now_ms + EVERY_MS) for account_id in live}
        self._wanted_ms = {account_id: ms for account_id, ms in self._wanted_ms.items() if account_id in self._due_ms}
        self.failing = {account_id: code for account_id, code in self.failing.items() if account_id in self._due_ms}
        due_ms = {account_id: min(ms, self._wanted_ms.get(account_id, ms)) for account_id, ms in self._due_ms.items()}
        busy = Counter(self._reading.values())
        for account_id in sorted(live, key=due_ms.__getitem__):
            if due_ms[account_id] > now_ms:
                return
            venue_id = self._sessions.venue_of(account_id)
            if account_id in self._reading or busy[venue_id] >= ACCOUNTS_PER_VENUE_MAX:
                continue
            busy[venue_id] += 1
            self._reading[account_id] = venue_id
            self._wanted_ms.pop(account_id, None)
            work = self._read_all(account_id) if self._due_ms[account_id] <= now_ms else self._read(account_id)
            self._due_ms[account_id] = now_ms + EVERY_MS
            self._concurrency.spawn(f"snapshot {account_id}", self._try(account_id, work))

    async def take(self, account_id: TradingAccountId, session: ExecutionSession) -> AccountSnapshot | None:
        """Read the account now, take over or compare the venue's snapshot, and return it. None when the venue has no
        snapshots, or when there is nothing to compare one with. Raises `VenueUnavailable`."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            awaited = await uow.orders.awaited({account_id: None}, 1)
        if account is None:
            return None
        spec = self._sessions.spec(account.venue_id)
        if not spec.snapshots:
            return None
        is_venues = spec.books_of(account.external.type) is Books.VENUE
        if not is_venues and awaited.get(account_id):  # the reply to a request may be in the snapshot, and not booked
            return None
        snapshot = await session.snapshot()
        if is_venues:
            await self._committer.commit_report(TakeSnapshot(account_id, snapshot))
        else:
            await self._compare(account_id, snapshot, account.last_sequence)
        return snapshot

    async def _compare(self, account_id: TradingAccountId, snapshot: AccountSnapshot, sequence: int) -> None:
        expected = self._expected.pop(account_id, ())
        change = CompareSnapshot(account_id, snapshot, sequence, expected)
        found = await self._committer.commit_report(change)
        if not found:
            return
        if found == expected:
            self.corrections_total += 1
            self._alarms.sound(Alarm.BOOKS_DIFFER, {"account_id": account_id, "differences": found})
        else:
            self._expected[account_id] = found
            self.want(account_id)

    async def _try(self, account_id: TradingAccountId, work: Coroutine[object, object, bool]) -> None:
        is_done = False
        try:
            is_done = bool(await self._concurrency.within(READ_MS_MAX, work))
        except CadenzaError as error:
            self.failing[account_id] = error.code
        finally:
            self._reading.pop(account_id, None)
        if is_done:
            self.failing.pop(account_id, None)
        else:
            self.failing.setdefault(account_id, VenueUnavailable.code)
            self._due_ms[account_id] = self._clock.monotonic_ms() + RETRY_MS

    async def _read(self, account_id: TradingAccountId) -> bool:
        await self.take(account_id, self._sessions.get(account_id))
        return True

    async def _read_all(self, account_id: TradingAccountId) -> bool:
        """Take a snapshot, then look up those open orders that it does not show as we know them. Orders in doubt have
        their own loop (`Inquire`)."""
        session = self._sessions.get(account_id)
        async with self._storage.read() as uow:  # before the snapshot: an order that is placed later is not missing
            orders = [order for order in await uow.orders.unresolved(account_id) if not order.is_in_doubt]
        snapshot = await self.take(account_id, session)
        shown = {_terms(report) for report in snapshot.open_orders} if snapshot else frozenset()
        if self._sessions.spec_of(account_id).lookup is not None:
            missing = [order for order in orders if _terms(order) not in shown]
            for first in range(0, len(missing), ORDERS_PER_LOOKUP_MAX):
                await self._intake.apply(await session.lookup(missing[first : first + ORDERS_PER_LOOKUP_MAX]))
        return True


def _terms(order: Order | ExternalOrderReport) -> tuple[object, ...]:
    """What has to agree for an open order to need no lookup. The venue's ids are unique per instrument."""
    terms = (order.quantity, order.limit_price, order.stop_price, order.executed_quantity)
    return (order.instrument_id, order.venue_order_id, *terms)


def _apply(state: TradingState, account_id: TradingAccountId, snapshot: AccountSnapshot) -> None:
    apply_snapshot(state, account_id, snapshot.balances, snapshot.positions, as_of=snapshot.as_of, at_ms=snapshot.at_ms)
