"""Decides which waiting call may go out, and when. Pure: time is passed in, and decisions are values."""

import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from cadenza.network.pace_windows import MeterKey, SlidingWindow, WindowLimit

Charges = Mapping[MeterKey, int]


class PaceRefusalCause(Enum):
    FULL = "full"
    """As many calls as may wait in this lane are waiting."""
    TOO_LATE = "too-late"
    """No place comes before the deadline."""
    CLOSED = "closed"
    """Nothing leaves any more."""


@dataclass(frozen=True, slots=True)
class PaceHold:
    """Nothing that charges the meter leaves before `until_ms`."""

    key: MeterKey
    until_ms: int


@dataclass(frozen=True, slots=True)
class PaceRefusal:
    """The call must not leave. `earliest_ms` is an instant before which it could not have left. `hold` is the longest
    hold that by itself makes it too late; None when there is none."""

    cause: PaceRefusalCause
    earliest_ms: int
    hold: PaceHold | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _WaitingCall:
    number: int
    caller: str
    charges: Charges
    is_urgent: bool
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class PaceDecision:
    """The call may leave now (`refusal` is None), or never."""

    number: int
    refusal: PaceRefusal | None = None


class _Meter:
    """`held_until_ms`: nothing that charges it leaves before."""

    __slots__ = ("held_until_ms", "windows")

    def __init__(self, limits: Sequence[WindowLimit]) -> None:
        self.windows = [SlidingWindow(limit) for limit in limits]
        self.held_until_ms = 0

    def earliest_ms(self, weight: int, is_urgent: bool, now_ms: int) -> int:
        found = max(now_ms, self.held_until_ms)
        for window in self.windows:
            found = max(found, window.earliest_ms(weight, is_urgent, now_ms))
        return found

    def use_limits(self, limits: Sequence[WindowLimit], under_way: int) -> None:
        """Count on by these limits. A window of a length that was not counted begins with what is under way."""
        known = {window.limit.length_ms: window for window in self.windows}
        self.windows = []
        for limit in limits:
            window = known.get(limit.length_ms)
            if window is None:
                window = SlidingWindow(limit)
                window.take(under_way)
            window.limit = limit
            self.windows.append(window)

    def is_idle(self, now_ms: int) -> bool:
        return self.held_until_ms <= now_ms and all(window.is_unused(now_ms) for window in self.windows)


