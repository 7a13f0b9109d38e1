"""A book delta: memory only. stream → connector → kept book → conflated publication.

Continuity is checked, a gap makes the book stale, and a stale book is shown to nobody until the next snapshot. Here the
newest wins and dropping is right: a book is only worth its present state. It is the opposite of a fill
(`orders/apply_report.py`).
"""

from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.feed import Feed
from cadenza.application.market_data.venues import connector_of
from cadenza.domain.errors import InstrumentNotFound, Overloaded, VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import InstrumentStatus, TopOfBook
from cadenza.domain.market.kept_book import OrderBook, Outcome
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, MarketTrade
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.publisher import Publisher
from cadenza.ports.venue import Connectors

FEEDS_MAX = 2_000
"""Feeds open at a time; one more is refused (`Overloaded`)."""

WAITERS_PER_FEED_MAX = 1_000
"""Callers waiting for a feed's first snapshot; one more does not wait."""

FIRST_SNAPSHOT_WAIT_MS_MAX = 2_000
"""A caller that needs a book waits at most this long for its first snapshot."""

CONFLATE_MS = 100
"""A book is published at most once in this time."""

PUBLISHED_LEVELS_MAX = 50
"""Levels a side in a publication."""

IDLE_MS_MAX = 60_000
"""A feed that nobody holds is closed when it was not asked for so long."""

RESYNC_GRACE_MS = 10_000
"""A connector resyncs its broken feeds itself. One that is stale for so long is closed and opened anew."""

REOPEN_DELAY_MS_MIN = 1_000
REOPEN_DELAY_MS_MAX = 60_000
"""The delay between attempts to open a broken feed anew doubles from the one to the other."""


