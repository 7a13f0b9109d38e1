"""Which request is answered by what, over REST and over WebSocket."""

from __future__ import annotations

from cadenza.simulators.binance.spot import account, market_data, trading
from cadenza.simulators.binance.wire.gateway import RequestSecurity, VenueEndpoint

PING = VenueEndpoint(name="ping", handler=market_data.ping)
TIME = VenueEndpoint(name="time", handler=market_data.time)
EXCHANGE_INFO = VenueEndpoint(name="exchangeInfo", handler=market_data.exchange_info, weight=lambda _: 20)
DEPTH = VenueEndpoint(name="depth", handler=market_data.depth, weight=market_data.depth_weight)
TRADES = VenueEndpoint(name="trades.recent", handler=market_data.trades, weight=lambda _: 25)
AGGREGATE_TRADES = VenueEndpoint(name="trades.aggregate", handler=market_data.aggregate_trades, weight=lambda _: 4)
BOOK_TICKER = VenueEndpoint(name="ticker.book", handler=market_data.book_ticker, weight=lambda _: 4)
PRICE_TICKER = VenueEndpoint(name="ticker.price", handler=market_data.price_ticker, weight=lambda _: 4)
AVERAGE_PRICE = VenueEndpoint(name="avgPrice", handler=market_data.average_price, weight=lambda _: 2)

PLACE = VenueEndpoint(
    name="order.place",
    handler=trading.place,
    security=RequestSecurity.TRADE,
    is_order=True,
    shows_order_counts=True,
)
TEST = VenueEndpoint(name="order.test", handler=trading.test, security=RequestSecurity.TRADE)
CANCEL = VenueEndpoint(name="order.cancel", handler=trading.cancel, security=RequestSecurity.TRADE, is_order=True)
CANCEL_ALL = VenueEndpoint(
    name="openOrders.cancelAll", handler=trading.cancel_all, security=RequestSecurity.TRADE, is_order=True
)
QUERY = VenueEndpoint(
    name="order.status", handler=trading.query, security=RequestSecurity.USER_DATA, weight=lambda _: 4
)
OPEN_ORDERS = VenueEndpoint(
    name="openOrders.status",
    handler=trading.open_orders,
    security=RequestSecurity.USER_DATA,
    weight=trading.open_orders_weight,
)
ALL_ORDERS = VenueEndpoint(
    name="allOrders", handler=trading.all_orders, security=RequestSecurity.USER_DATA, weight=lambda _: 20
)
MY_TRADES = VenueEndpoint(
    name="myTrades", handler=trading.my_trades, security=RequestSecurity.USER_DATA, weight=trading.my_trades_weight
)
ORDER_COUNTS = VenueEndpoint(
    name="account.rateLimits.orders",
    handler=trading.order_counts,
    security=RequestSecurity.USER_DATA,
    weight=lambda _: 40,
)
COMMISSION = VenueEndpoint(
    name="account.commission", handler=trading.commission, security=RequestSecurity.USER_DATA, weight=lambda _: 20
)
ACCOUNT = VenueEndpoint(
    name="account.status", handler=account.account, security=RequestSecurity.USER_DATA, weight=lambda _: 20
)
RESTRICTIONS = VenueEndpoint(
    name="apiRestrictions", handler=account.api_restrictions, security=RequestSecurity.USER_DATA
)
NOTHING = VenueEndpoint(name="nothing", handler=account.no_pairs, security=RequestSecurity.USER_DATA)

REST = {
    ("GET", "/api/v3/ping"): PING,
    ("GET", "/api/v3/time"): TIME,
    ("GET", "/api/v3/exchangeInfo"): EXCHANGE_INFO,
    ("GET", "/api/v3/depth"): DEPTH,
    ("GET", "/api/v3/trades"): TRADES,
    ("GET", "/api/v3/aggTrades"): AGGREGATE_TRADES,
    ("GET", "/api/v3/ticker/bookTicker"): BOOK_TICKER,
    ("GET", "/api/v3/ticker/price"): PRICE_TICKER,
    ("GET", "/api/v3/avgPrice"): AVERAGE_PRICE,
    ("POST", "/api/v3/order"): PLACE,
    ("POST", "/api/v3/order/test"): TEST,
    ("DELETE", "/api/v3/order"): CANCEL,
    ("GET", "/api/v3/order"): QUERY,
    ("GET", "/api/v3/openOrders"): OPEN_ORDERS,
    ("DELETE", "/api/v3/openOrders"): CANCEL_ALL,
    ("GET", "/api/v3/allOrders"): ALL_ORDERS,
    ("GET", "/api/v3/myTrades"): MY_TRADES,
    ("GET", "/api/v3/rateLimit/order"): ORDER_COUNTS,
    ("GET", "/api/v3/account"): ACCOUNT,
    ("GET", "/api/v3/account/commission"): COMMISSION,
    ("GET", "/sapi/v1/account/apiRestrictions"): RESTRICTIONS,
    ("GET", "/sapi/v1/margin/isolated/allPairs"): NOTHING,
    ("GET", "/sapi/v1/capital/config/getall"): NOTHING,
}

WEBSOCKET = (
    PING,
    TIME,
    EXCHANGE_INFO,
    DEPTH,
    TRADES,
    AGGREGATE_TRADES,
    BOOK_TICKER,
    PRICE_TICKER,
    AVERAGE_PRICE,
    PLACE,
    TEST,
    CANCEL,
    CANCEL_ALL,
    QUERY,
    OPEN_ORDERS,
    ALL_ORDERS,
    MY_TRADES,
    ORDER_COUNTS,
    COMMISSION,
    ACCOUNT,
)
"""Methods of the WebSocket API that REST has too."""
