"""A sorted set of (rank, sequence), read from the highest rank down: triggers by price, expiries by time."""

from __future__ import annotations

from bisect import bisect_left, insort


class Ranking:
    """Ranks are integers. A caller that wants the lowest value first uses the negative value as rank.

    The highest rank stands at the end of a list, so reading it is O(1). Adding and removing are a binary search and one
    memmove.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[int, int]] = []

    def add(self, rank: int, sequence: int) -> None:
        insort(self._entries, (rank, sequence))

    def remove(self, rank: int, sequence: int) -> None:
        """Remove an entry. An entry that is not there is a defect and fails an assertion."""
        index = bisect_left(self._entries, (rank, sequence))
        assert self._entries[index] == (rank, sequence)
        del self._entries[index]

    def highest(self) -> int | None:
        """Return the highest rank; None when there is no entry."""
        return self._entries[-1][0] if self._entries else None

    def has_reached(self, rank: int) -> bool:
        """Whether an entry has a rank of at least `rank`."""
        return bool(self._entries) and self._entries[-1][0] >= rank

    def sequences_reaching(self, rank: int) -> list[int]:
        """Return the sequences of all entries with a rank of at least `rank`."""
        return [sequence for _, sequence in self._entries[bisect_left(self._entries, (rank,)) :]]
