"""The feeds of a venue whose books begin with a snapshot on their own channels: books, trades and marks on demand."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import structlog

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.feed_tasks import restarted_task, until_whole
from cadenza.adapters.venues.kit.instrument_feed import ChannelFeed, InstrumentChannels
from cadenza.adapters.venues.kit.market_stream import EventData, MarketStream, MarketStreamRoute, MarketStreamWire
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import InstrumentNotFound
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock
from cadenza.ports.venue import MarketSink

log = structlog.get_logger(__name__)

TEND_MS = 1_000

Listing = Callable[[InstrumentId], Instrument | None]
"""Finds an instrument that the venue lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFeedParts:
    """What the feeds of a venue are made of. `wire` makes what speaks to one connection, and `channels` what reads the
    messages of one instrument. `spec` says how the books are kept."""

    spec: VenueSpec
    route: MarketStreamRoute
    wire: Callable[[], MarketStreamWire]
    channels: Callable[[Instrument], InstrumentChannels]
    venue_clock: VenueClock
    clock: Clock
    randomness: Randomness
    tls: SSLContext
    proxies: ProxyChoice
    connects: ConnectPace
    limits: StreamLimits


class SnapshotFeeds:
    """The public half of `VenueConnector`. It implements `MarketStreamListener` for all of its connections.

    A feed is whole when its channels are granted and its book is live. It mends itself: a book with a gap is subscribed
    to again, and so is one whose channel falls silent. Connections are made only while books are open. Failures of a
    task are logged, and the task begins again.
    """

    def __init__(self, parts: SnapshotFeedParts, listing: Listing) -> None:
        self.feeds: dict[InstrumentId, ChannelFeed] = {}
        self.unreadable_total = 0
        """Messages that could not be read."""
        self._parts = parts
        self._clock = parts.clock
        self._listing = listing
        self._venue = parts.spec.venue_id
        self._by_name: dict[str, ChannelFeed] = {}
        self._streams: dict[MarketStream, asyncio.Task[None]] = {}
        self._of_name: dict[str, MarketStream] = {}
        self._tending: asyncio.Task[None] | None = None

    @property
    def connects(self) -> ConnectPace:
        """The pace of new connections, which sessions share. `stop` closes it."""
        return self._parts.connects

    @property
    def connections(self) -> int:
        """How many connections are kept."""
        return len(self._streams)

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        """See `VenueConnector.open_book`. It returns when the feed is whole."""
        instrument = self._listing(instrument_id)
        book = None if instrument is None else self._parts.spec.order_book_of(instrument.type)
        if instrument is None or book is None:
            raise InstrumentNotFound(f"{self._venue} lists no book of {instrument_id}")
        feed = self.feeds.get(instrument_id)
        if feed is None:
            channels = self._parts.channels(instrument)
            feed = ChannelFeed(instrument, channels, book, sink, self._parts.venue_clock.earliest_ms())
            self._add(feed)
        try:
            await until_whole(
                feed,
                self._clock,
                venue=str(self._venue),
                is_kept=lambda: self.feeds.get(instrument_id) is feed,
                cause=lambda: self._cause(feed),
            )
        except BaseException:  # a caller that was cancelled has no open book either
            if self.feeds.get(instrument_id) is feed:
                self._remove(instrument_id)
            raise

    async def close_book(self, instrument_id: InstrumentId) -> None:
        """See `VenueConnector.close_book`."""
        self._remove(instrument_id)

    async def stop(self) -> None:
        """Close all feeds and connections. Idempotent."""
        tasks = [*self._streams.values(), *([] if self._tending is None else [self._tending])]
        for instrument_id in list(self.feeds):
            self._remove(instrument_id)
        self.connects.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what the connections report

    def on_granted(self, names: frozenset[str]) -> None:
        now_ms = self._clock.monotonic_ms()
        for feed, own in self._own(names):
            feed.on_granted(own, now_ms)

    def on_lost(self, names: frozenset[str], cause: str) -> None:
        for feed, own in self._own(names):
            feed.on_lost(own)

    def on_refused(self, name: str, reason: str) -> None:
        feed = self._by_name.get(name)
        if feed is not None:
            feed.refusal = f"the venue refused the channel {name}: {reason}"
            feed.progressed.set()

    def on_event(self, name: str, data: EventData, connection: int, now_ms: int) -> None:
        feed = self._by_name.get(name)
        if feed is None:
            return
        try:
            feed.on_event(name, data, connection, now_ms)
        except UnreadablePayload as error:
            self.on_unreadable(f"{name}: {error}")
        self._mend(feed, now_ms)

    def on_unreadable(self, reason: str) -> None:
        self.unreadable_total += 1
        log.warning("market_message_unreadable", venue=str(self._venue), reason=reason)

    # --- helpers

    def _own(self, names: frozenset[str]) -> list[tuple[ChannelFeed, frozenset[str]]]:
        feeds = {feed for name in names if (feed := self._by_name.get(name)) is not None}
        return [(feed, names & feed.names) for feed in feeds]

    def _add(self, feed: ChannelFeed) -> None:
        self.feeds[feed.instrument_id] = feed
        self._by_name.update(dict.fromkeys(feed.names, feed))
        stream = next((each for each in self._streams if each.room >= len(feed.names)), None)
        if stream is None:
            stream = self._new_stream()
            self._streams[stream] = self._task("stream", stream.run)
        self._of_name.update(dict.fromkeys(feed.names, stream))
        stream.want(feed.names)
        if self._tending is None:
            self._tending = self._task("tend", self._tend)

    def _new_stream(self) -> MarketStream:
        parts = self._parts
        return MarketStream(
            parts.route,
            parts.wire,
            self,
            clock=self._clock,
            randomness=parts.randomness,
            tls=parts.tls,
            connects=parts.connects,
            proxies=parts.proxies,
            limits=parts.limits,
        )

    def _remove(self, instrument_id: InstrumentId) -> None:
        feed = self.feeds.pop(instrument_id, None)
        if feed is None:
            return
        feed.close()
        for name in feed.names:
            del self._by_name[name]
            stream = self._of_name.pop(name)
            stream.drop([name])
            if stream.is_empty:
                self._streams.pop(stream)
                stream.close()
        if not self.feeds and self._tending is not None:
            self._tending.cancel()
            self._tending = None

    def _mend(self, feed: ChannelFeed, now_ms: int) -> None:
        if feed.is_in_need(now_ms):
            log.info("book_subscribed_again", instrument=str(feed.instrument_id))
            self._of_name[feed.channels.books].want_again([feed.channels.books])

    async def _tend(self) -> None:
        while True:
            await self._clock.sleep_ms(TEND_MS)
            for feed in list(self.feeds.values()):
                self._mend(feed, self._clock.monotonic_ms())

    def _cause(self, feed: ChannelFeed) -> str:
        if feed.refusal is not None:
            return feed.refusal
        streams = (self._of_name[name] for name in sorted(feed.names))
        return next((each.cause for each in streams if not each.is_live), "there is no snapshot of the book yet")

    def _task(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        return restarted_task(str(self._venue), name, work, self._clock)
