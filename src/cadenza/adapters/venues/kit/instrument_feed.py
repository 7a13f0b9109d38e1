"""The feed of one instrument whose book begins with a snapshot on its own channel: the channels' events on the one
side, the listener's messages on the other."""

from asyncio import Event
from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from cadenza.adapters.venues.kit.book_sync import BookSync, SyncState
from cadenza.adapters.venues.kit.market_stream import EventData
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.market.order_book import BookOutcome, OrderBook
from cadenza.ports.venue import MARK_AGE_MS_MAX, MarketSink

SNAPSHOT_MS_MAX = 3_000
"""A subscription whose snapshot has not come by then is made again."""


class InstrumentChannels(Protocol):
    """The channels of one instrument, and how their messages are read. `marks` is None where it has no mark price. The
    methods raise `UnreadablePayload`."""

    @property
    def books(self) -> str: ...

    @property
    def trades(self) -> str: ...

    @property
    def marks(self) -> str | None: ...

    def book_messages(self, data: EventData) -> Iterable[BookSnapshot | BookDelta]: ...

    def numbered_trades(self, data: EventData) -> Iterable[tuple[int, MarketTrade]]:
        """Return trades with the venue's numbers, which grow."""

    def mark(self, data: EventData) -> Decimal | None:
        """Return the mark price; None when the message states none."""


class _CheckedBook:
    """Implements `MarketSink`: passes everything on, and keeps the book as well, so that a wrong checksum is noticed
    here."""

    def __init__(self, instrument: Instrument, book: BookSpec, sink: MarketSink) -> None:
        self.is_wrong = False
        self._book = OrderBook(instrument.id, book)
        self._sink = sink

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        self.is_wrong = self._book.reset(snapshot) is not BookOutcome.APPLIED
        self._sink.on_snapshot(snapshot)

    def on_delta(self, delta: BookDelta) -> None:
        self.is_wrong = self._book.apply(delta) is not BookOutcome.APPLIED
        self._sink.on_delta(delta)

    def on_stale(self, instrument_id: InstrumentId) -> None:
        self._sink.on_stale(instrument_id)

    def on_trade(self, trade: MarketTrade) -> None:
        self._sink.on_trade(trade)

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        self._sink.on_mark(instrument_id, mark)


class ChannelFeed:
    """Book, trades and marks of one instrument.

    Each subscription to a book begins with a snapshot. While one connection replaces another, the newer one's snapshot
    begins the book again, and what the older one still brings is dropped. Where the venue sends checksums, the book is
    kept here too: one whose checksum is not the venue's is stale, and needs another snapshot.
    """

    def __init__(
        self,
        instrument: Instrument,
        channels: InstrumentChannels,
        book: BookSpec,
        sink: MarketSink,
        opened_venue_ms: int,
    ) -> None:
        """`opened_venue_ms`: trades from before this instant of the venue's clock are not delivered, because a
        subscription may begin with the last ones."""
        self.instrument = instrument
        self.channels = channels
        self.names = frozenset(n for n in (channels.books, channels.trades, channels.marks) if n is not None)
        self._checked = None if book.rule.checksum is None else _CheckedBook(instrument, book, sink)
        self.sync = BookSync(instrument.id, book.rule, self._checked or sink)
        self.progressed = Event()
        """Set whenever the feed may have come nearer to being open."""
        self.refusal: str | None = None
        """Why the venue does not publish it, when it has refused a channel."""
        self._sink = sink
        self._age_ms_max = book.age_ms_max
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
        if self.channels.books in names:
            self._asked_ms = now_ms
            if self.sync.state is SyncState.LOST:
                self.sync.begin()
        self.progressed.set()

    def on_lost(self, names: frozenset[str]) -> None:
        """These channels may have missed something."""
        self._granted -= names
        if self.channels.books in names:
            self.sync.lose()
        if self.channels.marks in names:
            self._withdraw_mark()

    def on_event(self, name: str, data: EventData, connection: int, now_ms: int) -> None:
        """Take an event of one of its channels. Raises `UnreadablePayload`; a change of the book that cannot be read
        makes the book stale."""
        if name == self.channels.books:
            self._on_book(data, connection, now_ms)
        elif name == self.channels.trades:
            for number, trade in self.channels.numbered_trades(data):
                self._on_trade(number, trade)
        elif name == self.channels.marks:
            mark = self.channels.mark(data)
            if mark is not None:
                self._sink.on_mark(self.instrument.id, mark)
                self._marked_ms = now_ms

    def is_in_need(self, now_ms: int) -> bool:
        """Whether its book has to be subscribed to again: it has a gap, its snapshot does not come, or its channel has
        said nothing for longer than a book may be silent. True once for each need; then that is awaited."""
        if self._marked_ms is not None and now_ms - self._marked_ms >= MARK_AGE_MS_MAX:
            self._withdraw_mark()
        if self.channels.books not in self._granted or now_ms - self._asked_ms < SNAPSHOT_MS_MAX:
            return False
        is_old = self._age_ms_max is not None and now_ms - self.sync.heard_ms > self._age_ms_max
        if self.sync.state is SyncState.LIVE and is_old:
            self.sync.resync()
        if not self.sync.needs_snapshot:
            return False
        self._asked_ms = now_ms
        return True

    def close(self) -> None:
        """Its listener hears that the book is stale, if it was not, and nothing more."""
        self.sync.lose()
        self.progressed.set()

    def _on_book(self, data: EventData, connection: int, now_ms: int) -> None:
        if connection < self._source:
            return
        try:
            messages = list(self.channels.book_messages(data))
        except UnreadablePayload:
            self.sync.resync()
            raise
        for message in messages:
            if isinstance(message, BookSnapshot):
                self._source = connection
                self.sync.begin()
                self.sync.on_snapshot(message, self.sync.round, now_ms)
                self.progressed.set()
            else:
                self.sync.on_delta(message, self._source, now_ms)
            if self._checked is not None and self._checked.is_wrong:
                self.sync.resync()

    def _on_trade(self, number: int, trade: MarketTrade) -> None:
        if number > self._last_trade and trade.at_ms >= self._opened_venue_ms:
            self._last_trade = number
            self._sink.on_trade(trade)

    def _withdraw_mark(self) -> None:
        self._marked_ms = None
        self._sink.on_mark(self.instrument.id, None)
