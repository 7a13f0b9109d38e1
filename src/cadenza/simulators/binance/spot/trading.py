"""Placing, canceling and querying orders and trades."""

from __future__ import annotations

from decimal import Decimal

from cadenza.simulators.binance.spot.order_request import read_order, read_response_type
from cadenza.simulators.binance.spot.payloads import Payload, account_trade, ack, canceled, full, queried, result
from cadenza.simulators.binance.spot.records import SpotOrder
from cadenza.simulators.binance.spot.symbols import FEE_RATE
from cadenza.simulators.binance.wire.errors import VenueRefusal, cancel_rejected, no_such_order, order_archived
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.binance.wire.params import RequestParams

DAY_MS = 24 * 60 * 60 * 1000
ARCHIVED_DAYS = 90
"""How long after its end an order without an execution is known."""
CANCEL_RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


def place(call: VenueCall) -> Payload:
    """POST order."""
    request = read_order(call.params)
    response_type = read_response_type(call.params, request.type)
    call.params.done()
    venue, spot = call.venue, call.venue.spot
    spot.exchange.symbol(request.symbol)
    spot.limits.check_order(call.account, call.now_ms)
    client_order_id = request.client_order_id or venue.new_client_order_id()
    order = spot.exchange.place(call.account, request, client_order_id, call.now_ms)
    spot.limits.count_orders(call.account, 1, call.now_ms)
    trades = spot.exchange.registry.trades_of(order)
    answers = {"ACK": ack(order), "RESULT": result(order), "FULL": full(order, trades)}
    return answers[response_type]


def test(call: VenueCall) -> Payload:
    """POST order/test: all checks of an order, and nothing else."""
    request = read_order(call.params)
    read_response_type(call.params, request.type)
    shows_rates = call.params.flag("computeCommissionRates")
    call.params.done()
    call.venue.spot.exchange.check(call.account, request)
    return _rates() if shows_rates else {}


def cancel(call: VenueCall) -> Payload:
    """DELETE order."""
    order_id, client_id = which(call.params)
    restriction = call.params.choice("cancelRestrictions", CANCEL_RESTRICTIONS)
    cancel_id = call.params.client_order_id("newClientOrderId") or call.venue.new_client_order_id()
    symbol = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    registry = call.venue.spot.exchange.registry
    order = registry.find(call.account, symbol, order_id, client_id)
    if order is None or not order.is_open:
        raise cancel_rejected()
    if restriction is not None and order.status != CANCEL_RESTRICTIONS[restriction]:
        raise cancel_rejected("Order was not canceled due to cancel restrictions.")
    return canceled(call.venue.spot.exchange.cancel(order, cancel_id, call.now_ms), cancel_id)


def cancel_all(call: VenueCall) -> list[Payload]:
    """DELETE openOrders: all open orders of a symbol."""
    exchange = call.venue.spot.exchange
    symbol = exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    orders = exchange.registry.open_orders(call.account, symbol)
    if not orders:
        raise cancel_rejected()
    answers = []
    for order in orders:
        cancel_id = call.venue.new_client_order_id()
        answers.append(canceled(exchange.cancel(order, cancel_id, call.now_ms), cancel_id))
    return answers


def query(call: VenueCall) -> Payload:
    """GET order. With a lookup lag a new order is not found at once, as queries of the venue may be behind."""
    order_id, client_id = which(call.params)
    symbol = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    order = call.venue.spot.exchange.registry.find(call.account, symbol, order_id, client_id)
    return queried(require_known(call, order))


def open_orders(call: VenueCall) -> list[Payload]:
    """GET openOrders, of one symbol or of all."""
    symbol = call.params.text("symbol")
    call.params.done()
    exchange = call.venue.spot.exchange
    name = None if symbol is None else exchange.symbol(symbol).name
    return [queried(order) for order in exchange.registry.open_orders(call.account, name)]


