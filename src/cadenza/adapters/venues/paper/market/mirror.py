"""Another venue's public market as PAPER's own: real books, paper money.

The mirror takes what the other venue publishes and shows its best levels to PAPER's matching engines. A book that is
stale there is no market here: its levels are withdrawn, so nothing is matched against old prices.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.adapters.venues.paper.market.source import MarketCommand
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.book_age import BookAge
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType, Security
from cadenza.domain.market.order_book import BookOutcome, OrderBook
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel

LEVELS = 100
"""Levels a side that are mirrored."""

TRADES_WAITING_MAX = 10_000
"""Trades that wait for the next call of `advance`. The oldest beyond that are dropped."""

Ticks = dict[int, int]


class MirroredBook:
    """One instrument: the other venue's book, and what of it is shown here.

    Prices are rounded to our steps away from the middle, quantities down, so that nothing is shown that the other venue
    does not have.
    """

    def __init__(self, instrument: Instrument, upstream_id: InstrumentId, spec: BookSpec) -> None:
        self.instrument = instrument
        self.upstream_id = upstream_id
        self.book = OrderBook(upstream_id, spec)
        self.is_shown = False
        """Whether the market is displayed here. It is not while the other venue's book is stale."""
        self.trades: list[MarketTrade] = []
        self._age = BookAge(self.book, spec)
        self._shown: dict[Side, Ticks] = {Side.BUY: {}, Side.SELL: {}}
        self._has_changed = False

    def reset(self, snapshot: BookSnapshot, venue_ms: int, now_ms: int) -> None:
        """Take a snapshot. `venue_ms` is an instant that the other venue's clock has reached for certain, `now_ms` our
        monotonic clock."""
        if self._age.spec.dates_snapshots and self._age.is_late(snapshot.at_ms, venue_ms):
            self.book.invalidate()
        else:
            self._took(self.book.reset(snapshot), now_ms, has_changed=True)

    def change(self, delta: BookDelta, venue_ms: int, now_ms: int) -> None:
        """Take a change or a heartbeat, as `reset`."""
        if self._age.is_late_change(delta, venue_ms):
            self.book.invalidate()
        self._took(self.book.apply(delta), now_ms, has_changed=bool(delta.bids or delta.asks))

    def traded(self, trade: MarketTrade, now_ms: int) -> None:
        """Take a trade, as `reset`. The oldest one that waits is dropped when there are too many."""
        self._age.traded(trade, now_ms)
        self.trades.append(trade)
        if len(self.trades) > TRADES_WAITING_MAX:
            del self.trades[0]

    def commands(self, at_ms: int, now_ms: int) -> Iterator[MarketCommand]:
        """Yield what the market did since the last call, at the instant `at_ms` of PAPER. Removals come before
        additions, so the book is never crossed."""
        trades, self.trades = self.trades, []
        if self._age.is_too_old(now_ms):
            self.book.invalidate()
        if not self.book.is_fresh:
            if self.is_shown:
                self.is_shown = False
                yield ResetMarket((), (), at_ms)
        elif not self.is_shown:
            self.is_shown = True
            self._shown = self._best()
            yield ResetMarket(tuple(self._shown[Side.BUY].items()), tuple(self._shown[Side.SELL].items()), at_ms)
        else:
            yield from (print_ for trade in trades if (print_ := self._print(trade, at_ms)) is not None)
            if self._has_changed:
                yield from self._difference(at_ms)
        self._has_changed = False

    def _took(self, outcome: BookOutcome, now_ms: int, *, has_changed: bool) -> None:
        if outcome is BookOutcome.APPLIED:
            self._age.heard(now_ms, has_changed=has_changed)
            self._has_changed = self._has_changed or has_changed

    def _difference(self, at_ms: int) -> Iterator[SetLevel]:
        before, self._shown = self._shown, self._best()
        for side in Side:
            for price in before[side].keys() - self._shown[side].keys():
                yield SetLevel(side, price, 0, at_ms)
        for side in Side:
            for price, quantity in self._shown[side].items():
                if before[side].get(price) != quantity:
                    yield SetLevel(side, price, quantity, at_ms)

    def _best(self) -> dict[Side, Ticks]:
        snapshot = self.book.snapshot(LEVELS)
        assert snapshot is not None
        return {Side.BUY: self._ticks(Side.BUY, snapshot.bids), Side.SELL: self._ticks(Side.SELL, snapshot.asks)}

    def _ticks(self, side: Side, levels: tuple[Level, ...]) -> Ticks:
        found: dict[int, Decimal] = {}
        for price, quantity in levels:
            ticks = self._tick(side, price)
            found[ticks] = found.get(ticks, Decimal(0)) + quantity
        lots = ((ticks, self._lots(quantity)) for ticks, quantity in found.items())
        return {ticks: count for ticks, count in lots if ticks > 0 and count > 0}

    def _print(self, trade: MarketTrade, at_ms: int) -> PublicTrade | None:
        """A buyer takes from the asks, a seller from the bids."""
        ticks, lots = self._tick(trade.aggressor.opposite, trade.price), self._lots(trade.quantity)
        return PublicTrade(trade.aggressor, ticks, lots, at_ms) if ticks > 0 and lots > 0 else None

    def _tick(self, side: Side, price: Decimal) -> int:
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        return int((price / self.instrument.pip_size).to_integral_value(rounding))

    def _lots(self, quantity: Decimal) -> int:
        return int(quantity // self.instrument.lot_size)


class MirroredMarket:
    """Implements `MarketSource` over the messages of another venue, and `MarketSink` for that venue.

    It lists those of PAPER's instruments that `symbols` names and whose types the other venue has books of. What
    `advance` answers depends on what has come by then, so it is not repeatable, and also when PAPER's time stands still
    because our wall clock was set back. `earliest_ms` returns an instant that the other venue's clock has reached for
    certain, as `VenueConnector.earliest_ms` does, and `monotonic_ms` our monotonic clock, by which books grow old.
    """

    def __init__(
        self,
        upstream: VenueId,
        specs: Mapping[InstrumentType, BookSpec],
        symbols: Container[str],
        earliest_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
    ) -> None:
        self.upstream = upstream
        self._earliest_ms = earliest_ms
        self._monotonic_ms = monotonic_ms
        mirrored = [each for each in INSTRUMENTS if each.type in specs and each.symbol in symbols]
        self.books = {
            each.id: MirroredBook(each, InstrumentId(f"{upstream}:{each.symbol}"), specs[each.type])
            for each in mirrored
        }
        self._by_upstream = {book.upstream_id: book for book in self.books.values()}
        self._seen_ms: int | None = None

    # --- MarketSource

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [book.instrument for book in self.books.values()]

    @property
    def securities(self) -> Sequence[Security]:
        assets = {asset for each in self.instruments for asset in (each.base_asset, each.quote_asset)}
        return tuple(security for security in SECURITIES if security.symbol in assets)

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        book = self.books.get(instrument_id)
        return book is not None and not book.is_shown

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        if self._seen_ms is None:
            self._seen_ms = to_ms
            return [(id, ResetMarket((), (), to_ms)) for id in self.books]
        if to_ms < self._seen_ms:
            return ()
        self._seen_ms, now_ms = to_ms, self._monotonic_ms()
        return [(id, command) for id, book in self.books.items() for command in book.commands(to_ms, now_ms)]

    # --- MarketSink

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        self._by_upstream[snapshot.instrument_id].reset(snapshot, self._earliest_ms(), self._monotonic_ms())

    def on_delta(self, delta: BookDelta) -> None:
        self._by_upstream[delta.instrument_id].change(delta, self._earliest_ms(), self._monotonic_ms())

    def on_trade(self, trade: MarketTrade) -> None:
        self._by_upstream[trade.instrument_id].traded(trade, self._monotonic_ms())

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        """PAPER values positions by its own rule: the middle of what the market displays."""

    def on_stale(self, instrument_id: InstrumentId) -> None:
        self._by_upstream[instrument_id].book.invalidate()
