"""A market that stands still."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.trading.commands import SubmitOrderRequest

D = Decimal


class FixedMarket:
    """`ports.market.MarketView` and `MarketDataFeeds`: the best bid and ask are 100, and books are fresh
    unless `set_fresh` says otherwise."""

    def __init__(self) -> None:
        self.wanted: set[InstrumentId] = set()
        self.last: dict[InstrumentId, Decimal] = {}
        """The prices of the last trades; nothing is traded before the test trades."""
        self._is_fresh = True

    def set_fresh(self, is_fresh: bool) -> None:
        """Make all books fresh or stale. What was traded before is forgotten."""
        self._is_fresh = is_fresh
        self.last.clear()

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        return TopOfBook(D(100), D(100), self.last.get(instrument_id), 0) if self._is_fresh else None

    known_top = top

    def may_come(self, instrument_id: InstrumentId) -> bool:
        return False

    def want(self, instrument_id: InstrumentId, holder: object) -> None:
        self.wanted.add(instrument_id)

    async def release(self, instrument_id: InstrumentId, holder: object) -> None:
        self.wanted.discard(instrument_id)

    def snapshot(self, instrument_id: InstrumentId, depth: int) -> BookSnapshot | None:
        level = ((D(100), D(1_000)),)
        return BookSnapshot(instrument_id=instrument_id, bids=level, asks=level, sequence=1, at_ms=0)

    def cost_to_take(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> Decimal | None:
        return quantity * 100


class FreshPrices:
    """`application.market_data.NeedPrices`: every price is fresh."""

    async def of_order(self, request: SubmitOrderRequest) -> None:
        return None
