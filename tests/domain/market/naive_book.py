"""The order book again, as simply as it can be written: dictionaries of Decimals, sorted whenever somebody looks, and
the rules of continuity as the venues' documents word them."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level
from cadenza.domain.market.book_rule import BookSpec, Continuity
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome

_FIELDS = {
    Continuity.PREVIOUS: {"previous"},
    Continuity.RANGE: {"first"},
    Continuity.RANGE_AND_PREVIOUS: {"first", "previous"},
    Continuity.COUNT: set(),
}


class NaiveBook:
    def __init__(self, instrument_id: InstrumentId, spec: BookSpec) -> None:
        self.instrument_id = instrument_id
        self.spec = spec
        self.levels: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
        self.sequence = 0
        self.at_ms = 0
        self.is_fresh = False
        self.applied: list[BookDelta] = []
        self.ignored_in_a_row = 0

    def reset(self, snapshot: BookSnapshot) -> BookOutcome:
        self.levels = {Side.BUY: {}, Side.SELL: {}}
        self.applied = []
        return self._set(snapshot)

    def apply(self, delta: BookDelta) -> BookOutcome:
        if not self.is_fresh:
            return BookOutcome.STALE
        outcome = self._outcome(delta)
        if outcome is BookOutcome.DUPLICATE:
            self.ignored_in_a_row += 1
            outcome = BookOutcome.GAP if self.ignored_in_a_row == 101 else outcome
        if outcome in (BookOutcome.GAP, BookOutcome.REFUSED):
            self.is_fresh = False
        if outcome is BookOutcome.APPLIED:
            self.applied.append(delta)
            return self._set(delta)
        return outcome

    def _outcome(self, delta: BookDelta) -> BookOutcome:
        kind = self.spec.rule.continuity
        given = {name for name in ("first", "previous") if getattr(delta, f"{name}_sequence") is not None}
        is_upside_down = "first" in given and (delta.first_sequence or 0) > delta.sequence
        if given != _FIELDS.get(kind) or is_upside_down:
            return BookOutcome.REFUSED
        first, last = delta.first_sequence or 0, delta.sequence
        is_chained = delta.previous_sequence == self.sequence
        if kind is Continuity.PREVIOUS and not is_chained:
            numbers = [(each.previous_sequence, each.sequence) for each in self.applied[-1:]]
            is_repeated = (delta.previous_sequence, last) in numbers
            return BookOutcome.DUPLICATE if is_repeated else BookOutcome.GAP
        if kind is Continuity.COUNT and last <= self.sequence:
            return BookOutcome.GAP
        if kind is Continuity.RANGE:
            if last < self.sequence:
                return BookOutcome.DUPLICATE
            if first > self.sequence + 1:
                return BookOutcome.GAP
        if kind is Continuity.RANGE_AND_PREVIOUS:
            return self._by_range_and_previous(first, last, is_chained)
        return BookOutcome.APPLIED

    def _by_range_and_previous(self, first: int, last: int, is_chained: bool) -> BookOutcome:
        if is_chained:
            return BookOutcome.GAP if last < self.sequence else BookOutcome.APPLIED
        if not self.applied and last == self.sequence:
            return BookOutcome.APPLIED
        if last <= self.sequence:
            return BookOutcome.DUPLICATE
        return BookOutcome.APPLIED if not self.applied and first <= self.sequence + 1 else BookOutcome.GAP

    def _set(self, news: BookSnapshot | BookDelta) -> BookOutcome:
        self.ignored_in_a_row = 0
        for side, levels in ((Side.BUY, news.bids), (Side.SELL, news.asks)):
            self.levels[side].update(dict(levels))
            self.levels[side] = {price: quantity for price, quantity in self.levels[side].items() if quantity > 0}
        self.sequence, self.at_ms = news.sequence, news.at_ms
        bids, asks = self._sorted(Side.BUY), self._sorted(Side.SELL)
        self.is_fresh = not bids or not asks or bids[0][0] < asks[0][0]
        return BookOutcome.APPLIED if self.is_fresh else BookOutcome.CROSSED

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
        return sorted(self.levels[side].items(), reverse=side is Side.BUY)[: self.spec.depth]
