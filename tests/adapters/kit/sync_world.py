"""A venue that numbers its updates by a rule, and a listener that keeps the book that a sync publishes."""

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.order_book import BookOutcome, OrderBook

ID = InstrumentId("BINANCE:BTC/USDT")
MIDDLE = 100


class VenueBook:
    """A book with a history: what it was after each update. Bids lie below `MIDDLE`, asks above it."""

    def __init__(self, continuity: Continuity) -> None:
        self.continuity = continuity
        self.number = 1_000
        self.levels: dict[int, int] = {99: 1, 101: 1}
        self.history = {self.number: dict(self.levels)}
        self.last_frame = self.number

    def update(self, changes: list[tuple[int, int]], skipped: int = 0) -> BookDelta:
        """Change some levels and return the frame. On USD-M, `skipped` numbers belong to other books before it."""
        if self.continuity is not Continuity.RANGE_AND_PREVIOUS:
            skipped = 0
        previous, first = self.last_frame, self.number + skipped + 1
        for price, quantity in changes:
            self.levels[price] = quantity
            if not quantity:
                del self.levels[price]  # at 0 the level is gone
        self.number = self.last_frame = first + max(0, len(changes) - 1)
        self.history[self.number] = dict(self.levels)
        has_first = self.continuity is not Continuity.PREVIOUS
        return BookDelta(
            instrument_id=ID,
            bids=tuple((Decimal(p), Decimal(q)) for p, q in changes if p < MIDDLE),
            asks=tuple((Decimal(p), Decimal(q)) for p, q in changes if p > MIDDLE),
            sequence=self.number,
            first_sequence=first if has_first else None,
            previous_sequence=None if self.continuity is Continuity.RANGE else previous,
            at_ms=0,
        )

    def snapshot(self, number: int | None = None) -> BookSnapshot:
        number = self.number if number is None else number
        bids, asks = sides(self.history[number])
        return BookSnapshot(instrument_id=ID, bids=bids, asks=asks, sequence=number, at_ms=0)


def sides(levels: dict[int, int]) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    bids = tuple((Decimal(p), Decimal(levels[p])) for p in sorted(levels, reverse=True) if p < MIDDLE)
    return bids, tuple((Decimal(p), Decimal(levels[p])) for p in sorted(levels) if p > MIDDLE)


def rule_of(continuity: Continuity) -> BookRule:
    return BookRule(continuity=continuity)


@dataclass
class Listener:
    """Implements `MarketSink` with the domain's own book, which judges each message by the rule again."""

    rule: BookRule
    instrument_id: InstrumentId = ID
    outcomes: list[BookOutcome] = field(default_factory=list)
    snapshots: int = 0
    stales: int = 0
    trades: list[MarketTrade] = field(default_factory=list)
    marks: list[Decimal | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = OrderBook(self.instrument_id, BookSpec(rule=self.rule, age_ms_max=None, depth=5_000))

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        self.snapshots += 1
        self.outcomes.append(self.book.reset(snapshot))

    def on_delta(self, delta: BookDelta) -> None:
        self.outcomes.append(self.book.apply(delta))

    def on_trade(self, trade: MarketTrade) -> None:
        self.trades.append(trade)

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        self.marks.append(mark)

    def on_stale(self, instrument_id: InstrumentId) -> None:
        self.stales += 1
        self.book.invalidate()

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]] | None:
        shown = self.book.snapshot(1_000)
        return None if shown is None else (shown.bids, shown.asks)
