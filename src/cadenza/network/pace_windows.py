"""How much of a limit is used: windows that slide. Pure; time is passed in."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

STEPS_PER_WINDOW = 128
"""What was used in the same 1/128 of a window is forgotten together, when the last of it may be."""


class MeterKey(NamedTuple):
    """What is counted together: a kind of limit, and whose it is (an address, a credential, an instrument)."""

    kind: str
    owner: str


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most `weight_max` in any `length_ms`; the last `reserved_for_urgent` of it are for urgent calls alone."""

    weight_max: int
    length_ms: int
    reserved_for_urgent: int = 0

    def __post_init__(self) -> None:
        if self.weight_max < 1 or self.length_ms < 1 or not 0 <= self.reserved_for_urgent < self.weight_max:
            raise ValueError("weight_max and length_ms must be positive, the reserve less than weight_max")

    def cap(self, is_urgent: bool) -> int:
        return self.weight_max if is_urgent else self.weight_max - self.reserved_for_urgent


class SlidingWindow:
    """The use of one limit.

    A call counts from the instant at which it may leave until `length_ms` after its end is known. It arrives at the
    other side at some instant in between, so that there, too, no window of that length ever holds more than the limit,
    wherever the window begins and however long the way is.
    """

    __slots__ = ("_expiring", "_step_ms", "_used", "limit")

    def __init__(self, limit: WindowLimit) -> None:
        self.limit = limit
        self._step_ms = max(1, limit.length_ms // STEPS_PER_WINDOW)
        self._expiring: deque[list[int]] = deque()  # [instant, weight], in order, at most STEPS_PER_WINDOW or so
        self._used = 0

    def used(self, now_ms: int) -> int:
        while self._expiring and self._expiring[0][0] <= now_ms:
            self._used -= self._expiring.popleft()[1]
        return self._used

    def take(self, weight: int) -> None:
        self._used += weight

    def settle(self, taken: int, counted: int, now_ms: int) -> None:
        """A call that took `taken` has ended, and the other side counts `counted` for it."""
        self._used -= taken
        self._count(counted, now_ms)

    def raise_to(self, used: int, now_ms: int) -> None:
        """The other side counts `used`; what it has more than we have was used by others."""
        self._count(used - self.used(now_ms), now_ms)

    def earliest_ms(self, weight: int, is_urgent: bool, now_ms: int) -> int:
        """Return the first instant at which `weight` may fit, `now_ms` if it does. It does not fit earlier; it may be
        later, when a call that is under way ends late."""
        excess = self.used(now_ms) + weight - self.limit.cap(is_urgent)
        if excess <= 0:
            return now_ms
        for at_ms, expiring in self._expiring:
            excess -= expiring
            if excess <= 0:
                return at_ms
        return now_ms + self.limit.length_ms + 1  # a call that is under way ends now at the earliest

    def _count(self, weight: int, now_ms: int) -> None:
        if weight <= 0:
            return
        self._used += weight
        exact_ms = now_ms + self.limit.length_ms + 1  # the instants are whole ms, cut off
        at_ms = -(-exact_ms // self._step_ms) * self._step_ms
        if self._expiring and self._expiring[-1][0] >= at_ms:
            self._expiring[-1][1] += weight
        else:
            self._expiring.append([at_ms, weight])

    def is_unused(self, now_ms: int) -> bool:
        return self.used(now_ms) == 0
