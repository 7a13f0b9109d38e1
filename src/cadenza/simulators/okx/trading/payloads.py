"""Orders, executions and conditional orders as answers and pushes show them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, to_plain
from cadenza.simulators.okx.instruments import SimulatedInstrument
from cadenza.simulators.okx.trading.records import OrderChange, SimulatedAlgoOrder, SimulatedOrder, SimulatedTrade

Payload = dict[str, object]
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
SOURCE_REASONS = {
    "1": "Order canceled by user.",
    "13": "Order canceled: FOK order could not be filled completely.",
    "14": "Order canceled: IOC order was not filled completely.",
    "17": "Order canceled: the position was closed.",
    "20": "Order canceled: cancel all after was triggered.",
    "23": "Order canceled: reduce-only order exceeds the position.",
    "31": "Order canceled: post-only order would take liquidity.",
    "32": "Order canceled: self trade prevention.",
}


def text(value: Decimal | None) -> str:
    """Return a number, or nothing where there is none."""
    return "" if value is None else to_plain(value)


def stamp(at_ms: int | None) -> str:
    return "" if at_ms is None else str(at_ms)


def flag(value: bool) -> str:
    return "true" if value else "false"


def order_payload(order: SimulatedOrder) -> Payload:
    """Return an order as queries show it: the fields of an execution are those of the last one."""
    return {
        "accFillSz": text(order.executed),
        "algoClOrdId": order.algo_client_id,
        "algoId": stamp(order.algo_id),
        "attachAlgoClOrdId": "",
        "attachAlgoOrds": [],
        "avgPx": text(order.average_price),
        "cTime": str(order.created_ms),
        "cancelSource": order.cancel_source,
        "cancelSourceReason": SOURCE_REASONS.get(order.cancel_source, ""),
        "category": order.category,
        "ccy": "",
        "clOrdId": order.client_order_id,
        "fee": text(order.fee),
        "feeCcy": order.fee_asset,
        "fillPx": text(order.last_price),
        "fillSz": text(order.last_quantity),
        "fillTime": stamp(order.last_fill_ms),
        "instId": order.symbol,
        "instType": order.instrument_type,
        "isTpLimit": "false",
        "lever": stamp(order.lever),
        "linkedAlgoOrd": {"algoId": ""},
        "ordId": str(order.order_id),
        "ordType": order.type,
        "pnl": text(order.profit),
        "posSide": order.position_side,
        "px": text(order.price),
        "pxType": "",
        "pxUsd": "",
        "pxVol": "",
        "quickMgnType": "",
        "rebate": "0",
        "rebateCcy": order.fee_asset,
        "reduceOnly": flag(order.is_reduce_only),
        "side": SIDES[order.side],
        "slOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "source": order.source,
        "state": order.state,
        "stpId": "",
        "stpMode": order.stp_mode,
        "sz": text(order.size),
        "tag": order.tag,
        "tdMode": order.trade_mode,
        "tgtCcy": order.target,
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "tpTriggerPxType": "",
        "tradeId": stamp(order.last_trade_id),
        "tradeQuoteCcy": "",
        "uTime": str(order.updated_ms),
    }


def order_push(change: OrderChange, instrument: SimulatedInstrument, last: Decimal, dollars: Decimal) -> Payload:
    """Return a change of an order: the fields of an execution are those of this one, and empty where there is none."""
    order, trade = change.order, change.trade
    row = order_payload(order)
    del row["cancelSourceReason"]
    worth = instrument.value(order.quantity, order.price or last) * dollars
    row |= {
        "amendResult": change.amend_result,
        "amendSource": "1" if change.amend_result else "",
        "code": "0",
        "execType": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillNotionalUsd": "",
        "fillPnl": "0",
        "fillPx": "",
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillSz": "0",
        "fillTime": "",
        "lastPx": text(last),
        "msg": "",
        "notionalUsd": text(worth),
        "reqId": change.request_id,
        "tradeId": "",
    }
    if trade is None:
        return row
    return row | {
        "execType": "M" if trade.is_maker else "T",
        "fillFee": text(trade.fee),
        "fillFeeCcy": trade.fee_asset,
        "fillNotionalUsd": text(instrument.value(trade.quantity, trade.price) * dollars),
        "fillPnl": text(trade.profit),
        "fillPx": text(trade.price),
        "fillSz": text(trade.quantity),
        "fillTime": str(trade.at_ms),
        "tradeId": str(trade.trade_id),
    }


def fill_payload(trade: SimulatedTrade) -> Payload:
    return {
        "billId": str(trade.bill_id),
        "clOrdId": trade.client_order_id,
        "execType": "M" if trade.is_maker else "T",
        "fee": text(trade.fee),
        "feeCcy": trade.fee_asset,
        "feeRate": "",
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillPnl": text(trade.profit),
        "fillPx": text(trade.price),
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillSz": text(trade.quantity),
        "fillTime": str(trade.at_ms),
        "instId": trade.symbol,
        "instType": trade.instrument_type,
        "ordId": str(trade.order_id),
        "posSide": trade.position_side,
        "side": SIDES[trade.side],
        "subType": "1" if trade.side is Side.BUY else "2",
        "tag": trade.tag,
        "tradeId": str(trade.trade_id),
        "tradeQuoteCcy": "",
        "ts": str(trade.at_ms),
    }


def algo_payload(algo: SimulatedAlgoOrder, order: SimulatedOrder | None, last: Decimal, contract_value: str) -> Payload:
    """Return a conditional order. `order` is the one that it became."""
    return {
        "activePx": text(algo.active_price),
        "activePxType": "last" if algo.active_price is not None else "",
        "actualPx": text(None if order is None else order.average_price),
        "actualSide": algo.actual_side,
        "actualSz": text(ZERO if order is None else order.executed),
        "algoClOrdId": algo.client_id,
        "algoId": str(algo.algo_id),
        "amendPxOnTriggerType": "0",
        "attachAlgoOrds": [],
        "cTime": str(algo.created_ms),
        "callbackRatio": text(algo.callback_ratio),
        "callbackSpread": text(algo.callback_spread),
        "ccy": "",
        "chaseType": "",
        "chaseVal": "",
        "clOrdId": "" if order is None else order.client_order_id,
        "closeFraction": "",
        "ctVal": contract_value,
        "failCode": algo.fail_code,
        "instId": algo.symbol,
        "instType": algo.instrument_type,
        "isTradeBorrowMode": "",
        "last": text(last),
        "lever": stamp(None if order is None else order.lever),
        "linkedOrd": {"ordId": ""},
        "moveTriggerPx": text(algo.stop),
        "ordId": stamp(algo.order_id),
        "ordIdList": [] if algo.order_id is None else [str(algo.order_id)],
        "ordPx": text(algo.trigger_price),
        "ordType": algo.type,
        "posSide": algo.position_side,
        "quickMgnType": "",
        "reduceOnly": flag(algo.is_reduce_only),
        "side": SIDES[algo.side],
        "slOrdPx": text(algo.stop_price),
        "slTriggerPx": text(algo.stop_trigger),
        "slTriggerPxType": algo.stop_by,
        "state": algo.state,
        "sz": text(algo.size),
        "tag": algo.tag,
        "tdMode": algo.trade_mode,
        "tgtCcy": algo.target,
        "tpOrdPx": text(algo.take_price),
        "tpTriggerPx": text(algo.take_trigger),
        "tpTriggerPxType": algo.take_by,
        "triggerPx": text(algo.trigger),
        "triggerPxType": algo.trigger_by,
        "triggerTime": stamp(algo.trigger_ms),
        "uTime": str(algo.updated_ms),
    }
