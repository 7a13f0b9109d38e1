"""Orders and trades of cross margin as the venue writes them: those of spot with a mark, and without order lists."""

from __future__ import annotations

from cadenza.simulators.binance.spot import payloads as spot
from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.spot.records import SpotOrder, SpotTrade
from cadenza.simulators.binance.wire.numbers import fixed

_SPOT_ONLY = ("orderListId", "workingTime", "origQuoteOrderQty")


def ack(order: SpotOrder) -> Payload:
    return _marked(spot.ack(order))


def result(order: SpotOrder) -> Payload:
    return _marked(spot.result(order)) | _borrowed(order)


def full(order: SpotOrder, trades: list[SpotTrade]) -> Payload:
    return _marked(spot.full(order, trades)) | _borrowed(order)


def canceled(order: SpotOrder, cancel_id: str) -> Payload:
    return _marked(spot.canceled(order, cancel_id))


def queried(order: SpotOrder) -> Payload:
    return _marked(spot.queried(order))


def account_trade(trade: SpotTrade) -> Payload:
    return _marked(spot.account_trade(trade))


def _marked(row: Payload) -> Payload:
    return {name: value for name, value in row.items() if name not in _SPOT_ONLY} | {"isIsolated": False}


def _borrowed(order: SpotOrder) -> Payload:
    """What was borrowed for an order, only where something was."""
    if order.margin is None or not order.margin.borrowed:
        return {}
    return {
        "marginBuyBorrowAmount": fixed(order.margin.borrowed),
        "marginBuyBorrowAsset": order.margin.borrowed_asset,
    }
