"""One instrument's public book and trades, published to a sink."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from cadenza.adapters.venues.inhouse.exchange import SimulatedExchange
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import Side
from cadenza.ports.venue import MarketSink

LEVELS_MAX = 100
"""Levels published per side. The feed does not contain deeper levels."""

IN_PROCESS_BOOKS = BookSpec(rule=BookRule(continuity=Continuity.PREVIOUS), age_ms_max=None, depth=LEVELS_MAX)


class BookFeed:
    """Publishes the book as it changes. After the snapshot `sequence` grows by one per delta, without a gap."""

    def __init__(self, instrument_id: InstrumentId, sink: MarketSink, exchange: SimulatedExchange) -> None:
        self._instrument_id = instrument_id
        self._sink = sink
        self._exchange = exchange
        self._sequence = 0
        self._instrument = exchange.instruments[instrument_id]
        self._published: dict[Side, list[tuple[int, int]]] = {}  # ticks and lots, best first
        self._mark: Decimal | None = None
        self._is_broken = False

    def open(self, at_ms: int) -> None:
        """Publish the mark, then the whole book; of a suspended market only that its book is stale."""
        if self._exchange.is_suspended(self._instrument_id):
            self.break_off()
            return
        self._is_broken = False
        self._sequence += 1
        self._published = {side: self._shown(side) for side in Side}
        self._mark = self._exchange.office.ledger.mark(self._instrument_id)
        self._sink.on_mark(self._instrument_id, self._mark)
        self._sink.on_snapshot(
            BookSnapshot(
                instrument_id=self._instrument_id,
                bids=self._levels(self._published[Side.BUY]),
                asks=self._levels(self._published[Side.SELL]),
                sequence=self._sequence,
                at_ms=at_ms,
            )
        )

    def publish(self, trades: Sequence[MarketTrade], at_ms: int) -> None:
        """Publish the trades, then the changes of the mark and of the book, if there are any. A suspended market makes
        the book stale; the whole book is published when the market is back."""
        for trade in trades:
            if trade.instrument_id == self._instrument_id:
                self._sink.on_trade(trade)
        if self._is_broken or self._exchange.is_suspended(self._instrument_id):
            self.open(at_ms)
            return
        self._publish_mark()
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

    def _publish_mark(self) -> None:
        """Publish the exchange's own mark. Accounts take from the published book and rest in it, so its middle is not
        the market's."""
        mark = self._exchange.office.ledger.mark(self._instrument_id)
        if mark != self._mark:
            self._mark = mark
            self._sink.on_mark(self._instrument_id, mark)

    def break_off(self) -> None:
        """Mark the book as stale: nobody may serve it until `open` publishes it again."""
        if not self._is_broken:
            self._is_broken = True
            self._sink.on_stale(self._instrument_id)

    def _shown(self, side: Side) -> list[tuple[int, int]]:
        return self._exchange.depth(self._instrument_id, side, LEVELS_MAX)

    def _changes(self, side: Side) -> tuple[Level, ...]:
        """Return the levels that changed since the last publication. The comparison uses integers, because most levels
        do not change most of the time."""
        before, now = self._published[side], self._shown(side)
        if now == before:
            return ()
        self._published[side] = now
        had, has = dict(before), dict(now)
        gone = ((ticks, 0) for ticks in had if ticks not in has)
        return self._levels((*gone, *(level for level in now if had.get(level[0]) != level[1])))

    def _levels(self, steps: Iterable[tuple[int, int]]) -> tuple[Level, ...]:
        pip, lot = self._instrument.pip_size, self._instrument.lot_size
        return tuple((ticks * pip, lots * lot) for ticks, lots in steps)
