"""Public streams of spot: their names and payloads."""

from __future__ import annotations

from cadenza.simulators.binance.spot.payloads import aggregate, book_difference, book_snapshot, book_ticker
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.kit.books import NumberedBook
from cadenza.simulators.kit.hub import StreamHub
from cadenza.simulators.kit.records import TapeTrade

PARTIAL_LEVELS = (5, 10, 20)
SPEEDS_MS = (100, 1000)
_SPEED_SUFFIX = {100: "@100ms", 1000: ""}


class SpotStreams(StreamHub):
    """Trades, best prices and books."""

    def send_trade(self, trade: TapeTrade, at_ms: int) -> None:
        name = trade.symbol.lower()
        self.send(
            f"{name}@trade",
            {
                "e": "trade",
                "E": at_ms,
                "s": trade.symbol,
                "t": trade.trade_id,
                "p": fixed(trade.price),
                "q": fixed(trade.quantity),
                "T": trade.at_ms,
                "m": trade.is_buyer_maker,
                "M": True,
            },
        )
        self.send(f"{name}@aggTrade", {"e": "aggTrade", "E": at_ms, "s": trade.symbol, **aggregate(trade)})

    def send_ticker(self, feed: NumberedBook) -> None:
        self.send(f"{feed.symbol.lower()}@bookTicker", book_ticker(feed))

    def send_difference(self, feed: NumberedBook, speed_ms: int, at_ms: int) -> None:
        """Send what changed in a book since the last time, and the best levels to those that want only these."""
        difference = feed.take_difference(speed_ms)
        if difference is None:
            return
        name, suffix = f"{feed.symbol.lower()}@depth", _SPEED_SUFFIX[speed_ms]
        self.send(f"{name}{suffix}", book_difference(feed.symbol, difference, at_ms))
        for levels in PARTIAL_LEVELS:
            if self.has_listeners(f"{name}{levels}{suffix}"):
                self.send(f"{name}{levels}{suffix}", book_snapshot(feed, levels))
