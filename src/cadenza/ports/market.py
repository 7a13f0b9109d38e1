"""Fresh market prices, read from memory."""

from decimal import Decimal
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.market.order_book import BookSnapshot


class MarketView(Protocol):
    """Law: answers from memory at once; None when there is no fresh book. A stale book is never shown as fresh."""

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None: ...

    def snapshot(self, instrument_id: InstrumentId, depth: int) -> BookSnapshot | None: ...

    def cost_to_take(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> Decimal | None:
        """Quote units that taking `quantity` would cost (BUY) or bring (SELL); what the book does not hold is valued
        at the worst level's price. None without a fresh book."""
