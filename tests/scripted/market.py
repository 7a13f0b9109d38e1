"""A market that stands still."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.trading.commands import SubmitOrderRequest

D = Decimal


class FixedMarket:
    """`ports.market.MarketView` and `MarketDataFeeds`: everything costs 100, and books are fresh unless `is_fresh` is
    False."""

    def __init__(self) -> None:
        self.is_fresh = True
        self.wanted: set[InstrumentId] = set()

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        return TopOfBook(D(100), D(100), D(100), 0) if self.is_fresh else None

    known_top = top

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
