"""One instrument's public book and trades, told to a sink."""

from collections.abc import Sequence
from decimal import Decimal

from cadenza.adapters.venues.inhouse.floor import Floor
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.money import ZERO
from cadenza.ports.venue import MarketSink

LEVELS_MAX = 100
"""Levels told per side; what is deeper is not part of the feed."""


class BookFeed:
    """Tells the book as it changes; `sequence` grows by one per delta, from the snapshot on, without a gap."""

    def __init__(self, instrument_id: InstrumentId, sink: MarketSink, floor: Floor) -> None:
        self._instrument_id = instrument_id
        self._sink = sink
        self._floor = floor
        self._sequence = 0
        self._told: dict[Side, dict[Decimal, Decimal]] = {}

    def open(self, at_ms: int) -> None:
        """Tell the whole book."""
        self._sequence += 1
        bids, asks = self._levels(Side.BUY), self._levels(Side.SELL)
        self._told = {Side.BUY: dict(bids), Side.SELL: dict(asks)}
        self._sink.on_snapshot(
            BookSnapshot(
                instrument_id=self._instrument_id,
                bids=tuple(bids),
                asks=tuple(asks),
                sequence=self._sequence,
                at_ms=at_ms,
            )
        )

    def publish(self, trades: Sequence[MarketTrade], at_ms: int) -> None:
        """Tell the trades, then what changed in the book, if anything did."""
        for trade in trades:
            if trade.instrument_id == self._instrument_id:
                self._sink.on_trade(trade)
        bids, asks = self._changes(Side.BUY), self._changes(Side.SELL)
        if not bids and not asks:
            return
        previous, self._sequence = self._sequence, self._sequence + 1
        self._sink.on_delta(
            BookDelta(
                instrument_id=self._instrument_id,
                bids=bids,
                asks=asks,
                previous_sequence=previous,
                sequence=self._sequence,
                at_ms=at_ms,
            )
        )

    def break_off(self) -> None:
        """The book must not be served until it is opened again."""
        self._sink.on_stale(self._instrument_id)

    def _levels(self, side: Side) -> list[Level]:
        return self._floor.depth(self._instrument_id, side, LEVELS_MAX)

    def _changes(self, side: Side) -> tuple[Level, ...]:
        before, now = self._told[side], dict(self._levels(side))
        self._told[side] = now
        gone = [(price, ZERO) for price in before if price not in now]
        return (*gone, *((price, quantity) for price, quantity in now.items() if before.get(price) != quantity))
