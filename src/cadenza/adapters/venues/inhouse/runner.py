"""The one task that runs a venue: it takes calls, lets the exchange execute them, stores the result, then publishes it.

A turn: take the waiting calls that are due → let market and clock run → execute → commit all changes of the turn in
one transaction → answer callers, deliver reports, publish market data. Nothing leaves the venue before it is on disk.
When a commit fails, the venue goes back to what is on disk, its callers learn that the outcome is unknown, and its
sessions read from disk what they missed. A turn that changes no order and no account (only the market moved, say)
writes nothing.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog

from cadenza.adapters.venues.inhouse.exchange import SimulatedExchange
from cadenza.adapters.venues.inhouse.feed import BookFeed
from cadenza.adapters.venues.inhouse.report_queue import ReportQueue
from cadenza.adapters.venues.inhouse.seen_orders import SeenOrders
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.exchange.records import Fact, OrderFact, OrderHistory
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger, LedgerTakenOver
from cadenza.ports.failpoints import Failpoints

ANY_TIME_MS = 0
"""In place of an order's time: the order may be on disk already."""
NO_ORDERS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerLimits:
    """At most `waiting_calls_max` calls wait; then callers wait for room. A turn takes at most `batch_calls_max` calls.
    Without calls the market moves every `tick_ms`. A session holds at most `queued_reports_max` reports that its sink
    has not taken; further reports are read from disk when the sink is ready. `retry_ms` is the pause between two
    attempts to reach a database that does not answer."""

    waiting_calls_max: int = 10_000
    batch_calls_max: int = 256
    tick_ms: int = 50
    queued_reports_max: int = 1_000
    retry_ms: int = 250


@dataclass(frozen=True, slots=True)
class CallResult:
    """The value of a call. `facts` are those that the value reports to `asker`, so its stream does not repeat them."""

    value: object
    asker: ReportQueue | None = None
    facts: Sequence[Fact] = ()


@dataclass(slots=True)
class Turn:
    """What a call sees: the time at which it is executed, and the orders that its batch named, as stored on disk."""

    at_ms: int
    stored: dict[str, OrderHistory]


@dataclass(slots=True, eq=False)
class _Call:
    due_ms: int
    work: Callable[[Turn], CallResult]
    reply: "asyncio.Future[Any]"
    order_ids: Mapping[str, int]
    is_after_commit: bool


_Queued = tuple[int, int, _Call]
"""(due time, number, call). Calls are executed in this order."""


class CallLost(Exception):
    """The runner took the call, and it is unknown whether the call had an effect."""


