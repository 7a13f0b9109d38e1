"""Placing, canceling and querying orders of the matching engine, and their trades."""

from __future__ import annotations

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ZERO
from cadenza.simulators.binance.usdm.errors import interval_too_long
from cadenza.simulators.binance.usdm.order_request import read_order, read_response_type
from cadenza.simulators.binance.usdm.payloads import Payload, account_trade, income_payload, order_payload
from cadenza.simulators.binance.usdm.records import FuturesOrder
from cadenza.simulators.binance.wire.errors import VenueRefusal, cancel_rejected, no_such_order
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.params import RequestParams

DAY_MS = 24 * 60 * 60 * 1000
WINDOW_DAYS = 7
KNOWN_DAYS, UNFILLED_DAYS = 90, 3
"""How long after it was placed an order is known, and one that has ended without an execution."""
CANCELED_ALL: Payload = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place(call: VenueCall) -> Payload:
    """POST order. RESULT says what was executed at once, ACK does not."""
    usdm, params = call.venue.usdm, call.params
    request = read_order(params, call.now_ms, is_hedged=usdm.ledger.is_hedged(call.account))
    response_type = read_response_type(params)
    params.done()
    symbol = usdm.exchange.symbol(request.symbol)
    usdm.limits.check_order(call.account, call.now_ms)
    client_order_id = request.client_order_id or call.venue.new_client_order_id()
    order = usdm.exchange.place(call.account, request, client_order_id, call.now_ms)
    usdm.limits.count_orders(call.account, 1, call.now_ms)
    return order_payload(order if response_type == "RESULT" else _as_accepted(order), symbol)


def test(call: VenueCall) -> Payload:
    """POST order/test: the form of an order, and nothing else."""
    usdm, params = call.venue.usdm, call.params
    request = read_order(params, call.now_ms, is_hedged=usdm.ledger.is_hedged(call.account))
    read_response_type(params)
    params.done()
    usdm.exchange.symbol(request.symbol)
    return {}


def cancel(call: VenueCall) -> Payload:
    """DELETE order."""
    order = _find(call)
    if order is None or not order.is_open:
        raise cancel_rejected()
    exchange = call.venue.usdm.exchange
    return order_payload(exchange.cancel(order, call.now_ms), exchange.symbols[order.symbol])


def cancel_all(call: VenueCall) -> Payload:
    """DELETE allOpenOrders: all open orders of a symbol."""
    exchange = call.venue.usdm.exchange
    symbol = exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    for order in exchange.registry.open_orders(call.account, symbol):
        exchange.cancel(order, call.now_ms)
    return CANCELED_ALL


def query(call: VenueCall) -> Payload:
    """GET order. With a lookup lag a new order is not found at once, as queries of the venue may be behind."""
    order = _find(call)
    is_known = order is not None and not is_forgotten(order.created_ms, call.now_ms, is_unfilled=_is_unfilled(order))
    if order is None or not is_known or call.now_ms - order.created_ms < call.venue.faults.lookup_lag_ms:
        raise no_such_order()
    return _queried(call, order)


def open_order(call: VenueCall) -> Payload:
    """GET openOrder."""
    order = _find(call)
    if order is None or not order.is_open:
        raise no_such_order()
    return _queried(call, order)


def open_orders(call: VenueCall) -> list[Payload]:
    """GET openOrders, of one symbol or of all."""
    symbol = call.params.text("symbol")
    call.params.done()
    exchange = call.venue.usdm.exchange
    name = None if symbol is None else exchange.symbol(symbol).name
    return [_queried(call, order) for order in exchange.registry.open_orders(call.account, name)]


def all_orders(call: VenueCall) -> list[Payload]:
    """GET allOrders: from an id on, or within at most seven days."""
    params = call.params
    symbol = call.venue.usdm.exchange.symbol(params.must("symbol")).name
    from_id, limit = params.integer("orderId"), params.limit(500, 1000)
    start, end = window(params, call.now_ms)
    params.done()
    orders = [
        order
        for order in call.venue.usdm.exchange.registry.orders(call.account, symbol)
        if (order.order_id >= from_id if from_id is not None else start <= order.created_ms <= end)
        and not is_forgotten(order.created_ms, call.now_ms, is_unfilled=_is_unfilled(order))
    ]
    is_forward = from_id is not None or params.text("startTime") is not None
    return [_queried(call, order) for order in (orders[:limit] if is_forward else orders[-limit:])]


