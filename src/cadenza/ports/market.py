"""Fresh market prices, read from memory, and the feeds that bring them."""

from decimal import Decimal
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import TopOfBook


class MarketView(Protocol):
    """Law: every method answers from memory at once, and None when no fresh book is known. A stale book is never shown
    as fresh."""

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None: ...

    def known_top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        """As `top`, but asking does not count as needing the book: one that is not open is not opened."""

    def may_come(self, instrument_id: InstrumentId) -> bool:
        """Return whether a book that is not fresh may be fresh in a moment: it can be opened and nobody has asked for
        it yet, or it is being opened, or it became stale a moment ago. False when its venue did not open it, or has
        sent nothing for that moment (`FIRST_SNAPSHOT_WAIT_MS_MAX`). Asking does not count as needing the book."""

    def snapshot(self, instrument_id: InstrumentId, depth: int) -> BookSnapshot | None: ...

    def cost_to_take(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> Decimal | None:
        """Return the quote units that taking `quantity` would cost (BUY) or bring (SELL). Quantity beyond the book is
        valued at the price of its worst level. None without a fresh book."""


class MarketDataFeeds(Protocol):
    """Keeps feeds open. An instrument has one feed, however many holders it has."""

    def want(self, instrument_id: InstrumentId, holder: object) -> None:
        """Keep the feed open until `release`; it is opened soon. Idempotent. Raises `InstrumentNotFound`,
        `VenueNotSupported`, `OrderBookUnavailable`, `Overloaded`."""

    async def release(self, instrument_id: InstrumentId, holder: object) -> None:
        """Undo `want`. Idempotent."""
