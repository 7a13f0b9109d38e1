"""Laws of pacing, for the queue and for its naive twin, which decide alike."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.naive_pace import NaivePace

from cadenza.network.pace_queue import Charges, PaceDecision, PaceHold, PaceQueue, PaceRefusal, PaceRefusalCause
from cadenza.network.pace_windows import MeterKey, SlidingWindow, WindowLimit

ADDRESS = MeterKey("address", "a")
KEYS = [ADDRESS, MeterKey("bucket", "x"), MeterKey("bucket", "y")]
LIMITS = {
    "address": [WindowLimit(8, 100, 2), WindowLimit(20, 120)],
    "bucket": [WindowLimit(3, 40, 1)],
}
"""Windows short enough that nothing is forgotten in steps, so that the twin, which has none, decides alike."""

Made = Callable[[], Any]
MAKERS = [lambda: PaceQueue(LIMITS, waiting_max=6), lambda: NaivePace(LIMITS, waiting_max=6)]

charges = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 2), min_size=1)
steps = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from("abc"), charges, st.booleans(), st.integers(0, 400)),
    st.tuples(
        st.just("settle"), st.integers(0, 50), st.none() | st.dictionaries(st.sampled_from(KEYS), st.integers(0, 4))
    ),
    st.tuples(st.just("give back"), st.integers(0, 50)),
    st.tuples(st.just("withdraw"), st.integers(0, 50)),
    st.tuples(st.just("hold"), st.sampled_from(KEYS), st.integers(0, 150)),
    st.tuples(st.just("raise"), st.sampled_from([(ADDRESS, 100), (ADDRESS, 120), (KEYS[1], 40)]), st.integers(0, 20)),
    st.tuples(st.just("pass"), st.integers(1, 90)),
    st.just(("next",)),
)


@dataclass
class Call:
    caller: str
    charges: Charges
    is_urgent: bool
    deadline_ms: int
    asked_ms: int
    left_ms: int | None = None


@dataclass
class Played:
    """What happened in a play, and the laws that hold at every step of it."""

    queue: Any
    now_ms: int = 1_000
    calls: dict[int, Call] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    under_way: list[int] = field(default_factory=list)
    held: dict[MeterKey, int] = field(default_factory=dict)
    log: list[Any] = field(default_factory=list)

    def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("ask", caller, wanted, is_urgent, patience_ms):
                deadline_ms = self.now_ms + patience_ms
                asked = self.queue.ask(caller, wanted, deadline_ms=deadline_ms, now_ms=self.now_ms, is_urgent=is_urgent)
                self.log.append(asked)
                if isinstance(asked, int):
                    self.calls[asked] = Call(caller, wanted, is_urgent, deadline_ms, self.now_ms)
                    self.waiting.append(asked)
            case ("settle", which, counted) if self.under_way:
                self.queue.settle(self.under_way.pop(which % len(self.under_way)), self.now_ms, counted)
            case ("give back", which) if self.under_way:
                number = self.under_way.pop(which % len(self.under_way))
                self.calls[number].left_ms = None
                self.queue.give_back(number, self.now_ms)
            case ("withdraw", which) if self.waiting:
                self.queue.withdraw(self.waiting.pop(which % len(self.waiting)))
            case ("hold", key, duration_ms):
                self.held[key] = max(self.held.get(key, 0), self.now_ms + duration_ms)
                self.queue.hold(key, self.now_ms + duration_ms)
            case ("raise", (key, length_ms), used):
                self.queue.raise_to(key, length_ms, used, self.now_ms)
            case ("pass", duration_ms):
                self.now_ms += duration_ms
            case ("next",) if isinstance(self.queue, PaceQueue):
                if (next_ms := self.queue.next_ms()) is not None and next_ms > self.now_ms:
                    self.now_ms = next_ms
        self.advance()

    def advance(self) -> None:
        decisions: list[PaceDecision] = self.queue.advance(self.now_ms)
        self.log.append((self.now_ms, decisions))
        order = [d.number for d in decisions]
        assert len(set(order)) == len(order)
        for decision in decisions:
            self.waiting.remove(decision.number)
            call = self.calls[decision.number]
            if decision.refusal is None:
                assert call.deadline_ms >= self.now_ms
                assert all(self.held.get(key, 0) <= self.now_ms for key in call.charges)
                call.left_ms = self.now_ms
                self.under_way.append(decision.number)
        self.check_order(decisions)
        assert self.queue.advance(self.now_ms) == []

    def check_order(self, decisions: list[PaceDecision]) -> None:
        left = [self.calls[d.number] for d in decisions if d.refusal is None]
        for number in self.waiting:
            waits = self.calls[number]
            for call in left:
                if waits.is_urgent and not call.is_urgent and len(waits.charges) == 1:  # else it may wait elsewhere
                    assert not waits.charges.keys() & call.charges.keys()
                if (waits.caller, waits.is_urgent) == (call.caller, call.is_urgent):
                    assert number > next(n for n, one in self.calls.items() if one is call)


@pytest.mark.parametrize("make", MAKERS)
@given(play=st.lists(steps, max_size=80))
def test_the_laws_hold_at_every_step(make: Made, play: list[tuple[Any, ...]]) -> None:
    played = Played(make())
    for step in play:
        played.step(step)
    left = [call for call in played.calls.values() if call.left_ms is not None]
    for key in KEYS:
        for limit in LIMITS[key.kind]:
            for first in left:
                span = [c for c in left if 0 <= c.left_ms - first.left_ms <= limit.length_ms]  # type: ignore[operator]
                assert sum(call.charges.get(key, 0) for call in span) <= limit.weight_max or any(
                    step[0] == "settle" and step[2] for step in play
                ), "only what the other side counts less for lets more leave"


@given(play=st.lists(steps, max_size=60))
def test_the_queue_and_its_twin_decide_alike(play: list[tuple[Any, ...]]) -> None:
    queue, twin = Played(MAKERS[0]()), Played(MAKERS[1]())
    for step in play:
        if step == ("next",):
            next_ms = queue.queue.next_ms()
            step = ("pass", max(0, (next_ms or 0) - queue.now_ms))
        queue.step(step)
        twin.step(step)
        assert queue.log[-1] == twin.log[-1]


@given(
    play=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 5), st.integers(0, 300)), min_size=1, max_size=60),
    length_ms=st.integers(1, 2_000),
)
def test_no_span_of_the_length_of_a_window_holds_more_than_its_limit_where_calls_arrive(
    play: list[tuple[int, int, int]], length_ms: int
) -> None:
    """Each call takes its own time to be answered, and arrives at the worst instant of it: the first ones late, so that
    they bunch with those that follow."""
    limits = {"address": [WindowLimit(10, length_ms)]}
    queue, now_ms = PaceQueue(limits, waiting_max=100), 0
    ends: list[tuple[int, int]] = []
    spans: dict[int, tuple[int, int]] = {}
    weights: dict[int, int] = {}
    for pause_ms, weight, way_ms in play:
        asked = queue.ask("a", {ADDRESS: weight}, deadline_ms=10**9, now_ms=now_ms)
        assert isinstance(asked, int)
        weights[asked] = weight
        until_ms = now_ms + pause_ms
        while True:
            for decision in queue.advance(now_ms):
                spans[decision.number] = (now_ms, now_ms + way_ms)
                ends.append((now_ms + way_ms, decision.number))
            ends.sort()
            coming = [at for at in (queue.next_ms(), ends[0][0] if ends else None) if at is not None and at <= until_ms]
            if not coming:
                break
            now_ms = max(now_ms, min(coming))
            while ends and ends[0][0] <= now_ms:
                queue.settle(ends.pop(0)[1], now_ms)
        now_ms = until_ms
    for choose in (0, 1):
        arrivals = sorted((span[choose], weights[number]) for number, span in spans.items())
        for first, _ in arrivals:
            assert sum(weight for at, weight in arrivals if first <= at <= first + length_ms) <= 10


def test_what_is_forgotten_in_steps_is_never_forgotten_early_and_takes_little_memory() -> None:
    window = SlidingWindow(WindowLimit(1_000_000, 300_000))
    for at_ms in range(0, 290_000, 7):
        window.take(1)
        window.settle(1, 1, at_ms)
    assert window.used(300_000) == len(range(0, 290_000, 7))
    assert len(window._expiring) <= 130
    assert 0 < window.used(350_000) < len(range(0, 290_000, 7))
    assert window.used(600_000) == 0


def test_urgent_calls_overtake_and_have_a_reserve() -> None:
    queue = PaceQueue({"address": [WindowLimit(4, 1_000, reserved_for_urgent=1)]}, waiting_max=100)

    def ask(caller: str, *, is_urgent: bool = False) -> int:
        asked = queue.ask(caller, {ADDRESS: 1}, deadline_ms=99_999, now_ms=0, is_urgent=is_urgent)
        assert isinstance(asked, int)
        return asked

    normal = [ask("a") for _ in range(50)]
    urgent = [ask("b", is_urgent=True) for _ in range(2)]
    assert [d.number for d in queue.advance(0)] == [*urgent, normal[0]]
    last = ask("b", is_urgent=True)
    assert [d.number for d in queue.advance(0)] == [last]
    for number in (*urgent, normal[0], last):
        queue.settle(number, 10)
    assert queue.advance(10) == []
    assert queue.next_ms() == 1_011 + -1_011 % 7  # forgotten in steps of 7 ms
    assert [d.number for d in queue.advance(1_020)] == normal[1:4]


def test_an_account_that_waits_for_its_own_limit_holds_up_nobody_of_the_same_address() -> None:
    limits = {"address": [WindowLimit(100, 1_000)], "account": [WindowLimit(1, 10_000)]}
    queue = PaceQueue(limits, waiting_max=100)

    def ask(caller: str, weight: int = 1, *, is_urgent: bool = False) -> int:
        charges = {ADDRESS: weight, MeterKey("account", caller): 1}
        asked = queue.ask(caller, charges, deadline_ms=99_999, now_ms=0, is_urgent=is_urgent)
        assert isinstance(asked, int)
        return asked

    first = ask("a")
    assert [d.number for d in queue.advance(0)] == [first]
    waiting = [ask("a"), ask("a", is_urgent=True)]
    others = [ask("b"), ask("c")]
    assert [d.number for d in queue.advance(0)] == others
    queue.settle(first, 5)
    assert [d.number for d in queue.advance(10_100)] == [waiting[1]]


def test_callers_take_turns_however_many_calls_each_has() -> None:
    queue = PaceQueue({"address": [WindowLimit(1, 10)]}, waiting_max=100)
    callers = {}
    for caller in itertools.chain("a" * 20, "bc"):
        callers[queue.ask(caller, {ADDRESS: 1}, deadline_ms=99_999, now_ms=0)] = caller
    order = ""
    for turn in range(6):
        (decision,) = queue.advance(turn * 20)
        queue.settle(decision.number, turn * 20)
        order += callers[decision.number]
    assert order == "abcaaa"


def test_a_large_call_is_not_overtaken_for_ever_by_small_ones() -> None:
    queue = PaceQueue({"address": [WindowLimit(10, 100)]}, waiting_max=100)
    small = [queue.ask("a", {ADDRESS: 1}, deadline_ms=99_999, now_ms=0) for _ in range(5)]
    assert [d.number for d in queue.advance(0)] == small
    large = queue.ask("b", {ADDRESS: 10}, deadline_ms=99_999, now_ms=0)
    queue.ask("c", {ADDRESS: 1}, deadline_ms=99_999, now_ms=0)
    assert queue.advance(0) == []
    for number in small:
        queue.settle(number, 50)  # type: ignore[arg-type]
    assert [d.number for d in queue.advance(151)] == [large]


def test_what_cannot_be_in_time_is_refused_at_once_and_what_can_never_be_is_an_error() -> None:
    queue = PaceQueue({"address": [WindowLimit(2, 100, reserved_for_urgent=1)]}, waiting_max=1)
    queue.hold(ADDRESS, 5_000)
    queue.hold(ADDRESS, 4_000)
    refused = queue.ask("a", {ADDRESS: 1}, deadline_ms=4_999, now_ms=0, is_urgent=True)
    assert refused == PaceRefusal(PaceRefusalCause.TOO_LATE, 5_000, PaceHold(ADDRESS, 5_000))
    assert queue.ask("a", {ADDRESS: 1}, deadline_ms=5_000, now_ms=0) == 1
    assert queue.ask("a", {ADDRESS: 1}, deadline_ms=5_000, now_ms=0) == PaceRefusal(PaceRefusalCause.FULL, 5_000)
    assert queue.ask("a", {ADDRESS: 1}, deadline_ms=5_000, now_ms=0, is_urgent=True) == 2
    queue.hold(ADDRESS, 6_000)
    told = PaceRefusal(PaceRefusalCause.TOO_LATE, 6_000, PaceHold(ADDRESS, 6_000))
    assert {d.number: d.refusal for d in queue.advance(1)} == {1: told, 2: told}
    with pytest.raises(ValueError, match="exceeds"):
        queue.ask("a", {ADDRESS: 2}, deadline_ms=5_000, now_ms=0)
    with pytest.raises(KeyError):
        queue.ask("a", {MeterKey("other", ""): 1}, deadline_ms=5_000, now_ms=0)


def test_a_hold_is_named_only_if_it_alone_makes_a_call_too_late() -> None:
    queue = PaceQueue({"address": [WindowLimit(1, 100)]}, waiting_max=5)
    first = queue.ask("a", {ADDRESS: 1}, deadline_ms=0, now_ms=0)
    assert [d.number for d in queue.advance(0)] == [first]
    queue.settle(first, 0)  # type: ignore[arg-type]
    queue.hold(ADDRESS, 50)
    refused = queue.ask("a", {ADDRESS: 1}, deadline_ms=80, now_ms=1)
    assert isinstance(refused, PaceRefusal)
    assert (refused.earliest_ms, refused.hold) == (101, None), "the window is full for longer"
    refused = queue.ask("a", {ADDRESS: 1}, deadline_ms=40, now_ms=1)
    assert isinstance(refused, PaceRefusal)
    assert refused.hold == PaceHold(ADDRESS, 50)
    refused = queue.ask("a", {ADDRESS: 1}, deadline_ms=40, now_ms=60)
    assert isinstance(refused, PaceRefusal)
    assert refused.hold is None, "it is over"


def test_meters_of_owners_that_come_and_go_are_forgotten() -> None:
    queue = PaceQueue({"bucket": [WindowLimit(2, 100)]}, waiting_max=10)
    for owner in range(1_000):
        now_ms = owner * 50
        number = queue.ask("a", {MeterKey("bucket", str(owner)): 1}, deadline_ms=now_ms, now_ms=now_ms)
        assert [d.number for d in queue.advance(now_ms)] == [number]
        queue.settle(number, now_ms)  # type: ignore[arg-type]
    assert len(queue._meters) < 10
    assert len(queue._deadlines) < 100
