"""BINANCE's public market data: books, trades and marks on demand."""

import asyncio
from collections.abc import Callable

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.instrument_feed import InstrumentFeed
from cadenza.adapters.venues.binance.market_desk import FeedParts, MarketDesk
from cadenza.adapters.venues.binance.market_wire import WIRES, MarketWire
from cadenza.adapters.venues.kit.feed_tasks import until_whole
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.venue import MarketSink

Listing = Callable[[InstrumentId], Instrument | None]
"""Finds an instrument that the venue lists."""


class MarketFeeds:
    """The public half of `VenueConnector` for BINANCE.

    A feed is whole when its streams are granted and its book is live. It mends itself: after a gap, a reconnect or a
    stream that fell mute the book is stale until the next snapshot. It makes connections only while books are open.
    """

    def __init__(self, parts: FeedParts, listing: Listing) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._listing = listing
        self.desks: dict[BinanceMarket, MarketDesk] = {}
        """By market, those in which books were opened."""

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        """See `VenueConnector.open_book`. It returns when the feed is whole."""
        instrument = self._listing(instrument_id)
        wire = None if instrument is None else WIRES.get(instrument.type)
        if instrument is None or wire is None:
            raise InstrumentNotFound(f"BINANCE lists no book of {instrument_id}")
        desk = self._desk(wire)
        feed = desk.feeds.get(instrument_id)
        if feed is None:
            feed = InstrumentFeed(instrument_id, instrument.external_symbol, wire, sink)
            desk.add(feed)
        try:
            await until_whole(
                feed,
                self._clock,
                venue="BINANCE",
                is_kept=lambda: desk.feeds.get(instrument_id) is feed,
                cause=lambda: desk.cause(feed),
            )
        except BaseException:  # a caller that was cancelled has no open book either
            if desk.feeds.get(instrument_id) is feed:
                desk.remove(instrument_id)
            raise

    async def close_book(self, instrument_id: InstrumentId) -> None:
        """See `VenueConnector.close_book`."""
        for desk in self.desks.values():
            desk.remove(instrument_id)

    async def stop(self) -> None:
        """Close all feeds and connections. Idempotent."""
        await asyncio.gather(*(desk.stop() for desk in self.desks.values()))
        self.desks.clear()
        self._parts.connects.close()

    def _desk(self, wire: MarketWire) -> MarketDesk:
        if wire.url_name not in self._parts.urls:
            raise VenueUnavailable(f"BINANCE has no {wire.market.value} market in this environment")
        if wire.market not in self.desks:
            self.desks[wire.market] = MarketDesk(wire, self._parts)
        return self.desks[wire.market]
