"""Read whole accounts from their venues, so that a missed report does not leave anything wrong for long. Where the
venue keeps the books, its snapshot is the truth. It is read when a session is restored, when a fill was followed by no
newer balance or position within two seconds, and every few minutes. Where our ledger keeps them, a snapshot is compared
just as often (`CompareBooks`). Open orders of a snapshot that are unknown here are adopted. Every few minutes the venue
is also asked about the open orders, except those that its snapshot shows as we know them: a stream may have lost the
report of a fill or of an order's end.
"""

from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

from cadenza.application.orders.ask_venue import AskVenue
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.compare_books import CompareBooks
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.watch_closed import WatchClosed
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.recognition import means
from cadenza.domain.trading.reports import ExternalOrderReport, PositionReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import apply_snapshot, untraded_of, without_untraded
from cadenza.domain.trading.venue_spec import Books
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.venue import REPORTED_WITHIN_MS, AccountSnapshot, ExecutionSession

AFTER_FILL_MS = 2_000
EVERY_MS = 300_000
AFTER_UNREADABLE_MS = 10_000
"""The pause between a report that could not be read and the reading of the whole account. Further such reports
meanwhile lead to no other reading."""

RETRY_MS = 10_000
"""The pause after a snapshot or lookup that failed. Between lookups that fail in a row it doubles, up to `EVERY_MS`."""

CONFIRM_MS = REPORTED_WITHIN_MS
"""When a difference is looked for again: by then everything that the first snapshot contained has been reported."""

LOOKUPS_MS_MAX = 60_000
"""After this time a reading makes no further lookup. The next reading, `RETRY_MS` later, continues with the following
orders."""

