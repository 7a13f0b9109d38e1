"""The committer: the one place where an order, a position or a balance changes.

It takes what is waiting (changes of many accounts: submits, cancels, reports, adoptions) and makes one transaction of
it: load → decide (pure, one after another, seeing each other's effect) → save, which commits → effects. There is no
timer: an idle committer takes the changes that are already on their way and starts. Changes that arrive meanwhile make
the next batch.

Nothing is locked between load and save. `save` refuses when the accounts have changed since, and the batch is decided
again. A refusal is a decision: it fails its own promise and not the batch. When the database fails a batch, its changes
are tried one by one, so that one poisoned change does not hold up the others. A command is given up after some tries,
with an answer that repeating it is safe. Reports are tried until the database answers, however long that takes; those
that it refuses for another cause fail, and their caller keeps them aside (`ReportIntake`).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from cadenza.application.orders.halted_accounts import HaltedAccounts
from cadenza.application.orders.publish_missed import PublishMissed
from cadenza.application.orders.publish_portfolios import PublishPortfolios
from cadenza.domain.errors import CadenzaError, DatabaseUnavailable, InternalError, Overloaded
from cadenza.domain.identity.origin import PLATFORM, VENUE, Origin
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.state import TradingState, World
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.market import MarketView
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage.trading import BatchChanges, BatchKeys, BatchRows, TradingRepository
from cadenza.ports.waiters import Waiters

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

DECISIONS_MAX = 20
"""How often a batch is decided while other processes change its accounts."""

BOOK_DEPTH_MAX = 200
"""Levels a side that a decision may walk to value a market order."""


class Change(Protocol[R_co]):
    """A change to decide within a batch."""

    def name_keys(self, keys: BatchKeys) -> None:
        """Add the rows that `decide` needs."""

    def decide(self, state: TradingState) -> R_co:
        """Change the state and return the result, or raise a `CadenzaError`: the committer then undoes what the change
        did before it raised, and the other changes of the batch go on."""


OnLate = Callable[[DatabaseUnavailable], None]


@dataclass(slots=True, eq=False)
class _Work(Generic[R]):
    """`on_late` is called once when the change has waited too long. A late command is given up then."""

    change: Change[R]
    origin: Origin
    promise: Promise[R]
    tries_max: int | None
    since_ms: int
    on_late: OnLate | None = None
    is_settled: bool = False

    def resolve(self, decision: R) -> None:
        self.is_settled = True
        self.promise.resolve(decision)

    def fail(self, error: CadenzaError) -> None:
        self.is_settled = True
        self.promise.fail(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitterLimits:
    """`waiting_max` changes wait at most: then commands are refused (`Overloaded`) and reports hold their socket back.
    `batch_max` changes make one transaction. A command is tried `command_tries_max` times when the database fails, and
    waits `late_ms` at most."""

    waiting_max: int = 10_000
    batch_max: int = 256
    command_tries_max: int = 4
    late_ms: int = 5_000
    retry_delay_ms: int = 100
    retry_delay_ms_max: int = 2_000


class Committer:
    """One per process. The versions of the accounts' rows keep several processes apart."""

    def __init__(
        self,
        *,
        trading: TradingRepository,
        spec: Callable[[VenueId], VenueSpec],
        market: MarketView,
        catalogue: "InstrumentSource",
        rate: Callable[[VenueId, str, str], Decimal | None],
        portfolios: PublishPortfolios,
        publisher: Publisher,
        missed: PublishMissed,
        waiters: Waiters,
        halted: HaltedAccounts,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
        failpoints: Failpoints,
        limits: CommitterLimits,
    ) -> None:
        self._trading = trading
        self._spec = spec
        self._market = market
        self._catalogue = catalogue
        self._rate = rate
        self._portfolios = portfolios
        self._publisher = publisher
        self._missed = missed
        self._waiters = waiters
        self._halted = halted
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency
        self._failpoints = failpoints
        self._limits = limits
        self._inbox = concurrency.inbox("committer", limits.waiting_max)
        self._limited: deque[_Work[Any]] = deque()
        self.batches_total = 0
        self.changes_total = 0

    async def commit(self, change: Change[R], origin: Origin = PLATFORM) -> R:
        """Decide a command durably; return the decision once it is committed. `origin` is who causes the change: it
        stands in the account's log. A caller that acts for a user gives the user's. Raises refusals, `Overloaded` when
        too many changes wait, and `DatabaseUnavailable`; after that, repeating with the same key finds out what
        happened."""
        work: _Work[R] = _Work(
            change, origin, self._concurrency.promise(), self._limits.command_tries_max, self._clock.monotonic_ms()
        )
        work.on_late = work.fail
        if not self._inbox.offer(work):
            raise Overloaded("too many changes are waiting; nothing was changed, try again")
        self._limited.append(work)
        return await work.promise.wait()

    async def commit_report(self, change: Change[R], on_late: OnLate | None = None, *, origin: Origin = VENUE) -> R:
        """Apply reports durably, however long the database takes. Waits while the queue is full. `on_late` is called
        when it takes longer than a client should wait; the reports are committed all the same."""
        work: _Work[R] = _Work(change, origin, self._concurrency.promise(), None, self._clock.monotonic_ms(), on_late)
        if on_late is not None:
            self._limited.append(work)
        await self._inbox.put(work)
        return await work.promise.wait()

    async def answer_late(self) -> None:
        """Answer the callers that have waited too long. One loop calls this again and again. The answer stays true
        whatever happens later: repeating with the same key finds the outcome."""
        late_ms = self._clock.monotonic_ms() - self._limits.late_ms
        while self._limited and (self._limited[0].is_settled or self._limited[0].since_ms <= late_ms):
            work = self._limited.popleft()
            if not work.is_settled and work.on_late is not None:
                work.on_late(DatabaseUnavailable("the database does not answer in time; try again with the same key"))

    async def run(self) -> None:
        """Commit batches for ever."""
        while True:
            batch = [work for work in await self._inbox.take(self._limits.batch_max) if not work.is_settled]
            if not batch:
                continue
            try:
                await self._commit_batch(batch)
            except Exception as error:  # noqa: BLE001 - a supervised loop: the batch is tried one by one
                await self._commit_singly(batch, error)

    async def _commit_singly(self, batch: Sequence[_Work[Any]], error: Exception) -> None:
        for work in batch:
            await self._commit_until_settled(work, error)

    async def _commit_until_settled(self, work: _Work[Any], error: Exception) -> None:
        delay_ms, tries = self._limits.retry_delay_ms, 0
        while not work.is_settled and (work.tries_max is None or tries < work.tries_max):
            tries += 1
            try:
                await self._commit_batch([work])
                return
            except DatabaseUnavailable as unavailable:
                error = unavailable
                await self._clock.sleep_ms(delay_ms)
                delay_ms = min(delay_ms * 2, self._limits.retry_delay_ms_max)
            except Exception as defect:  # noqa: BLE001 - a defect in one change must not stop the others
                error = defect
                break
        known = error if isinstance(error, CadenzaError) else InternalError("the change could not be decided")
        if known is not error:
            known.__cause__ = error
        work.fail(known)

    async def _commit_batch(self, batch: Sequence[_Work[Any]]) -> None:
        """One transaction. Promises are settled only after the commit."""
        keys = BatchKeys()
        for work in batch:
            work.change.name_keys(keys)
        for attempt in range(DECISIONS_MAX):
            rows = await self._trading.load(keys, is_fresh=attempt > 0)
            if not rows.is_remembered:  # a commit whose answer was lost is known from here on
                self._halted.note(rows.accounts)
            batch = [
                work for work in batch if not work.is_settled
            ]  # callers that waited too long were answered already
            state = self._state(rows)
            outcomes = [_decide(work, state) for work in batch]
            changes = _changes(state)
            if rows.is_remembered and _needs_fresh_rows(keys, outcomes, changes):
                continue
            if _is_empty(changes):
                _settle(batch, outcomes)
                return
            self._failpoints.reach("committer.before_commit")
            if await self._save(rows, changes):
                break
        else:
            raise DatabaseUnavailable("the accounts change all the time; try again with the same key")
        self._failpoints.reach("committer.after_commit")
        self._halted.note(changes.accounts)
        self.batches_total += 1
        self.changes_total += len(batch)
        self._publisher.account_events(state.changed.events)
        self._portfolios.note(state)
        self._waiters.wake(order for order in (*changes.created, *changes.updated) if order.is_closed)
        _settle(batch, outcomes)

    async def _save(self, rows: BatchRows, changes: BatchChanges) -> bool:
        try:
            return await self._trading.save(rows, changes)
        except BaseException as error:  # it may be written all the same, and nothing of it was published yet
            changed = {account.id for account in changes.accounts}
            for account in rows.accounts:
                if account.id in changed:
                    self._missed.doubt(account.id, account.last_sequence)
            if isinstance(error, CadenzaError) or not isinstance(error, Exception):
                raise
            raise InternalError("the change could not be saved") from error

    def _state(self, rows: BatchRows) -> TradingState:
        return TradingState(
            self._world(),
            rows.accounts,
            rows.balances,
            rows.positions,
            rows.orders,
            rows.kept,
            rows.claims,
            rows.limiting,
        )

    def _world(self) -> World:
        """Return what a batch may use. Its decisions see one book of an instrument, which is looked up once."""
        return World(
            spec=self._spec,
            instrument=self._catalogue.instrument,
            top=cache(self._market.top),
            book=cache(lambda instrument_id: self._market.snapshot(instrument_id, BOOK_DEPTH_MAX)),
            rate=self._rate,
            new_id=self._ids.new,
            now_ms=self._clock.now_ms(),
        )


