"""The feeds of one market of BINANCE: connections, snapshots at the venue's pace, and readings of quiet books."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Protocol

import msgspec
import structlog

from cadenza.adapters.venues.binance.credential import Parameters
from cadenza.adapters.venues.binance.endpoints import BinanceEndpoint, BinanceMarket, depth_endpoint
from cadenza.adapters.venues.binance.instrument_feed import InstrumentFeed
from cadenza.adapters.venues.binance.market_wire import BestPricesRow, MarketWire
from cadenza.adapters.venues.binance.models import (
    BinanceDepthReply,
)
from cadenza.adapters.venues.binance.parse_market import book_snapshot
from cadenza.adapters.venues.binance.stream_wire import CONNECTS, STREAM_LIMITS, CombinedStreams
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.feed_tasks import restarted_task
from cadenza.adapters.venues.kit.market_stream import MarketStream, MarketStreamRoute
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer
from cadenza.network.patience import Randomness, RetryPauses
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock

log = structlog.get_logger(__name__)

DEPTH = 1_000
"""Levels a side of a snapshot."""

SNAPSHOTS_AT_ONCE_MAX = 4
SNAPSHOT_WAIT_MS_MAX = 60_000
"""How long a snapshot may wait for its turn. Snapshots take at most half of the weight that the venue allows."""

QUIET_MS = 12_000
"""A book without a change for so long is compared with a reading. The next one follows after as long."""

STEADY_MS = 30_000
"""A book that was live for so long has recovered: the next gap is mended at once again."""

TEND_MS = 1_000
_SNAPSHOTS = MeterKey("snapshots", "")
_PAUSES = RetryPauses(first_ms=200, most_ms=10_000)


class MarketReader(Protocol):
    """What is read by REST. `BinanceRest` is one."""

    async def read(self, market: BinanceMarket, endpoint: BinanceEndpoint, parameters: Parameters) -> bytes: ...

    def clock_of(self, market: BinanceMarket) -> VenueClock: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedParts:
    """What the feeds are made of. `limits` are those of each connection."""

    rest: MarketReader
    urls: Mapping[str, str]
    clock: Clock
    randomness: Randomness
    tls: SSLContext
    proxies: ProxyChoice | None = None
    limits: StreamLimits = STREAM_LIMITS
    connects: ConnectPace


def feed_parts(
    *,
    rest: MarketReader,
    urls: Mapping[str, str],
    clock: Clock,
    randomness: Randomness,
    tls: SSLContext,
    proxies: ProxyChoice | None = None,
    limits: StreamLimits = STREAM_LIMITS,
) -> FeedParts:
    """Return the parts with a pace of connecting that all markets of the address share."""
    return FeedParts(
        rest=rest,
        urls=urls,
        clock=clock,
        randomness=randomness,
        tls=tls,
        proxies=proxies,
        limits=limits,
        connects=ConnectPace(clock, CONNECTS),
    )


class MarketDesk:
    """Feeds of one market, by instrument. It implements `MarketStreamListener` for all of its connections.

    A connection holds as many streams as the venue allows; the next one is opened when it is full, and one without
    streams is closed. Failures of a task are logged, and the task begins again.
    """

    def __init__(self, wire: MarketWire, parts: FeedParts) -> None:
        self.feeds: dict[InstrumentId, InstrumentFeed] = {}
        self.unreadable_total = 0
        """Messages that could not be read."""
        self.mute_total = 0
        """Streams that were found to bring nothing any more."""
        self._wire = wire
        self._parts = parts
        self._clock = parts.clock
        self._by_name: dict[str, InstrumentFeed] = {}
        self._streams: dict[MarketStream, tuple[MarketStreamRoute, asyncio.Task[None]]] = {}
        self._of_name: dict[str, MarketStream] = {}
        self._mending: dict[InstrumentId, asyncio.Task[None]] = {}
        self._tending: asyncio.Task[None] | None = None
        self._at_once = asyncio.Semaphore(SNAPSHOTS_AT_ONCE_MAX)
        self._read_at_ms = 0
        self._budget = Pacer({_SNAPSHOTS.kind: (WindowLimit(wire.weight_per_minute // 2, 60_000),)}, clock=parts.clock)

    @property
    def connections(self) -> int:
        """How many connections are kept."""
        return len(self._streams)

    @property
    def is_live(self) -> bool:
        """Whether all of its connections stand."""
        return all(stream.is_live for stream in self._streams)

    @property
    def gaps_total(self) -> int:
        """Messages that did not continue the book of an open feed."""
        return sum(feed.sync.gaps_total for feed in self.feeds.values())

    def add(self, feed: InstrumentFeed) -> None:
        """Subscribe to the streams of a feed."""
        self.feeds[feed.instrument_id] = feed
        for name in feed.streams.all:
            self._by_name[name] = feed
        trades = [name for name in (feed.streams.trades, feed.streams.mark) if name is not None]
        urls = self._parts.urls
        depth_route, trade_route = self._wire.depth_route_at(urls), self._wire.trade_route_at(urls)
        if depth_route == trade_route:
            self._want(depth_route, [feed.streams.depth, *trades])
        else:
            self._want(depth_route, [feed.streams.depth])
            self._want(trade_route, trades)
        if self._tending is None:
            self._tending = self._task("tend", self._tend)

    def remove(self, instrument_id: InstrumentId) -> None:
        """Unsubscribe from the streams of a feed. Its listener hears nothing more of it but that it is stale."""
        feed = self.feeds.pop(instrument_id, None)
        if feed is None:
            return
        feed.close()
        if (mending := self._mending.pop(instrument_id, None)) is not None:
            mending.cancel()
        for name in feed.streams.all:
            del self._by_name[name]
            stream = self._of_name.pop(name)
            stream.drop([name])
            if stream.is_empty:
                self._streams.pop(stream)
                stream.close()
        if not self.feeds and self._tending is not None:
            self._tending.cancel()
            self._tending = None

    def cause(self, feed: InstrumentFeed) -> str:
        """Return why a feed is not whole."""
        if feed.refusal is not None:
            return feed.refusal
        for name in sorted(feed.streams.all):
            stream = self._of_name[name]
            if not stream.is_live:
                return stream.cause
        return "there is no snapshot of the book yet"

    async def stop(self) -> None:
        """Close all feeds and connections."""
        tasks = [task for _, task in self._streams.values()]
        tasks += [task for task in (*self._mending.values(), self._tending) if task is not None]
        for instrument_id in list(self.feeds):
            self.remove(instrument_id)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._budget.close()

    # --- what the connections report

    def on_granted(self, names: frozenset[str]) -> None:
        for feed, own in self._own(names):
            feed.on_granted(own)
            self._mend(feed)

    def on_lost(self, names: frozenset[str], cause: str) -> None:
        for feed, own in self._own(names):
            feed.on_lost(own)

    def on_refused(self, name: str, reason: str) -> None:
        feed = self._by_name.get(name)
        if feed is not None:
            feed.refusal = f"the venue refused the stream {name}: {reason}"
            feed.progressed.set()

    def on_event(self, name: str, data: msgspec.Raw, connection: int, now_ms: int) -> None:
        feed = self._by_name.get(name)
        if feed is None:
            return
        try:
            feed.on_event(name, data, connection, now_ms)
        except UnreadablePayload as error:
            self.on_unreadable(f"{name}: {error}")
        if feed.wants_snapshot:
            self._mend(feed)

    def on_unreadable(self, reason: str) -> None:
        self.unreadable_total += 1
        log.warning("market_message_unreadable", market=self._wire.market.value, reason=reason)

    def _own(self, names: frozenset[str]) -> list[tuple[InstrumentFeed, frozenset[str]]]:
        feeds = {feed for name in names if (feed := self._by_name.get(name)) is not None}
        return [(feed, names & feed.streams.all) for feed in feeds]

    # --- connections

    def _want(self, route: MarketStreamRoute, names: list[str]) -> None:
        stream = next(
            (each for each, (on, _) in self._streams.items() if on == route and each.room >= len(names)), None
        )
        if stream is None:
            stream = MarketStream(
                route,
                CombinedStreams,
                self,
                clock=self._clock,
                randomness=self._parts.randomness,
                tls=self._parts.tls,
                connects=self._parts.connects,
                proxies=self._parts.proxies,
                limits=self._parts.limits,
            )
            self._streams[stream] = route, self._task("stream", stream.run)
        self._of_name.update(dict.fromkeys(names, stream))
        stream.want(names)

    def _task(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        return restarted_task(f"BINANCE {self._wire.market.value}", name, work, self._clock)

    # --- snapshots

    def _mend(self, feed: InstrumentFeed) -> None:
        """Ask for a snapshot, unless that is under way."""
        if feed.wants_snapshot and feed.instrument_id not in self._mending:
            task = self._task("snapshot", lambda: self._mend_book(feed))
            self._mending[feed.instrument_id] = task
            task.add_done_callback(lambda done: self._mended(feed, done))

    def _mended(self, feed: InstrumentFeed, done: asyncio.Task[None]) -> None:
        if self._mending.get(feed.instrument_id) is done:
            del self._mending[feed.instrument_id]
            self._mend(feed)  # the stream may have been lost and have come back meanwhile

    async def _mend_book(self, feed: InstrumentFeed) -> None:
        if feed.live_since_ms and self._clock.monotonic_ms() - feed.live_since_ms > STEADY_MS:
            feed.failures = 0
        while feed.wants_snapshot:
            if feed.failures:
                await self._clock.sleep_ms(_PAUSES.after(feed.failures, self._parts.randomness))
            feed.failures += 1
            if (asked := await self._snapshot(feed)) is not None:
                feed.on_snapshot(*asked, self._clock.monotonic_ms())

    async def _snapshot(self, feed: InstrumentFeed) -> tuple[BookSnapshot, int] | None:
        """Return a snapshot with the round in which it was asked for; None when there is none now."""
        endpoint = depth_endpoint(self._wire.market, DEPTH)
        by_ms = self._clock.monotonic_ms() + SNAPSHOT_WAIT_MS_MAX
        ticket = await self._budget.acquire(feed.symbol, {_SNAPSHOTS: endpoint.weight}, deadline_ms=by_ms)
        if isinstance(ticket, PaceRefusal):
            return None
        with ticket:
            async with self._at_once:
                round, at_ms = feed.sync.round, self._venue_ms()
                parameters: Parameters = {"symbol": feed.symbol, "limit": DEPTH}
                try:
                    body = await self._parts.rest.read(self._wire.market, endpoint, parameters)
                    reply = decode(BinanceDepthReply, body)
                    return book_snapshot(reply, feed.instrument_id, at_ms), round
                except (VenueUnavailable, UnreadablePayload) as error:
                    log.warning("book_snapshot_failed", instrument=str(feed.instrument_id), cause=str(error))
                    return None

    # --- quiet books

    async def _tend(self) -> None:
        while True:
            await self._clock.sleep_ms(TEND_MS)
            now_ms = self._clock.monotonic_ms()
            for feed in list(self.feeds.values()):
                if feed.check(now_ms):
                    self.mute_total += 1
                    log.warning("market_stream_mute", instrument=str(feed.instrument_id))
                self._mend(feed)
            quiet = [feed for feed in self.feeds.values() if feed.is_whole and now_ms - feed.sync.heard_ms > QUIET_MS]
            if quiet and now_ms - self._read_at_ms > QUIET_MS:
                self._read_at_ms = now_ms
                await self._compare(quiet)

    async def _compare(self, quiet: list[InstrumentFeed]) -> None:
        """Read the best prices of all symbols and compare those of the quiet books."""
        try:
            body = await self._parts.rest.read(self._wire.market, self._wire.best_prices, {})
            rows = {row.symbol: row for row in decode_list(BestPricesRow, body)}
        except (VenueUnavailable, UnreadablePayload) as error:
            log.warning("market_reading_failed", market=self._wire.market.value, cause=str(error))
            return
        at_ms, now_ms = self._venue_ms(), self._clock.monotonic_ms()
        for feed in quiet:
            row = rows.get(feed.symbol)
            if row is not None and not feed.on_reading(row, at_ms, now_ms):
                await self._refresh(feed)

    async def _refresh(self, feed: InstrumentFeed) -> None:
        if (asked := await self._snapshot(feed)) is not None:
            feed.sync.refresh(*asked, self._clock.monotonic_ms())

    def _venue_ms(self) -> int:
        """The venue's time, or ours while that is not known."""
        present = self._parts.rest.clock_of(self._wire.market).present()
        return self._clock.now_ms() if present is None else present.venue_ms