class ExchangeRunner:
    """Runs one venue. Everything enters through `call`."""

    def __init__(
        self,
        *,
        venue_id: VenueId,
        exchange: SimulatedExchange,
        ledger: ExchangeLedger,
        clock: Clock,
        failpoints: Failpoints,
        limits: RunnerLimits,
    ) -> None:
        self.venue_id = venue_id
        self.exchange = exchange
        self.ledger = ledger
        self.clock = clock
        self.limits = limits
        self.is_online = False
        self.started_at_ms = 0  # of our clock, as orders are stamped
        self.report_queues: dict[str, list[ReportQueue]] = {}
        self.feeds: dict[InstrumentId, BookFeed] = {}
        self.commits_total = 0
        self.seen = SeenOrders(0)
        self._failpoints = failpoints
        self._prefix = str(venue_id).lower()
        self._log = structlog.get_logger("cadenza.venue").bind(venue=str(venue_id))
        self._inbox: asyncio.Queue[_Queued] = asyncio.Queue(limits.waiting_calls_max)
        self._due: list[_Queued] = []
        self._lanes: dict[str, int] = {}
        self._news = asyncio.Event()
        self._calls_total = 0
        self._now_ms = 0  # of the last turn that is on disk; times never go back
        self._has_ended = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._timer_ends_at_ms = 0  # by the monotonic clock

    # Life

    async def start(self) -> None:
        """Become the only process that runs the venue, and open it. Raises `DatabaseUnavailable`."""
        self.started_at_ms = self.clock.now_ms()
        state = await self.ledger.take_over()
        self._now_ms = max([self.clock.now_ms(), *(engine.now_ms for engine in state.engines)])
        self.seen = SeenOrders(self._now_ms)
        self.exchange.restore(state)
        self.exchange.open(self._now_ms)
        self._has_ended = False
        self.is_online = True
        self._task = asyncio.create_task(self._run(), name=f"{self._prefix} runner")

    async def stop(self) -> None:
        """Stop, between two turns or during one. What was not committed has not happened. Idempotent."""
        self.is_online = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._timer is not None:
            self._timer.cancel()
        self._abandon()

    # Asking

    async def call(
        self,
        work: Callable[[Turn], CallResult],
        *,
        order_ids: Mapping[str, int] = NO_ORDERS,
        lane: str | None = None,
        delay_ms: int = 0,
        is_after_commit: bool = False,
    ) -> Any:
        """Execute `work` in a turn, `delay_ms` from now; return its value once the turn is on disk.

        `order_ids` are the orders that the work may `find`, each with the time (our clock) at which it was recorded, or
        `ANY_TIME_MS`. Calls in one lane are executed in the order in which they were made. With `is_after_commit` the
        work only reads, after everything of the turn has been published. Raises `VenueUnavailable` (the call was not
        taken) and `CallLost` (the outcome is unknown).
        """
        if not self.is_online:
            raise VenueUnavailable(f"{self.venue_id} is not running just now; nothing was changed")
        due_ms = self.clock.now_ms() + delay_ms
        if lane is not None:
            due_ms = self._lanes[lane] = max(due_ms, self._lanes.get(lane, 0))
        self._calls_total += 1
        reply = asyncio.get_running_loop().create_future()
        call = _Call(due_ms, work, reply, order_ids, is_after_commit)
        await self._inbox.put((due_ms, self._calls_total, call))
        if self._has_ended:  # it ended while this call waited for room, so nothing would answer it
            self._abandon()
        self._news.set()
        return await reply

    def end_instant(self) -> None:
        """Make sure that what happens next has a later millisecond than everything so far."""
        self._now_ms += 1

    def find(self, turn: Turn, venue_order_id: str) -> list[OrderFact]:
        """Return all facts of an order up to now, this turn included; none when the order is unknown."""
        stored = turn.stored.get(venue_order_id)
        if stored is None and self.exchange.office.order(venue_order_id) is None:
            return []
        known = [] if stored is None else stored.facts()
        new = (fact for fact in self.exchange.office.facts if isinstance(fact, OrderFact))
        return [*known, *(fact for fact in new if fact.order.venue_order_id == venue_order_id)]

    # The loop

    async def _run(self) -> None:
        while True:
            await self._wait()
            self._take()
            now_ms = max(self._now_ms, self.clock.now_ms())
            due = self._pop_due(now_ms)
            try:
                await self._turn(due, now_ms)
            except LedgerTakenOver:
                self._end(due)
                return
            except Exception as error:  # noqa: BLE001 - a supervised loop: back to what is on disk
                if isinstance(error, DatabaseUnavailable):
                    self._log.warning("venue_lost_its_database")
                else:
                    self._log.exception("venue_turn_failed", error=type(error).__name__)
                if not await self._recover(due):
                    return

    async def _wait(self) -> None:
        """Wait for a new call, a due call, the exchange's due time or the market's next tick."""
        self._news.clear()
        if not self._inbox.empty() and len(self._due) < self.limits.waiting_calls_max:
            return
        times = [self._due[0][0]] if self._due else []
        exchange_due = self.exchange.next_due_ms()
        times += [] if exchange_due is None else [exchange_due]
        self._set_timer(max(0, min([self.limits.tick_ms, *(at_ms - self.clock.now_ms() for at_ms in times)])))
        await self._news.wait()

    def _set_timer(self, delay_ms: int) -> None:
        """Make a turn begin within this time. A timer that ends earlier stays: a turn costs less than a new task."""
        ends_at_ms = self.clock.monotonic_ms() + delay_ms
        if self._timer is not None and not self._timer.done():
            if self._timer_ends_at_ms <= ends_at_ms:
                return
            self._timer.cancel()
        self._timer_ends_at_ms = ends_at_ms
        self._timer = asyncio.create_task(self._wake_after(delay_ms), name=f"{self._prefix} timer")

    async def _wake_after(self, delay_ms: int) -> None:
        await self.clock.sleep_ms(delay_ms)
        self._news.set()

    def _take(self) -> None:
        while not self._inbox.empty() and len(self._due) < self.limits.waiting_calls_max:
            heapq.heappush(self._due, self._inbox.get_nowait())

    def _pop_due(self, now_ms: int) -> list[_Call]:
        """Return the calls of the next turn, in the order in which they are due."""
        due: list[_Call] = []
        while self._is_behind(now_ms) and len(due) < self.limits.batch_calls_max:
            due.append(heapq.heappop(self._due)[2])
        return due

    async def _turn(self, due: Sequence[_Call], now_ms: int) -> None:
        named = (item for call in due for item in call.order_ids.items())
        wanted = sorted({id for id, recorded_ms in named if self.seen.may_be_stored(id, recorded_ms)})
        stored = {h.order.venue_order_id: h for h in await self.ledger.histories(wanted)} if wanted else {}
        answers: list[tuple[_Call, CallResult]] = []
        for call in due:
            at_ms = max(self._now_ms, call.due_ms)
            self.exchange.advance(at_ms)
            if not call.is_after_commit and not call.reply.cancelled():
                answers.append((call, call.work(Turn(at_ms, stored))))
        if not self._is_behind(now_ms):
            self.exchange.advance(now_ms)
        changes = self.exchange.take_changes()
        if not changes.is_empty:
            self._failpoints.reach(f"{self._prefix}.before_commit")
            await self.ledger.commit(changes)
            self.commits_total += 1
            self._failpoints.reach(f"{self._prefix}.after_commit")
        self._now_ms = max([self._now_ms, *(call.due_ms for call in due)]) if self._is_behind(now_ms) else now_ms
        self._publish(answers, self.exchange.office.take_facts(), self.exchange.take_trades())
        for call in due:
            if call.is_after_commit and not call.reply.done():
                call.reply.set_result(call.work(Turn(self._now_ms, stored)).value)
        if len(self._lanes) > self.limits.waiting_calls_max:
            self._lanes = {lane: due_ms for lane, due_ms in self._lanes.items() if due_ms > self._now_ms}

    def _is_behind(self, now_ms: int) -> bool:
        """Whether more calls are due than one turn takes. The next turn continues with them."""
        return bool(self._due) and self._due[0][0] <= now_ms

    def _publish(
        self, answers: Iterable[tuple[_Call, CallResult]], facts: Sequence[Fact], trades: Sequence[MarketTrade]
    ) -> None:
        """Answer the callers, queue the reports and publish market data. If a caller left, the stream reports to it."""
        answered: dict[int, ReportQueue | None] = {}
        for call, answer in answers:
            if not call.reply.done():
                call.reply.set_result(answer.value)
                answered.update((id(fact), answer.asker) for fact in answer.facts)
        for fact in facts:
            external_id = fact.order.external_id if isinstance(fact, OrderFact) else fact.external_id
            for report_queue in self.report_queues.get(external_id, ()):
                if answered.get(id(fact)) is not report_queue:
                    report_queue.push(fact)
        for instrument_id in self.exchange.take_changed_books() | {trade.instrument_id for trade in trades}:
            if (feed := self.feeds.get(instrument_id)) is not None:
                feed.publish(trades, self._now_ms)

    # Failing

    async def _recover(self, due: Sequence[_Call]) -> bool:
        """Go back to what is on disk, however long that takes. Return False when another process runs the venue now."""
        self.is_online = False
        self._lose(due)
        for report_queue in self._all_report_queues():
            report_queue.lose("the venue's database does not answer")
        for feed in self.feeds.values():
            feed.break_off()
        while True:
            try:
                state = await self.ledger.reload()
                break
            except LedgerTakenOver:
                self._end()
                return False
            except DatabaseUnavailable:
                await self.clock.sleep_ms(self.limits.retry_ms)
        self.exchange.take_trades()
        self.exchange.restore(state)
        for feed in self.feeds.values():
            feed.open(self._now_ms)
        self.is_online = True
        for report_queue in self._all_report_queues():
            report_queue.restore(self._now_ms)
        return True

    def _end(self, due: Sequence[_Call] = ()) -> None:
        """Another process runs the venue now: no session of this one will reach it again."""
        self._log.error("venue_taken_over")
        self._abandon(due)
        for report_queue in self._all_report_queues():
            report_queue.end(f"another process runs {self.venue_id} now")

    def _all_report_queues(self) -> list[ReportQueue]:
        return [queue for queues in self.report_queues.values() for queue in queues]

    def _abandon(self, due: Sequence[_Call] = ()) -> None:
        """Fail all calls. Nothing is executed any more."""
        self.is_online = False
        self._has_ended = True
        self._take()
        while not self._inbox.empty():
            self._due.append(self._inbox.get_nowait())
        self._lose([*due, *(call for _, _, call in self._due)])
        self._due.clear()
        for feed in self.feeds.values():
            feed.break_off()

    def _lose(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            if not call.reply.done():
                call.reply.set_exception(CallLost("the venue went down; look up what happened"))
