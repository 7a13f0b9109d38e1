"""BINANCE's public market data: books, trades and marks on demand."""

import asyncio
from collections.abc import Callable

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.instrument_feed import InstrumentFeed
from cadenza.adapters.venues.binance.market_desk import FeedParts, MarketDesk
from cadenza.adapters.venues.binance.market_wire import WIRES, MarketWire
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.venue import MarketSink

OPEN_MS_MAX = 8_000
"""A feed that is not whole by then could not be opened. The platform waits a little longer than this."""

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
            await self._until_whole(desk, feed)
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

    async def _until_whole(self, desk: MarketDesk, feed: InstrumentFeed) -> None:
        limit = asyncio.create_task(self._clock.sleep_ms(OPEN_MS_MAX))
        try:
            while not feed.is_whole:
                feed.progressed.clear()
                progress = asyncio.create_task(feed.progressed.wait())
                try:
                    await asyncio.wait({limit, progress}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    progress.cancel()
                if desk.feeds.get(feed.instrument_id) is not feed:
                    raise VenueUnavailable(f"the feed of {feed.instrument_id} was closed")
                if feed.refusal is not None or (limit.done() and not feed.is_whole):
                    raise VenueUnavailable(f"BINANCE does not publish {feed.instrument_id}: {desk.cause(feed)}")
        finally:
            limit.cancel()
