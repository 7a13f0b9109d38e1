"""A session with the scripted venue, and everything that can go wrong on the way to it and back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId, OrderId
from cadenza.domain.market.enums import OrderType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.not_known import NotKnown, meaning_of_not_known
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    NotSentReport,
    RejectedReport,
    Report,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
    WithdrawnReport,
)
from cadenza.domain.trading.venue_spec import NewsSource
from cadenza.ports.venue import AccountSnapshot, MemoryTakenOver, ReplayPiece, SessionSink, VenueMemory
from tests.scripted.parse import Parser
from tests.scripted.venue import Line, ScriptedVenue, VenueAccount, VenueOrder

PIECE_MAX = 3  # reports in one piece of a replay: few, so that tests have many pieces


class Fault(StrEnum):
    """What happens to one request. HOLD: it waits inside of us, before any byte left, until `let_go`. DELAY: it is on
    the wire until `let_go`. HOLD_REPLY: the venue has it, and its reply is on the wire until `let_go`."""

    LOSE_REQUEST = "LOSE_REQUEST"
    LOSE_REPLY = "LOSE_REPLY"
    HOLD = "HOLD"
    DELAY = "DELAY"
    HOLD_REPLY = "HOLD_REPLY"
    DUPLICATE_ID = "DUPLICATE_ID"
    DUPLICATE_AFTER_ALL = "DUPLICATE_AFTER_ALL"
    REJECT = "REJECT"
    REFUSE = "REFUSE"
    TOO_LATE = "TOO_LATE"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"


class Script:
    """Faults of the requests to come, of each kind in turn; a kind without any goes well. It outlives sessions: what is
    on the wire arrives though the process has died."""

    def __init__(self) -> None:
        self._faults: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}
        self._gate = asyncio.Event()
        self.waiting = 0
        self.on_the_wire: set[asyncio.Task[Any]] = set()
        self.on_arrival: Callable[[VenueOrder], None] = lambda order: None
        """Called when the venue has taken an order in, before anything is answered."""

    def next(self, kind: str, *faults: Fault) -> None:
        self._faults.setdefault(kind, deque()).extend(faults)

    def always(self, kind: str, fault: Fault | None) -> None:
        self._always.pop(kind, None)
        if fault is not None:
            self._always[kind] = fault

    def take(self, kind: str) -> Fault | None:
        faults = self._faults.get(kind)
        return faults.popleft() if faults else self._always.get(kind)

    async def gate(self) -> None:
        self.waiting += 1
        await self._gate.wait()

    def let_go(self) -> None:
        """What waits goes on; what comes later waits for the next time."""
        self._gate.set()
        self._gate = asyncio.Event()
        self.waiting = 0


class ScriptedSession:
    """`ports.venue.ExecutionSession`."""

    def __init__(
        self,
        venue: ScriptedVenue,
        at: VenueAccount,
        account: TradingAccount,
        sink: SessionSink,
        script: Script,
        memory: VenueMemory | None = None,
    ) -> None:
        self.venue = venue
        self.at = at
        self.account = account
        self.script = script
        self.parse = Parser(venue, account.id)
        self.is_closed = False
        self._sink = sink
        self._memory = memory
        self._is_lost = False
        self._is_silent = False
        self._is_held = False
        self._unsent: dict[OrderId, Order] = {}  # they wait inside of us
        self._held: list[Line] = []
        self._heard_ms = venue.now_ms
        self._cursor = len(at.journal)
        self._queue: deque[Sequence[Report] | Callable[[], None]] = deque()
        self._has_news = asyncio.Event()
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._pump = asyncio.create_task(self._deliver_all())
        at.listeners.append(self._hear)

    # --- the port

    async def submit(self, order: Order) -> Sequence[Report]:
        return self.parse.of_ours(order, await self._shielded(self._submit(order)))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return await self._shielded(self._cancel(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        self._unsent = {id: order for id, order in self._unsent.items() if not is_meant(order)}

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        return await self._shielded(self._cancel_all(instrument_id, orders))

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        return [report for order in orders for report in self.parse.of_ours(order, await self._look_up(order))]

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        self._require_reach("identify")
        found = self.venue.find_by_id(self.at, instrument_id, venue_order_id)
        self.venue.note("identify", self.at, [venue_order_id], "unknown" if found is None else "known")
        if found is None:
            return []
        at_ms = self.venue.now_ms
        if found.is_odd:
            return self.parse.whole(found, at_ms)[:1]
        return [self.parse.external(found, at_ms), *self.parse.whole(found, at_ms)]

    async def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        spec = self.venue.kind.spec
        if spec.replay is None:
            self.venue.note("replay", self.at, [str(since_ms)], "impossible")
            yield ReplayPiece(reports=[], covers_from_ms=self.venue.now_ms)
            return
        depth_ms = spec.replay_depth_ms(self.at.type)
        oldest_ms = 0 if depth_ms is None else self.venue.now_ms - depth_ms
        from_ms = max(since_ms, oldest_ms, self.venue.forgets_before_ms)
        self.venue.note("replay", self.at, [str(since_ms)], f"from {from_ms}")
        instruments: Sequence[InstrumentId | None] = [None]
        if spec.replay.is_per_instrument:
            instruments = [instrument.id for instrument in self.venue.instruments]
        for instrument_id in instruments:
            start = 0
            while True:
                await self._pass("piece", lost=VenueUnavailable("the venue does not answer"))
                lines = self._history(from_ms, instrument_id)[start : start + PIECE_MAX]
                self.venue.note("piece", self.at, [str(instrument_id)], f"{len(lines)} lines")
                yield ReplayPiece(reports=[self.parse.line(line) for line in lines], covers_from_ms=from_ms)
                start += PIECE_MAX
                if len(lines) < PIECE_MAX:
                    break

    async def snapshot(self) -> AccountSnapshot:
        await self._pass("snapshot", lost=VenueUnavailable("the venue does not answer"))
        if self.is_closed:
            raise VenueUnavailable("the session is closed")
        self.poll()
        await self.delivered()
        venue, at, now_ms = self.venue, self.at, self.venue.now_ms
        venue.note("snapshot", at, [], "answered")
        says_books = venue.kind.spec.snapshots
        locked = {asset: venue.locked(at, asset) for asset in at.totals}
        return AccountSnapshot(
            balances=self.parse.balances(at, now_ms, locked) if says_books else None,
            positions=self.parse.positions(at, now_ms) if says_books else None,
            open_orders=tuple(
                self.parse.external(order, now_ms) for order in at.orders if order.is_working and not order.is_odd
            ),
            as_of=at.as_of,
            at_ms=now_ms,
            unreadable=self.parse.unreadable_of(at),
        )

    def venue_time_ms(self) -> int:
        return self.venue.now_ms

    def is_caught_up(self) -> bool:
        return self._is_quiet.is_set() and not (self._is_lost or self.is_closed)

    async def close(self) -> None:
        self.is_closed = True
        if self._hear in self.at.listeners:
            self.at.listeners.remove(self._hear)
        self._pump.cancel()

    # --- handles for tests: the stream

    def hold_stream(self) -> None:
        """What the venue reports from now on is on the wire until `release_stream`."""
        self._is_held = True

    def release_stream(self, order: Sequence[int] | None = None, *, times: int = 1) -> None:
        """Let through what was held: in another order, or several times, as a bad network or venue may."""
        held, self._held, self._is_held = self._held, [], False
        self.poll()
        for _ in range(times):
            for index in range(len(held)) if order is None else order:
                self._hear(held[index])

    @property
    def held(self) -> Sequence[str]:
        return [line.what for line in self._held]

    def break_stream(self, cause: str = "connection reset") -> None:
        """The stream is gone and the session knows it; what happens from now on is not heard. Up to now it was there,
        unless it was silent or held."""
        if not (self._is_lost or self._is_silent or self._is_held):
            self.poll()
            self._heard_ms = self.venue.now_ms
        self._is_lost = True
        self._say(lambda: self._sink.lost(cause))

    def restore_stream(self) -> None:
        """The stream is back. What happened meanwhile was not heard."""
        self._is_lost = self._is_silent = False
        gap_since_ms = self._heard_ms
        self._heard_ms = self.venue.now_ms
        self._cursor = len(self.at.journal)
        self._say(lambda: self._sink.restored(gap_since_ms))

    def fall_silent(self) -> None:
        """The stream stays open, and brings nothing any more."""
        self._is_silent = True

    def compare_with_venue(self) -> None:
        """What a session does every few seconds: compare its stream with a reading; without a stream or polling, read
        what is new."""
        if self.venue.kind.spec.account_news is NewsSource.REPLY:
            self._read_news()
        elif self.at.journal and self.at.journal[-1].at_ms > self._heard_ms and not self._queue:
            self.break_stream("the stream is silent while the venue shows newer facts")
            self.restore_stream()

    def end(self, cause: str) -> None:
        self._is_lost = True
        self._say(lambda: self._sink.ended(cause))

    def poll(self) -> None:
        """Read what happened since the last time, where the venue has no stream."""
        is_polled = self.venue.kind.spec.account_news is NewsSource.POLL
        if is_polled and not (self._is_lost or self._is_silent or self._is_held):
            self._read_news()

    def _read_news(self) -> None:
        lines, self._cursor = self.at.journal[self._cursor :], len(self.at.journal)
        for line in lines:
            self._take(line)

    async def delivered(self) -> None:
        """Return when everything that was heard is delivered."""
        await self._is_quiet.wait()

    def report(self, *reports: Report) -> None:
        """Have the stream bring these."""
        self._put(reports)

    # --- requests

    async def _submit(self, order: Order) -> Sequence[Report]:
        fault = self.script.take("submit")
        if fault is Fault.HOLD:
            self._unsent[order.id] = order
            await self.script.gate()
            if self._unsent.pop(order.id, None) is None:
                return [WithdrawnReport(**self._names(order))]
        if order.send_before_ms is None or self.venue.clock.now_ms() > order.send_before_ms or self.is_closed:
            return [self._not_sent(order)]
        try:
            nonce = None if self._memory is None else await self._memory.next("nonce")
        except MemoryTakenOver as error:  # another process signs for this key: nothing may be sent any more
            self.end(str(error))
            return [self._not_sent(order)]
        if fault is Fault.LOSE_REQUEST:
            return [self._unknown(order, "connection reset")]
        if nonce is not None and not self.venue.takes_nonce(self.at, nonce):
            return [RejectedReport(**self._names(order), reason="OTHER: the nonce is too small")]
        if fault is Fault.DELAY:
            await self.script.gate()
        answer = self._take_in(order, fault)
        if fault is Fault.HOLD_REPLY:
            await self.script.gate()
        return [self._unknown(order, "reset after the request")] if fault is Fault.LOSE_REPLY else answer

    def _take_in(self, order: Order, fault: Fault | None) -> Sequence[Report]:
        """The request reaches the venue."""
        venue, sent_id = self.venue, order.sent_id
        assert sent_id is not None
        assert order.send_before_ms is not None
        is_known = venue.find(self.at, sent_id) is not None
        is_timed = (fence := venue.kind.spec.fence) is not None and fence.covers(self.at.type, order.type)
        is_late = is_timed and venue.clock.now_ms() > order.send_before_ms
        if fault is Fault.DUPLICATE_ID or is_known:
            venue.note("submit", self.at, [sent_id], "duplicate")
            return [self._duplicate(order)]
        if fault is Fault.REJECT or is_late:
            venue.note("submit", self.at, [sent_id], "rejected")
            reason = "OTHER: EXPIRED" if is_late else "INSUFFICIENT_BALANCE"
            return [RejectedReport(**self._names(order), reason=reason)]
        venue.note("submit", self.at, [sent_id], "accepted")
        taken = venue.place(
            self.at, order.instrument_id, order.side, order.quantity, order.limit_price, type=order.type,
            time_in_force=order.sent_time_in_force, sent_id=sent_id, is_by_hand=False,
            expire_at_ms=self._expire_at_ms(order),
        )  # fmt: skip
        answer: list[Report] = [self.parse.acceptance(taken, venue.now_ms)]
        if order.type is OrderType.MARKET:
            answer.append(self.parse.fill(venue.fill(taken, order.quantity)))
        self.script.on_arrival(taken)
        if fault is Fault.DUPLICATE_AFTER_ALL:  # a layer below asked twice, and the second answer is what we see
            return [self._duplicate(order)]
        return answer

    def _expire_at_ms(self, order: Order) -> int | None:
        """When the venue ends the order, by its own clock."""
        is_here = order.expire_at_ms is None or order.expiry is not None
        return None if is_here else order.expire_at_ms + self.venue.kind.offset_ms

    async def _cancel(self, order: Order) -> Sequence[Report]:
        fault = self.script.take("cancel")
        if fault is Fault.HOLD:
            await self.script.gate()
        if fault is Fault.LOSE_REQUEST or self._is_lost or self.is_closed:
            return []
        found = self._find(order)
        refusal = _REFUSALS.get(fault) if fault is not None else None
        if found is None:
            refusal = CancelRefusal.UNKNOWN_ORDER
        elif not found.is_working:
            refusal = CancelRefusal.TOO_LATE
        decision = "canceled" if refusal is None else refusal.value
        self.venue.note("cancel", self.at, [order.sent_id or "", order.venue_order_id or ""], decision)
        if refusal is not None:
            names = self._names(order) | {"at_ms": self.venue.now_ms}
            return [CancelRefusedReport(**names, refusal=refusal, reason="no")]
        assert found is not None
        self.venue.cancel(found)
        if fault is Fault.HOLD_REPLY:
            await self.script.gate()
        if fault is Fault.LOSE_REPLY:
            return []
        return [self.parse.line(next(line for line in reversed(self.at.journal) if line.what == "canceled"))]

    async def _cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        """One request; it cancels orders of others too, which the reply leaves out."""
        fault = self.script.take("cancel_all")
        if fault is Fault.LOSE_REQUEST or self._is_lost or self.is_closed:
            return []
        self.venue.note("cancel_all", self.at, [str(instrument_id)], "canceled")
        reports: list[Report] = []
        named = {order.venue_order_id for order in orders}
        for found in [each for each in self.at.orders if each.is_working and each.instrument_id == instrument_id]:
            self.venue.cancel(found)
            line = next(line for line in reversed(self.at.journal) if line.what == "canceled")
            reports += [self.parse.line(line)] if found.id in named else []
        return [] if fault is Fault.LOSE_REPLY else reports

    async def _look_up(self, order: Order) -> Sequence[Report]:
        venue, spec = self.venue, self.venue.kind.spec
        if spec.lookup is None:
            venue.note("lookup", self.at, [order.sent_id or ""], "impossible")
            return [UndeterminedOutcomeReport(**self._names(order), cause="the venue has no lookup")]
        try:
            await self._pass("lookup", lost=VenueUnavailable("the venue does not answer"))
        except VenueUnavailable as error:
            return [self._unknown(order, str(error))]
        found = self._find(order)
        venue.note("lookup", self.at, [order.sent_id or ""], "unknown" if found is None else "known")
        if found is not None:
            return self.parse.whole(found, venue.now_ms)
        match meaning_of_not_known(spec, self.at.type, order, venue.clock.now_ms()):
            case NotKnown.DEAD:
                return [RejectedReport(**self._names(order), reason=RejectReason.NOT_FOUND_AT_VENUE.value)]
            case NotKnown.ENDED_UNFILLED:
                return [CanceledReport(**self._names(order), reason=CancelReason.VENUE, executed_quantity=ZERO)]
            case NotKnown.FORGOTTEN | NotKnown.MAY_ARRIVE:
                return [UndeterminedOutcomeReport(**self._names(order), cause="the venue has forgotten")]
            case NotKnown.TOO_EARLY:
                return [UnknownOutcomeReport(**self._names(order), cause="it may still arrive", is_not_found=True)]

    def _find(self, order: Order) -> VenueOrder | None:
        if order.venue_order_id is None:
            return self.venue.find(self.at, order.sent_id)
        return self.venue.find_by_id(self.at, order.instrument_id, order.venue_order_id)

    def _history(self, from_ms: int, instrument_id: InstrumentId | None) -> Sequence[Line]:
        return [
            line
            for line in self.at.journal
            if line.at_ms >= from_ms and line.what not in ("balance", "position")
            if instrument_id is None or line.about == instrument_id
        ]

    async def _pass(self, kind: str, *, lost: Exception) -> None:
        fault = self.script.take(kind)
        if fault is Fault.HOLD:
            await self.script.gate()
        if fault in (Fault.REFUSE, Fault.LOSE_REQUEST) or self.is_closed:
            self.venue.note(kind, self.at, [], "refused")
            raise lost

    def _require_reach(self, kind: str) -> None:
        if self.script.take(kind) is Fault.REFUSE or self.is_closed:
            raise VenueUnavailable("the venue does not answer")

    def _unknown(self, order: Order, cause: str) -> UnknownOutcomeReport:
        return UnknownOutcomeReport(**self._names(order), cause=cause)

    def _duplicate(self, order: Order) -> UnknownOutcomeReport:
        return UnknownOutcomeReport(**self._names(order), cause="the venue knows this id already", is_duplicate=True)

    def _names(self, order: Order) -> dict[str, Any]:
        return {
            "account_id": order.account_id, "instrument_id": order.instrument_id, "order_id": order.id,
            "at_ms": self.venue.now_ms,
        }  # fmt: skip

    def _not_sent(self, order: Order) -> Report:
        return NotSentReport(**self._names(order), recorded_at_ms=order.created_at_ms)

    async def _shielded(self, work: Coroutine[Any, Any, Sequence[Report]]) -> Sequence[Report]:
        """A caller that stops waiting does not cancel the request; what its reply says is delivered then."""
        task = asyncio.create_task(work)
        self.script.on_the_wire.add(task)
        task.add_done_callback(self.script.on_the_wire.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._deliver_late)
            raise

    def _deliver_late(self, task: "asyncio.Task[Sequence[Report]]") -> None:
        if not task.cancelled() and not self.is_closed:
            self._put(task.result())

    # --- the stream

    def _hear(self, line: Line) -> None:
        if self.venue.kind.spec.account_news is not NewsSource.STREAM or self._is_lost or self._is_silent:
            return
        if self._is_held:
            self._held.append(line)
        else:
            self._take(line)

    def _take(self, line: Line) -> None:
        if line.what in ("balance", "position") and not self.venue.kind.streams_balances:
            return
        self._heard_ms = max(self._heard_ms, line.at_ms)
        self._put([self.parse.line(line)])

    def _put(self, reports: Sequence[Report]) -> None:
        self._queue.append(reports)
        self._is_quiet.clear()
        self._has_news.set()

    def _say(self, what: Callable[[], None]) -> None:
        self._queue.append(what)
        self._is_quiet.clear()
        self._has_news.set()

    async def _deliver_all(self) -> None:
        while True:
            await self._has_news.wait()
            while self._queue:
                following = self._queue.popleft()
                if callable(following):
                    following()
                else:
                    await self._sink.deliver(following)
            self._has_news.clear()
            self._is_quiet.set()


_REFUSALS = {
    Fault.REFUSE: CancelRefusal.WORKS_ON,
    Fault.TOO_LATE: CancelRefusal.TOO_LATE,
    Fault.UNKNOWN_ORDER: CancelRefusal.UNKNOWN_ORDER,
}
