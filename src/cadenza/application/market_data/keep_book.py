"""A book delta: memory only. stream → connector → order book → conflated publication.

Continuity is checked by the venue's rule. A gap, or silence for longer than the venue allows, makes the book stale,
and a stale book is shown to nobody until the next snapshot. Here the newest wins and dropping is right: a book is only
worth its present state. It is the opposite of a fill (`orders/apply_report.py`).
"""

from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.feed import Feed, VenueTimes
from cadenza.application.market_data.venues import connector_of
from cadenza.domain.errors import CadenzaError, InstrumentNotFound, OrderBookUnavailable, Overloaded, VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.book_age import BookAge
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import InstrumentStatus, TopOfBook
from cadenza.domain.market.order_book import BookOutcome, OrderBook
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.publisher import Publisher
from cadenza.ports.venue import BOOK_OPEN_MS_MAX, Connectors

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

MENDED_AT_ONCE_MAX = 32
"""Feeds of a venue that are opened again or closed at a time, so that a venue that comes back is not flooded."""

IDLE_MS_MAX = 60_000
"""A feed that nobody holds is closed when nobody has asked for its book for so long."""

RESYNC_GRACE_MS = 10_000
"""A connector resyncs its broken feeds itself. A feed that stays stale for so long is closed and opened again."""

TRADE_AGE_MS_MAX = 10_000
"""A trade that is older than its fresh book by more than this (the venue's clock) is published, and nothing else: it is
not the last price, and moves and releases no held order."""

REOPEN_DELAY_MS_MIN = 1_000
REOPEN_DELAY_MS_MAX = 60_000
"""The delay between two attempts to open a broken feed doubles from the one to the other."""


