"""What was traded in public, until it is told."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import MarketTrade

TRADES_MAX = 10_000
"""Trades kept until they are told; older ones are forgotten first: the tape is news, not money."""


class Tape:
    """What was traded, own orders and the public's, until it is taken."""

    def __init__(self) -> None:
        self._trades: list[MarketTrade] = []
        self._prints_total = 0

    def next_print(self) -> int:
        """A number for a trade between others, which the venue gives no id."""
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
