"""Which request of USD-M is answered by what, over REST and over WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.binance.usdm import account, account_settings, algo_trading, market_data, trading
from cadenza.simulators.binance.wire.gateway import RequestSecurity, VenueCall, VenueEndpoint
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.params import RequestParams

NONE, KEY = RequestSecurity.NONE, RequestSecurity.KEY
USER_DATA, TRADE = RequestSecurity.USER_DATA, RequestSecurity.TRADE
Handler = Callable[[VenueCall], object]


def _endpoint(
    name: str,
    handler: Handler,
    security: RequestSecurity,
    weight: int | Callable[[RequestParams], int] = 1,
    *,
    shows_order_counts: bool = False,
) -> VenueEndpoint:
    return VenueEndpoint(
        name=name,
        handler=handler,
        security=security,
        weight=(lambda _: weight) if isinstance(weight, int) else weight,
        shows_order_counts=shows_order_counts,
        market=VenueMarket.USDM,
    )


DEPTH = _endpoint("depth", market_data.depth, NONE, market_data.depth_weight)
BOOK_TICKER = _endpoint("ticker.book", market_data.book_ticker, NONE, 2)
PRICE_TICKER = _endpoint("ticker.price", market_data.price_ticker, NONE)
PLACE = _endpoint("order.place", trading.place, TRADE, 0, shows_order_counts=True)
CANCEL = _endpoint("order.cancel", trading.cancel, TRADE)
QUERY = _endpoint("order.status", trading.query, USER_DATA)
PLACE_ALGO = _endpoint("algoOrder.place", algo_trading.place, TRADE, 0, shows_order_counts=True)
CANCEL_ALGO = _endpoint("algoOrder.cancel", algo_trading.cancel, TRADE)
BALANCE = _endpoint("account.balance", account.balance, USER_DATA, 5)
ACCOUNT_V2 = _endpoint("account.status", account.account_v2, USER_DATA, 5)
ACCOUNT_V3 = _endpoint("v2/account.status", account.account_v3, USER_DATA, 5)
RISK_V2 = _endpoint("account.position", account.position_risk_v2, USER_DATA, 5)
RISK_V3 = _endpoint("v2/account.position", account.position_risk_v3, USER_DATA, 5)
START_KEY = _endpoint("userDataStream.start", account_settings.start_listen_key, KEY)
KEEP_KEY = _endpoint("userDataStream.ping", account_settings.keep_listen_key, KEY)
CLOSE_KEY = _endpoint("userDataStream.stop", account_settings.close_listen_key, KEY)

REST = {
    ("GET", "/fapi/v1/ping"): _endpoint("ping", market_data.ping, NONE),
    ("GET", "/fapi/v1/time"): _endpoint("time", market_data.time, NONE),
    ("GET", "/fapi/v1/exchangeInfo"): _endpoint("exchangeInfo", market_data.exchange_info, NONE),
    ("GET", "/fapi/v1/depth"): DEPTH,
    ("GET", "/fapi/v1/trades"): _endpoint("trades.recent", market_data.trades, NONE, 5),
    ("GET", "/fapi/v1/aggTrades"): _endpoint("trades.aggregate", market_data.aggregate_trades, NONE, 20),
    ("GET", "/fapi/v1/ticker/bookTicker"): BOOK_TICKER,
    ("GET", "/fapi/v1/ticker/price"): PRICE_TICKER,
    ("GET", "/fapi/v2/ticker/price"): PRICE_TICKER,
    ("GET", "/fapi/v1/premiumIndex"): _endpoint("premiumIndex", market_data.premium_index, NONE),
    ("GET", "/fapi/v1/fundingRate"): _endpoint("fundingRate", market_data.funding_rates, NONE, 0),
    ("POST", "/fapi/v1/order"): PLACE,
    ("POST", "/fapi/v1/order/test"): _endpoint("order.test", trading.test, TRADE),
    ("DELETE", "/fapi/v1/order"): CANCEL,
    ("GET", "/fapi/v1/order"): QUERY,
    ("GET", "/fapi/v1/openOrder"): _endpoint("openOrder.status", trading.open_order, USER_DATA),
    ("GET", "/fapi/v1/openOrders"): _endpoint(
        "openOrders.status", trading.open_orders, USER_DATA, trading.open_orders_weight
    ),
    ("DELETE", "/fapi/v1/allOpenOrders"): _endpoint("openOrders.cancelAll", trading.cancel_all, TRADE),
    ("GET", "/fapi/v1/allOrders"): _endpoint("allOrders", trading.all_orders, USER_DATA, 5),
    ("GET", "/fapi/v1/userTrades"): _endpoint("userTrades", trading.user_trades, USER_DATA, 5),
    ("GET", "/fapi/v1/income"): _endpoint("income", trading.income, USER_DATA, 30),
    ("GET", "/fapi/v1/rateLimit/order"): _endpoint("rateLimits.orders", trading.order_counts, USER_DATA),
    ("POST", "/fapi/v1/algoOrder"): PLACE_ALGO,
    ("DELETE", "/fapi/v1/algoOrder"): CANCEL_ALGO,
    ("GET", "/fapi/v1/algoOrder"): _endpoint("algoOrder.status", algo_trading.query, USER_DATA),
    ("GET", "/fapi/v1/openAlgoOrders"): _endpoint(
        "openAlgoOrders.status", algo_trading.open_orders, USER_DATA, trading.open_orders_weight
    ),
    ("DELETE", "/fapi/v1/algoOpenOrders"): _endpoint("openAlgoOrders.cancelAll", algo_trading.cancel_all, TRADE),
    ("GET", "/fapi/v1/allAlgoOrders"): _endpoint("allAlgoOrders", algo_trading.all_orders, USER_DATA, 5),
    ("GET", "/fapi/v2/account"): ACCOUNT_V2,
    ("GET", "/fapi/v3/account"): ACCOUNT_V3,
    ("GET", "/fapi/v2/balance"): BALANCE,
    ("GET", "/fapi/v3/balance"): BALANCE,
    ("GET", "/fapi/v2/positionRisk"): RISK_V2,
    ("GET", "/fapi/v3/positionRisk"): RISK_V3,
    ("GET", "/fapi/v1/accountConfig"): _endpoint("accountConfig", account_settings.account_config, USER_DATA, 5),
    ("GET", "/fapi/v1/symbolConfig"): _endpoint("symbolConfig", account_settings.symbol_config, USER_DATA, 5),
    ("GET", "/fapi/v1/leverageBracket"): _endpoint("leverageBracket", account_settings.leverage_brackets, USER_DATA),
    ("GET", "/fapi/v1/commissionRate"): _endpoint("commissionRate", account_settings.commission_rate, USER_DATA, 20),
    ("GET", "/fapi/v1/multiAssetsMargin"): _endpoint(
        "multiAssetsMargin", account_settings.multi_assets_mode, USER_DATA, 30
    ),
    ("POST", "/fapi/v1/leverage"): _endpoint("leverage", account_settings.set_leverage, TRADE),
    ("POST", "/fapi/v1/marginType"): _endpoint("marginType", account_settings.set_margin_type, TRADE),
    ("POST", "/fapi/v1/positionMargin"): _endpoint("positionMargin", account_settings.change_position_margin, TRADE),
    ("GET", "/fapi/v1/positionSide/dual"): _endpoint("positionMode", account_settings.position_mode, USER_DATA, 30),
    ("POST", "/fapi/v1/positionSide/dual"): _endpoint("positionMode.set", account_settings.set_position_mode, TRADE),
    ("POST", "/fapi/v1/listenKey"): START_KEY,
    ("PUT", "/fapi/v1/listenKey"): KEEP_KEY,
    ("DELETE", "/fapi/v1/listenKey"): CLOSE_KEY,
}

WEBSOCKET = (
    DEPTH,
    BOOK_TICKER,
    PRICE_TICKER,
    PLACE,
    CANCEL,
    QUERY,
    PLACE_ALGO,
    CANCEL_ALGO,
    BALANCE,
    _endpoint("v2/account.balance", account.balance, USER_DATA, 5),
    ACCOUNT_V2,
    ACCOUNT_V3,
    RISK_V2,
    RISK_V3,
    START_KEY,
    KEEP_KEY,
    CLOSE_KEY,
)
"""Methods of the WebSocket API."""
