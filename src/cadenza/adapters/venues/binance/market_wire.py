"""How each of BINANCE's markets publishes books, trades and marks: addresses, names of streams, and their events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.binance.endpoints import BinanceEndpoint, BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinancePayload,
    BinanceTradeEvent,
)
from cadenza.adapters.venues.binance.models_usdm import AggregateTradeEvent, MarkPriceEvent
from cadenza.adapters.venues.binance.parse_market import (
    SPOT_BOOK_RULE,
    USDM_BOOK_RULE,
    mark_price,
    market_trade,
    spot_delta,
    usdm_delta,
)
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS, SPOT_STREAM, USDM_LIMITS, USDM_STREAM
from cadenza.adapters.venues.kit.market_stream import MarketStreamRoute
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, MarketTrade
from cadenza.domain.market.book_rule import BookRule
from cadenza.domain.market.instrument import InstrumentType
from cadenza.network.pace_windows import WindowLimit

SPOT_STREAMS_MAX, USDM_STREAMS_MAX = 1_024, 200
"""Streams of a connection. USD-M allows 1024 as well, and its clients stay at 200."""

SPOT_MESSAGES_PER_SECOND, USDM_MESSAGES_PER_SECOND = 3, 6
"""The venue allows 5 and 10, our pings and pongs included."""


class BestPricesRow(BinancePayload, frozen=True, kw_only=True):
    """Best prices of a symbol, as the reading of all symbols states them."""

    symbol: str
    bid: Decimal = msgspec.field(name="bidPrice")
    bid_quantity: Decimal = msgspec.field(name="bidQty")
    ask: Decimal = msgspec.field(name="askPrice")
    ask_quantity: Decimal = msgspec.field(name="askQty")


@dataclass(frozen=True, slots=True)
class SymbolStreams:
    """The streams of one symbol; `mark` is None where there are no marks."""

    depth: str
    trades: str
    mark: str | None

    @property
    def all(self) -> frozenset[str]:
        return frozenset(name for name in (self.depth, self.trades, self.mark) if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketWire:
    """One market. A route is a path, the streams of a connection, and the messages that we send a second; trades and
    marks share one. `best_prices` reads those of all symbols."""

    market: BinanceMarket
    rule: BookRule
    url_name: str
    depth_route: tuple[str, int, int]
    trade_route: tuple[str, int, int]
    best_prices: BinanceEndpoint
    weight_per_minute: int
    names: Callable[[str], SymbolStreams]
    delta: Callable[[msgspec.Raw, InstrumentId], BookDelta]
    trade: Callable[[msgspec.Raw, InstrumentId], MarketTrade]
    mark: Callable[[msgspec.Raw], Decimal]

    def depth_route_at(self, urls: Mapping[str, str]) -> MarketStreamRoute:
        return _route(urls[self.url_name], self.depth_route)

    def trade_route_at(self, urls: Mapping[str, str]) -> MarketStreamRoute:
        """Return the route of trades and marks."""
        return _route(urls[self.url_name], self.trade_route)


def _route(base: str, route: tuple[str, int, int]) -> MarketStreamRoute:
    path, streams_max, per_second = route
    return MarketStreamRoute(f"{base}{path}", streams_max, (WindowLimit(per_second, 1_000),))


def _spot_names(symbol: str) -> SymbolStreams:
    lower = symbol.lower()
    return SymbolStreams(f"{lower}@depth@100ms", f"{lower}@trade", None)


def _usdm_names(symbol: str) -> SymbolStreams:
    lower = symbol.lower()
    return SymbolStreams(f"{lower}@depth@100ms", f"{lower}@aggTrade", f"{lower}@markPrice@1s")


def _mark(data: msgspec.Raw) -> Decimal:
    return mark_price(decode(MarkPriceEvent, data))


SPOT_WIRE = MarketWire(
    market=BinanceMarket.SPOT,
    rule=SPOT_BOOK_RULE,
    url_name=SPOT_STREAM,
    depth_route=("/stream", SPOT_STREAMS_MAX, SPOT_MESSAGES_PER_SECOND),
    trade_route=("/stream", SPOT_STREAMS_MAX, SPOT_MESSAGES_PER_SECOND),
    best_prices=BinanceEndpoint("/api/v3/ticker/bookTicker", 4),
    weight_per_minute=SPOT_LIMITS.weight_per_minute,
    names=_spot_names,
    delta=spot_delta,
    trade=lambda data, instrument_id: market_trade(decode(BinanceTradeEvent, data), instrument_id),
    mark=_mark,
)
USDM_WIRE = MarketWire(
    market=BinanceMarket.USDM,
    rule=USDM_BOOK_RULE,
    url_name=USDM_STREAM,
    depth_route=("/public/stream", USDM_STREAMS_MAX, USDM_MESSAGES_PER_SECOND),
    trade_route=("/market/stream", USDM_STREAMS_MAX, USDM_MESSAGES_PER_SECOND),
    best_prices=BinanceEndpoint("/fapi/v1/ticker/bookTicker", 5),
    weight_per_minute=USDM_LIMITS.weight_per_minute,
    names=_usdm_names,
    delta=usdm_delta,
    trade=lambda data, instrument_id: market_trade(decode(AggregateTradeEvent, data), instrument_id),
    mark=_mark,
)
WIRES: Mapping[InstrumentType, MarketWire] = {
    InstrumentType.SPOT: SPOT_WIRE,
    InstrumentType.PERPETUAL: USDM_WIRE,
    InstrumentType.FUTURES: USDM_WIRE,
}
"""Which market publishes instruments of a type."""
