"""What anyone may read of USD-M: time, contracts, books, trades and mark prices."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.binance.usdm.payloads import (
    Payload,
    aggregate,
    book_snapshot,
    mark_payload,
    public_trade,
)
from cadenza.simulators.binance.usdm.payloads import book_ticker as ticker_payload
from cadenza.simulators.binance.usdm.symbols import ASSETS, FUNDING_RATE, FuturesSymbol
from cadenza.simulators.binance.wire.errors import VenueRefusal, bad_symbol
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.binance.wire.params import RequestParams

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_DEPTH_WEIGHTS = ((50, 2), (100, 5), (500, 10), (1000, 20))


def ping(call: VenueCall) -> Payload:
    """GET ping."""
    return {}


def time(call: VenueCall) -> Payload:
    """GET time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: VenueCall) -> Payload:
    """GET exchangeInfo: all contracts."""
    call.params.done()
    usdm = call.venue.usdm
    return {
        "timezone": "UTC",
        "serverTime": call.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [row for row in usdm.limits.listed() if row["rateLimitType"] != "RAW_REQUESTS"],
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": None} for asset in ASSETS],
        "symbols": [usdm.exchange.symbols[name].payload(status) for name, status in usdm.exchange.statuses.items()],
    }


def depth(call: VenueCall) -> Payload:
    """GET depth."""
    symbol = call.venue.usdm.exchange.symbol(call.params.must("symbol"))
    limit = _depth_limit(call.params)
    call.params.done()
    return book_snapshot(call.venue.usdm.feeds[symbol.name], symbol, limit, call.now_ms)


def trades(call: VenueCall) -> list[Payload]:
    """GET trades: the newest, in the order of time."""
    symbol = call.venue.usdm.exchange.symbol(call.params.must("symbol"))
    limit = call.params.limit(500, 1000)
    call.params.done()
    return [public_trade(trade, symbol) for trade in list(call.venue.usdm.tapes[symbol.name])[-limit:]]


def aggregate_trades(call: VenueCall) -> list[Payload]:
    """GET aggTrades. Here every trade is an aggregate of its own, of the remembered ones."""
    params = call.params
    symbol = call.venue.usdm.exchange.symbol(params.must("symbol"))
    from_id, limit = params.integer("fromId"), params.limit(500, 1000)
    start, end = params.instant_ms("startTime"), params.instant_ms("endTime")
    params.done()
    found = [
        trade
        for trade in call.venue.usdm.tapes[symbol.name]
        if (from_id is None or trade.trade_id >= from_id)
        and (start is None or trade.at_ms >= start)
        and (end is None or trade.at_ms <= end)
    ]
    is_forward = from_id is not None or start is not None
    return [aggregate(trade, symbol) for trade in (found[:limit] if is_forward else found[-limit:])]


def book_ticker(call: VenueCall) -> Payload | list[Payload]:
    """GET ticker/bookTicker."""

    def row(symbol: FuturesSymbol) -> Payload:
        feed = call.venue.usdm.feeds[symbol.name]
        best = ticker_payload(feed, symbol)
        return {
            "symbol": symbol.name,
            "bidPrice": best["b"],
            "bidQty": best["B"],
            "askPrice": best["a"],
            "askQty": best["A"],
            "time": call.now_ms,
            "lastUpdateId": feed.update_id,
        }

    return _one_or_all(call, row)


def price_ticker(call: VenueCall) -> Payload | list[Payload]:
    """GET ticker/price."""

    def row(symbol: FuturesSymbol) -> Payload:
        price = symbol.price(call.venue.usdm.exchange.last_price(symbol.name))
        return {"symbol": symbol.name, "price": price, "time": call.now_ms}

    return _one_or_all(call, row)


def premium_index(call: VenueCall) -> Payload | list[Payload]:
    """GET premiumIndex: mark prices and the next funding."""
    usdm = call.venue.usdm

    def row(symbol: FuturesSymbol) -> Payload:
        mark = mark_payload(symbol, usdm.exchange.mark(symbol.name), FUNDING_RATE, usdm.funding.next_ms)
        return {
            "symbol": symbol.name,
            "markPrice": mark["p"],
            "indexPrice": mark["i"],
            "estimatedSettlePrice": mark["P"],
            "lastFundingRate": mark["r"],
            "interestRate": mark["r"],
            "nextFundingTime": mark["T"],
            "time": call.now_ms,
        }

    return _one_or_all(call, row)


def funding_rates(call: VenueCall) -> list[Payload]:
    """GET fundingRate: settlements since the start of this simulator."""
    name, limit = call.params.text("symbol"), call.params.limit(100, 1000)
    start, end = call.params.instant_ms("startTime"), call.params.instant_ms("endTime")
    call.params.done()
    rows: list[Payload] = [
        {
            "symbol": each.symbol,
            "fundingTime": each.at_ms,
            "fundingRate": fixed(each.rate),
            "markPrice": fixed(each.mark),
        }
        for each in call.venue.usdm.funding.settlements
        if name in (None, each.symbol) and (start is None or each.at_ms >= start) and (end is None or each.at_ms <= end)
    ]
    return rows[-limit:]


def depth_weight(params: RequestParams) -> int:
    limit = _depth_limit(params)
    return next(weight for most, weight in _DEPTH_WEIGHTS if limit <= most)


def _depth_limit(params: RequestParams) -> int:
    limit = params.integer("limit") or 500
    if limit not in DEPTH_LIMITS:
        raise VenueRefusal(-4021, f"{limit} is not valid depth limit.")
    return limit


def _one_or_all(call: VenueCall, row: Callable[[FuturesSymbol], Payload]) -> Payload | list[Payload]:
    name = call.params.text("symbol")
    call.params.done()
    symbols = call.venue.usdm.exchange.symbols
    if name is None:
        return [row(symbol) for symbol in symbols.values()]
    if name not in symbols:
        raise bad_symbol()
    return row(symbols[name])
