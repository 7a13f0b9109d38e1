"""The one task that runs a venue: it takes what is asked, lets the floor execute it, writes it down, then tells.

A turn: take the waiting calls that are due → let market and clock run → execute → commit all changes of the turn in
one transaction → answer, deliver, publish. Nothing is told before it is on disk. When a commit fails, the venue goes
back to what is on disk, its callers hear that the outcome is unknown, and its sessions are told what they missed.
A turn without effect on orders and accounts (the market moved, say) writes nothing.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from cadenza.adapters.venues.inhouse.feed import BookFeed
from cadenza.adapters.venues.inhouse.floor import Floor
from cadenza.adapters.venues.inhouse.outbox import Outbox
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.order_book import MarketTrade
from cadenza.domain.matching.records import Fact, OrderFact, OrderHistory
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.paper_ledger import LedgerTakenOver, PaperLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLimits:
    """`waiting_calls_max` calls wait at most, then callers wait for room. `batch_calls_max` make one turn. `tick_ms` is
    how long the market stands still when nothing is asked. A session keeps `outbox_reports_max` reports that its sink
    did not take yet; what is beyond is read from disk again when the sink is ready. `retry_ms`: between two tries of a
    database that does not answer."""

    waiting_calls_max: int = 10_000
    batch_calls_max: int = 256
    tick_ms: int = 50
    outbox_reports_max: int = 1_000
    retry_ms: int = 250


@dataclass(frozen=True, slots=True)
class Answer:
    """A call's value, and the facts that the asker learns by it and not by its stream."""

    value: object
    asker: Outbox | None = None
    facts: Sequence[OrderFact] = ()


@dataclass(slots=True)
class Turn:
    """What a call sees: the time it is executed at, and the orders of its batch as they are on disk."""

    at_ms: int
    stored: dict[str, OrderHistory]


@dataclass(slots=True, eq=False)
class _Call:
    due_ms: int
    work: Callable[[Turn], Answer]
    reply: "asyncio.Future[Any]"
    order_ids: tuple[str, ...]
    is_after_commit: bool


_Queued = tuple[int, int, _Call]
"""When a call is due, its number, and the call: in this order they are executed."""


class CallLost(Exception):
    """The call was taken and may or may not have had its effect."""


