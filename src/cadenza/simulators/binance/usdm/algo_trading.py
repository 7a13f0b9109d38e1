"""Placing, canceling and querying conditional orders."""

from __future__ import annotations

from cadenza.simulators.binance.usdm.order_request import read_algo_order, read_response_type
from cadenza.simulators.binance.usdm.payloads import Payload, algo_payload
from cadenza.simulators.binance.usdm.records import ConditionalOrder
from cadenza.simulators.binance.usdm.trading import is_forgotten, window
from cadenza.simulators.binance.wire.errors import VenueRefusal, cancel_rejected, no_such_order
from cadenza.simulators.binance.wire.gateway import VenueCall

CANCELED_ALL: Payload = {"code": 200, "msg": "The operation of cancel all open order is done."}


def place(call: VenueCall) -> Payload:
    """POST algoOrder."""
    usdm, params = call.venue.usdm, call.params
    request = read_algo_order(params, call.now_ms, is_hedged=usdm.ledger.is_hedged(call.account))
    read_response_type(params)
    params.done()
    usdm.limits.check_order(call.account, call.now_ms)
    client_algo_id = request.client_algo_id or call.venue.new_client_order_id()
    algo = usdm.algos.place(call.account, request, client_algo_id, call.now_ms)
    usdm.limits.count_orders(call.account, 1, call.now_ms)
    return _payload(call, algo)


def cancel(call: VenueCall) -> Payload:
    """DELETE algoOrder."""
    algo = _find(call)
    if algo is None or not algo.is_open:
        raise cancel_rejected()
    call.venue.usdm.algos.cancel(algo, call.now_ms)
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_algo_id, "code": "200", "msg": "success"}


def cancel_all(call: VenueCall) -> Payload:
    """DELETE algoOpenOrders: all that wait for their trigger in a symbol."""
    usdm = call.venue.usdm
    symbol = usdm.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    for algo in usdm.algos.open_orders(call.account, symbol):
        usdm.algos.cancel(algo, call.now_ms)
    return CANCELED_ALL


def query(call: VenueCall) -> Payload:
    """GET algoOrder. With a lookup lag a new order is not found at once."""
    algo = _find(call)
    is_known = algo is not None and not _is_forgotten(call, algo)
    if algo is None or not is_known or call.now_ms - algo.created_ms < call.venue.faults.lookup_lag_ms:
        raise no_such_order()
    return _payload(call, algo)


def open_orders(call: VenueCall) -> list[Payload]:
    """GET openAlgoOrders, of one symbol or of all."""
    usdm, params = call.venue.usdm, call.params
    symbol, algo_id = params.text("symbol"), params.integer("algoId")
    params.text("algoType")
    params.done()
    name = None if symbol is None else usdm.exchange.symbol(symbol).name
    waiting = usdm.algos.open_orders(call.account, name)
    return [_payload(call, algo) for algo in waiting if algo_id in (None, algo.algo_id)]


def all_orders(call: VenueCall) -> list[Payload]:
    """GET allAlgoOrders: from an id on, or within at most seven days."""
    usdm, params = call.venue.usdm, call.params
    symbol = usdm.exchange.symbol(params.must("symbol")).name
    from_id, limit, page = params.integer("algoId"), params.limit(500, 1000), params.integer("page") or 1
    start, end = window(params, call.now_ms)
    params.done()
    found = [
        algo
        for algo in usdm.algos.orders(call.account, symbol)
        if (algo.algo_id >= from_id if from_id is not None else start <= algo.created_ms <= end)
        and not _is_forgotten(call, algo)
    ]
    return [_payload(call, algo) for algo in found[(page - 1) * limit :][:limit]]


def _find(call: VenueCall) -> ConditionalOrder | None:
    algo_id, client_id = call.params.integer("algoId"), call.params.text("clientAlgoId")
    call.params.text("symbol")
    call.params.done()
    if algo_id is None and client_id is None:
        raise VenueRefusal(-1102, "Param 'algoid' or 'clientalgoid' must be sent, but both were empty/null!")
    return call.venue.usdm.algos.find(call.account, algo_id, client_id)


def _is_forgotten(call: VenueCall, algo: ConditionalOrder) -> bool:
    return is_forgotten(algo.created_ms, call.now_ms, is_unfilled=algo.status in ("CANCELED", "EXPIRED", "REJECTED"))


def _payload(call: VenueCall, algo: ConditionalOrder) -> Payload:
    exchange = call.venue.usdm.exchange
    actual = None if algo.order_id is None else exchange.registry.order(algo.symbol, algo.order_id)
    return algo_payload(algo, exchange.symbols[algo.symbol], actual)
