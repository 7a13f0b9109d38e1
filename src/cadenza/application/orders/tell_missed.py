"""Tell what may have been committed without our hearing of it.

When the reply to a save is lost, trying again finds that nothing is left to change, so nothing would be told: whoever
listens would miss what is in the log. Therefore the log of such an account is read until the statement must have ended,
and what is in it is told. Listeners know what they were told already by its sequence.
"""

from dataclasses import dataclass

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage import Storage

DOUBT_MS = 60_000
"""After so long no statement of ours is running any more: the database gives them up much earlier."""
EVENTS_PER_READ_MAX = 500


@dataclass(slots=True)
class _Doubt:
    after: int
    until_ms: int


class TellMissed:
    """Accounts in doubt; as many at most as there are."""

    def __init__(self, *, storage: Storage, publisher: Publisher, clock: Clock) -> None:
        self._storage = storage
        self._publisher = publisher
        self._clock = clock
        self._doubts: dict[TradingAccountId, _Doubt] = {}

    def doubt(self, account_id: TradingAccountId, after: int) -> None:
        """What the account's log has after that sequence may not have been told."""
        known = self._doubts.get(account_id)
        first = after if known is None else min(known.after, after)
        self._doubts[account_id] = _Doubt(first, self._clock.monotonic_ms() + DOUBT_MS)

    async def tick(self) -> None:
        """Tell what is new in the logs in doubt. While the database does not answer, the doubt stays."""
        for account_id, doubt in list(self._doubts.items()):
            is_over = self._clock.monotonic_ms() > doubt.until_ms
            try:
                async with self._storage.read() as uow:
                    events = await uow.events.after(account_id, doubt.after, EVENTS_PER_READ_MAX)
            except DatabaseUnavailable:
                return
            if events:
                self._publisher.account_events(events)
                doubt.after = events[-1].sequence
            elif is_over and self._doubts.get(account_id) is doubt:
                del self._doubts[account_id]
