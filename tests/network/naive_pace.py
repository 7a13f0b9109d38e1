"""The naive twin of `PaceQueue`: it remembers everything and looks at everything each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cadenza.network.pace_queue import Charges, PaceDecision, PaceHold, PaceRefusal, PaceRefusalCause
from cadenza.network.pace_windows import MeterKey, WindowLimit


@dataclass
class Call:
    number: int
    caller: str
    charges: Charges
    is_urgent: bool
    deadline_ms: int


@dataclass
class Use:
    """What was used of a window; `until_ms` is None while the call is under way."""

    number: int
    key: MeterKey
    length_ms: int
    weight: int
    until_ms: int | None


class NaivePace:
    def __init__(self, limits: Mapping[str, Sequence[WindowLimit]], *, waiting_max: int) -> None:
        self.limits = limits
        self.waiting_max = waiting_max
        self.numbers = 0
        self.waiting: list[Call] = []
        self.uses: list[Use] = []
        self.holds: dict[MeterKey, int] = {}
        self.turns: dict[bool, list[str]] = {True: [], False: []}

    def used(self, key: MeterKey, length_ms: int, now_ms: int) -> int:
        return sum(
            use.weight
            for use in self.uses
            if (use.key, use.length_ms) == (key, length_ms) and (use.until_ms is None or use.until_ms > now_ms)
        )

    def earliest(self, charges: Charges, is_urgent: bool, now_ms: int) -> int:
        """Try every instant at which something changes."""
        instants = {now_ms} | {use.until_ms for use in self.uses if use.until_ms is not None and use.until_ms > now_ms}
        found = max([now_ms, *(self.holds.get(key, 0) for key in charges)])
        for key, weight in charges.items():
            for limit in self.limits[key.kind]:
                fits = [
                    at
                    for at in sorted(instants)
                    if self.used(key, limit.length_ms, at) + weight <= limit.cap(is_urgent)
                ]
                found = max(found, fits[0] if fits else now_ms + limit.length_ms + 1)
        return found

    def hold_beyond(self, charges: Charges, deadline_ms: int, now_ms: int) -> PaceHold | None:
        """The longest hold that does not end in time."""
        found: PaceHold | None = None
        for key in charges:
            until_ms = self.holds.get(key, 0)
            if until_ms > now_ms and until_ms > deadline_ms and (found is None or until_ms > found.until_ms):
                found = PaceHold(key, until_ms)
        return found

    def ask(
        self, caller: str, charges: Charges, *, deadline_ms: int, now_ms: int, is_urgent: bool = False
    ) -> int | PaceRefusal:
        earliest_ms = self.earliest(charges, is_urgent, now_ms)
        if earliest_ms > deadline_ms:
            return PaceRefusal(PaceRefusalCause.TOO_LATE, earliest_ms, self.hold_beyond(charges, deadline_ms, now_ms))
        if sum(call.is_urgent == is_urgent for call in self.waiting) >= self.waiting_max:
            return PaceRefusal(PaceRefusalCause.FULL, earliest_ms)
        self.numbers += 1
        self.waiting.append(Call(self.numbers, caller, charges, is_urgent, deadline_ms))
        if caller not in self.turns[is_urgent]:
            self.turns[is_urgent].append(caller)
        return self.numbers

    def advance(self, now_ms: int) -> list[PaceDecision]:
        decisions = []
        for call in sorted(self.waiting, key=lambda one: (one.deadline_ms, one.number)):
            if call.deadline_ms < now_ms:
                self.waiting.remove(call)
                decisions.append(PaceDecision(call.number, PaceRefusal(PaceRefusalCause.TOO_LATE, now_ms)))
        while (decision := self.decide_one(now_ms)) is not None:
            decisions.append(decision)
        return decisions

    def decide_one(self, now_ms: int) -> PaceDecision | None:
        """Look at everybody from the start, in the order of the law, and decide the first that can be decided."""
        held: set[MeterKey] = set()
        for is_urgent in (True, False):
            turns = self.turns[is_urgent]
            turns[:] = [c for c in turns if any((w.caller, w.is_urgent) == (c, is_urgent) for w in self.waiting)]
            for caller in turns:
                call = next(w for w in self.waiting if (w.caller, w.is_urgent) == (caller, is_urgent))
                earliest_ms = self.earliest(call.charges, is_urgent, now_ms)
                if held.isdisjoint(call.charges) and earliest_ms <= now_ms:
                    self.waiting.remove(call)
                    turns.remove(caller)
                    turns.append(caller)
                    for key, weight in call.charges.items():
                        for limit in self.limits[key.kind]:
                            self.uses.append(Use(call.number, key, limit.length_ms, weight, None))
                    return PaceDecision(call.number)
                if earliest_ms > call.deadline_ms:
                    self.waiting.remove(call)
                    beyond = self.hold_beyond(call.charges, call.deadline_ms, now_ms)
                    return PaceDecision(call.number, PaceRefusal(PaceRefusalCause.TOO_LATE, earliest_ms, beyond))
                held.update(
                    key for key in call.charges if self.earliest({key: call.charges[key]}, is_urgent, now_ms) > now_ms
                )
        return None

    def withdraw(self, number: int) -> None:
        self.waiting = [call for call in self.waiting if call.number != number]

    def settle(self, number: int, now_ms: int, counted: Charges | None = None) -> None:
        for use in self.uses:
            if use.number == number and use.until_ms is None:
                use.weight = use.weight if counted is None else counted.get(use.key, use.weight)
                use.until_ms = now_ms + use.length_ms + 1

    def give_back(self, number: int, now_ms: int) -> None:
        self.uses = [use for use in self.uses if use.number != number]

    def hold(self, key: MeterKey, until_ms: int) -> None:
        self.holds[key] = max(self.holds.get(key, 0), until_ms)

    def raise_to(self, key: MeterKey, length_ms: int, used: int, now_ms: int) -> None:
        more = used - self.used(key, length_ms, now_ms)
        if more > 0 and any(limit.length_ms == length_ms for limit in self.limits[key.kind]):
            self.uses.append(Use(0, key, length_ms, more, now_ms + length_ms + 1))
