"""The kept book again, as simply as it can be written: dictionaries of Decimals, sorted whenever somebody looks."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.kept_book import Outcome
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, Level


class NaiveBook:
    def __init__(self, instrument_id: InstrumentId) -> None:
        self.instrument_id = instrument_id
        self.levels: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
        self.sequence = 0
        self.at_ms = 0
        self.is_fresh = False
        self.deltas_applied = 0

    def reset(self, snapshot: BookSnapshot) -> Outcome:
        self.levels = {Side.BUY: {}, Side.SELL: {}}
        self.deltas_applied = 0
        return self._set(snapshot)

    def apply(self, delta: BookDelta) -> Outcome:
        if not self.is_fresh:
            return Outcome.STALE
        if delta.sequence <= self.sequence:
            return Outcome.OUTDATED
        is_overlap = self.deltas_applied == 0 and delta.previous_sequence < self.sequence
        if delta.previous_sequence != self.sequence and not is_overlap:
            self.is_fresh = False
            return Outcome.GAP
        self.deltas_applied += 1
        return self._set(delta)

    def _set(self, news: BookSnapshot | BookDelta) -> Outcome:
        for side, levels in ((Side.BUY, news.bids), (Side.SELL, news.asks)):
            self.levels[side].update(dict(levels))
            self.levels[side] = {price: quantity for price, quantity in self.levels[side].items() if quantity > 0}
        self.sequence, self.at_ms = news.sequence, news.at_ms
        bids, asks = self._sorted(Side.BUY), self._sorted(Side.SELL)
        self.is_fresh = not bids or not asks or bids[0][0] < asks[0][0]
        return Outcome.APPLIED if self.is_fresh else Outcome.CROSSED

    def invalidate(self) -> None:
        self.is_fresh = False

    def best_bid(self) -> Level | None:
        return next(iter(self._sorted(Side.BUY)), None) if self.is_fresh else None

    def best_ask(self) -> Level | None:
        return next(iter(self._sorted(Side.SELL)), None) if self.is_fresh else None

    def snapshot(self, depth: int) -> BookSnapshot | None:
        if not self.is_fresh:
            return None
        return BookSnapshot(
            instrument_id=self.instrument_id,
            bids=tuple(self._sorted(Side.BUY)[:depth]),
            asks=tuple(self._sorted(Side.SELL)[:depth]),
            sequence=self.sequence,
            at_ms=self.at_ms,
        )

    def cost_to_take(self, side: Side, quantity: Decimal) -> Decimal | None:
        levels = self._sorted(side.opposite)
        if not self.is_fresh or not levels:
            return None
        held = sum((level[1] for level in levels), Decimal(0))
        cost = max(Decimal(0), quantity - held) * levels[-1][0]
        before = Decimal(0)
        for price, available in levels:
            cost += price * max(Decimal(0), min(available, quantity - before))
            before += available
        return cost

    def _sorted(self, side: Side) -> list[Level]:
        return sorted(self.levels[side].items(), reverse=side is Side.BUY)
