"""Numbers for facts whose venue states instants only (`as_of` of balances, positions and snapshots)."""

FACTS_PER_MS = 1_000


class FactNumbers:
    """Gives each fact the number instant x 1000, or one more than the last where that is not higher.

    Law: the numbers grow in the order in which they are taken, so two facts of one millisecond differ, and a reading
    that was taken before a later fact has a lower number. Take a number for each fact in the order in which the venue
    reported it.
    """

    def __init__(self) -> None:
        self._last = 0

    def take(self, instant_ms: int) -> int:
        self._last = max(self._last + 1, instant_ms * FACTS_PER_MS)
        return self._last
