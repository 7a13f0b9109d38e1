"""Requests that list orders and executions, and what the venue still remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from cadenza.simulators.okx.trading.algos import ALGO_TYPES
from cadenza.simulators.okx.trading.order_requests import listed_type
from cadenza.simulators.okx.trading.payloads import Payload, fill_payload, order_payload
from cadenza.simulators.okx.trading.records import SimulatedAlgoOrder, SimulatedOrder, SimulatedTrade
from cadenza.simulators.okx.wire.errors import VenueRefusal, no_such_order, wrong_parameter
from cadenza.simulators.okx.wire.gateway import VenueCall
from cadenza.simulators.okx.wire.params import OkxParams

HOUR_MS = 60 * 60 * 1_000
DAY_MS = 24 * HOUR_MS
UNFILLED_MS, RECENT_ORDERS_MS, RECENT_FILLS_MS, ARCHIVE_MS = 2 * HOUR_MS, 7 * DAY_MS, 3 * DAY_MS, 90 * DAY_MS
T = TypeVar("T")


def order(call: VenueCall) -> list[Payload]:
    """GET trade/order. Of several orders with one client id it is the latest."""
    params = call.params
    symbol, order_id, client_id = params.must("instId"), params.integer("ordId"), params.text("clOrdId")
    if order_id is None and not client_id:
        raise VenueRefusal("50015", "Either parameter ordId or clOrdId is required", 400)
    found = call.venue.exchange.registry.find(call.account, symbol, order_id, None if order_id else client_id)
    is_young = found is not None and call.now_ms - found.created_ms < call.venue.faults.lookup_lag_ms
    if found is None or is_young or is_forgotten(call, found):
        raise no_such_order()
    return [order_payload(found)]


def pending(call: VenueCall) -> list[Payload]:
    """GET trade/orders-pending."""
    found = [each for each in call.venue.exchange.registry.open_orders(call.account) if _fits(call, each)]
    return [order_payload(each) for each in _page(call.params, found, lambda each: each.order_id)]


def history(call: VenueCall) -> list[Payload]:
    """GET trade/orders-history: a week."""
    return _closed(call, RECENT_ORDERS_MS)


def archive(call: VenueCall) -> list[Payload]:
    """GET trade/orders-history-archive: three months."""
    return _closed(call, ARCHIVE_MS)


def fills(call: VenueCall) -> list[Payload]:
    """GET trade/fills: three days."""
    return _fills(call, RECENT_FILLS_MS)


def fills_history(call: VenueCall) -> list[Payload]:
    """GET trade/fills-history: three months."""
    listed_type(call.params.must("instType"))
    return _fills(call, ARCHIVE_MS)


def algo_order(call: VenueCall) -> list[Payload]:
    """GET trade/order-algo."""
    algo_id, client_id = call.params.integer("algoId"), call.params.text("algoClOrdId")
    if algo_id is None and not client_id:
        raise VenueRefusal("50015", "Either parameter algoId or algoClOrdId is required", 400)
    found = call.venue.algos.find(call.account, algo_id, client_id)
    if found is None or call.now_ms - found.created_ms < call.venue.faults.lookup_lag_ms:
        raise no_such_order()
    return [call.venue.private.algo_row(found)]


def algos_pending(call: VenueCall) -> list[Payload]:
    """GET trade/orders-algo-pending."""
    return _algos(call, [algo for algo in call.venue.algos.of(call.account) if algo.is_open])


def algos_history(call: VenueCall) -> list[Payload]:
    """GET trade/orders-algo-history: by state, or by id."""
    state, algo_id = call.params.text("state"), call.params.integer("algoId")
    if not state and algo_id is None:
        raise VenueRefusal("50015", "Either parameter state or algoId is required", 400)
    found = [algo for algo in call.venue.algos.of(call.account) if not algo.is_open]
    if state:
        found = [algo for algo in found if algo.state == state]
    return _algos(call, found)


def is_forgotten(call: VenueCall, order: SimulatedOrder) -> bool:
    """Whether queries no longer find an order: one that was canceled without an execution, after two hours."""
    if order.is_open:
        return False
    age_ms = _age_ms(call, order.updated_ms)
    return age_ms > ARCHIVE_MS or (order.state == "canceled" and not order.executed and age_ms > UNFILLED_MS)


def _age_ms(call: VenueCall, at_ms: int) -> int:
    return call.now_ms + call.venue.memory_age_ms - at_ms


def _closed(call: VenueCall, depth_ms: int) -> list[Payload]:
    listed_type(call.params.must("instType"))
    found = [
        each
        for each in _all_orders(call)
        if not each.is_open
        and _fits(call, each)
        and not is_forgotten(call, each)
        and _age_ms(call, each.updated_ms) <= depth_ms
        and _is_between(call.params, each.updated_ms)
    ]
    return [order_payload(each) for each in _page(call.params, found, lambda each: each.order_id)]


def _all_orders(call: VenueCall) -> list[SimulatedOrder]:
    registry = call.venue.exchange.registry
    orders = [each for name in call.venue.exchange.instruments for each in registry.orders(call.account, name)]
    return sorted(orders, key=lambda each: each.order_id)


def _fills(call: VenueCall, depth_ms: int) -> list[Payload]:
    params, exchange = call.params, call.venue.exchange
    order_id, type = params.integer("ordId"), params.text("instType")
    names = [params.text("instId")] if params.text("instId") else list(exchange.instruments)
    found: list[SimulatedTrade] = [
        trade
        for name in names
        for trade in exchange.registry.trades(call.account, name)
        if type in ("", trade.instrument_type)
        and order_id in (None, trade.order_id)
        and _age_ms(call, trade.at_ms) <= depth_ms
        and _is_between(params, trade.at_ms)
        and params.text("instFamily") in ("", exchange.instruments[name].family)
    ]
    found.sort(key=lambda trade: trade.bill_id)
    return [fill_payload(trade) for trade in _page(params, found, lambda trade: trade.bill_id)]


def _algos(call: VenueCall, found: list[SimulatedAlgoOrder]) -> list[Payload]:
    params = call.params
    types = params.must("ordType").split(",")
    if not set(types) <= {*ALGO_TYPES, "iceberg", "twap", "chase"}:
        raise wrong_parameter("ordType")
    algo_id = params.integer("algoId")
    kept = [
        algo
        for algo in found
        if algo.type in types
        and algo_id in (None, algo.algo_id)
        and params.text("instId") in ("", algo.symbol)
        and params.text("instType") in ("", algo.instrument_type)
    ]
    return [call.venue.private.algo_row(algo) for algo in _page(params, kept, lambda algo: algo.algo_id)]


def _fits(call: VenueCall, order: SimulatedOrder) -> bool:
    params = call.params
    family = call.venue.exchange.instruments[order.symbol].family
    return (
        params.text("instType") in ("", order.instrument_type)
        and params.text("instId") in ("", order.symbol)
        and params.text("instFamily") in ("", family)
        and params.text("uly") in ("", family)
        and params.text("ordType") in ("", order.type)
        and params.text("state") in ("", order.state)
    )


def _is_between(params: OkxParams, at_ms: int) -> bool:
    begin, end = params.integer("begin"), params.integer("end")
    return (begin is None or at_ms >= begin) and (end is None or at_ms <= end)


def _page(params: OkxParams, rows: Iterable[T], number: Callable[[T], int]) -> list[T]:
    """Return a page, the newest first: `after` a number are the older rows, `before` one the newer."""
    after, before = params.integer("after"), params.integer("before")
    kept = [row for row in rows if (after is None or number(row) < after) and (before is None or number(row) > before)]
    return kept[::-1][: params.limit()]
