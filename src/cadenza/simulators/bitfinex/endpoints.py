"""All requests of REST: who may ask, how often, and what answers."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.bitfinex.trading.queries import AccountQueries, Asked
from cadenza.simulators.bitfinex.wire.gateway import BitfinexCall, BitfinexEndpoint
from cadenza.simulators.bitfinex.wire.keys import SCOPES
from cadenza.simulators.bitfinex.wire.pacing import BitfinexPace


def _public(name: str, per_minute: int, handler: Callable[[BitfinexCall], object]) -> BitfinexEndpoint:
    return BitfinexEndpoint(name=name, handler=handler, pace=BitfinexPace(name, per_minute))


def _query(
    name: str, scope: str, ask: Callable[[AccountQueries, Asked], object], per_minute: int = 90
) -> BitfinexEndpoint:
    return BitfinexEndpoint(
        name=name,
        scope=scope,
        pace=BitfinexPace(name, per_minute),
        handler=lambda call: ask(call.venue.queries, call.asked),
    )


def _operation(name: str, operation: str) -> BitfinexEndpoint:
    return BitfinexEndpoint(name=name, scope="orders", writes=True, operation=operation)


def _permissions(call: BitfinexCall) -> object:
    assert call.key is not None
    key = call.key
    return [[scope, int(scope in key.reads), int(scope in key.writes)] for scope in SCOPES]


_OPEN = _query("orders", "orders", AccountQueries.open_orders)
_CLOSED = _query("orders.hist", "orders", AccountQueries.closed_orders)
_TRADES = _query("trades.hist", "orders", AccountQueries.trades)
_LEDGERS = _query("ledgers.hist", "history", AccountQueries.ledgers)

PUBLIC = {
    "platform/status": _public("platform.status", 30, lambda call: call.venue.requests_public.status()),
    "conf/{keys}": _public("conf", 90, lambda call: call.venue.requests_public.configuration(call.path["keys"])),
    "tickers": _public("tickers", 30, lambda call: call.venue.requests_public.tickers(call.params)),
    "ticker/{symbol}": _public("ticker", 30, lambda call: call.venue.requests_public.ticker(call.path["symbol"])),
    "book/{symbol}/{precision}": _public(
        "book",
        240,
        lambda call: call.venue.requests_public.book(call.path["symbol"], call.path["precision"], call.params),
    ),
    "trades/{symbol}/hist": _public(
        "trades", 15, lambda call: call.venue.requests_public.trades(call.path["symbol"], call.params)
    ),
    "status/deriv": _public(
        "status.deriv", 90, lambda call: call.venue.requests_public.derivatives(call.params, call.now_ms)
    ),
}
ACCOUNT = {
    "auth/w/order/submit": _operation("order.submit", "on"),
    "auth/w/order/update": _operation("order.update", "ou"),
    "auth/w/order/cancel": _operation("order.cancel", "oc"),
    "auth/w/order/cancel/multi": _operation("order.cancel-multi", "oc_multi"),
    "auth/w/order/multi": _operation("order.multi", "ox_multi"),
    "auth/r/orders": _OPEN,
    "auth/r/orders/hist": _CLOSED,
    "auth/r/orders/{symbol}": _OPEN,
    "auth/r/orders/{symbol}/hist": _CLOSED,
    "auth/r/order/{order}/trades": _query("order.trades", "orders", AccountQueries.order_trades),
    "auth/r/trades/hist": _TRADES,
    "auth/r/trades/{symbol}/hist": _TRADES,
    "auth/r/wallets": _query("wallets", "wallets", AccountQueries.wallets),
    "auth/r/positions": _query("positions", "positions", AccountQueries.positions),
    "auth/r/ledgers/hist": _LEDGERS,
    "auth/r/ledgers/{currency}/hist": _LEDGERS,
    "auth/r/info/margin/{key}": _query("info.margin", "account", AccountQueries.margin_info),
    "auth/r/info/user": _query("info.user", "account", AccountQueries.user),
    "auth/r/summary": _query("summary", "account", AccountQueries.summary),
    "auth/r/permissions": BitfinexEndpoint(
        name="permissions", scope="account", pace=BitfinexPace("permissions", 90), handler=_permissions
    ),
    "auth/calc/order/avail": _query("order.avail", "orders", AccountQueries.order_available),
}
REST = PUBLIC | ACCOUNT
