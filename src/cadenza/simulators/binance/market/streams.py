"""Public streams: who listens to what, and the frames that they get."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from cadenza.simulators.binance.control.faults import ArmedFaults
from cadenza.simulators.binance.ledger.records import TapeTrade
from cadenza.simulators.binance.market.books import NumberedBook
from cadenza.simulators.binance.spot.payloads import Payload, aggregate
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.binance.wire.outlet import SocketOutlet

PARTIAL_LEVELS = (5, 10, 20)
_SPEED_SUFFIX = {100: "@100ms", 1000: ""}


@dataclass(eq=False, slots=True)
class MarketListener:
    """A client of market streams. A combined one gets each payload with the stream's name."""

    outlet: SocketOutlet
    is_combined: bool
    streams: dict[str, None] = field(default_factory=dict)

    def send(self, stream: str, payload: Payload) -> None:
        self.outlet.send({"stream": stream, "data": payload} if self.is_combined else payload)


class MarketStreams:
    """Names of streams are as clients write them. A name that nobody publishes is accepted and stays silent, as at the
    venue."""

    def __init__(self, faults: ArmedFaults) -> None:
        self._faults = faults
        self._listeners: dict[str, dict[MarketListener, None]] = defaultdict(dict)

    def subscribe(self, listener: MarketListener, stream: str) -> None:
        listener.streams[stream] = None
        self._listeners[stream][listener] = None

    def unsubscribe(self, listener: MarketListener, stream: str) -> None:
        listener.streams.pop(stream, None)
        self._listeners[stream].pop(listener, None)

    def leave(self, listener: MarketListener) -> None:
        for stream in list(listener.streams):
            self.unsubscribe(listener, stream)

    def send_trade(self, trade: TapeTrade, at_ms: int) -> None:
        payload: Payload = {
            "e": "trade",
            "E": at_ms,
            "s": trade.symbol,
            "t": trade.trade_id,
            "p": fixed(trade.price),
            "q": fixed(trade.quantity),
            "T": trade.at_ms,
            "m": trade.is_buyer_maker,
            "M": True,
        }
        name = trade.symbol.lower()
        self._send(f"{name}@trade", payload)
        self._send(f"{name}@aggTrade", {"e": "aggTrade", "E": at_ms, "s": trade.symbol, **aggregate(trade)})

    def send_ticker(self, feed: NumberedBook) -> None:
        self._send(f"{feed.symbol.lower()}@bookTicker", feed.ticker())

    def send_difference(self, feed: NumberedBook, speed_ms: int, at_ms: int) -> None:
        """Send what changed in a book since the last time, and the best levels to those that want only these."""
        difference = feed.take_difference(speed_ms, at_ms)
        if difference is None:
            return
        name, suffix = f"{feed.symbol.lower()}@depth", _SPEED_SUFFIX[speed_ms]
        self._send(f"{name}{suffix}", difference)
        for levels in PARTIAL_LEVELS:
            if self._listeners.get(f"{name}{levels}{suffix}"):
                self._send(f"{name}{levels}{suffix}", feed.snapshot(levels))

    def _send(self, stream: str, payload: Payload) -> None:
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        for sent in self._faults.for_event("market", payload):
            for listener in listeners:
                listener.send(stream, sent)
