"""Public trades that wait to be published."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import Side

TRADES_MAX = 10_000
"""At most this many trades wait. Beyond that the older half is dropped: the tape is market data, not money."""


class TradeTape:
    """Collects trades, with and without own orders, until `take` returns them."""

    def __init__(self) -> None:
        self._trades: list[MarketTrade] = []
        self._prints_total = 0

    def next_print(self) -> int:
        """Return a new number for a trade between other participants, which has no trade id."""
        self._prints_total += 1
        return self._prints_total

    def add(
        self, id: InstrumentId, trade_id: str, price: Decimal, quantity: Decimal, aggressor: Side, at_ms: int
    ) -> None:
        self._trades.append(
            MarketTrade(
                instrument_id=id, trade_id=trade_id, price=price, quantity=quantity, aggressor=aggressor, at_ms=at_ms
            )
        )
        if len(self._trades) > TRADES_MAX:
            del self._trades[: TRADES_MAX // 2]

    def take(self) -> list[MarketTrade]:
        trades, self._trades = self._trades, []
        return trades
