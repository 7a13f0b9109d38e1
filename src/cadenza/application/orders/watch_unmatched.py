"""Watch the reports that fit no order: they are kept, and somebody has to know that they are there."""

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import UnmatchedSummary


class WatchUnmatched:
    """The figures as of the last `tick`; while the database does not answer, those of before stay."""

    def __init__(self, *, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._summary = UnmatchedSummary(0, None)

    async def tick(self) -> None:
        try:
            async with self._storage.read() as uow:
                self._summary = await uow.unmatched.summary()
        except DatabaseUnavailable:
            return

    @property
    def count(self) -> int:
        """How many are kept."""
        return self._summary.count

    @property
    def oldest_age_ms(self) -> int:
        """How long ago the oldest of them happened at its venue; 0 when none is kept."""
        oldest_at_ms = self._summary.oldest_at_ms
        return 0 if oldest_at_ms is None else max(0, self._clock.now_ms() - oldest_at_ms)
