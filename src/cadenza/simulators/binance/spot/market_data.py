"""What anyone may read: time, listings, books and trades."""

from __future__ import annotations

import json

from cadenza.simulators.binance.spot import payloads
from cadenza.simulators.binance.spot.payloads import Payload, aggregate, book_snapshot, public_trade
from cadenza.simulators.binance.spot.symbols import STATUSES
from cadenza.simulators.binance.wire.errors import VenueRefusal, bad_symbol, invalid_data
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.binance.wire.params import RequestParams
from cadenza.simulators.kit.books import LEVELS_MAX

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (LEVELS_MAX, 250))


def ping(call: VenueCall) -> Payload:
    """GET ping."""
    return {}


def time(call: VenueCall) -> Payload:
    """GET time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: VenueCall) -> Payload:
    """GET exchangeInfo, of one symbol, of several or of all."""
    exchange, params = call.venue.spot.exchange, call.params
    names = _names(params)
    status = params.choice("symbolStatus", STATUSES, VenueRefusal(-1122, "Invalid symbolStatus."))
    params.text("permissions")
    params.text("showPermissionSets")
    params.done()
    for name in names or ():
        exchange.symbol(name)
    rows = [
        symbol.payload(exchange.statuses[name])
        for name, symbol in exchange.symbols.items()
        if name in exchange.statuses and (names is None or name in names) and status in (None, exchange.statuses[name])
    ]
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "rateLimits": call.venue.spot.limits.listed(),
        "exchangeFilters": [],
        "symbols": rows,
    }


def depth(call: VenueCall) -> Payload:
    """GET depth."""
    name = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    limit = call.params.limit(100, LEVELS_MAX)
    call.params.text("symbolStatus")
    call.params.done()
    return book_snapshot(call.venue.spot.feeds[name], limit)


def trades(call: VenueCall) -> list[Payload]:
    """GET trades: the newest, in the order of time."""
    name = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    limit = call.params.limit(500, 1000)
    call.params.done()
    return [public_trade(trade) for trade in list(call.venue.spot.tapes[name])[-limit:]]


def aggregate_trades(call: VenueCall) -> list[Payload]:
    """GET aggTrades. Here every trade is an aggregate of its own, of the remembered ones."""
    params = call.params
    name = call.venue.spot.exchange.symbol(params.must("symbol")).name
    from_id, limit = params.integer("fromId"), params.limit(500, 1000)
    start, end = params.instant_ms("startTime"), params.instant_ms("endTime")
    params.done()
    found = [
        trade
        for trade in call.venue.spot.tapes[name]
        if (from_id is None or trade.trade_id >= from_id)
        and (start is None or trade.at_ms >= start)
        and (end is None or trade.at_ms <= end)
    ]
    is_forward = from_id is not None or start is not None
    return [aggregate(trade) for trade in (found[:limit] if is_forward else found[-limit:])]


def book_ticker(call: VenueCall) -> Payload | list[Payload]:
    """GET ticker/bookTicker."""
    tickers: dict[str, Payload] = {}
    for name, feed in call.venue.spot.feeds.items():
        row = payloads.book_ticker(feed)
        tickers[name] = {
            "symbol": name,
            "bidPrice": row["b"],
            "bidQty": row["B"],
            "askPrice": row["a"],
            "askQty": row["A"],
        }
    return _one_or_all(call.params, tickers)


def price_ticker(call: VenueCall) -> Payload | list[Payload]:
    """GET ticker/price."""
    exchange = call.venue.spot.exchange
    rows: dict[str, Payload] = {
        name: {"symbol": name, "price": fixed(exchange.last_price(name))} for name in exchange.symbols
    }
    return _one_or_all(call.params, rows)


def average_price(call: VenueCall) -> Payload:
    """GET avgPrice. The last trade stands for the average of the last minutes."""
    name = call.venue.spot.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    return {"mins": 5, "price": fixed(call.venue.spot.exchange.last_price(name)), "closeTime": call.now_ms}


def depth_weight(params: RequestParams) -> int:
    limit = params.limit(100, LEVELS_MAX)
    return next(weight for most, weight in _DEPTH_WEIGHTS if limit <= most)


def _one_or_all(params: RequestParams, rows: dict[str, Payload]) -> Payload | list[Payload]:
    names = _names(params)
    is_one = params.text("symbol") is not None
    params.done()
    if any(name not in rows for name in names or ()):
        raise bad_symbol()
    chosen = [row for name, row in rows.items() if names is None or name in names]
    return chosen[0] if is_one else chosen


def _names(params: RequestParams) -> list[str] | None:
    """Return the symbols that were asked for; None for all."""
    one, several = params.text("symbol"), params.text("symbols")
    if one is not None and several is not None:
        raise VenueRefusal(-1128, "Combination of optional parameters invalid.")
    if several is None:
        return None if one is None else [one]
    try:
        names = json.loads(several)
    except ValueError:
        raise invalid_data("symbols") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_data("symbols")
    return names
