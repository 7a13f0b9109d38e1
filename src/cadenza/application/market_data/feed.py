"""One instrument's feed: its order book, its last trade, its holders, and when it last brought news."""

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.book_age import BookAge
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.market.order_book import OrderBook
from cadenza.ports.concurrency import Promise
from cadenza.ports.venue import VenueConnector

VENUE_TIME_AGE_MS_MAX = 1_000
"""How long a reading of a venue's clock serves; our monotonic clock counts on from it."""


@dataclass(slots=True, kw_only=True)
class Feed:
    """Instants are our clock's monotonic ms, but `last_event_ms`, which is the venue's time.

    `busy` is set while the connector opens or closes the feed, and settles with the failure when there is one.
    `stale_since_ms` is None while the book is fresh. `reopen_at_ms` is when a broken feed is closed and opened again,
    unless it has recovered by then. `callers` counts those that wait for a fresh book; `waiting` are settled with the
    next snapshot.
    """

    instrument_id: InstrumentId
    venue_id: VenueId
    connector: VenueConnector
    book: OrderBook
    age: BookAge
    asked_at_ms: int
    stale_since_ms: int | None
    is_open: bool = False
    holders: set[object] = field(default_factory=set)
    callers: int = 0
    waiting: list[Promise[None]] = field(default_factory=list)
    busy: Promise[VenueUnavailable | None] | None = None
    published_at_ms: int | None = None
    last_price: Decimal | None = None
    venue_mark: Decimal | None = None
    last_event_ms: int | None = None
    reopen_at_ms: int | None = None
    failures: int = 0

    def top(self) -> TopOfBook | None:
        if not self.book.is_fresh:
            return None
        bid, ask = self.book.best_bid(), self.book.best_ask()
        return TopOfBook(
            bid=None if bid is None else bid[0],
            ask=None if ask is None else ask[0],
            last=self.last_price,
            at_ms=self.book.at_ms,
            venue_mark=self.venue_mark,
        )

    def saw(self, at_ms: int) -> None:
        """Note the venue's time of an event."""
        self.last_event_ms = max(self.last_event_ms or 0, at_ms)

    def may_come(self, now_ms: int, patience_ms: int) -> bool:
        """Whether a fresh book may come in a moment: it has been missed for less than `patience_ms`, and the venue has
        not failed to open it."""
        if self.stale_since_ms is None:
            return True
        has_failed = self.failures > 0 and not self.is_open and self.busy is None
        return now_ms - self.stale_since_ms < patience_ms and not has_failed

    def become_stale(self, now_ms: int) -> None:
        """Show nothing until the next snapshot. Trades may be missed meanwhile, so no last price is known."""
        self.book.invalidate()
        self.last_price = None
        if self.stale_since_ms is None:
            self.stale_since_ms = now_ms

    def become_closed(self) -> None:
        """The venue publishes nothing of it any more, so its last mark grows old."""
        self.is_open = False
        self.venue_mark = None

    def become_fresh(self) -> None:
        """A snapshot came: wake the callers that wait for it."""
        self.stale_since_ms = self.reopen_at_ms = None
        self.failures = 0
        waiting, self.waiting = self.waiting, []
        for promise in waiting:
            promise.resolve(None)


class VenueTimes:
    """How late it is at the venues at least. Every change of a book needs it, so the connectors are asked from time to
    time only."""

    def __init__(self) -> None:
        self._ahead: dict[VenueId, tuple[int, int]] = {}

    def earliest_ms(self, connector: VenueConnector, now_ms: int) -> int:
        """Return an instant that the venue's clock has reached for certain; `now_ms` is our monotonic clock."""
        venue_id = connector.spec.venue_id
        read_ms, ahead_ms = self._ahead.get(venue_id, (None, 0))
        if read_ms is None or now_ms - read_ms >= VENUE_TIME_AGE_MS_MAX:
            ahead_ms = connector.earliest_ms() - now_ms
            self._ahead[venue_id] = now_ms, ahead_ms
        return now_ms + ahead_ms
