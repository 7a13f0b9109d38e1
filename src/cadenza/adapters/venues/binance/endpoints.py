"""The requests of BINANCE by market: path, weight, and what answers with the venue's time."""

from dataclasses import dataclass
from enum import StrEnum


class BinanceMarket(StrEnum):
    """The parts of the venue that have codes of their own."""

    SPOT = "SPOT"
    MARGIN = "MARGIN"
    USDM = "USDM"


@dataclass(frozen=True, slots=True)
class BinanceEndpoint:
    """A reading request. `weight` is what the venue counts for it, `weight_of_symbol` what it counts for a list of one
    symbol, where that is read as well."""

    path: str
    weight: int
    weight_of_symbol: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEndpoints:
    """The requests of one market. `open_orders` is the list without a symbol, `order_trades` the executions of one
    order, `cancel_all` the request that cancels all orders of a symbol and says what became of each.
    `submit_weight` and `cancel_weight` are those of requests that fail; `success_weight` is that of both when they
    succeed, where it differs. `lines_max`: the longest list of past orders or trades."""

    market: BinanceMarket
    time: BinanceEndpoint
    exchange_info: BinanceEndpoint
    depth: str
    account: BinanceEndpoint
    order: BinanceEndpoint
    open_orders: BinanceEndpoint
    past_orders: BinanceEndpoint
    trades: BinanceEndpoint
    order_trades: BinanceEndpoint
    cancel_all: BinanceEndpoint | None = None
    submit_weight: int = 1
    cancel_weight: int = 1
    success_weight: int | None = None
    lines_max: int = 1_000


SPOT = MarketEndpoints(
    market=BinanceMarket.SPOT,
    time=BinanceEndpoint("/api/v3/time", 1),
    exchange_info=BinanceEndpoint("/api/v3/exchangeInfo", 20),
    depth="/api/v3/depth",
    account=BinanceEndpoint("/api/v3/account", 20),
    order=BinanceEndpoint("/api/v3/order", 4),
    open_orders=BinanceEndpoint("/api/v3/openOrders", 80, weight_of_symbol=6),
    past_orders=BinanceEndpoint("/api/v3/allOrders", 20),
    trades=BinanceEndpoint("/api/v3/myTrades", 20),
    order_trades=BinanceEndpoint("/api/v3/myTrades", 5),
    cancel_all=BinanceEndpoint("/api/v3/openOrders", 1),
    success_weight=0,
)
MARGIN = MarketEndpoints(
    market=BinanceMarket.MARGIN,
    time=SPOT.time,
    exchange_info=SPOT.exchange_info,
    depth=SPOT.depth,
    account=BinanceEndpoint("/sapi/v1/margin/account", 10),
    order=BinanceEndpoint("/sapi/v1/margin/order", 10),
    open_orders=BinanceEndpoint("/sapi/v1/margin/openOrders", 200, weight_of_symbol=10),
    past_orders=BinanceEndpoint("/sapi/v1/margin/allOrders", 200),
    trades=BinanceEndpoint("/sapi/v1/margin/myTrades", 10),
    order_trades=BinanceEndpoint("/sapi/v1/margin/myTrades", 10),
    cancel_all=BinanceEndpoint("/sapi/v1/margin/openOrders", 1),
    submit_weight=6,
    cancel_weight=10,
    lines_max=500,
)
USDM = MarketEndpoints(
    market=BinanceMarket.USDM,
    time=BinanceEndpoint("/fapi/v1/time", 1),
    exchange_info=BinanceEndpoint("/fapi/v1/exchangeInfo", 1),
    depth="/fapi/v1/depth",
    account=BinanceEndpoint("/fapi/v3/account", 5),
    order=BinanceEndpoint("/fapi/v1/order", 1),
    open_orders=BinanceEndpoint("/fapi/v1/openOrders", 40),
    past_orders=BinanceEndpoint("/fapi/v1/allOrders", 5),
    trades=BinanceEndpoint("/fapi/v1/userTrades", 5),
    order_trades=BinanceEndpoint("/fapi/v1/userTrades", 5),
)
ENDPOINTS = {each.market: each for each in (SPOT, MARGIN, USDM)}

USDM_POSITIONS = BinanceEndpoint("/fapi/v3/positionRisk", 5)
USDM_ALGO_ORDER = BinanceEndpoint("/fapi/v1/algoOrder", 1)
USDM_OPEN_ALGO_ORDERS = BinanceEndpoint("/fapi/v1/openAlgoOrders", 40)
USDM_PAST_ALGO_ORDERS = BinanceEndpoint("/fapi/v1/allAlgoOrders", 5)
USDM_ACCOUNT_CONFIG = BinanceEndpoint("/fapi/v1/accountConfig", 5)
USDM_SYMBOL_SETTINGS = BinanceEndpoint("/fapi/v1/symbolConfig", 5)
USDM_BALANCE = BinanceEndpoint("/fapi/v3/balance", 5)
USDM_LISTEN_KEY = BinanceEndpoint("/fapi/v1/listenKey", 1)

MARGIN_LISTEN_TOKEN = BinanceEndpoint("/sapi/v1/userListenToken", 1)

KEY_RESTRICTIONS = BinanceEndpoint("/sapi/v1/account/apiRestrictions", 1)
"""What a key may do. It is a request of the margin host, whichever market the key trades."""

_DEPTH_WEIGHTS = {
    BinanceMarket.SPOT: ((100, 5), (500, 25), (1_000, 50), (5_000, 250)),
    BinanceMarket.MARGIN: ((100, 5), (500, 25), (1_000, 50), (5_000, 250)),
    BinanceMarket.USDM: ((50, 2), (100, 5), (500, 10), (1_000, 20)),
}


def depth_endpoint(market: BinanceMarket, limit: int) -> BinanceEndpoint:
    """Return the request for a book of `limit` levels a side. Raises `ValueError` for more than the market has."""
    for levels, weight in _DEPTH_WEIGHTS[market]:
        if limit <= levels:
            return BinanceEndpoint(ENDPOINTS[market].depth, weight)
    raise ValueError(f"{market.value} has no books of {limit} levels")
