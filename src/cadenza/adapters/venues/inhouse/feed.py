"""One instrument's public book and trades, told to a sink."""

from collections.abc import Iterable, Sequence

from cadenza.adapters.venues.inhouse.floor import Floor
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, Level, MarketTrade
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
        self._instrument = floor.instruments[instrument_id]
        self._told: dict[Side, list[tuple[int, int]]] = {}  # ticks and lots, best first

    def open(self, at_ms: int) -> None:
        """Tell the whole book."""
        self._sequence += 1
        self._told = {side: self._shown(side) for side in Side}
        self._sink.on_snapshot(
            BookSnapshot(
                instrument_id=self._instrument_id,
                bids=self._levels(self._told[Side.BUY]),
                asks=self._levels(self._told[Side.SELL]),
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

    def _shown(self, side: Side) -> list[tuple[int, int]]:
        return self._floor.depth(self._instrument_id, side, LEVELS_MAX)

    def _changes(self, side: Side) -> tuple[Level, ...]:
        """Compared as integers: most levels stay as they are most of the time, and are then not looked at closer."""
        before, now = self._told[side], self._shown(side)
        if now == before:
            return ()
        self._told[side] = now
        had, has = dict(before), dict(now)
        gone = ((ticks, 0) for ticks in had if ticks not in has)
        return self._levels((*gone, *(level for level in now if had.get(level[0]) != level[1])))

    def _levels(self, steps: Iterable[tuple[int, int]]) -> tuple[Level, ...]:
        pip, lot = self._instrument.pip_size, self._instrument.lot_size
        return tuple((ticks * pip, lots * lot) for ticks, lots in steps)