class PaceQueue:
    """Calls that wait for room in every window of every meter that they charge.

    `limits` gives the windows of each kind of meter; meters come into being with their first charge.

    Law:
    - In any span of a window's length, at most the window's limit leaves, and at most its limit arrives.
    - Nothing that charges a held meter leaves before the hold ends, urgent or not.
    - Urgent calls go first: while one waits for a meter, none that charges the meter and is not urgent leaves. Nor does
      a small call overtake a large one that comes before it and waits for a meter of both.
    - A call that waits for one meter holds up nobody at another in which it has room: an account that has used up its
      own limit does not slow down those that share an address with it.
    - Callers of one lane take turns, however many calls each has waiting; calls of one caller and lane leave in order.
    - A call that cannot leave before its deadline is refused: when it asks, if that is known by then.
    - After `advance(now)`, nothing that could leave waits, and nothing changes before `next_ms` but by another call of
      a method.

    Every method that changes something is followed by `advance`, by its caller.
    """

    def __init__(self, limits: Mapping[str, Sequence[WindowLimit]], *, waiting_max: int) -> None:
        self._limits = limits
        self._waiting_max = waiting_max
        self._meters: dict[MeterKey, _Meter] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _WaitingCall] = {}
        self._lanes: dict[bool, OrderedDict[str, deque[_WaitingCall]]] = {True: OrderedDict(), False: OrderedDict()}
        self._waiting_in = {True: 0, False: 0}
        self._deadlines: list[tuple[int, int]] = []
        self._under_way: dict[int, Charges] = {}
        self._next_ms: int | None = None

    def ask(
        self, caller: str, charges: Charges, *, deadline_ms: int, now_ms: int, is_urgent: bool = False
    ) -> int | PaceRefusal:
        """Join the queue and return the call's number, or be refused at once. Raises `ValueError` for a charge that
        exceeds a limit, and `KeyError` for a kind without limits."""
        for key, weight in charges.items():
            if any(weight > limit.cap(is_urgent) for limit in self._limits[key.kind]):
                raise ValueError(f"a charge of {weight} exceeds a limit of {key.kind}")
        earliest_ms = self._earliest_ms(charges, is_urgent, now_ms)
        if earliest_ms > deadline_ms:
            return self._too_late(charges, deadline_ms, earliest_ms, now_ms)
        if self._waiting_in[is_urgent] >= self._waiting_max:
            return PaceRefusal(PaceRefusalCause.FULL, earliest_ms)
        call = _WaitingCall(next(self._numbers), caller, charges, is_urgent, deadline_ms)
        self._waiting[call.number] = call
        self._waiting_in[is_urgent] += 1
        self._lanes[is_urgent].setdefault(caller, deque()).append(call)
        heapq.heappush(self._deadlines, (deadline_ms, call.number))
        return call.number

    def advance(self, now_ms: int) -> list[PaceDecision]:
        """Return who may leave at `now_ms`, and who never will."""
        decisions = self._refuse_late(now_ms)
        self._next_ms = None
        held: set[MeterKey] = set()
        for is_urgent in (True, False):
            decisions += self._advance_lane(is_urgent, held, now_ms)
        if self._deadlines:
            self._wake_at(self._deadlines[0][0] + 1)
        return decisions

    def next_ms(self) -> int | None:
        """Return the instant at which `advance` may decide something again; None when nothing waits."""
        return self._next_ms

    def withdraw(self, number: int) -> None:
        """Take a waiting call out of the queue."""
        self._leave_queue(self._waiting[number])

    def settle(self, number: int, now_ms: int, counted: Charges | None = None) -> None:
        """A call that left has ended, whatever its outcome. `counted` is what the other side counts for it, by meter,
        where that differs from the charge."""
        for key, weight in self._under_way.pop(number).items():
            for window in self._meter(key).windows:
                window.settle(weight, weight if counted is None else counted.get(key, weight), now_ms)
        self._forget_idle(now_ms)

    def give_back(self, number: int, now_ms: int) -> None:
        """A call that might leave did not: nothing is counted for it."""
        self.settle(number, now_ms, dict.fromkeys(self._under_way[number], 0))

    def hold(self, key: MeterKey, until_ms: int) -> None:
        """Let nothing leave that charges this meter before `until_ms`. A hold is never shortened."""
        meter = self._meter(key)
        meter.held_until_ms = max(meter.held_until_ms, until_ms)

    def use_limits(self, limits: Mapping[str, Sequence[WindowLimit]]) -> None:
        """Keep these limits from now on. They name every kind of before. What was used stays counted, and holds stay;
        calls go on waiting, and one whose charge exceeds a new limit is refused at its deadline."""
        self._limits = limits
        for key, meter in self._meters.items():
            meter.use_limits(limits[key.kind], sum(charges.get(key, 0) for charges in self._under_way.values()))

    def raise_to(self, key: MeterKey, length_ms: int, used: int, now_ms: int) -> None:
        """The other side says how much of the window of `length_ms` is used. Others may share the limit, so a higher
        number replaces ours; a lower one does not, for its window may have begun just now, and ours is any."""
        for window in self._meter(key).windows:
            if window.limit.length_ms == length_ms:
                window.raise_to(used, now_ms)

    def _advance_lane(self, is_urgent: bool, held: set[MeterKey], now_ms: int) -> list[PaceDecision]:
        """Let callers leave in turn. `held` are the meters for which somebody waits who comes first."""
        lane, decisions = self._lanes[is_urgent], []
        turns = deque(lane)
        blocked: list[str] = []
        while turns:
            caller = turns.popleft()
            if caller not in lane:  # its last call was decided
                continue
            call = lane[caller][0]
            earliest_ms = self._earliest_ms(call.charges, is_urgent, now_ms)
            if held.isdisjoint(call.charges) and earliest_ms <= now_ms:
                self._depart(call)
                decisions.append(PaceDecision(call.number))
                turns.append(caller)
            elif earliest_ms > call.deadline_ms:
                self._leave_queue(call)
                refusal = self._too_late(call.charges, call.deadline_ms, earliest_ms, now_ms)
                decisions.append(PaceDecision(call.number, refusal))
                turns.appendleft(caller)
            else:
                if held.isdisjoint(call.charges):
                    self._wake_at(earliest_ms)
                held.update(
                    key for key, weight in call.charges.items() if not self._has_room(key, weight, is_urgent, now_ms)
                )
                blocked.append(caller)
        for caller in blocked:  # whoever had to wait comes first the next time
            lane.move_to_end(caller)
        return decisions

    def _refuse_late(self, now_ms: int) -> list[PaceDecision]:
        decisions = []
        if len(self._deadlines) > 2 * len(self._waiting) + 64:
            self._deadlines = sorted((call.deadline_ms, number) for number, call in self._waiting.items())
        while self._deadlines and (
            self._deadlines[0][0] < now_ms or self._deadlines[0][1] not in self._waiting  # it left, or was withdrawn
        ):
            _, number = heapq.heappop(self._deadlines)
            if call := self._waiting.get(number):
                self._leave_queue(call)
                decisions.append(PaceDecision(number, PaceRefusal(PaceRefusalCause.TOO_LATE, now_ms)))
        return decisions

    def _depart(self, call: _WaitingCall) -> None:
        self._leave_queue(call)
        self._under_way[call.number] = call.charges
        for key, weight in call.charges.items():
            for window in self._meter(key).windows:
                window.take(weight)

    def _leave_queue(self, call: _WaitingCall) -> None:
        del self._waiting[call.number]
        self._waiting_in[call.is_urgent] -= 1
        lane = self._lanes[call.is_urgent]
        lane[call.caller].remove(call)
        if not lane[call.caller]:
            del lane[call.caller]

    def _has_room(self, key: MeterKey, weight: int, is_urgent: bool, now_ms: int) -> bool:
        meter = self._meters.get(key)
        return meter is None or meter.earliest_ms(weight, is_urgent, now_ms) <= now_ms

    def _earliest_ms(self, charges: Charges, is_urgent: bool, now_ms: int) -> int:
        found = now_ms
        for key, weight in charges.items():
            meter = self._meters.get(key)
            if meter is not None:
                found = max(found, meter.earliest_ms(weight, is_urgent, now_ms))
        return found

    def _too_late(self, charges: Charges, deadline_ms: int, earliest_ms: int, now_ms: int) -> PaceRefusal:
        """The call could not leave before `earliest_ms`, which is after its deadline."""
        meters = ((key, self._meters.get(key)) for key in charges)
        holds = (PaceHold(key, meter.held_until_ms) for key, meter in meters if meter is not None)
        too_long = [hold for hold in holds if hold.until_ms > max(deadline_ms, now_ms)]
        longest = max(too_long, key=lambda hold: hold.until_ms, default=None)
        return PaceRefusal(PaceRefusalCause.TOO_LATE, earliest_ms, longest)

    def _meter(self, key: MeterKey) -> _Meter:
        if (meter := self._meters.get(key)) is None:
            meter = self._meters[key] = _Meter(self._limits[key.kind])
        return meter

    def _wake_at(self, at_ms: int) -> None:
        self._next_ms = at_ms if self._next_ms is None else min(self._next_ms, at_ms)

    def _forget_idle(self, now_ms: int) -> None:
        """Keep the memory bounded: a meter of which nothing is used is the same as none. Two are looked at each time,
        so that all are in turn."""
        for key in list(itertools.islice(self._meters, 2)):
            meter = self._meters.pop(key)
            if not meter.is_idle(now_ms):
                self._meters[key] = meter
