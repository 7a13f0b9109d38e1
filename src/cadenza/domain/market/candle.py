"""Candles: what was traded of an instrument in a stretch of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.book_messages import MarketTrade


@dataclass(frozen=True, slots=True)
class Candle:
    """The trades of `[at_ms, at_ms + interval)`: first, highest, lowest and last price, and the quantity in base units.
    A stretch without a trade has no candle."""

    at_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @classmethod
    def of(cls, trade: MarketTrade, at_ms: int) -> "Candle":
        """The candle of a first trade."""
        return cls(at_ms, trade.price, trade.price, trade.price, trade.price, trade.quantity)

    def and_then(self, later: "Candle") -> "Candle":
        """The candle of both, at the place of this one."""
        return Candle(
            self.at_ms,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
        )


def joined(candles: Iterable[Candle], interval_ms: int) -> Sequence[Candle]:
    """Join shorter candles, the oldest first, to those of an interval that is a multiple of theirs."""
    found: list[Candle] = []
    for candle in candles:
        at_ms = candle.at_ms - candle.at_ms % interval_ms
        if found and found[-1].at_ms == at_ms:
            found[-1] = found[-1].and_then(candle)
        else:
            found.append(Candle(at_ms, candle.open, candle.high, candle.low, candle.close, candle.volume))
    return found
