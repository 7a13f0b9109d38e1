"""Requests that place and cancel conditional orders."""

from __future__ import annotations

from decimal import Decimal

from cadenza.simulators.okx.instruments import SPOT
from cadenza.simulators.okx.trading.algos import ALGO_TYPES, AT_MARKET, CONDITIONAL, OCO, TRAILING, TRIGGER
from cadenza.simulators.okx.trading.checks import check_state
from cadenza.simulators.okx.trading.order_requests import MODES, SIDES, check_margin_asset, position_side, refuse_fields
from cadenza.simulators.okx.trading.payloads import Payload
from cadenza.simulators.okx.trading.records import BASE_UNITS, QUOTE_UNITS, SimulatedAlgoOrder
from cadenza.simulators.okx.wire.errors import (
    OkxOrderRefusal,
    VenueRefusal,
    cancel_failed,
    wrong_field,
)
from cadenza.simulators.okx.wire.gateway import OkxRows, VenueCall
from cadenza.simulators.okx.wire.params import OkxParams

CANCELS_MAX = 10
NOT_SIMULATED = ("attachAlgoOrds", "closeFraction", "cxlOnClosePos", "quickMgnType", "chaseType", "advanceOrdType")
PRICES_BY = ("last", "index", "mark")


def place(call: VenueCall) -> OkxRows:
    """POST trade/order-algo."""
    (params,) = call.rows
    names: Payload = {"algoClOrdId": params.text("algoClOrdId"), "clOrdId": "", "tag": params.text("tag")}
    try:
        algo = call.venue.algos.place(_algo(call, params), call.now_ms)
    except OkxOrderRefusal as refusal:
        return OkxRows([names | {"algoId": "", "sCode": refusal.code, "sMsg": refusal.message}])
    return OkxRows([names | {"algoId": str(algo.algo_id), "sCode": "0", "sMsg": ""}])


def cancel(call: VenueCall) -> OkxRows:
    """POST trade/cancel-algos."""
    if len(call.rows) > CANCELS_MAX:
        raise VenueRefusal("50025", f"Parameter args count exceeds the limit {CANCELS_MAX}", 400)
    rows: list[Payload] = []
    for params in call.rows:
        names = {"algoId": params.text("algoId"), "algoClOrdId": params.text("algoClOrdId")}
        row: Payload = {**names, "clOrdId": "", "tag": ""}
        try:
            rows.append(row | {"algoId": _cancel(call, params), "sCode": "0", "sMsg": ""})
        except OkxOrderRefusal as refusal:
            rows.append(row | {"sCode": refusal.code, "sMsg": refusal.message})
    return OkxRows(rows)


def _cancel(call: VenueCall, params: OkxParams) -> str:
    symbol, algo_id, client_id = params.must("instId"), params.integer("algoId"), params.text("algoClOrdId")
    if algo_id is None and not client_id:
        raise OkxOrderRefusal("51003", "Either client order ID or order ID is required.")
    found = call.venue.algos.find(call.account, algo_id, client_id)
    if found is None or found.symbol != symbol:
        raise cancel_failed()
    call.venue.algos.cancel(found, call.now_ms)
    return str(found.algo_id)


def _algo(call: VenueCall, params: OkxParams) -> SimulatedAlgoOrder:
    """Read a conditional order, checked for form and for what the account's mode allows."""
    refuse_fields(params, NOT_SIMULATED)
    desk, exchange = call.venue.desk, call.venue.exchange
    instrument = desk.instrument(params.must("instId"))
    mode = params.choice("tdMode", MODES, "")
    kind = desk.order_type(call.account, instrument, mode)
    check_margin_asset(params, instrument, kind)
    side = position_side(params)
    desk.check_mode(call.account, instrument, mode, side, kind)
    check_state(exchange.states[instrument.name])
    size = params.positive("sz")
    if size is None:
        raise wrong_field("sz")
    type = params.choice("ordType", ALGO_TYPES, "")
    algo = SimulatedAlgoOrder(
        algo_id=exchange.next_id(),
        account=call.account,
        client_id=params.client_id("algoClOrdId"),
        tag=params.text("tag"),
        symbol=instrument.name,
        instrument_type=kind,
        trade_mode=mode,
        side=SIDES[params.choice("side", SIDES, "")],
        position_side=side,
        type=type,
        size=size,
        target=params.choice("tgtCcy", ("", BASE_UNITS, QUOTE_UNITS), "") if instrument.is_spot else "",
        is_reduce_only=params.flag("reduceOnly") and kind != SPOT,
        take_trigger=params.positive("tpTriggerPx"),
        take_price=_order_price(params, "tpOrdPx"),
        take_by=params.choice("tpTriggerPxType", PRICES_BY, "last") if params.text("tpTriggerPx") else "",
        stop_trigger=params.positive("slTriggerPx"),
        stop_price=_order_price(params, "slOrdPx"),
        stop_by=params.choice("slTriggerPxType", PRICES_BY, "last") if params.text("slTriggerPx") else "",
        trigger=params.positive("triggerPx"),
        trigger_price=_order_price(params, "orderPx"),
        trigger_by=params.choice("triggerPxType", PRICES_BY, "last") if params.text("triggerPx") else "",
        callback_ratio=params.positive("callbackRatio"),
        callback_spread=params.positive("callbackSpread"),
        active_price=params.positive("activePx"),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    _check_form(algo)
    return algo


def _order_price(params: OkxParams, name: str) -> Decimal | None:
    """Return the price of the order that follows; -1 is at market."""
    price = params.number(name)
    if price is not None and price <= 0 and price != AT_MARKET:
        raise wrong_field(name)
    return price


def _check_form(algo: SimulatedAlgoOrder) -> None:
    takes = algo.take_trigger is not None and algo.take_price is not None
    stops = algo.stop_trigger is not None and algo.stop_price is not None
    if (algo.take_trigger is None) is not (algo.take_price is None):
        raise wrong_field("tpTriggerPx")
    if (algo.stop_trigger is None) is not (algo.stop_price is None):
        raise wrong_field("slTriggerPx")
    match algo.type:
        case "conditional":
            is_complete = takes is not stops
        case "oco":
            is_complete = takes and stops
        case "trigger":
            is_complete = algo.trigger is not None and algo.trigger_price is not None
        case _:
            is_complete = (algo.callback_ratio is None) is not (algo.callback_spread is None)
    names = {CONDITIONAL: "slTriggerPx", OCO: "slTriggerPx", TRIGGER: "triggerPx", TRAILING: "callbackRatio"}
    if not is_complete:
        raise wrong_field(names[algo.type])
