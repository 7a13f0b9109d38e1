"""Orders, trades and balances as the venue writes them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.binance.spot.records import SpotExecution, SpotOrder, SpotTrade
from cadenza.simulators.binance.spot.symbols import STP_MODE
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.kit.books import BookDifference, BookLevel, NumberedBook
from cadenza.simulators.kit.records import TapeTrade

Payload = dict[str, object]
NONE = -1
"""What the venue writes for an order list or a trade that is not there."""


def ack(order: SpotOrder) -> Payload:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": NONE,
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated_ms,
    }


def result(order: SpotOrder) -> Payload:
    return ack(order) | _amounts(order) | _kind(order)


def full(order: SpotOrder, trades: list[SpotTrade]) -> Payload:
    fills = [
        {
            "price": fixed(trade.price),
            "qty": fixed(trade.quantity),
            "commission": fixed(trade.commission),
            "commissionAsset": trade.commission_asset,
            "tradeId": trade.trade_id,
        }
        for trade in trades
    ]
    return result(order) | {"fills": fills}


def canceled(order: SpotOrder, cancel_id: str) -> Payload:
    """The answer to a cancel: the order's id is `origClientOrderId`, the cancel's is `clientOrderId`."""
    ids: Payload = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": NONE,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
    }
    return ids | _amounts(order) | _kind(order)


def queried(order: SpotOrder) -> Payload:
    """An order as queries show it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": NONE,
        "clientOrderId": order.client_order_id,
        **_amounts(order),
        "stopPrice": fixed(order.stop_price),
        "icebergQty": fixed(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms is not None,
        **_kind(order),
    }


def _amounts(order: SpotOrder) -> Payload:
    return {
        "price": fixed(order.price),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "origQuoteOrderQty": fixed(order.quote_quantity),
        "cummulativeQuoteQty": fixed(order.cost),
        "status": order.status,
    }


def _kind(order: SpotOrder) -> Payload:
    row: Payload = {
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side.value,
        "workingTime": NONE if order.working_ms is None else order.working_ms,
        "selfTradePreventionMode": STP_MODE,
    }
    if order.stop_price:
        row["stopPrice"] = fixed(order.stop_price)
    if order.trailing_delta is not None:
        row["trailingDelta"] = order.trailing_delta
        row["trailingTime"] = NONE if order.trailing_ms is None else order.trailing_ms
    if order.expiry_reason is not None:
        row["expiryReason"] = order.expiry_reason
    return row


def account_trade(trade: SpotTrade) -> Payload:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": NONE,
        "price": fixed(trade.price),
        "qty": fixed(trade.quantity),
        "quoteQty": fixed(trade.cost),
        "commission": fixed(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.at_ms,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def public_trade(trade: TapeTrade) -> Payload:
    return {
        "id": trade.trade_id,
        "price": fixed(trade.price),
        "qty": fixed(trade.quantity),
        "quoteQty": fixed(trade.price * trade.quantity),
        "time": trade.at_ms,
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": True,
    }


def aggregate(trade: TapeTrade) -> Payload:
    return {
        "a": trade.trade_id,
        "p": fixed(trade.price),
        "q": fixed(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.at_ms,
        "m": trade.is_buyer_maker,
        "M": True,
    }


def execution_report(execution: SpotExecution, at_ms: int) -> Payload:
    """The user event of one execution. In the event of a cancel `C` is the order's id and `c` the cancel's."""
    order, trade = execution.order, execution.trade
    is_cancel = execution.cancel_id is not None
    event: Payload = {
        "e": "executionReport",
        "E": at_ms,
        "s": order.symbol,
        "c": execution.cancel_id if is_cancel else order.client_order_id,
        "S": order.side.value,
        "o": order.type,
        "f": order.time_in_force,
        "q": fixed(order.quantity),
        "p": fixed(order.price),
        "P": fixed(order.stop_price),
        "F": fixed(ZERO),
        "g": NONE,
        "C": order.client_order_id if is_cancel else "",
        "x": execution.type,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": fixed(ZERO if trade is None else trade.quantity),
        "z": fixed(order.executed),
        "L": fixed(ZERO if trade is None else trade.price),
        "n": "0" if trade is None else fixed(trade.commission),
        "N": None if trade is None else trade.commission_asset,
        "T": order.updated_ms,
        "t": NONE if trade is None else trade.trade_id,
        "I": execution.sequence,
        "w": order.is_open and order.working_ms is not None,
        "m": trade is not None and trade.is_maker,
        "M": False,
        "O": order.created_ms,
        "Z": fixed(order.cost),
        "Y": fixed(ZERO if trade is None else trade.cost),
        "Q": fixed(order.quote_quantity),
    }
    if order.working_ms is not None:
        event["W"] = order.working_ms
    event["V"] = STP_MODE
    if order.trailing_delta is not None:
        event["d"] = order.trailing_delta
    if order.trailing_ms is not None:
        event["D"] = order.trailing_ms
    if order.expiry_reason is not None:
        event["eR"] = order.expiry_reason
    return event


def account_position(balances: dict[str, tuple[Decimal, Decimal]], at_ms: int) -> Payload:
    rows = [{"a": asset, "f": fixed(free), "l": fixed(locked)} for asset, (free, locked) in balances.items()]
    return {"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": rows}


def balance_update(asset: str, amount: Decimal, at_ms: int) -> Payload:
    return {"e": "balanceUpdate", "E": at_ms, "a": asset, "d": fixed(amount), "T": at_ms}


def book_snapshot(feed: NumberedBook, levels_max: int) -> Payload:
    return {
        "lastUpdateId": feed.update_id,
        "bids": _rows(feed.side(Side.BUY, levels_max)),
        "asks": _rows(feed.side(Side.SELL, levels_max)),
    }


def book_difference(symbol: str, difference: BookDifference, at_ms: int) -> Payload:
    return {
        "e": "depthUpdate",
        "E": at_ms,
        "s": symbol,
        "U": difference.first_id,
        "u": difference.last_id,
        "b": _rows(difference.bids),
        "a": _rows(difference.asks),
    }


def book_ticker(feed: NumberedBook) -> Payload:
    """Return the best prices, as the stream and the REST call share them."""
    bid, ask = feed.best()
    return {
        "u": feed.update_id,
        "s": feed.symbol,
        "b": fixed(bid[0]),
        "B": fixed(bid[1]),
        "a": fixed(ask[0]),
        "A": fixed(ask[1]),
    }


def _rows(levels: list[BookLevel]) -> list[list[str]]:
    return [[fixed(price), fixed(quantity)] for price, quantity in levels]
