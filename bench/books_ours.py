"""Our part of books.py: feeds of venues keep the books that a server streams.

books_ours.py VENUES URL SYMBOLS LAST_NUMBER
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from ssl import SSLContext
from typing import Protocol

import uvloop
from books_wires import NAMES

from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import feed_parts as binance_parts
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import spec_of as binance_spec
from cadenza.adapters.venues.bitfinex import market_data as bitfinex
from cadenza.adapters.venues.bitfinex import sockets as bitfinex_sockets
from cadenza.adapters.venues.bitfinex.spec import spec_of as bitfinex_spec
from cadenza.adapters.venues.deribit import market_data as deribit
from cadenza.adapters.venues.deribit import sockets as deribit_sockets
from cadenza.adapters.venues.deribit.spec import spec_of as deribit_spec
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeedParts, SnapshotFeeds
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.okx import market_data as okx
from cadenza.adapters.venues.okx import sockets as okx_sockets
from cadenza.adapters.venues.okx.spec import spec_of as okx_spec
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.market.order_book import OrderBook
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.network.tls import client_tls
from cadenza.ports.venue import MarketSink
from cadenza.runtime.local import SystemClock

Listing = Callable[[InstrumentId], Instrument | None]


class Feeds(Protocol):
    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FeedWorld:
    """What the feeds of every venue need."""

    url: str
    listing: Listing
    clock: SystemClock
    tls: SSLContext
    http: HttpClient


def of_binance(world: FeedWorld) -> tuple[VenueSpec, Feeds]:
    spec = binance_spec(Environment.LIVE, base=world.url)
    rest = BinanceRest(urls=spec.urls, http=world.http, clock=world.clock)
    parts = binance_parts(rest=rest, urls=spec.urls, clock=world.clock, randomness=random.Random(2), tls=world.tls)
    return spec, MarketFeeds(parts, world.listing)


def of_okx(world: FeedWorld) -> tuple[VenueSpec, Feeds]:
    spec = okx_spec(Environment.LIVE, base=world.url)
    return spec, snapshot_feeds(world, spec, okx.feed_parts, okx_sockets.CONNECTS, okx_sockets.STREAM_LIMITS)


def of_deribit(world: FeedWorld) -> tuple[VenueSpec, Feeds]:
    spec, sockets = deribit_spec(Environment.LIVE, base=world.url), deribit_sockets
    return spec, snapshot_feeds(world, spec, deribit.feed_parts, sockets.CONNECTS, sockets.STREAM_LIMITS)


def of_bitfinex(world: FeedWorld) -> tuple[VenueSpec, Feeds]:
    spec, sockets = bitfinex_spec(Environment.LIVE, base=world.url), bitfinex_sockets
    return spec, snapshot_feeds(world, spec, bitfinex.feed_parts, sockets.PUBLIC_CONNECTS, sockets.STREAM_LIMITS)


def snapshot_feeds(
    world: FeedWorld,
    spec: VenueSpec,
    feed_parts: Callable[..., SnapshotFeedParts],
    pace: WindowLimit,
    limits: StreamLimits,
) -> Feeds:
    """Return the feeds of a venue whose books begin with a snapshot on their channel."""
    parts = feed_parts(
        spec=spec, venue_clock=unasked(world.clock), clock=world.clock, randomness=random.Random(2), tls=world.tls,
        proxies=ProxyChoice(), connects=ConnectPace(world.clock, pace), limits=limits,
    )  # fmt: skip
    return SnapshotFeeds(parts, world.listing)


def unasked(clock: SystemClock) -> VenueClock:
    """The clock of a venue that nobody asks for its time."""

    async def no_answer() -> int | None:
        return None

    return VenueClock(clock, no_answer)


FEEDS = {"BINANCE": of_binance, "OKX": of_okx, "DERIBIT": of_deribit, "BITFINEX": of_bitfinex}


class ReadBooks:
    """A `MarketSink` that reads the best prices after each change."""

    def __init__(self, last_number: int, symbols: int) -> None:
        self.specs: dict[str, BookSpec] = {}
        self.books: dict[InstrumentId, OrderBook] = {}
        self.is_done = asyncio.Event()
        self._last_number = last_number
        self._behind = symbols

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        venue = snapshot.instrument_id.partition(":")[0]
        book = self.books[snapshot.instrument_id] = OrderBook(snapshot.instrument_id, self.specs[venue])
        book.reset(snapshot)

    def on_delta(self, delta: BookDelta) -> None:
        book = self.books[delta.instrument_id]
        book.apply(delta)
        assert book.best_bid() is not None
        assert book.best_ask() is not None
        if delta.at_ms == self._last_number:
            self._behind -= 1
            if not self._behind:
                self.is_done.set()

    def on_trade(self, trade: MarketTrade) -> None:
        return

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        return

    def on_stale(self, instrument_id: InstrumentId) -> None:
        if not self.is_done.is_set():
            raise SystemExit(f"{instrument_id} is stale")


def pss_kib() -> int:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


async def main(venues: list[str], url: str, symbols: int, last_number: int) -> None:
    clock, tls = SystemClock(), client_tls()
    http = HttpClient(clock=clock, randomness=random.Random(1), tls=tls)
    sink, opened = ReadBooks(last_number, symbols * len(venues)), []
    for venue in venues:
        names = {InstrumentId(f"{venue}:A{number}/USDT"): NAMES[venue].format(number) for number in range(symbols)}
        listing = {id: replace(INSTRUMENTS[0], id=id, external_symbol=name) for id, name in names.items()}
        spec, feeds = FEEDS[venue](FeedWorld(url, listing.get, clock, tls, http))
        sink.specs[venue] = spec.order_books[InstrumentType.SPOT]
        await asyncio.gather(*(feeds.open_book(id, sink) for id in names))
        opened.append(feeds)
    started_s = time.process_time()
    print("ready", flush=True)
    await sink.is_done.wait()
    cpu_s = time.process_time() - started_s
    best = {book.best_bid() for book in sink.books.values()}
    assert len(best) == 1, best
    ((price, _),) = (each for each in best if each is not None)
    print(json.dumps({"cpu_s": cpu_s, "pss_kib": pss_kib(), "best": str(price)}))
    for feeds in opened:
        await feeds.stop()
    await http.close()


uvloop.run(main(sys.argv[1].split(","), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
