"""A sorted set of (rank, sequence) whose highest ranks leave first: triggers by price, expiries by time."""

from __future__ import annotations

from bisect import bisect_left, insort


class Ranking:
    """Ranks are integers; a caller that wants its lowest value first ranks by the negative.

    The best stands at the end of a list, so taking it is O(1); the rest is a binary search and one memmove.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[int, int]] = []

    def add(self, rank: int, sequence: int) -> None:
        insort(self._entries, (rank, sequence))

    def remove(self, rank: int, sequence: int) -> None:
        """Take out an entry that is present; it is a defect if it is not."""
        index = bisect_left(self._entries, (rank, sequence))
        assert self._entries[index] == (rank, sequence)
        del self._entries[index]

    def has_reached(self, rank: int) -> bool:
        """Whether some entry ranks at least `rank`."""
        return bool(self._entries) and self._entries[-1][0] >= rank

    def sequences_reaching(self, rank: int) -> list[int]:
        """The sequences of all entries that rank at least `rank`."""
        return [sequence for _, sequence in self._entries[bisect_left(self._entries, (rank,)) :]]
