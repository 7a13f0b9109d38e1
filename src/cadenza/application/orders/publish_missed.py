"""Publishes events that may have been committed although the reply to the commit was lost.

When the reply to a save is lost, the next try finds nothing left to change and so publishes nothing, and subscribers
would miss events of the log. Therefore the log of such an account is read until the lost statement must have ended, and
its new events are published. Subscribers recognise by the sequence an event that was published before.
"""

from dataclasses import dataclass

from cadenza.application.orders.publish_portfolios import PublishPortfolios
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage import Storage

DOUBT_MS = 60_000
"""After this time the lost statement is not running any more; the database cancels statements much earlier."""
EVENTS_PER_READ_MAX = 500


@dataclass(slots=True)
class _Doubt:
    after: int
    until_ms: int


class PublishMissed:
    """The accounts whose logs may have unpublished events; each account is there at most once."""

    def __init__(self, *, storage: Storage, publisher: Publisher, portfolios: PublishPortfolios, clock: Clock) -> None:
        self._storage = storage
        self._publisher = publisher
        self._portfolios = portfolios
        self._clock = clock
        self._doubts: dict[TradingAccountId, _Doubt] = {}

    def doubt(self, account_id: TradingAccountId, after: int) -> None:
        """Note that events after that sequence may be in the account's log without having been published."""
        known = self._doubts.get(account_id)
        first = after if known is None else min(known.after, after)
        self._doubts[account_id] = _Doubt(first, self._clock.monotonic_ms() + DOUBT_MS)

    async def tick(self) -> None:
        """Publish the new events of these logs, and request the portfolio with them and once more at the end. While the
        database does not answer, the accounts stay noted."""
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
            if events or is_over:
                self._portfolios.request(account_id)