ACCOUNTS_PER_VENUE_MAX = 4
"""The most accounts of one venue that are read at a time; the others wait for the next round."""


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A change: take over the venue's snapshot of an account whose books the venue keeps, except the positions that
    the account does not trade."""

    account_id: TradingAccountId
    snapshot: AccountSnapshot

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> None:
        if state.account(self.account_id).adopted_at_ms is not None:
            snapshot = self.snapshot
            apply_snapshot(
                state,
                self.account_id,
                snapshot.balances,
                without_untraded(state, self.account_id, snapshot.positions),
                as_of=snapshot.as_of,
                at_ms=snapshot.at_ms,
                is_whole=snapshot.is_whole,
            )


@dataclass(frozen=True, slots=True)
class FindUntraded:
    """A change that changes nothing: find the positions in instruments of a type that the account does not trade."""

    account_id: TradingAccountId
    positions: tuple[PositionReport, ...]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> tuple[PositionReport, ...]:
        return untraded_of(state, self.account_id, self.positions)


class TakeSnapshots:
    """One supervised loop calls `tick`, which waits for no venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        ask_venue: AskVenue,
        compare_books: CompareBooks,
        watch_closed: WatchClosed,
        sessions: Sessions,
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._ask_venue = ask_venue
        self._compare_books = compare_books
        self._watch_closed = watch_closed
        self._sessions = sessions
        self._clock = clock
        self._concurrency = concurrency
        self._due_ms: dict[TradingAccountId, int] = {}
        self._wanted_ms: dict[TradingAccountId, int] = {}
        self._filled_ms: dict[TradingAccountId, int] = {}
        """Accounts whose next reading is wanted for fills alone, with the instant of the newest (the venue's clock)."""
        self._reading: dict[TradingAccountId, VenueId] = {}
        self._looked_up: dict[TradingAccountId, tuple[int, OrderId]] = {}
        """Accounts whose last reading did not come to all of their open orders, with the last one that it came to."""
        self._pause_ms: dict[TradingAccountId, int] = {}
        """Accounts whose last lookup failed, with the pause after the next failure."""
        self.failing: dict[TradingAccountId, str] = {}

    def request(self, account_id: TradingAccountId, fill_at_ms: int | None) -> None:
        """A fill of that instant (the venue's clock) came without its balance, or, with None, a balance has to be
        compared: read the account soon. Several requests lead to one reading."""
        if account_id in self._wanted_ms and account_id not in self._filled_ms:
            return  # that reading is wanted for another cause, so no balance makes it needless
        self._wanted_ms.setdefault(account_id, self._clock.monotonic_ms() + AFTER_FILL_MS)
        if fill_at_ms is None:
            self._filled_ms.pop(account_id, None)
        else:
            self._filled_ms[account_id] = max(fill_at_ms, self._filled_ms.get(account_id, 0))

    def withdraw(self, account_id: TradingAccountId, at_ms: int) -> None:
        """The venue reported a newer balance by itself, of that instant: a reading that was wanted for fills up to it
        is not needed any more."""
        fill_at_ms = self._filled_ms.get(account_id)
        if fill_at_ms is not None and fill_at_ms <= at_ms:
            self._filled_ms.pop(account_id)
            self._wanted_ms.pop(account_id, None)

    def read_soon(self, account_id: TradingAccountId) -> None:
        """Something that could not be read was reported: read the account and look up its open orders soon. An account
        that takes no orders at the moment is read when it is reconciled."""
        soon_ms = self._clock.monotonic_ms() + AFTER_UNREADABLE_MS
        self._due_ms[account_id] = min(self._due_ms.get(account_id, soon_ms), soon_ms)

    async def tick(self) -> None:
        """Start reading the accounts that are due, as far as their venues have room."""
        now_ms = self._clock.monotonic_ms()
        live = self._sessions.live()
        self._due_ms = {account_id: self._due_ms.get(account_id, now_ms + EVERY_MS) for account_id in live}
        self._wanted_ms = {account_id: ms for account_id, ms in self._wanted_ms.items() if account_id in self._due_ms}
        self._filled_ms = {account_id: ms for account_id, ms in self._filled_ms.items() if account_id in self._due_ms}
        self._looked_up = {account_id: at for account_id, at in self._looked_up.items() if account_id in self._due_ms}
        self._pause_ms = {account_id: ms for account_id, ms in self._pause_ms.items() if account_id in self._due_ms}
        self.failing = {account_id: code for account_id, code in self.failing.items() if account_id in self._due_ms}
        self._compare_books.keep_only(self._due_ms.keys())
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
            self._filled_ms.pop(account_id, None)
            work = self._read_all(account_id) if self._due_ms[account_id] <= now_ms else self._read_snapshot(account_id)
            self._due_ms[account_id] = now_ms + EVERY_MS
            self._concurrency.spawn(f"snapshot {account_id}", self._read(account_id, work))

    async def take(self, account_id: TradingAccountId, session: ExecutionSession) -> AccountSnapshot | None:
        """Read the account now, take over or compare the venue's snapshot, and return it. None when the venue has no
        snapshots, or when there is nothing to compare one with. Raises `VenueUnavailable`."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            awaited = await uow.orders.awaited({account_id: None}, 1)
        if account is None:
            return None
        spec = self._sessions.spec(account.venue_id)
        is_venues = spec.books_of(account.external.type) is Books.VENUE
        if not spec.snapshots:
            if not is_venues and await self._compare_books.compare_words(account_id):
                self._want_again(account_id, CONFIRM_MS)
            return None
        if not is_venues and awaited.get(account_id):  # the reply to a request may be in the snapshot, and not booked
            return None
        asked_at_ms = self._clock.now_ms()
        snapshot = await self._ask_venue.snapshot(session)
        await self._ask_venue.book(snapshot.unreadable)
        await self._adopt(account_id, snapshot, asked_at_ms)
        if snapshot.positions:  # those that are refused are kept, and do not hold up the rest
            await self._ask_venue.book(
                await self._committer.commit_report(FindUntraded(account_id, snapshot.positions))
            )
        if is_venues:
            await self._committer.commit_report(TakeSnapshot(account_id, snapshot))
        elif await self._compare_books(account_id, snapshot, account.last_sequence):
            self._want_again(account_id, CONFIRM_MS)
        return snapshot

    async def _adopt(self, account_id: TradingAccountId, snapshot: AccountSnapshot, asked_at_ms: int) -> None:
        """Adopt the open orders that are unknown here, and watch for those that are closed here. An order of ours that
        the venue has and has not confirmed yet is known by its `sent_id` alone. So while the account has an order in
        doubt, an order without a `sent_id` may be that one, and is left for later. The account is read after the
        snapshot: an order that is recorded later was not sent by then."""
        if not snapshot.open_orders:
            return
        async with self._storage.read() as uow:
            has_order_in_doubt = await uow.orders.has_order_in_doubt(account_id)
            orders = await uow.orders.unresolved(account_id)
        sent, spec = {order.sent_id: order for order in orders}, self._sessions.spec_of(account_id)
        named = {(o.instrument_id, id): o for o in orders for id in (o.venue_order_id, *o.former_venue_order_ids)}
        unresolved, unknown = [], []
        for report in snapshot.open_orders:
            order = None if report.sent_id is None else sent.get(report.sent_id)
            if order is None or not means(order, report, spec):
                order = named.get((report.instrument_id, report.venue_order_id))
            if order is not None:
                unresolved.append(order)
            elif report.sent_id is not None or not has_order_in_doubt:
                unknown.append(report)
        known = await self._ask_venue.book(unknown)
        self._watch_closed.look([*unresolved, *known.values()], asked_at_ms)

    async def _read(self, account_id: TradingAccountId, work: Coroutine[object, object, object]) -> None:
        try:
            await work
        except CadenzaError as error:
            self.failing[account_id] = error.code
        else:
            self.failing.pop(account_id, None)
        finally:
            self._reading.pop(account_id, None)

    async def _read_snapshot(self, account_id: TradingAccountId) -> AccountSnapshot | None:
        try:
            return await self.take(account_id, self._sessions.get(account_id))
        except CadenzaError:
            self._want_again(account_id, RETRY_MS)
            raise

    def _want_again(self, account_id: TradingAccountId, pause_ms: int) -> None:
        self._wanted_ms[account_id] = self._clock.monotonic_ms() + pause_ms
        self._filled_ms.pop(account_id, None)

    async def _read_all(self, account_id: TradingAccountId) -> None:
        """Take a snapshot, then look up those open orders that it does not show as we know them. A snapshot that fails
        does not keep the orders from being looked up. Orders in doubt have their own loop (`Inquire`)."""
        async with self._storage.read() as uow:  # before the snapshot: an order that is placed later is not missing
            orders = [order for order in await uow.orders.unresolved(account_id) if not order.is_in_doubt]
        snapshot, failure = None, None
        try:
            snapshot = await self._read_snapshot(account_id)
        except CadenzaError as error:
            failure = error
        shown = {_terms(report) for report in snapshot.open_orders} if snapshot else frozenset()
        await self._look_up(account_id, [order for order in orders if _terms(order) not in shown])
        if failure is not None:
            raise failure

    async def _look_up(self, account_id: TradingAccountId, orders: Sequence[Order]) -> None:
        """Look up the orders that follow those of the last reading."""
        session = self._sessions.get(account_id)
        if self._sessions.spec_of(account_id).lookup is None:
            return
        last = self._looked_up.get(account_id)
        orders = [order for order in orders if last is None or _place(order) > last]
        until_ms, asked = self._clock.monotonic_ms() + LOOKUPS_MS_MAX, 0
        try:
            async for part, _ in self._ask_venue.lookup(session, orders):
                asked += len(part)
                if self._clock.monotonic_ms() >= until_ms:
                    break
        except CadenzaError:
            pause_ms = self._pause_ms.get(account_id, RETRY_MS)
            self._pause_ms[account_id] = min(pause_ms * 2, EVERY_MS)
            # One order that is never answered must not keep the others from their turn.
            self._continue_later(account_id, orders, asked + 1, pause_ms)
            raise
        self._pause_ms.pop(account_id, None)
        if asked < len(orders):
            self._continue_later(account_id, orders, asked, RETRY_MS)
        else:
            self._looked_up.pop(account_id, None)

    def _continue_later(self, account_id: TradingAccountId, orders: Sequence[Order], asked: int, pause_ms: int) -> None:
        """Let the next reading continue after the first `asked` of these orders; after the last one, with the first of
        the account."""
        if asked < len(orders):
            self._looked_up[account_id] = _place(orders[asked - 1])
        else:
            self._looked_up.pop(account_id, None)
        self._due_ms[account_id] = self._clock.monotonic_ms() + pause_ms
        self._compare_books.start_again(account_id)


def _place(order: Order) -> tuple[int, OrderId]:
    """Orders are looked up in this order."""
    return order.created_at_ms, order.id


def _terms(order: Order | ExternalOrderReport) -> tuple[object, ...]:
    """What has to agree for an open order to need no lookup. The venue's ids are unique per instrument."""
    terms = (order.quantity, order.limit_price, order.stop_price, order.executed_quantity)
    return (order.instrument_id, order.venue_order_id, *terms)