class Desk:
    """Runs one venue. `call` is how everything gets in."""

    def __init__(
        self,
        *,
        venue_id: VenueId,
        floor: Floor,
        ledger: PaperLedger,
        clock: Clock,
        failpoints: Failpoints,
        limits: DeskLimits,
    ) -> None:
        self.venue_id = venue_id
        self.floor = floor
        self.ledger = ledger
        self.clock = clock
        self.limits = limits
        self.is_online = False
        self.outboxes: dict[str, list[Outbox]] = {}
        self.feeds: dict[InstrumentId, BookFeed] = {}
        self.commits_total = 0
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

    # Life

    async def start(self) -> None:
        """Take the venue over and open it. Raises `DatabaseUnavailable`."""
        state = await self.ledger.take_over()
        self._now_ms = max([self.clock.now_ms(), *(engine.now_ms for engine in state.engines)])
        self.floor.restore(state)
        self.floor.open(self._now_ms)
        self._has_ended = False
        self.is_online = True
        self._task = asyncio.create_task(self._run(), name=f"{self._prefix} desk")

    async def stop(self) -> None:
        """Stop between two turns or in one; what was not committed has not happened. Idempotent."""
        self.is_online = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._abandon()

    # Asking

    async def call(
        self,
        work: Callable[[Turn], Answer],
        *,
        order_ids: tuple[str, ...] = (),
        lane: str | None = None,
        delay_ms: int = 0,
        is_after_commit: bool = False,
    ) -> Any:
        """Execute `work` in a turn, `delay_ms` from now; return its value once the turn is on disk.

        Calls in one lane are executed in the order in which they were made. With `is_after_commit` the work only
        reads, when all of the turn has been told. Raises `VenueUnavailable` (nothing was taken) and `CallLost` (it is
        not known).
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
        if self._has_ended:  # it ended while this call waited for room, so nobody would ever answer
            self._abandon()
        self._news.set()
        return await reply

    def end_instant(self) -> None:
        """Let whatever comes next happen at a later millisecond than what has been told so far."""
        self._now_ms += 1

    def find(self, turn: Turn, venue_order_id: str) -> list[OrderFact]:
        """All that is known of an order by now, this turn included; empty when it is unknown."""
        stored = turn.stored.get(venue_order_id)
        if stored is None and self.floor.office.order(venue_order_id) is None:
            return []
        told = [] if stored is None else stored.facts()
        new = (fact for fact in self.floor.office.facts if isinstance(fact, OrderFact))
        return [*told, *(fact for fact in new if fact.order.venue_order_id == venue_order_id)]

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
                self._log.error("venue_taken_over")
                self._abandon(due)
                return
            except Exception as error:  # noqa: BLE001 - a supervised loop: back to what is on disk
                if isinstance(error, DatabaseUnavailable):
                    self._log.warning("venue_lost_its_database")
                else:
                    self._log.exception("venue_turn_failed", error=type(error).__name__)
                if not await self._recover(due):
                    return

    async def _wait(self) -> None:
        """Until something is asked, a call or the floor is due, or the market's next tick."""
        self._news.clear()
        if not self._inbox.empty() and len(self._due) < self.limits.waiting_calls_max:
            return
        times = [self._due[0][0]] if self._due else []
        floor_due = self.floor.next_due_ms()
        times += [] if floor_due is None else [floor_due]
        delay_ms = max(0, min([self.limits.tick_ms, *(at_ms - self.clock.now_ms() for at_ms in times)]))
        tasks = {asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self.clock.sleep_ms(delay_ms))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _take(self) -> None:
        while not self._inbox.empty() and len(self._due) < self.limits.waiting_calls_max:
            heapq.heappush(self._due, self._inbox.get_nowait())

    def _pop_due(self, now_ms: int) -> list[_Call]:
        """The next turn's calls, in the order in which they are due."""
        due: list[_Call] = []
        while self._is_behind(now_ms) and len(due) < self.limits.batch_calls_max:
            due.append(heapq.heappop(self._due)[2])
        return due

    async def _turn(self, due: Sequence[_Call], now_ms: int) -> None:
        wanted = sorted({id for call in due for id in call.order_ids})
        stored = {h.order.venue_order_id: h for h in await self.ledger.histories(wanted)} if wanted else {}
        answers: list[tuple[_Call, Answer]] = []
        for call in due:
            at_ms = max(self._now_ms, call.due_ms)
            self.floor.advance(at_ms)
            if not call.is_after_commit and not call.reply.cancelled():
                answers.append((call, call.work(Turn(at_ms, stored))))
        if not self._is_behind(now_ms):
            self.floor.advance(now_ms)
        changes = self.floor.take_changes()
        if not changes.is_empty:
            self._failpoints.reach(f"{self._prefix}.before_commit")
            await self.ledger.commit(changes)
            self.commits_total += 1
            self._failpoints.reach(f"{self._prefix}.after_commit")
        self._now_ms = max([self._now_ms, *(call.due_ms for call in due)]) if self._is_behind(now_ms) else now_ms
        self._tell(answers, self.floor.office.take_facts(), self.floor.take_trades())
        for call in due:
            if call.is_after_commit and not call.reply.done():
                call.reply.set_result(call.work(Turn(self._now_ms, stored)).value)
        if len(self._lanes) > self.limits.waiting_calls_max:
            self._lanes = {lane: due_ms for lane, due_ms in self._lanes.items() if due_ms > self._now_ms}

    def _is_behind(self, now_ms: int) -> bool:
        """Whether more calls are due than one turn takes: the next one goes on from there."""
        return bool(self._due) and self._due[0][0] <= now_ms

    def _tell(
        self, answers: Iterable[tuple[_Call, Answer]], facts: Sequence[Fact], trades: Sequence[MarketTrade]
    ) -> None:
        """Answer the callers; whom nobody waits for any more is told by the stream."""
        answered: dict[int, Outbox | None] = {}
        for call, answer in answers:
            if not call.reply.done():
                call.reply.set_result(answer.value)
                answered.update((id(fact), answer.asker) for fact in answer.facts)
        for fact in facts:
            external_id = fact.order.external_id if isinstance(fact, OrderFact) else fact.external_id
            for outbox in self.outboxes.get(external_id, ()):
                if answered.get(id(fact)) is not outbox:
                    outbox.push(fact)
        for instrument_id in self.floor.take_changed_books() | {trade.instrument_id for trade in trades}:
            if (feed := self.feeds.get(instrument_id)) is not None:
                feed.publish(trades, self._now_ms)

    # Failing

    async def _recover(self, due: Sequence[_Call]) -> bool:
        """Go back to what is on disk, however long that takes; False when the venue is another process's by now."""
        self.is_online = False
        self._lose(due)
        for feed in self.feeds.values():
            feed.break_off()
        while True:
            try:
                state = await self.ledger.reload()
                break
            except LedgerTakenOver:
                self._abandon()
                return False
            except DatabaseUnavailable:
                await self.clock.sleep_ms(self.limits.retry_ms)
        self.floor.take_trades()
        self.floor.restore(state)
        for outboxes in self.outboxes.values():
            for outbox in outboxes:
                outbox.miss(self._now_ms)
        for feed in self.feeds.values():
            feed.open(self._now_ms)
        self.is_online = True
        return True

    def _abandon(self, due: Sequence[_Call] = ()) -> None:
        """Answer everybody; nothing will be executed any more."""
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
