"""One instrument's feed: its kept book, its last trade, who needs it, and when it was last told of."""

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.market.kept_book import OrderBook
from cadenza.ports.concurrency import Promise
from cadenza.ports.venue import VenueConnector


@dataclass(slots=True, kw_only=True)
class Feed:
    """Instants are the clock's monotonic ms, but `last_event_ms`, which is the venue's time.

    `busy` is there while the connector opens or closes the feed, and settles with the failure when it has.
    `stale_since_ms` is None while the book is fresh; `reopen_at_ms` is when a broken feed is to be opened anew, if it
    has not recovered by then.
    """

    instrument_id: InstrumentId
    connector: VenueConnector
    book: OrderBook
    asked_at_ms: int
    stale_since_ms: int | None
    is_open: bool = False
    holders: set[object] = field(default_factory=set)
    waiting: list[Promise[None]] = field(default_factory=list)
    busy: Promise[VenueUnavailable | None] | None = None
    published_at_ms: int | None = None
    last_price: Decimal | None = None
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
        )

    def saw(self, at_ms: int) -> None:
        """Note the venue's time of an event."""
        self.last_event_ms = max(self.last_event_ms or 0, at_ms)

    def become_stale(self, now_ms: int) -> None:
        """Show nothing until the next snapshot."""
        self.book.invalidate()
        if self.stale_since_ms is None:
            self.stale_since_ms = now_ms

    def become_fresh(self) -> None:
        """A snapshot came: wake those who wait for it."""
        self.stale_since_ms = self.reopen_at_ms = None
        self.failures = 0
        waiting, self.waiting = self.waiting, []
        for promise in waiting:
            promise.resolve(None)
