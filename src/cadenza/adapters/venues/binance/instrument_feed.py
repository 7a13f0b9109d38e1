"""The feed of one instrument of BINANCE: its streams' events on the one side, the listener's messages on the other."""

from asyncio import Event
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.binance.market_wire import BestPricesRow, MarketWire
from cadenza.adapters.venues.kit.book_sync import BookSync, SyncState
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot, Level
from cadenza.ports.venue import MARK_AGE_MS_MAX, MarketSink

MUTE_AFTER_MS = 2_000
"""A stream that has not brought what a reading shows by then brings nothing any more."""

Best = tuple[Level | None, Level | None]


class InstrumentFeed:
    """Book, trades and marks of one instrument.

    A quiet book is compared with readings of its best prices: when two of them differ and no change came between them,
    the stream is mute. Then the book is stale, and stays so until a change has come.
    """

    def __init__(self, instrument_id: InstrumentId, symbol: str, wire: MarketWire, sink: MarketSink) -> None:
        self.instrument_id = instrument_id
        self.symbol = symbol
        self.streams = wire.names(symbol)
        self.sync = BookSync(instrument_id, wire.rule, sink)
        self.progressed = Event()
        """Set whenever the feed may have come nearer to being open."""
        self.refusal: str | None = None
        """Why the venue does not publish it, when it has refused a stream."""
        self.failures = 0
        """How often in a row a snapshot was asked for in vain, or was soon outdated."""
        self.live_since_ms = 0
        self._wire = wire
        self._sink = sink
        self._granted: frozenset[str] = frozenset()
        self._last_trade = -1
        self._shown: tuple[int, Best] | None = None
        self._suspected_ms: int | None = None
        self._is_mute = False
        self._marked_ms: int | None = None
        """When the last mark came that the listener has."""

    @property
    def is_whole(self) -> bool:
        """Whether all of its streams are granted and its book is live."""
        return self.sync.state is SyncState.LIVE and self._granted == self.streams.all

    @property
    def wants_snapshot(self) -> bool:
        return self.sync.needs_snapshot and (not self._is_mute or self.sync.has_buffered)

    def on_granted(self, names: frozenset[str]) -> None:
        """These streams miss nothing from now on."""
        self._granted |= names
        if self.streams.depth in names:
            self.sync.begin()
        self.progressed.set()

    def on_lost(self, names: frozenset[str]) -> None:
        """These streams may have missed something."""
        self._granted -= names
        if self.streams.depth in names:
            self.sync.lose()
        if self.streams.mark in names:
            self._withdraw_mark()

    def on_event(self, name: str, data: msgspec.Raw, connection: int, now_ms: int) -> None:
        """Take an event of one of its streams. Raises `UnreadablePayload`; a change of the book that cannot be read
        makes the book stale."""
        if name == self.streams.depth:
            try:
                delta = self._wire.delta(data, self.instrument_id)
            except UnreadablePayload:
                self.sync.resync()
                raise
            self.sync.on_delta(delta, connection, now_ms)
        elif name == self.streams.trades:
            trade = self._wire.trade(data, self.instrument_id)
            if int(trade.trade_id) > self._last_trade:  # two connections of a renewal deliver the same
                self._last_trade = int(trade.trade_id)
                self._sink.on_trade(trade)
        elif name == self.streams.mark:
            self._sink.on_mark(self.instrument_id, self._wire.mark(data))
            self._marked_ms = now_ms

    def on_snapshot(self, snapshot: BookSnapshot, round: int, now_ms: int) -> bool:
        """Take a snapshot. Return whether the book is live with it."""
        if not self.sync.on_snapshot(snapshot, round, now_ms):
            return False
        self._is_mute, self._suspected_ms = False, None
        self._shown = snapshot.sequence, _best(snapshot)
        self.live_since_ms = now_ms
        self.progressed.set()
        return True

    def on_reading(self, row: BestPricesRow, at_ms: int, now_ms: int) -> bool:
        """Take a reading of the best prices of a quiet book. Return False when the book needs a new snapshot to show
        that it is up to date."""
        best: Best = _level(row.bid, row.bid_quantity), _level(row.ask, row.ask_quantity)
        shown, self._shown = self._shown, (self.sync.sequence, best)
        if shown is None or shown[0] != self.sync.sequence:
            return True  # the first reading since the last change: there is nothing to compare it with
        if shown[1] != best:
            self._shown = shown
            self._suspected_ms = now_ms if self._suspected_ms is None else self._suspected_ms
            return True
        self._suspected_ms = None
        return self.sync.heartbeat(at_ms, now_ms)

    def check(self, now_ms: int) -> bool:
        """Look after what time decides. Return whether the stream was found mute just now."""
        self.sync.check(now_ms)
        if self._marked_ms is not None and now_ms - self._marked_ms >= MARK_AGE_MS_MAX:
            self._withdraw_mark()
        if self._suspected_ms is None or self.sync.state is not SyncState.LIVE:
            self._suspected_ms = None
            return False
        if self._shown is None or self._shown[0] != self.sync.sequence:
            self._suspected_ms = None  # the change has come
            return False
        if now_ms - self._suspected_ms < MUTE_AFTER_MS:
            return False
        self._suspected_ms, self._is_mute = None, True
        self.sync.resync()
        return True

    def _withdraw_mark(self) -> None:
        self._marked_ms = None
        self._sink.on_mark(self.instrument_id, None)

    def close(self) -> None:
        """Its listener hears that the book is stale, if it was not, and nothing more."""
        self.sync.lose()
        self.progressed.set()


def _best(snapshot: BookSnapshot) -> Best:
    return next(iter(snapshot.bids), None), next(iter(snapshot.asks), None)


def _level(price: Decimal, quantity: Decimal) -> Level | None:
    """The venue writes zeros for a side without levels."""
    return (price, quantity) if quantity else None
