"""Growing pauses between tries: 2 s, then 4 s, then 8 s, at most a minute. The first try may come at once."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_DELAY_MS = 2_000
DELAY_MS_MAX = 60_000
FORGET_MS = 600_000
"""A key that no call of `due` named for this long is forgotten."""


@dataclass(slots=True)
class _Wait:
    due_ms: int
    delay_ms: int
    seen_ms: int


class Backoff(Generic[K]):
    """Uses the process's monotonic clock, so steps of the wall clock change nothing. It remembers the keys that `due`
    was asked about within `FORGET_MS`."""

    def __init__(self, first_delay_ms: int = FIRST_DELAY_MS) -> None:
        self._first_delay_ms = first_delay_ms
        self._waits: dict[K, _Wait] = {}
        self._swept_ms = 0

    def due(self, keys: Iterable[K], now_ms: int) -> Sequence[K]:
        """Return the keys that may be tried now, the longest due first. A new key is due after the first delay."""
        due: list[tuple[int, K]] = []
        for key in keys:
            wait = self._waits.get(key)
            if wait is None:
                wait = self._waits[key] = _Wait(now_ms + self._first_delay_ms, self._first_delay_ms, now_ms)
            wait.seen_ms = now_ms
            if wait.due_ms <= now_ms:
                due.append((wait.due_ms, key))
        self._sweep(now_ms)
        return [key for _, key in sorted(due, key=lambda each: each[0])]

    def tried(self, keys: Iterable[K], now_ms: int) -> None:
        """Note that the keys were tried: each waits twice as long as before."""
        for key in keys:
            wait = self._waits.get(key)
            if wait is not None:
                wait.delay_ms = min(max(wait.delay_ms * 2, FIRST_DELAY_MS), DELAY_MS_MAX)
                wait.due_ms = now_ms + wait.delay_ms

    def forget(self, keys: Iterable[K]) -> None:
        """Note that the keys succeeded."""
        for key in keys:
            self._waits.pop(key, None)

    def __len__(self) -> int:
        return len(self._waits)

    def _sweep(self, now_ms: int) -> None:
        if now_ms - self._swept_ms < FORGET_MS:
            return
        self._swept_ms = now_ms
        self._waits = {key: wait for key, wait in self._waits.items() if now_ms - wait.seen_ms < FORGET_MS}