class KeepBook:
    """Keeps the books of all instruments with an open feed. Implements `ports.venue.MarketSink` and
    `ports.market.MarketView`.

    A feed is open while somebody holds it (a subscription, a listener), or has asked for its book within `IDLE_MS_MAX`.
    Reading the book of an instrument whose feed is not open has it opened soon, so what is valued again and again (open
    orders, positions, balances) finds a price after a moment. Venues that run in this process cost nothing, so all of
    their books are open as long as they are online. `flush` must be called every `CONFLATE_MS` or oftener and
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
    ) -> None:
        self._connectors = connectors
        self._catalogue = catalogue
        self._publisher = publisher
        self._clock = clock
        self._concurrency = concurrency
        self._feeds: dict[InstrumentId, Feed] = {}
        self._unpublished: dict[InstrumentId, Feed] = {}
        self._times = VenueTimes()
        self.on_public_trade: Callable[[MarketTrade], None] | None = None
        """Called with every trade that an open feed brings; it must not block."""
        self.gaps_total = 0
        """Messages that did not continue their book."""
        self.refused_total = 0
        """Messages that do not fit their venue's rule: the connector is wrong."""
        self.stale_total = 0
        """How often a book became stale."""

    @property
    def open_count(self) -> int:
        """How many feeds are open, or being opened or closed."""
        return len(self._feeds)

    # --- needing a feed

    async def ensure_open(self, instrument_id: InstrumentId) -> None:
        """Open the feed if it is not, and wait for a fresh book; ask the view whether it came.

        Waits `FIRST_SNAPSHOT_WAIT_MS_MAX` at most, and costs nothing when the book is fresh. A caller that stops
        waiting does not stop the opening. Raises `InstrumentNotFound`, `VenueNotSupported`, `Overloaded`, and what the
        connector raises when it cannot open the feed (`VenueUnavailable`).
        """
        feed = self._feed(instrument_id)
        feed.asked_at_ms = self._clock.monotonic_ms()
        self._check_age(feed)
        if feed.book.is_fresh or feed.callers >= WAITERS_PER_FEED_MAX:
            return
        came: Promise[None] = self._concurrency.promise()
        feed.callers += 1
        try:
            if feed.is_open and feed.busy is None:
                feed.waiting.append(came)
            else:
                self._concurrency.spawn(f"open feed {instrument_id}", self._open_for(instrument_id, came))
            await came.wait_for(FIRST_SNAPSHOT_WAIT_MS_MAX)
        finally:
            feed.callers -= 1
            self._stop_waiting(instrument_id, came)

    def want(self, instrument_id: InstrumentId, holder: object) -> None:
        """Keep the feed open until `release`, and wait for nothing: `maintain` opens it. Raises `InstrumentNotFound`,
        `VenueNotSupported`, `Overloaded`."""
        feed = self._feed(instrument_id)
        feed.holders.add(holder)
        if not feed.is_open and feed.reopen_at_ms is None:
            feed.reopen_at_ms = self._clock.monotonic_ms()

    async def hold(self, instrument_id: InstrumentId, holder: object) -> None:
        """As `want`, and open the feed now. If its venue does not answer, `maintain` tries again."""
        feed = self._feed(instrument_id)
        feed.holders.add(holder)
        with suppress(VenueUnavailable):
            await self._open(instrument_id)

    async def release(self, instrument_id: InstrumentId, holder: object) -> None:
        """Undo `hold` or `want`; the upstream feed is closed when nobody else needs it."""
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            feed.holders.discard(holder)
            if feed.busy is None and _is_idle(feed, self._clock.monotonic_ms()):
                await self._close(feed)

    async def venue_is_online(self, venue_id: VenueId) -> None:
        """Open what waits for the venue, without the pause after a failure; where it runs in this process, all of its
        books."""
        for feed in self._feeds.values():
            if feed.venue_id == venue_id and feed.stale_since_ms is not None:
                feed.reopen_at_ms = self._clock.monotonic_ms()
        if connector_of(self._connectors, venue_id).spec.is_in_process:
            for instrument in self._catalogue.instruments_of(venue_id):
                if instrument.status is InstrumentStatus.ACTIVE:
                    await self.hold(instrument.id, venue_id)

    # --- what the venues deliver (`MarketSink`)

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        feed = self._feeds.get(snapshot.instrument_id)
        is_dated = feed is not None and feed.age.spec.dates_snapshots
        if feed is not None and is_dated and feed.age.is_late(snapshot.at_ms, self._earliest_ms(feed)):
            self.on_stale(snapshot.instrument_id)
        elif feed is not None:
            self._took(feed, feed.book.reset(snapshot), snapshot.at_ms, has_changed=True)

    def on_delta(self, delta: BookDelta) -> None:
        feed = self._feeds.get(delta.instrument_id)
        if feed is not None:
            self._check_age(feed)  # what comes after too long a silence does not prove that nothing is missing
            has_changed = bool(delta.bids or delta.asks)  # else it is a heartbeat
            if feed.book.is_fresh and feed.age.is_late_change(delta, self._earliest_ms(feed)):
                self.on_stale(delta.instrument_id)
            self._took(feed, feed.book.apply(delta), delta.at_ms, has_changed=has_changed)

    def on_trade(self, trade: MarketTrade) -> None:
        feed = self._feeds.get(trade.instrument_id)
        if feed is None:
            return
        feed.saw(trade.at_ms)
        self._publisher.trade(trade)
        if feed.book.is_fresh and trade.at_ms < feed.book.at_ms - TRADE_AGE_MS_MAX:
            return
        feed.last_price = trade.price
        feed.age.traded(trade, self._clock.monotonic_ms())
        if self.on_public_trade is not None:
            self.on_public_trade(trade)

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            feed.venue_mark = mark

    def on_stale(self, instrument_id: InstrumentId) -> None:
        feed = self._feeds.get(instrument_id)
        if feed is not None:
            self._became_stale(feed)
            feed.reopen_at_ms = self._clock.monotonic_ms() + RESYNC_GRACE_MS

    # --- reading (`MarketView`)

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        feed = self._asked(instrument_id)
        return None if feed is None else feed.top()

    def known_top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        feed = self._feeds.get(instrument_id)
        if feed is None:
            return None
        self._check_age(feed)
        return feed.top()

    def may_come(self, instrument_id: InstrumentId) -> bool:
        feed = self._feeds.get(instrument_id)
        if feed is None:
            return self._can_open(instrument_id)
        self._check_age(feed)
        return feed.may_come(self._clock.monotonic_ms(), FIRST_SNAPSHOT_WAIT_MS_MAX)

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
        if feed is None:
            return None
        self._check_age(feed)
        return None if feed.stale_since_ms is None else self._clock.monotonic_ms() - feed.stale_since_ms

    # --- what the runtime's loops call

    async def flush(self) -> None:
        """Publish the books whose time has come."""
        now_ms = self._clock.monotonic_ms()
        for feed in [feed for feed in self._unpublished.values() if _is_due(feed, now_ms)]:
            self._publish(feed, now_ms)

    async def maintain(self) -> None:
        """Note which feeds have fallen silent. Begin to close those that nobody needs, and to open broken ones again
        when their time has come; a venue that does not answer holds up no other."""
        now_ms = self._clock.monotonic_ms()
        under_way = Counter(feed.venue_id for feed in self._feeds.values() if feed.busy is not None)
        for feed in list(self._feeds.values()):
            self._check_age(feed)
            is_idle = _is_idle(feed, now_ms)
            is_due = is_idle or _is_to_reopen(feed, now_ms)
            if is_due and feed.busy is None and under_way[feed.venue_id] < MENDED_AT_ONCE_MAX:
                under_way[feed.venue_id] += 1
                work = self._close(feed) if is_idle else self._reopen(feed)
                self._concurrency.spawn(f"mend feed {feed.instrument_id}", work)

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
        spec = connector.spec.order_book_of(instrument.type)
        if spec is None:
            raise OrderBookUnavailable(f"{instrument.venue_id} has no order book of {instrument_id}")
        book = OrderBook(instrument_id, spec)
        feed = Feed(
            instrument_id=instrument_id,
            venue_id=instrument.venue_id,
            connector=connector,
            book=book,
            age=BookAge(book, spec),
            asked_at_ms=now_ms,
            stale_since_ms=now_ms,
        )
        self._feeds[instrument_id] = feed
        return feed

    async def _open(self, instrument_id: InstrumentId) -> Feed:
        """Return the feed, open. A caller that comes while it is being opened or closed waits for that, and gets the
        same failure."""
        feed = self._feed(instrument_id)
        while feed.busy is not None:
            failure = await feed.busy.wait()
            if failure is not None:
                raise failure
            feed = self._feed(instrument_id)
        if not feed.is_open:
            await self._alone(feed, self._open_upstream(feed))
        return feed

    async def _open_for(self, instrument_id: InstrumentId, came: Promise[None]) -> None:
        """Open the feed for a caller, which may have stopped waiting by then."""
        try:
            feed = await self._open(instrument_id)
        except CadenzaError as failure:
            came.fail(failure)
            return
        if feed.book.is_fresh:
            came.resolve(None)
        else:
            feed.waiting.append(came)

    def _stop_waiting(self, instrument_id: InstrumentId, came: Promise[None]) -> None:
        feed = self._feeds.get(instrument_id)
        if feed is not None and came in feed.waiting:
            feed.waiting.remove(came)

    async def _open_upstream(self, feed: Feed) -> None:
        self._retry_later(feed)
        try:
            await self._within(feed, feed.connector.open_book(feed.instrument_id, self))
        except InstrumentNotFound:
            if not feed.holders:
                self._forget(feed)
            raise
        feed.is_open = True
        if not feed.book.is_fresh:
            feed.reopen_at_ms = self._clock.monotonic_ms() + RESYNC_GRACE_MS

    async def _close(self, feed: Feed) -> None:
        if feed.busy is None:  # else somebody opens it just now
            feed.become_stale(self._clock.monotonic_ms())
            self._unpublished.pop(feed.instrument_id, None)
            await self._alone(feed, self._close_upstream(feed))

    async def _close_upstream(self, feed: Feed) -> None:
        try:
            if feed.is_open:
                feed.become_closed()
                await self._within(feed, feed.connector.close_book(feed.instrument_id))
        except VenueUnavailable:
            return  # nobody listens to what still comes of it
        finally:
            if not feed.holders:
                self._forget(feed)
            elif feed.reopen_at_ms is None:
                feed.reopen_at_ms = self._clock.monotonic_ms()

    async def _reopen(self, feed: Feed) -> None:
        """Close what is left of a broken feed and open it again; if that fails, a later `maintain` tries once more."""
        if feed.busy is None and feed.stale_since_ms is not None:  # else it has recovered, or somebody opens it
            self._retry_later(feed)
            await self._alone(feed, self._reopen_upstream(feed))

    async def _reopen_upstream(self, feed: Feed) -> None:
        try:
            if feed.is_open:
                feed.become_closed()
                await self._within(feed, feed.connector.close_book(feed.instrument_id))
            await self._within(feed, feed.connector.open_book(feed.instrument_id, self))
            feed.is_open = True
        except (VenueUnavailable, InstrumentNotFound):
            return

    async def _within(self, feed: Feed, work: Coroutine[Any, Any, None]) -> None:
        async def done() -> bool:
            await work
            return True

        if not await self._concurrency.within(BOOK_OPEN_MS_MAX, done()):
            raise VenueUnavailable(f"{feed.venue_id} does not answer")

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
        feed = self._feeds.get(instrument_id) or self._needed(instrument_id)
        if feed is not None:
            feed.asked_at_ms = self._clock.monotonic_ms()
            self._check_age(feed)
        return feed

    def _needed(self, instrument_id: InstrumentId) -> Feed | None:
        """Have `maintain` open the feed of an instrument that can be traded."""
        if not self._can_open(instrument_id):
            return None
        feed = self._feed(instrument_id)
        feed.reopen_at_ms = self._clock.monotonic_ms()
        return feed

    def _can_open(self, instrument_id: InstrumentId) -> bool:
        instrument = self._catalogue.instrument(instrument_id)
        if instrument is None or instrument.status is not InstrumentStatus.ACTIVE:
            return False
        if len(self._feeds) >= FEEDS_MAX or instrument.venue_id not in self._connectors:
            return False
        return self._connectors[instrument.venue_id].spec.order_book_of(instrument.type) is not None

    def _check_age(self, feed: Feed) -> None:
        """A feed that has been silent for too long, or whose book does not follow its trades, is broken: only a
        snapshot makes its book fresh again."""
        if feed.age.is_too_old(self._clock.monotonic_ms()):
            self._became_stale(feed)
            self._retry_later(feed)

    def _earliest_ms(self, feed: Feed) -> int:
        """Return an instant that the clock of the feed's venue has reached for certain."""
        return self._times.earliest_ms(feed.connector, self._clock.monotonic_ms())

    def _took(self, feed: Feed, outcome: BookOutcome, at_ms: int, *, has_changed: bool) -> None:
        match outcome:
            case BookOutcome.APPLIED:
                feed.saw(at_ms)
                feed.age.heard(self._clock.monotonic_ms(), has_changed=has_changed)
                if feed.stale_since_ms is not None:
                    feed.become_fresh()
                self._changed(feed)
            case BookOutcome.GAP | BookOutcome.CROSSED | BookOutcome.MISMATCH | BookOutcome.REFUSED:
                self.gaps_total += 1
                self.refused_total += outcome is BookOutcome.REFUSED
                self._became_stale(feed)
                self._retry_later(feed)
            case BookOutcome.DUPLICATE | BookOutcome.STALE:
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