def user_trades(call: VenueCall) -> list[Payload]:
    """GET userTrades: of an order, from a trade id on, or within at most seven days."""
    params = call.params
    symbol = call.venue.usdm.exchange.symbol(params.must("symbol"))
    order_id, from_id, limit = params.integer("orderId"), params.integer("fromId"), params.limit(500, 1000)
    has_start = params.text("startTime") is not None
    if from_id is not None and (has_start or params.text("endTime") is not None):
        raise VenueRefusal(-1128, "Combination of optional parameters invalid.")
    start, end = window(params, call.now_ms)
    params.done()
    trades = [
        trade
        for trade in call.venue.usdm.exchange.registry.trades(call.account, symbol.name)
        if order_id in (None, trade.order_id)
        and (trade.trade_id >= from_id if from_id is not None else start <= trade.at_ms <= end)
    ]
    chosen = trades[:limit] if from_id is not None or has_start else trades[-limit:]
    return [account_trade(trade, symbol) for trade in chosen]


def income(call: VenueCall) -> list[Payload]:
    """GET income: movements of the account's wallets, the oldest first."""
    params = call.params
    symbol, kind, limit = params.text("symbol"), params.text("incomeType"), params.limit(100, 1000)
    start, end = window(params, call.now_ms)
    page = params.integer("page") or 1
    params.done()
    found = [
        each
        for each in call.venue.usdm.ledger.incomes
        if each.account == call.account
        and symbol in (None, each.symbol)
        and kind in (None, each.kind)
        and start <= each.at_ms <= end
    ]
    return [income_payload(each) for each in found[(page - 1) * limit :][:limit]]


def order_counts(call: VenueCall) -> list[dict[str, object]]:
    """GET rateLimit/order."""
    call.params.done()
    rows = call.venue.usdm.limits.rows(call.account, call.address, call.now_ms)
    return [row for row in rows if row["rateLimitType"] == "ORDERS"]


def is_forgotten(created_ms: int, now_ms: int, *, is_unfilled: bool) -> bool:
    """Whether the venue has forgotten an order. `is_unfilled`: it has ended without an execution."""
    return now_ms - created_ms > (UNFILLED_DAYS if is_unfilled else KNOWN_DAYS) * DAY_MS


def open_orders_weight(params: RequestParams) -> int:
    return 40 if params.text("symbol") is None else 1


def window(params: RequestParams, now_ms: int) -> tuple[int, int]:
    """Return the window of a question, the last seven days by default. Raises `VenueRefusal` for a longer one."""
    start, end = params.instant_ms("startTime"), params.instant_ms("endTime")
    length = WINDOW_DAYS * DAY_MS
    if start is None:
        last = now_ms if end is None else end
        return last - length, last
    last = min(start + length, now_ms) if end is None else end
    if last - start > length:
        raise interval_too_long(WINDOW_DAYS)
    return start, last


def _is_unfilled(order: FuturesOrder) -> bool:
    return not order.is_open and not order.executed


def _as_accepted(order: FuturesOrder) -> FuturesOrder:
    """Return an order as ACK shows it: accepted, and not yet executed."""
    return evolve(order, status="NEW", executed=ZERO, cost=ZERO, updated_ms=order.created_ms)


def _find(call: VenueCall) -> FuturesOrder | None:
    params = call.params
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    symbol = call.venue.usdm.exchange.symbol(params.must("symbol")).name
    params.done()
    if order_id is None and client_id is None:
        raise VenueRefusal(-1102, "Param 'origclientorderid' or 'orderid' must be sent, but both were empty/null!")
    return call.venue.usdm.exchange.registry.find(call.account, symbol, order_id, client_id)


def _queried(call: VenueCall, order: FuturesOrder) -> Payload:
    return order_payload(order, call.venue.usdm.exchange.symbols[order.symbol], is_query=True)
