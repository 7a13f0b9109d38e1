"""Streams of USD-M: names, classes and payloads.

Each stream has a class, and sockets are opened on the path of a class. On a path of no class only the streams of the
class `public` arrive; the others stay silent.
"""

from __future__ import annotations

from decimal import Decimal

from cadenza.simulators.binance.usdm.events import forced_order
from cadenza.simulators.binance.usdm.payloads import (
    aggregate,
    book_difference,
    book_ticker,
    mark_payload,
    partial_book,
)
from cadenza.simulators.binance.usdm.records import FuturesExecution
from cadenza.simulators.binance.usdm.symbols import FuturesSymbol
from cadenza.simulators.kit.books import NumberedBook
from cadenza.simulators.kit.hub import StreamHub, StreamPayload
from cadenza.simulators.kit.records import TapeTrade

PARTIAL_LEVELS = (5, 10, 20)
SPEEDS_MS = (100, 250, 500)
_SPEED_SUFFIX = {100: "@100ms", 250: "", 500: "@500ms"}
_PUBLIC = ("depth", "rpiDepth", "bookTicker", "trade")


def stream_class(stream: str) -> str:
    """Return `public`, `market` or `private`. The name of a private stream is a listen key."""
    _, mark, kind = stream.partition("@")
    if not mark and not stream.startswith("!"):
        return "private"
    kind = kind or stream.removeprefix("!")
    return "public" if kind.startswith(_PUBLIC) else "market"


def public_only(stream: str, _payload: StreamPayload) -> bool:
    return stream_class(stream) == "public"


def market_only(stream: str, _payload: StreamPayload) -> bool:
    return stream_class(stream) == "market"


def private_only(stream: str, _payload: StreamPayload) -> bool:
    return stream_class(stream) == "private"


class FuturesStreams(StreamHub):
    """Trades, best prices, books, mark prices and liquidations."""

    def send_trade(self, trade: TapeTrade, symbol: FuturesSymbol, at_ms: int) -> None:
        name = trade.symbol.lower()
        self.send(
            f"{name}@trade",
            {
                "e": "trade",
                "E": at_ms,
                "T": trade.at_ms,
                "s": trade.symbol,
                "t": trade.trade_id,
                "p": symbol.price(trade.price),
                "q": symbol.quantity(trade.quantity),
                "X": "MARKET",
                "m": trade.is_buyer_maker,
            },
        )
        body = aggregate(trade, symbol)
        self.send(f"{name}@aggTrade", {"e": "aggTrade", "E": at_ms, "s": trade.symbol, **body, "nq": body["q"]})

    def send_ticker(self, feed: NumberedBook, symbol: FuturesSymbol, at_ms: int) -> None:
        head: StreamPayload = {"e": "bookTicker", "u": feed.update_id, "E": at_ms, "T": at_ms}
        payload = head | book_ticker(feed, symbol)
        self.send(f"{feed.symbol.lower()}@bookTicker", payload)
        self.send("!bookTicker", payload)

    def send_difference(self, feed: NumberedBook, symbol: FuturesSymbol, speed_ms: int, at_ms: int) -> None:
        """Send what changed in a book since the last time, and the best levels to those that want only these."""
        difference = feed.take_difference(speed_ms)
        if difference is None:
            return
        name, suffix = f"{feed.symbol.lower()}@depth", _SPEED_SUFFIX[speed_ms]
        self.send(f"{name}{suffix}", book_difference(difference, symbol, at_ms))
        for levels in PARTIAL_LEVELS:
            if self.has_listeners(f"{name}{levels}{suffix}"):
                self.send(f"{name}{levels}{suffix}", partial_book(difference, feed, symbol, levels, at_ms))

    def send_marks(
        self, marks: list[tuple[FuturesSymbol, Decimal]], rate: Decimal, next_ms: int, at_ms: int, *, is_slow: bool
    ) -> None:
        """Send the mark prices: to the streams of every second, and to those of every third one when `is_slow`."""
        payloads: list[tuple[FuturesSymbol, StreamPayload]] = []
        for symbol, mark in marks:
            head: StreamPayload = {"e": "markPriceUpdate", "E": at_ms, "s": symbol.name}
            payloads.append((symbol, head | mark_payload(symbol, mark, rate, next_ms)))
        for suffix in ("@1s", "") if is_slow else ("@1s",):
            for symbol, payload in payloads:
                self.send(f"{symbol.name.lower()}@markPrice{suffix}", payload)
            for _, payload in payloads:
                self.send(f"!markPrice@arr{suffix}", payload)

    def send_forced(self, execution: FuturesExecution, symbol: FuturesSymbol, at_ms: int) -> None:
        payload = forced_order(execution, symbol, at_ms)
        self.send(f"{symbol.name.lower()}@forceOrder", payload)
        self.send("!forceOrder@arr", payload)
