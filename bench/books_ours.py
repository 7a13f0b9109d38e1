"""Our part of books.py: feeds of BINANCE keep the books that a server streams.

books_ours.py URL SYMBOLS LAST_NUMBER
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import uvloop

from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import feed_parts
from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import urls_at
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.order_book import OrderBook
from cadenza.network.http import HttpClient
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemClock

SPEC = BookSpec(rule=SPOT_BOOK_RULE, age_ms_max=60_000, depth=1_000)


class ReadBooks:
    """A `MarketSink` that reads the best prices after each change."""

    def __init__(self, last_number: int, symbols: int) -> None:
        self.books: dict[InstrumentId, OrderBook] = {}
        self.is_done = asyncio.Event()
        self._last_number = last_number
        self._behind = symbols

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        book = self.books[snapshot.instrument_id] = OrderBook(snapshot.instrument_id, SPEC)
        book.reset(snapshot)

    def on_delta(self, delta: BookDelta) -> None:
        book = self.books[delta.instrument_id]
        book.apply(delta)
        assert book.best_bid() is not None
        assert book.best_ask() is not None
        if delta.sequence == self._last_number:
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


async def main(url: str, symbols: int, last_number: int) -> None:
    clock, urls, tls = SystemClock(), urls_at(url), client_tls()
    http = HttpClient(clock=clock, randomness=random.Random(1), tls=tls)
    rest = BinanceRest(urls=urls, http=http, clock=clock)
    names = {InstrumentId(f"BINANCE:A{number}/USDT"): f"A{number}USDT" for number in range(symbols)}
    listing = {id: replace(INSTRUMENTS[0], id=id, external_symbol=name) for id, name in names.items()}
    parts = feed_parts(rest=rest, urls=urls, clock=clock, randomness=random.Random(2), tls=tls)
    feeds, sink = MarketFeeds(parts, listing.get), ReadBooks(last_number, symbols)
    await asyncio.gather(*(feeds.open_book(id, sink) for id in names))
    started_s = time.process_time()
    print("ready", flush=True)
    await sink.is_done.wait()
    cpu_s = time.process_time() - started_s
    best = sink.books[next(iter(names))].best_bid()
    assert best is not None
    print(json.dumps({"cpu_s": cpu_s, "pss_kib": pss_kib(), "best": str(best[0])}))
    await feeds.stop()
    await http.close()
    rest.close()


uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