class InstrumentSource(Protocol):
    """The shared catalogue, from memory."""

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None: ...


def _decide(work: _Work[Any], state: TradingState) -> object:
    """Return the decision, or the refusal. A refused change leaves nothing in the state."""
    savepoint = state.savepoint()
    state.origin = work.origin
    try:
        decision = work.change.decide(state)
    except CadenzaError as refusal:
        state.roll_back(savepoint)
        return refusal
    state.record_order_events()
    return decision


def _settle(batch: Sequence[_Work[Any]], outcomes: Sequence[object]) -> None:
    for work, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, CadenzaError):
            work.fail(outcome)
        else:
            work.resolve(outcome)


def _needs_fresh_rows(keys: BatchKeys, outcomes: Sequence[object], changes: BatchChanges) -> bool:
    """Whether remembered rows led to a decision that saving does not prove: a refusal, or a mere read."""
    is_refused = any(isinstance(outcome, CadenzaError) for outcome in outcomes)
    return is_refused or len(changes.accounts) < len(keys.accounts)


def _changes(state: TradingState) -> BatchChanges:
    changed = state.changed
    return BatchChanges(
        created=list(changed.created.values()),
        updated=list(changed.updated.values()),
        executions=list(changed.executions.values()),
        balances=state.changed_balances(),
        positions=list(changed.positions.values()),
        accounts=state.changed_accounts(),
        events=changed.events,
        kept=changed.kept,
        taken=changed.taken,
        operations=changed.operations,
    )


def _is_empty(changes: BatchChanges) -> bool:
    """Whatever changes an order, a balance or a position changes its account's row too."""
    return not (changes.accounts or changes.kept or changes.operations)
