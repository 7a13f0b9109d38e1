"""Which request of cross margin is answered by what, over REST and over WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.binance.margin import account, trading
from cadenza.simulators.binance.wire.gateway import RequestSecurity, VenueCall, VenueEndpoint
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.ws_api import session_method

USER_DATA, TRADE = RequestSecurity.USER_DATA, RequestSecurity.TRADE


def _endpoint(
    name: str,
    handler: Callable[[VenueCall], object],
    security: RequestSecurity,
    weight: int,
    *,
    shows_order_counts: bool = False,
) -> VenueEndpoint:
    return VenueEndpoint(
        name=name,
        handler=handler,
        security=security,
        weight=lambda _: weight,
        shows_order_counts=shows_order_counts,
        market=VenueMarket.MARGIN,
    )


REST = {
    ("GET", "/sapi/v1/margin/account"): _endpoint("account.status", account.account, USER_DATA, 10),
    ("GET", "/sapi/v1/margin/allPairs"): _endpoint("allPairs", account.all_pairs, RequestSecurity.KEY, 1),
    ("POST", "/sapi/v1/margin/order"): _endpoint("order.place", trading.place, TRADE, 6, shows_order_counts=True),
    ("DELETE", "/sapi/v1/margin/order"): _endpoint("order.cancel", trading.cancel, TRADE, 10),
    ("GET", "/sapi/v1/margin/order"): _endpoint("order.status", trading.query, USER_DATA, 10),
    ("GET", "/sapi/v1/margin/openOrders"): _endpoint("openOrders.status", trading.open_orders, USER_DATA, 10),
    ("DELETE", "/sapi/v1/margin/openOrders"): _endpoint("openOrders.cancelAll", trading.cancel_all, TRADE, 1),
    ("GET", "/sapi/v1/margin/allOrders"): _endpoint("allOrders", trading.all_orders, USER_DATA, 200),
    ("GET", "/sapi/v1/margin/myTrades"): _endpoint("myTrades", trading.my_trades, USER_DATA, 10),
    ("GET", "/sapi/v1/margin/rateLimit/order"): _endpoint("rateLimits.orders", trading.order_counts, USER_DATA, 20),
    ("POST", "/sapi/v1/margin/borrow-repay"): _endpoint("borrowRepay", account.borrow_or_repay, TRADE, 1500),
    ("GET", "/sapi/v1/margin/borrow-repay"): _endpoint(
        "borrowRepay.records", account.borrow_repay_records, USER_DATA, 10
    ),
    ("GET", "/sapi/v1/margin/maxBorrowable"): _endpoint("maxBorrowable", account.max_borrowable, USER_DATA, 50),
    ("POST", "/sapi/v1/asset/transfer"): _endpoint("transfer", account.transfer, TRADE, 900),
    ("POST", "/sapi/v1/userListenToken"): _endpoint(
        "userListenToken", account.create_listen_token, RequestSecurity.KEY, 1
    ),
}

USER_DATA_METHODS = (session_method("userDataStream.subscribe.listenToken", account.subscribe_with_token),)
"""Methods of spot's WebSocket API for the user data of cross margin."""
