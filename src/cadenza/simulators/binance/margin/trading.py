"""Placing, canceling and querying orders and trades of the cross margin account."""

from __future__ import annotations

from cadenza.simulators.binance.margin.cross_margin import SIDE_EFFECTS, margin_account
from cadenza.simulators.binance.margin.payloads import account_trade, ack, canceled, full, queried, result
from cadenza.simulators.binance.spot.order_request import read_order, read_response_type
from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.spot.records import MarginTerms, SpotOrder
from cadenza.simulators.binance.spot.trading import is_within, require_known, which, window
from cadenza.simulators.binance.wire.errors import VenueRefusal, cancel_rejected
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.params import RequestParams


def place(call: VenueCall) -> Payload:
    """POST margin/order."""
    venue, spot, params = call.venue, call.venue.spot, call.params
    refuse_isolated(params)
    request = read_order(params)
    response_type = read_response_type(params, request.type)
    terms = MarginTerms(
        side_effect=params.choice("sideEffectType", SIDE_EFFECTS) or "NO_SIDE_EFFECT",
        repays_at_cancel=params.text("autoRepayAtCancel") is None or params.flag("autoRepayAtCancel"),
    )
    params.done()
    spot.exchange.symbol(request.symbol)
    spot.margin_limits.check_order(call.account, call.now_ms)
    client_order_id = request.client_order_id or venue.new_client_order_id()
    order = spot.margin.place(margin_account(call.account), request, client_order_id, terms, call.now_ms)
    spot.margin_limits.count_orders(call.account, 1, call.now_ms)
    answers = {
        "ACK": ack(order),
        "RESULT": result(order),
        "FULL": full(order, spot.exchange.registry.trades_of(order)),
    }
    return answers[response_type]


def cancel(call: VenueCall) -> Payload:
    """DELETE margin/order."""
    cancel_id = call.params.client_order_id("newClientOrderId") or call.venue.new_client_order_id()
    order = _find(call)
    if order is None or not order.is_open:
        raise cancel_rejected()
    return canceled(call.venue.spot.exchange.cancel(order, cancel_id, call.now_ms), cancel_id)


def cancel_all(call: VenueCall) -> list[Payload]:
    """DELETE margin/openOrders: all open orders of a symbol."""
    refuse_isolated(call.params)
    exchange = call.venue.spot.exchange
    symbol = exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    orders = exchange.registry.open_orders(margin_account(call.account), symbol)
    if not orders:
        raise cancel_rejected()
    answers = []
    for order in orders:
        cancel_id = call.venue.new_client_order_id()
        answers.append(canceled(exchange.cancel(order, cancel_id, call.now_ms), cancel_id))
    return answers


def query(call: VenueCall) -> Payload:
    """GET margin/order. With a lookup lag a new order is not found at once."""
    return queried(require_known(call, _find(call)))


def open_orders(call: VenueCall) -> list[Payload]:
    """GET margin/openOrders, of one symbol or of all."""
    refuse_isolated(call.params)
    symbol = call.params.text("symbol")
    call.params.done()
    exchange = call.venue.spot.exchange
    name = None if symbol is None else exchange.symbol(symbol).name
    return [queried(order) for order in exchange.registry.open_orders(margin_account(call.account), name)]


def all_orders(call: VenueCall) -> list[Payload]:
    """GET margin/allOrders: from an id on, from an instant on, or the newest."""
    params = call.params
    refuse_isolated(params)
    symbol = call.venue.spot.exchange.symbol(params.must("symbol")).name
    from_id, limit = params.integer("orderId"), params.limit(500, 500)
    start, end = window(params)
    params.done()
    orders = [
        order
        for order in call.venue.spot.exchange.registry.orders(margin_account(call.account), symbol)
        if (from_id is None or order.order_id >= from_id) and is_within(order.created_ms, start, end)
    ]
    is_forward = from_id is not None or start is not None
    return [queried(order) for order in (orders[:limit] if is_forward else orders[-limit:])]


def my_trades(call: VenueCall) -> list[Payload]:
    """GET margin/myTrades: of an order, from a trade id on, within at most 24 hours, or the newest."""
    params = call.params
    refuse_isolated(params)
    symbol = call.venue.spot.exchange.symbol(params.must("symbol")).name
    order_id, from_id, limit = params.integer("orderId"), params.integer("fromId"), params.limit(500, 1000)
    start, end = window(params)
    params.done()
    trades = [
        trade
        for trade in call.venue.spot.exchange.registry.trades(margin_account(call.account), symbol)
        if order_id in (None, trade.order_id)
        and (from_id is None or trade.trade_id >= from_id)
        and is_within(trade.at_ms, start, end)
    ]
    is_forward = from_id is not None or start is not None
    return [account_trade(trade) for trade in (trades[:limit] if is_forward else trades[-limit:])]


def order_counts(call: VenueCall) -> list[dict[str, object]]:
    """GET margin/rateLimit/order."""
    refuse_isolated(call.params)
    call.params.text("symbol")
    call.params.done()
    rows = call.venue.spot.margin_limits.rows(call.account, call.address, call.now_ms)
    return [row for row in rows if row["rateLimitType"] == "ORDERS"]


def refuse_isolated(params: RequestParams) -> None:
    """This simulator has cross margin only."""
    if params.flag("isIsolated"):
        raise VenueRefusal(-11001, "Isolated margin account does not exist.")


def _find(call: VenueCall) -> SpotOrder | None:
    refuse_isolated(call.params)
    order_id, client_id = which(call.params)
    exchange = call.venue.spot.exchange
    symbol = exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    return exchange.registry.find(margin_account(call.account), symbol, order_id, client_id)
