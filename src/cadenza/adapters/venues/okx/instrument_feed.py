"""The feed of one instrument of OKX: its channels' events on the one side, the listener's messages on the other."""

from asyncio import Event

import msgspec

from cadenza.adapters.venues.kit.book_sync import BookSync, SyncState
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.models import OkxBook, OkxFrame, OkxMarkPrice, OkxTrade
from cadenza.adapters.venues.okx.parse_market import book_message, mark_price, market_trade
from cadenza.adapters.venues.okx.spec import BOOK_AGE_MS_MAX, BOOK_RULE
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.ports.venue import MARK_AGE_MS_MAX, MarketSink

BOOKS, TRADES, MARKS = "books", "trades", "mark-price"

SNAPSHOT_MS_MAX = 3_000
"""A subscription whose snapshot has not come by then is made again."""


class InstrumentFeed:
    """Book, trades and marks of one instrument. Options and contracts have marks, spot has none.

    Each subscription to a book begins with a snapshot. While one connection replaces another, the newer one's snapshot
    begins the book again, and what the older one still brings is dropped.
    """

    def __init__(self, instrument: Instrument, sink: MarketSink, opened_venue_ms: int) -> None:
        """`opened_venue_ms`: trades from before this instant of the venue's clock are not delivered. The venue sends
        the last trade with each subscription."""
        self.instrument = instrument
        name = instrument.external_symbol
        self.books, self.trades = f"{BOOKS}:{name}", f"{TRADES}:{name}"
        self.marks = None if instrument.type is InstrumentType.SPOT else f"{MARKS}:{name}"
        self.names = frozenset(each for each in (self.books, self.trades, self.marks) if each is not None)
        self.sync = BookSync(instrument.id, BOOK_RULE, sink)
        self.progressed = Event()
        """Set whenever the feed may have come nearer to being open."""
        self.refusal: str | None = None
        """Why the venue does not publish it, when it has refused a channel."""
        self._sink = sink
        self._granted: frozenset[str] = frozenset()
        self._opened_venue_ms = opened_venue_ms
        self._last_trade = -1
        self._source = 0
        self._asked_ms = 0
        self._marked_ms: int | None = None
        """When the last mark came that the listener has."""

    @property
    def instrument_id(self) -> InstrumentId:
        return self.instrument.id

    @property
    def is_whole(self) -> bool:
        """Whether all of its channels are granted and its book is live."""
        return self.sync.state is SyncState.LIVE and self._granted == self.names

    def on_granted(self, names: frozenset[str], now_ms: int) -> None:
        """These channels miss nothing from now on. The snapshot of a book may have come before this is known."""
        self._granted |= names
        if self.books in names:
            self._asked_ms = now_ms
            if self.sync.state is SyncState.LOST:
                self.sync.begin()
        self.progressed.set()

    def on_lost(self, names: frozenset[str]) -> None:
        """These channels may have missed something."""
        self._granted -= names
        if self.books in names:
            self.sync.lose()
        if self.marks in names:
            self._withdraw_mark()

    def on_event(self, name: str, data: msgspec.Raw, connection: int, now_ms: int) -> None:
        """Take an event of one of its channels. Raises `UnreadablePayload`; a change of the book that cannot be read
        makes the book stale."""
        rows = decode(OkxFrame, data).data
        if name == self.books:
            self._on_book(rows, connection, now_ms)
        elif name == self.trades:
            for row in rows:
                self._on_trade(row)
        elif name == self.marks:
            for row in rows:
                self._sink.on_mark(self.instrument.id, mark_price(decode(OkxMarkPrice, row)))
                self._marked_ms = now_ms

    def is_in_need(self, now_ms: int) -> bool:
        """Whether its book has to be subscribed to again: it has a gap, its snapshot does not come, or its channel has
        said nothing for longer than the venue's heartbeat. True once for each need; then that is awaited."""
        if self._marked_ms is not None and now_ms - self._marked_ms >= MARK_AGE_MS_MAX:
            self._withdraw_mark()
        if self.books not in self._granted or now_ms - self._asked_ms < SNAPSHOT_MS_MAX:
            return False
        if self.sync.state is SyncState.LIVE and now_ms - self.sync.heard_ms > BOOK_AGE_MS_MAX:
            self.sync.resync()
        if not self.sync.needs_snapshot:
            return False
        self._asked_ms = now_ms
        return True

    def close(self) -> None:
        """Its listener hears that the book is stale, if it was not, and nothing more."""
        self.sync.lose()
        self.progressed.set()

    def _on_book(self, rows: list[msgspec.Raw], connection: int, now_ms: int) -> None:
        if connection < self._source:
            return
        for row in rows:
            try:
                message = book_message(decode(OkxBook, row), self.instrument)
            except UnreadablePayload:
                self.sync.resync()
                raise
            if isinstance(message, BookSnapshot):
                self._source = connection
                self.sync.begin()
                self.sync.on_snapshot(message, self.sync.round, now_ms)
                self.progressed.set()
            else:
                self.sync.on_delta(message, self._source, now_ms)

    def _on_trade(self, row: msgspec.Raw) -> None:
        trade = market_trade(decode(OkxTrade, row), self.instrument)
        number = int(trade.trade_id)
        if number > self._last_trade and trade.at_ms >= self._opened_venue_ms:
            self._last_trade = number
            self._sink.on_trade(trade)

    def _withdraw_mark(self) -> None:
        self._marked_ms = None
        self._sink.on_mark(self.instrument.id, None)