def all_orders(call: VenueCall) -> list[Payload]:
    """GET allOrders: from an id on, from an instant on, or the newest."""
    params = call.params
    symbol = call.venue.spot.exchange.symbol(params.must("symbol")).name
    from_id, limit = params.integer("orderId"), params.limit(500, 1000)
    start, end = window(params)
    params.done()
    orders = [
        order
        for order in call.venue.spot.exchange.registry.orders(call.account, symbol)
        if (from_id is None or order.order_id >= from_id) and is_within(order.created_ms, start, end)
    ]
    is_forward = from_id is not None or start is not None
    return [queried(order) for order in (orders[:limit] if is_forward else orders[-limit:])]


def my_trades(call: VenueCall) -> list[Payload]:
    """GET myTrades: of an order, from a trade id on, within at most 24 hours, or the newest."""
    params = call.params
    symbol = call.venue.spot.exchange.symbol(params.must("symbol")).name
    order_id, from_id, limit = params.integer("orderId"), params.integer("fromId"), params.limit(500, 1000)
    start, end = window(params)
    params.done()
    if (from_id is not None or order_id is not None) and (start is not None or end is not None):
        raise VenueRefusal(-1128, "Combination of optional parameters invalid.")
    trades = [
        trade
        for trade in call.venue.spot.exchange.registry.trades(call.account, symbol)
        if order_id in (None, trade.order_id)
        and (from_id is None or trade.trade_id >= from_id)
        and is_within(trade.at_ms, start, end)
    ]
    is_forward = from_id is not None or start is not None
    return [account_trade(trade) for trade in (trades[:limit] if is_forward else trades[-limit:])]


def order_counts(call: VenueCall) -> list[dict[str, object]]:
    """GET rateLimit/order."""
    call.params.done()
    rows = call.venue.spot.limits.rows(call.account, call.address, call.now_ms)
    return [row for row in rows if row["rateLimitType"] == "ORDERS"]


def commission(call: VenueCall) -> Payload:
    """GET account/commission."""
    symbol = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    return {"symbol": symbol, **_rates()}


def my_trades_weight(params: RequestParams) -> int:
    return 20 if params.text("orderId") is None else 5


def open_orders_weight(params: RequestParams) -> int:
    return 80 if params.text("symbol") is None else 6


def _rates() -> Payload:
    rate, nothing = fixed(FEE_RATE), fixed(Decimal(0))
    both = {"maker": rate, "taker": rate, "buyer": nothing, "seller": nothing}
    none = dict.fromkeys(both, nothing)
    discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": nothing}
    return {
        "standardCommission": both,
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount,
    }


def which(params: RequestParams) -> tuple[int | None, str | None]:
    """Return the order id and the client's id by which an order is named: one of them, or both."""
    order_id, client_id = params.integer("orderId"), params.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise VenueRefusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return order_id, client_id


def require_known(call: VenueCall, order: SpotOrder | None) -> SpotOrder:
    """Return an order that a query finds. Raises `VenueRefusal` for one that there is not, for a new one while queries
    are behind, and for one that was archived."""
    if order is None or call.now_ms - order.created_ms < call.venue.faults.lookup_lag_ms:
        raise no_such_order()
    if not (order.is_open or order.executed) and call.now_ms - order.updated_ms > ARCHIVED_DAYS * DAY_MS:
        raise order_archived()
    return order


def window(params: RequestParams) -> tuple[int | None, int | None]:
    """Return the window of a question. Raises `VenueRefusal` for one of more than a day."""
    start, end = params.instant_ms("startTime"), params.instant_ms("endTime")
    if start is not None and end is not None:
        if end - start > DAY_MS:
            raise VenueRefusal(-1127, "More than 24 hours between startTime and endTime.")
        if end < start:
            raise VenueRefusal(-1100, "Illegal characters found in a parameter.")
    return start, end


def is_within(at_ms: int, start: int | None, end: int | None) -> bool:
    return (start is None or at_ms >= start) and (end is None or at_ms <= end)
