"""Whether a book that is fresh by its venue's numbers shows the present market.

Numbers show that nothing is missing. They do not show that a feed has fallen silent, that it is behind its market, or
that the book's channel is mute while that of the trades goes on.
"""

from dataclasses import dataclass

from cadenza.domain.market.book_messages import BookDelta, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.order_book import OrderBook

CHANGE_LATE_MS_MAX = 10_000
"""A change that the venue made longer ago than this, by its own clock, shows that the feed is behind its market: the
book is stale. A heartbeat may state the last change of a quiet market, so its instant says nothing about its age, and
nor does that of a snapshot, unless the venue dates its snapshots (`BookSpec.dates_snapshots`)."""

CONTRADICTED_MS_MAX = 5_000
"""A book that has not changed for so long since a trade was made beyond its best prices is stale: its channel is mute
while that of the trades goes on. A trade may come before the change of the book that it caused, but not so long."""


@dataclass(slots=True)
class BookAge:
    """What the feed of one book has shown of its age. `now_ms` is the monotonic clock of whoever keeps the book.

    `heard_at_ms` is when the last message that the book took came. `contradicted_at_ms` is when a trade came that the
    book should have followed since. A feed that cannot fall silent (`BookSpec.age_ms_max` is None) is never too old and
    never late.
    """

    book: OrderBook
    spec: BookSpec
    heard_at_ms: int = 0
    contradicted_at_ms: int | None = None

    def heard(self, now_ms: int, *, has_changed: bool) -> None:
        """The book took a message: a snapshot or a change, or a heartbeat."""
        self.heard_at_ms = now_ms
        if has_changed:
            self.contradicted_at_ms = None

    def traded(self, trade: MarketTrade, now_ms: int) -> None:
        """Note a trade that is newer than the book and was made where the book has better orders for the taker."""
        bid, ask = self.book.best_bid(), self.book.best_ask()
        is_beyond = (bid is not None and trade.price < bid[0]) or (ask is not None and trade.price > ask[0])
        if self.contradicted_at_ms is None and is_beyond and trade.at_ms > self.book.at_ms:
            self.contradicted_at_ms = now_ms

    def is_too_old(self, now_ms: int) -> bool:
        """Whether the book is fresh by its numbers, but its feed has been silent for too long, or for too long after a
        trade that contradicts it."""
        if self.spec.age_ms_max is None or not self.book.is_fresh:
            return False
        contradicted_at_ms = self.contradicted_at_ms
        is_mute = contradicted_at_ms is not None and now_ms - contradicted_at_ms > CONTRADICTED_MS_MAX
        return is_mute or now_ms - self.heard_at_ms > self.spec.age_ms_max

    def is_late_change(self, delta: BookDelta, venue_ms: int) -> bool:
        """Whether a delta changes the book, is not contained in it by its number, and `is_late`."""
        is_new = bool(delta.bids or delta.asks) and (not self.book.is_fresh or delta.sequence > self.book.sequence)
        return is_new and self.is_late(delta.at_ms, venue_ms)

    def is_late(self, at_ms: int, venue_ms: int) -> bool:
        """Whether what the venue did at the instant `at_ms` comes too late to be the present market. Both instants are
        of the venue's clock, and it has reached `venue_ms` for certain."""
        return self.spec.age_ms_max is not None and venue_ms - at_ms > CHANGE_LATE_MS_MAX
