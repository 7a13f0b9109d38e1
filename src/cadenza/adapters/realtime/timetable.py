"""When connections are to be woken. One table serves all, so that a connection costs no timer of its own."""

from typing import Protocol

TICK_MS = 100
"""Wakings are late by at most this."""


class Sleeper(Protocol):
    """Something that can be woken."""

    def wake(self, now_ms: int) -> None:
        """Do what is due. A sleeper that wants to be woken again puts itself into the timetable again."""


class Timetable:
    """Wakes sleepers at their times. Law: a sleeper has one time at most; setting it again replaces it."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Sleeper, None]] = {}
        self._slot_of: dict[Sleeper, int] = {}
        self._next_slot: int | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def put(self, sleeper: Sleeper, due_ms: int) -> None:
        """Have the sleeper woken at the first tick at or after `due_ms` (monotonic)."""
        self.remove(sleeper)
        slot = -(-due_ms // TICK_MS)
        if self._next_slot is not None:
            slot = max(slot, self._next_slot)
        self._slots.setdefault(slot, {})[sleeper] = None
        self._slot_of[sleeper] = slot

    def remove(self, sleeper: Sleeper) -> None:
        """Take the sleeper's time away."""
        slot = self._slot_of.pop(sleeper, None)
        if slot is not None:
            sleepers = self._slots[slot]
            del sleepers[sleeper]
            if not sleepers:
                del self._slots[slot]

    def tick(self, now_ms: int) -> None:
        """Wake all whose time has come; to be called every `TICK_MS`."""
        current = now_ms // TICK_MS
        self._next_slot = current + 1
        for slot in sorted(slot for slot in self._slots if slot <= current):
            for sleeper in list(self._slots.get(slot, ())):
                self.remove(sleeper)
                sleeper.wake(now_ms)
