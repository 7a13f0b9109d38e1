"""The requests that the venue knows, by method and path, and by the sockets' operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cadenza.simulators.okx.public import requests as public
from cadenza.simulators.okx.trading import account_requests as account
from cadenza.simulators.okx.trading import algo_requests as algos
from cadenza.simulators.okx.trading import order_requests as orders
from cadenza.simulators.okx.trading import queries
from cadenza.simulators.okx.wire.gateway import OkxAccess, VenueCall, VenueEndpoint
from cadenza.simulators.okx.wire.pacing import OkxPace
from cadenza.simulators.okx.wire.rest import RestEndpoints

Handler = Callable[[VenueCall], object]


def _public(path: str, handler: Handler, most: int) -> VenueEndpoint:
    return VenueEndpoint(name=path, handler=handler, access=OkxAccess.PUBLIC, pace=OkxPace(name=path, most=most))


def _read(path: str, handler: Handler, most: int, name: str = "") -> VenueEndpoint:
    return VenueEndpoint(name=name or path, handler=handler, pace=OkxPace(name=path, most=most))


def _order(
    name: str, handler: Handler, most: int, *, has_deadline: bool = True, is_batch: bool = False
) -> VenueEndpoint:
    """An order request. REST and the sockets share its pace; a batch of orders has one of its own."""
    pace = OkxPace(name=f"{name}/batch" if is_batch else name, most=most, by_instrument=True)
    return VenueEndpoint(
        name=name,
        handler=handler,
        access=OkxAccess.TRADE,
        pace=pace,
        is_batch=is_batch,
        is_timed=True,
        has_deadline=has_deadline,
    )


def _trade(path: str, handler: Handler, most: int, name: str = "", window_ms: int = 2_000) -> VenueEndpoint:
    pace = OkxPace(name=path, most=most, window_ms=window_ms)
    return VenueEndpoint(name=name or path, handler=handler, access=OkxAccess.TRADE, pace=pace)


_ALGO_PLACE = replace(_trade("trade/order-algo", algos.place, 20, "algo.place"), is_timed=True)
_ALGO_CANCEL = replace(_trade("trade/cancel-algos", algos.cancel, 20, "algo.cancel"), is_batch=True, is_timed=True)
ORDER = _order("order.place", orders.place, 60)
BATCH_ORDERS = _order("order.place", orders.place_batch, 300, is_batch=True)
CANCEL = _order("order.cancel", orders.cancel, 60, has_deadline=False)
BATCH_CANCEL = _order("order.cancel", orders.cancel_batch, 300, has_deadline=False, is_batch=True)
AMEND = _order("order.amend", orders.amend, 60)
BATCH_AMEND = _order("order.amend", orders.amend_batch, 300, is_batch=True)
MASS_CANCEL = _trade("trade/mass-cancel", orders.mass_cancel, 5, "order.mass-cancel")

_PUBLIC = (
    _public("public/time", public.time, 10),
    _public("public/instruments", public.instruments, 20),
    _public("public/underlying", public.underlyings, 20),
    _public("public/instrument-tick-bands", public.tick_bands, 5),
    _public("public/mark-price", public.mark_price, 10),
    _public("public/price-limit", public.price_limit, 20),
    _public("public/funding-rate", public.funding_rate, 20),
    _public("system/status", public.status, 5),
    _public("market/books", public.books, 40),
    _public("market/books-full", public.full_books, 10),
    _public("market/ticker", public.ticker, 20),
    _public("market/tickers", public.tickers, 20),
    _public("market/trades", public.trades, 100),
    _public("market/history-trades", public.trades, 20),
)
_READS = (
    _read("account/config", account.config, 5),
    _read("account/instruments", account.instruments, 20),
    _read("account/balance", account.balance, 10),
    _read("account/positions", account.positions, 10),
    _read("account/bills", account.bills, 5),
    _read("account/bills-archive", account.bills_archive, 5),
    _read("account/trade-fee", account.trade_fee, 5),
    _read("account/leverage-info", account.leverage, 20),
    _read("account/max-avail-size", account.max_size, 20),
    _read("asset/balances", account.funding_balances, 12),
    _read("asset/currencies", account.currencies, 12),
    _read("trade/order", queries.order, 60, "order.status"),
    _read("trade/orders-pending", queries.pending, 60, "orders.pending"),
    _read("trade/orders-history", queries.history, 40, "orders.history"),
    _read("trade/orders-history-archive", queries.archive, 20, "orders.archive"),
    _read("trade/fills", queries.fills, 60, "fills"),
    _read("trade/fills-history", queries.fills_history, 10, "fills.history"),
    _read("trade/order-algo", queries.algo_order, 20, "algo.status"),
    _read("trade/orders-algo-pending", queries.algos_pending, 20, "algos.pending"),
    _read("trade/orders-algo-history", queries.algos_history, 20, "algos.history"),
)
_WRITES = {
    "trade/order": ORDER,
    "trade/batch-orders": BATCH_ORDERS,
    "trade/cancel-order": CANCEL,
    "trade/cancel-batch-orders": BATCH_CANCEL,
    "trade/amend-order": AMEND,
    "trade/amend-batch-orders": BATCH_AMEND,
    "trade/order-algo": _ALGO_PLACE,
    "trade/cancel-algos": _ALGO_CANCEL,
    "trade/mass-cancel": MASS_CANCEL,
    "trade/cancel-all-after": _trade("trade/cancel-all-after", orders.cancel_all_after, 1, window_ms=1_000),
    "account/set-leverage": _trade("account/set-leverage", account.set_leverage, 20),
    "account/set-position-mode": _trade("account/set-position-mode", account.set_position_mode, 5),
    "account/set-account-level": _trade("account/set-account-level", account.set_level, 5),
}

REST: RestEndpoints = {
    **{("GET", endpoint.pace.name): endpoint for endpoint in (*_PUBLIC, *_READS) if endpoint.pace is not None},
    **{("POST", path): endpoint for path, endpoint in _WRITES.items()},
}
OPERATIONS = {
    "order": ORDER,
    "batch-orders": BATCH_ORDERS,
    "cancel-order": CANCEL,
    "batch-cancel-orders": BATCH_CANCEL,
    "amend-order": AMEND,
    "batch-amend-orders": BATCH_AMEND,
    "mass-cancel": MASS_CANCEL,
}
"""Operations of the private socket."""
