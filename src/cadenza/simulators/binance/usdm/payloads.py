"""Orders, trades, positions and books of USD-M as the venue writes them in replies."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, to_plain
from cadenza.simulators.binance.usdm.records import ConditionalOrder, FuturesOrder, FuturesTrade, Income
from cadenza.simulators.binance.usdm.symbols import STP_MODE, FuturesSymbol
from cadenza.simulators.binance.wire.numbers import fixed, places
from cadenza.simulators.kit.books import BookDifference, BookLevel, NumberedBook
from cadenza.simulators.kit.records import TapeTrade

Payload = dict[str, object]


def order_payload(order: FuturesOrder, symbol: FuturesSymbol, *, is_query: bool = False) -> Payload:
    """An order in every reply; only queries say when it was placed."""
    row: Payload = {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": symbol.price(order.price),
        "avgPrice": places(order.average_price, 5),
        "origQty": symbol.quantity(order.quantity),
        "executedQty": symbol.quantity(order.executed),
        "cumQty": symbol.quantity(order.executed),
        "cumQuote": places(order.cost, 5),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.is_reduce_only,
        "closePosition": order.is_closing_all,
        "side": order.side.value,
        "positionSide": order.position_side,
        "stopPrice": symbol.price(order.stop_price),
        "workingType": order.working_type,
        "priceProtect": False,
        "origType": order.original_type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": STP_MODE,
        "goodTillDate": order.good_till_ms or 0,
        "updateTime": order.updated_ms,
    }
    if is_query:
        row["time"] = order.created_ms
    return row


def account_trade(trade: FuturesTrade, symbol: FuturesSymbol) -> Payload:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "side": trade.side.value,
        "price": symbol.price(trade.price),
        "qty": symbol.quantity(trade.quantity),
        "realizedPnl": fixed(trade.realized),
        "quoteQty": fixed(trade.cost),
        "commission": fixed(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.at_ms,
        "positionSide": trade.position_side,
        "maker": trade.is_maker,
        "buyer": trade.side is Side.BUY,
    }


def algo_payload(algo: ConditionalOrder, symbol: FuturesSymbol, actual: FuturesOrder | None) -> Payload:
    """A conditional order; `actual` is the order that it became."""
    row: Payload = {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "positionSide": algo.position_side,
        "timeInForce": algo.time_in_force,
        "quantity": symbol.quantity(algo.quantity),
        "algoStatus": algo.status,
        "actualOrderId": "" if actual is None else str(actual.order_id),
        "actualPrice": places(ZERO if actual is None else actual.average_price, 5),
        "triggerPrice": symbol.price(algo.trigger_price),
        "price": symbol.price(algo.price),
        "icebergQuantity": None,
        "tpTriggerPrice": symbol.price(ZERO),
        "tpPrice": symbol.price(ZERO),
        "slTriggerPrice": symbol.price(ZERO),
        "slPrice": symbol.price(ZERO),
        "tpOrderType": "",
        "selfTradePreventionMode": STP_MODE,
        "workingType": algo.working_type,
        "priceMatch": "NONE",
        "closePosition": algo.is_closing_all,
        "priceProtect": algo.is_protected,
        "reduceOnly": algo.is_reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.trigger_ms,
        "goodTillDate": algo.good_till_ms or 0,
    }
    if algo.callback_rate is not None:
        row["callbackRate"] = to_plain(algo.callback_rate)
        row["activatePrice"] = "" if algo.activate_price is None else symbol.price(algo.activate_price)
    return row


def income_payload(income: Income) -> Payload:
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": fixed(income.amount),
        "asset": income.asset,
        "info": income.info or income.kind,
        "time": income.at_ms,
        "tranId": income.number,
        "tradeId": income.info,
    }


def public_trade(trade: TapeTrade, symbol: FuturesSymbol) -> Payload:
    return {
        "id": trade.trade_id,
        "price": symbol.price(trade.price),
        "qty": symbol.quantity(trade.quantity),
        "quoteQty": fixed(trade.price * trade.quantity),
        "time": trade.at_ms,
        "isBuyerMaker": trade.is_buyer_maker,
        "isRPITrade": False,
    }


def aggregate(trade: TapeTrade, symbol: FuturesSymbol) -> Payload:
    return {
        "a": trade.trade_id,
        "p": symbol.price(trade.price),
        "q": symbol.quantity(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.at_ms,
        "m": trade.is_buyer_maker,
    }


def book_snapshot(feed: NumberedBook, symbol: FuturesSymbol, levels_max: int, at_ms: int) -> Payload:
    return {
        "lastUpdateId": feed.update_id,
        "E": at_ms,
        "T": at_ms,
        "bids": _rows(feed.side(Side.BUY, levels_max), symbol),
        "asks": _rows(feed.side(Side.SELL, levels_max), symbol),
    }


def book_difference(difference: BookDifference, symbol: FuturesSymbol, at_ms: int) -> Payload:
    return _book_event(symbol, difference, at_ms) | {
        "b": _rows(difference.bids, symbol),
        "a": _rows(difference.asks, symbol),
    }


def partial_book(
    difference: BookDifference, feed: NumberedBook, symbol: FuturesSymbol, levels_max: int, at_ms: int
) -> Payload:
    return _book_event(symbol, difference, at_ms) | {
        "b": _rows(feed.side(Side.BUY, levels_max), symbol),
        "a": _rows(feed.side(Side.SELL, levels_max), symbol),
    }


def book_ticker(feed: NumberedBook, symbol: FuturesSymbol) -> Payload:
    bid, ask = feed.best()
    return {
        "s": feed.symbol,
        "b": symbol.price(bid[0]),
        "B": symbol.quantity(bid[1]),
        "a": symbol.price(ask[0]),
        "A": symbol.quantity(ask[1]),
    }


def mark_payload(symbol: FuturesSymbol, mark: Decimal, rate: Decimal, next_ms: int) -> Payload:
    """A mark price as the stream and the REST call share it. Contracts with a delivery date have no funding."""
    return {
        "p": fixed(mark),
        "i": fixed(mark),
        "P": fixed(mark),
        "r": fixed(rate) if symbol.is_perpetual else "",
        "T": next_ms if symbol.is_perpetual else 0,
    }


def _book_event(symbol: FuturesSymbol, difference: BookDifference, at_ms: int) -> Payload:
    return {
        "e": "depthUpdate",
        "E": at_ms,
        "T": at_ms,
        "s": symbol.name,
        "U": difference.first_id,
        "u": difference.last_id,
        "pu": difference.previous_id,
    }


def _rows(levels: list[BookLevel], symbol: FuturesSymbol) -> list[list[str]]:
    return [[symbol.price(price), symbol.quantity(quantity)] for price, quantity in levels]
