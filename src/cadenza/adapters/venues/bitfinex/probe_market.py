"""What a probe looks at in the public market: whether a book is the venue's own, by its checksums."""

import asyncio
from decimal import Decimal

from cadenza.adapters.venues.kit.probe import SeenOtherwise
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeedParts, SnapshotFeeds
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.market.order_book import BookOutcome, OrderBook

CHECKSUMS_MIN = 5
FOLLOW_MS_MAX = 30_000
"""A book is followed until so many checksums have come, and for so long at most."""

_MS_PER_S = 1_000


class _FollowedBook:
    """Implements `MarketSink`."""

    def __init__(self, book: OrderBook) -> None:
        self._book = book
        self.checksums = 0
        self.trouble: str | None = None
        self.progressed = asyncio.Event()

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        self._note(self._book.reset(snapshot))

    def on_delta(self, delta: BookDelta) -> None:
        self._note(self._book.apply(delta))
        self.checksums += delta.checksum is not None

    def on_stale(self, instrument_id: InstrumentId) -> None:
        self.trouble = self.trouble or "a frame was missing"
        self.progressed.set()

    def on_trade(self, trade: MarketTrade) -> None: ...

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None: ...

    def _note(self, outcome: BookOutcome) -> None:
        if outcome is not BookOutcome.APPLIED:
            self.trouble = self.trouble or f"the book is {outcome.value}"
        self.progressed.set()


class BookProbe:
    """Follows a book for a while."""

    def __init__(self, parts: SnapshotFeedParts) -> None:
        self._parts = parts

    async def follow(self, instrument: Instrument) -> str:
        """Return what was seen. Raises `SeenOtherwise` and `VenueUnavailable`."""
        spec = self._parts.spec.order_books[instrument.type]
        followed = _FollowedBook(OrderBook(instrument.id, spec))
        feeds = SnapshotFeeds(self._parts, lambda id: instrument if id == instrument.id else None)
        limit = asyncio.create_task(self._parts.clock.sleep_ms(FOLLOW_MS_MAX))
        try:
            await feeds.open_book(instrument.id, followed)
            while followed.trouble is None and followed.checksums < CHECKSUMS_MIN and not limit.done():
                followed.progressed.clear()
                progress = asyncio.create_task(followed.progressed.wait())
                await asyncio.wait({limit, progress}, return_when=asyncio.FIRST_COMPLETED)
                progress.cancel()
            seen = followed.checksums
            if followed.trouble is not None:
                raise SeenOtherwise(f"after {seen} checksums: {followed.trouble}")
        finally:
            limit.cancel()
            await feeds.stop()
        if seen == 0:
            raise VenueUnavailable(f"no checksum came within {FOLLOW_MS_MAX // _MS_PER_S} s")
        return f"{seen} checksums"
