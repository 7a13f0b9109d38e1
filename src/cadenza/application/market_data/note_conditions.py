"""Note how the venues are, so that the command line can print it without asking the server."""

from cadenza.application.market_data.run_venues import RunVenues
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.venue import VenueCondition

NOTED_EVERY_MS = 60_000
"""A condition that does not change is noted again after so long. A note that is much older is of a server that does not
run any more."""


class NoteConditions:
    """One supervised loop calls `tick`."""

    def __init__(self, *, storage: Storage, venues: RunVenues, clock: Clock) -> None:
        self._storage = storage
        self._venues = venues
        self._clock = clock
        self._noted: dict[VenueId, VenueCondition] = {}
        self._due_ms = 0

    async def tick(self) -> None:
        """Note the conditions if one has changed, or a minute has passed. While the database does not answer, nothing
        is noted, and the next call tries again."""
        conditions = dict(self._venues.conditions())
        now_ms = self._clock.monotonic_ms()
        if conditions == self._noted and now_ms < self._due_ms:
            return
        try:
            async with self._storage.begin() as uow:
                await uow.venues.note(conditions, self._clock.now_ms())
                await uow.commit()
        except DatabaseUnavailable:
            return
        self._noted, self._due_ms = conditions, now_ms + NOTED_EVERY_MS
