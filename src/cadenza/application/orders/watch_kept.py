"""Figures about reports that could not be applied, and about orders whose outcome asking cannot determine.

An alarm sounds after the commit that it is about. A process that dies in between does not sound it, so the next one
sounds one alarm for what it finds: reports that could not be booked, orders that asking cannot determine, and orders
of the last day that were executed though they are REJECTED here.
"""

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import KeptSummary

DAY_MS = 86_400_000


class WatchKept:
    """The figures as of the last `tick`. While the database does not answer, the former figures stay."""

    def __init__(self, *, storage: Storage, alarms: Alarms, clock: Clock) -> None:
        self._storage = storage
        self._alarms = alarms
        self._clock = clock
        self._is_first = True
        self._summary = KeptSummary(curable_count=0, refused_count=0, oldest_kept_at_ms=None)
        self.undetermined_count = 0
        """Orders whose outcome asking cannot determine."""

    async def tick(self) -> None:
        try:
            async with self._storage.read() as uow:
                self._summary = await uow.kept.summary()
                self.undetermined_count = await uow.orders.undetermined_count()
                executed = await uow.orders.executed_though_rejected_count(self._clock.now_ms() - DAY_MS)
        except DatabaseUnavailable:
            return
        if self._is_first:
            facts = {"reports": self.refused_count, "undetermined": self.undetermined_count, "executed": executed}
            if any(facts.values()):
                self._alarms.sound(Alarm.LEFT_FROM_BEFORE, facts)
            self._is_first = False

    @property
    def curable_count(self) -> int:
        """How many reports wait for the order or the execution that they are about."""
        return self._summary.curable_count

    @property
    def refused_count(self) -> int:
        """How many reports contradict what is known, or could not be booked."""
        return self._summary.refused_count

    @property
    def oldest_age_ms(self) -> int:
        """How long the oldest kept report has been kept; 0 when none is kept."""
        kept_at_ms = self._summary.oldest_kept_at_ms
        return 0 if kept_at_ms is None else max(0, self._clock.now_ms() - kept_at_ms)