class KeepBook:
    """Keeps the books of all instruments with an open feed. Implements `ports.venue.MarketSink` and
    `ports.market.MarketView`.

    A feed is open while somebody holds it (a subscription), or has asked for it within `IDLE_MS_MAX`; books of the
    venues in `always_open` are held from the start. `flush` must be called every `CONFLATE_MS` or oftener and
    `maintain` about once a second, by supervised loops.

    Law of publishing: of each book at most one snapshot per `CONFLATE_MS`; the first change after a pause goes out at
    once, later ones with the next flush that is due, the newest winning. Trades go out all, at once and in order.
    """

    def __init__(
        self,
        *,
        connectors: Connectors,
        catalogue: Catalogue,
        publisher: Publisher,
        clock: Clock,
        concurrency: Concurrency,
        always_open: frozenset[VenueId] = frozenset(),
    ) -> None:
        self._connectors = connectors
        self._catalogue = catalogue
        self._publisher = publisher
        self._clock = clock
        self._concurrency = concurrency
        self._always_open = always_open
        self._feeds: dict[InstrumentId, Feed] = {}
        self._unpublished: dict[InstrumentId, Feed] = {}
        self.gaps_total = 0
        self.stale_total = 0

    # --- who needs which feed

    async def ensure_open(self, instrument_id: InstrumentId) -> None:
        """Open the feed if it is not, and wait a bounded time for a fresh book; ask the view whether it came.

        Costs nothing when the book is fresh. Raises `InstrumentNotFound`, `VenueNotSupported`, `Overloaded`, and what
        the connector raises when it cannot open the feed (`VenueUnavailable`).
        """
        feed = await self._open(instrument_id)
        feed.asked_at_ms = self._clock.monotonic_ms()
        if feed.book.is_fresh or len(feed.waiting) >= WAITERS_PER_FEED_MAX:
            return
        came: Promise[None] = self._concurrency.promise()
        feed.waiting.append(came)
        await came.wait_for(FIRST_SNAPSHOT_WAIT_MS_MAX)
        if came in feed.waiting:
            feed.waiting.remove(came)

    async def hold(self, instrument_id: InstrumentId, holder: object) -> None:
        """Keep the feed open until `release`. A venue that does not answer now is asked again by `maintain`."""
        feed = self._feed(instrument_id)
        feed.holders.add(holder)
        try:
            await self._open(instrument_id)
        except VenueUnavailable:
            self._retry_later(feed)

    async def release(self, instrument_id: InstrumentId, holder: object) -> None:
        """Undo `hold`; the upstream feed is closed when nobody else needs it."""
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            feed.holders.discard(holder)
            if feed.busy is None and _is_idle(feed, self._clock.monotonic_ms()):
                await self._close(feed)

    async def open_always(self) -> None:
        """Hold all books of the venues in `always_open`; to be called at start and after a sync of instruments."""
        for venue_id in sorted(self._always_open, key=str):
            for instrument in self._catalogue.instruments_of(venue_id):
                if instrument.status is InstrumentStatus.ACTIVE:
                    await self.hold(instrument.id, venue_id)

    # --- what the venues tell (`MarketSink`)

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        feed = self._feeds.get(snapshot.instrument_id)
        if feed is not None:
            self._took(feed, feed.book.reset(snapshot), snapshot.at_ms)

    def on_delta(self, delta: BookDelta) -> None:
        feed = self._feeds.get(delta.instrument_id)
        if feed is not None:
            self._took(feed, feed.book.apply(delta), delta.at_ms)

    def on_trade(self, trade: MarketTrade) -> None:
        feed = self._feeds.get(trade.instrument_id)
        if feed is not None:
            feed.last_price = trade.price
            feed.saw(trade.at_ms)
            self._publisher.trade(trade)

    def on_stale(self, instrument_id: InstrumentId) -> None:
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            self._became_stale(feed)
            feed.reopen_at_ms = self._clock.monotonic_ms() + RESYNC_GRACE_MS

    # --- what is asked (`MarketView`)

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        feed = self._asked(instrument_id)
        return None if feed is None else feed.top()

    def snapshot(self, instrument_id: InstrumentId, depth: int) -> BookSnapshot | None:
        feed = self._asked(instrument_id)
        return None if feed is None else feed.book.snapshot(depth)

    def cost_to_take(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> Decimal | None:
        feed = self._asked(instrument_id)
        return None if feed is None else feed.book.cost_to_take(side, quantity)

    def last_event_ms(self, instrument_id: InstrumentId) -> int | None:
        """Return the venue's time of the newest book update or trade, None when there was none or the feed is
        closed."""
        feed = self._feeds.get(instrument_id)
        return None if feed is None else feed.last_event_ms

    def stale_for_ms(self, instrument_id: InstrumentId) -> int | None:
        """Return how long an open feed has had no fresh book; None when it has one, or is closed."""
        feed = self._feeds.get(instrument_id)
        if feed is None or feed.stale_since_ms is None:
            return None
        return self._clock.monotonic_ms() - feed.stale_since_ms

    # --- what the runtime's loops call

    def flush(self) -> None:
        """Publish the books whose time has come."""
        now_ms = self._clock.monotonic_ms()
        for feed in [feed for feed in self._unpublished.values() if _is_due(feed, now_ms)]:
            self._publish(feed, now_ms)

    async def maintain(self) -> None:
        """Close feeds that nobody needs, and open broken ones anew when their time has come."""
        now_ms = self._clock.monotonic_ms()
        free = [feed for feed in self._feeds.values() if feed.busy is None]
        idle = [feed for feed in free if _is_idle(feed, now_ms)]
        broken = [feed for feed in free if _is_to_reopen(feed, now_ms) and not _is_idle(feed, now_ms)]
        await self._concurrency.gather(*map(self._close, idle), *map(self._reopen, broken))

    # --- opening and closing

    def _feed(self, instrument_id: InstrumentId) -> Feed:
        """Return the instrument's feed, a new one that is not open yet if need be."""
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            return feed
        instrument = self._catalogue.instrument(instrument_id)
        if instrument is None:
            raise InstrumentNotFound(f"there is no instrument {instrument_id}", {"instrumentId": instrument_id})
        if len(self._feeds) >= FEEDS_MAX:
            raise Overloaded(f"{FEEDS_MAX} market data feeds are open; none can be added")
        now_ms = self._clock.monotonic_ms()
        connector = connector_of(self._connectors, instrument.venue_id)
        book = OrderBook(instrument_id)
        feed = Feed(
            instrument_id=instrument_id, connector=connector, book=book, asked_at_ms=now_ms, stale_since_ms=now_ms
        )
        self._feeds[instrument_id] = feed
        return feed

    async def _open(self, instrument_id: InstrumentId) -> Feed:
        """Return the feed, open. Who comes while it is being opened or closed waits for that, and shares a failure."""
        feed = self._feed(instrument_id)
        while feed.busy is not None:
            failure = await feed.busy.wait()
            if failure is not None:
                raise failure
            feed = self._feed(instrument_id)
        if not feed.is_open:
            await self._alone(feed, self._open_upstream(feed))
        return feed

    async def _open_upstream(self, feed: Feed) -> None:
        try:
            await feed.connector.open_book(feed.instrument_id, self)
            feed.is_open = True
        finally:
            if not feed.is_open and not feed.holders:
                self._forget(feed)
        if not feed.book.is_fresh:
            feed.reopen_at_ms = self._clock.monotonic_ms() + RESYNC_GRACE_MS

    async def _close(self, feed: Feed) -> None:
        feed.become_stale(self._clock.monotonic_ms())
        self._unpublished.pop(feed.instrument_id, None)
        await self._alone(feed, self._close_upstream(feed))

    async def _close_upstream(self, feed: Feed) -> None:
        if feed.is_open:
            feed.is_open = False
            await feed.connector.close_book(feed.instrument_id)
        if not feed.holders:
            self._forget(feed)

    async def _reopen(self, feed: Feed) -> None:
        """Close what is left of a broken feed and open it anew; if that fails, later again."""
        self._retry_later(feed)
        await self._alone(feed, self._reopen_upstream(feed))

    async def _reopen_upstream(self, feed: Feed) -> None:
        try:
            if feed.is_open:
                feed.is_open = False
                await feed.connector.close_book(feed.instrument_id)
            await feed.connector.open_book(feed.instrument_id, self)
            feed.is_open = True
        except VenueUnavailable:
            return

    async def _alone(self, feed: Feed, work: Coroutine[Any, Any, None]) -> None:
        feed.busy = done = self._concurrency.promise()
        failure: VenueUnavailable | None = None
        try:
            await work
        except VenueUnavailable as error:
            failure = error
            raise
        finally:
            feed.busy = None
            done.resolve(failure)

    def _forget(self, feed: Feed) -> None:
        self._feeds.pop(feed.instrument_id, None)
        self._unpublished.pop(feed.instrument_id, None)

    def _retry_later(self, feed: Feed) -> None:
        delay_ms = min(REOPEN_DELAY_MS_MIN << min(feed.failures, 16), REOPEN_DELAY_MS_MAX)
        feed.failures += 1
        feed.reopen_at_ms = self._clock.monotonic_ms() + delay_ms

    # --- news

    def _asked(self, instrument_id: InstrumentId) -> Feed | None:
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            feed.asked_at_ms = self._clock.monotonic_ms()
        return feed

    def _took(self, feed: Feed, outcome: Outcome, at_ms: int) -> None:
        match outcome:
            case Outcome.APPLIED:
                feed.saw(at_ms)
                if feed.stale_since_ms is not None:
                    feed.become_fresh()
                self._changed(feed)
            case Outcome.GAP | Outcome.CROSSED:
                self.gaps_total += 1
                self._became_stale(feed)
                self._retry_later(feed)
            case Outcome.OUTDATED | Outcome.STALE:
                return

    def _became_stale(self, feed: Feed) -> None:
        self.stale_total += 1
        feed.become_stale(self._clock.monotonic_ms())
        self._unpublished.pop(feed.instrument_id, None)

    def _changed(self, feed: Feed) -> None:
        if not self._publisher.has_book_subscribers(feed.instrument_id):
            return
        now_ms = self._clock.monotonic_ms()
        if _is_due(feed, now_ms):
            self._publish(feed, now_ms)
        else:
            self._unpublished[feed.instrument_id] = feed

    def _publish(self, feed: Feed, now_ms: int) -> None:
        self._unpublished.pop(feed.instrument_id, None)
        feed.published_at_ms = now_ms
        snapshot = feed.book.snapshot(PUBLISHED_LEVELS_MAX)
        if snapshot is not None:
            self._publisher.order_book(snapshot)


def _is_due(feed: Feed, now_ms: int) -> bool:
    return feed.published_at_ms is None or now_ms - feed.published_at_ms >= CONFLATE_MS


def _is_idle(feed: Feed, now_ms: int) -> bool:
    return not feed.holders and now_ms - feed.asked_at_ms >= IDLE_MS_MAX


def _is_to_reopen(feed: Feed, now_ms: int) -> bool:
    return feed.reopen_at_ms is not None and feed.reopen_at_ms <= now_ms
