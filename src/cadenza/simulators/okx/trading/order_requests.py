"""Requests that place, cancel and amend orders. Each row is answered with a code of its own."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.domain.market.enums import Side
from cadenza.simulators.okx.instruments import INSTRUMENT_TYPES, MARGIN, SPOT, SimulatedInstrument
from cadenza.simulators.okx.trading.checks import MARKET_TYPES
from cadenza.simulators.okx.trading.dead_man import TIMEOUT_S_MAX, TIMEOUT_S_MIN
from cadenza.simulators.okx.trading.exchange import USER
from cadenza.simulators.okx.trading.payloads import Payload
from cadenza.simulators.okx.trading.records import BASE_UNITS, QUOTE_UNITS, OkxOrderRequest, SimulatedOrder
from cadenza.simulators.okx.wire.errors import (
    OkxOrderRefusal,
    VenueRefusal,
    amend_failed,
    cancel_failed,
    wrong_field,
    wrong_parameter,
)
from cadenza.simulators.okx.wire.gateway import OkxRows, VenueCall
from cadenza.simulators.okx.wire.params import TAG, OkxParams

BATCH_MAX = 20
MODES = ("cash", "cross", "isolated", "spot_isolated")
SPOT_TYPES = ("market", "limit", "post_only", "fok", "ioc")
CONTRACT_TYPES = (*SPOT_TYPES, "optimal_limit_ioc")
OPTION_TYPES = ("limit", "post_only", "fok", "ioc", "op_fok")
NOT_SIMULATED = ("attachAlgoOrds", "pxUsd", "pxVol", "quickMgnType", "isElpTakerAccess", "slippagePct")
"""Fields of an order that are refused, because they would change what it does."""

STP_MODES = ("cancel_maker", "cancel_taker", "cancel_both")
SIDES = {"buy": Side.BUY, "sell": Side.SELL}

RowHandler = Callable[[VenueCall, OkxParams], Payload]


def place(call: VenueCall) -> OkxRows:
    """POST trade/order, and the sockets' `order`."""
    return _each(call, _place, _placed)


def place_batch(call: VenueCall) -> OkxRows:
    """POST trade/batch-orders."""
    return _each_of_batch(call, _place, _placed)


def cancel(call: VenueCall) -> OkxRows:
    """POST trade/cancel-order."""
    return _each(call, _cancel, _canceled)


def cancel_batch(call: VenueCall) -> OkxRows:
    """POST trade/cancel-batch-orders."""
    return _each_of_batch(call, _cancel, _canceled)


def amend(call: VenueCall) -> OkxRows:
    """POST trade/amend-order."""
    return _each(call, _amend, _amended)


def amend_batch(call: VenueCall) -> OkxRows:
    """POST trade/amend-batch-orders."""
    return _each_of_batch(call, _amend, _amended)


def cancel_all_after(call: VenueCall) -> list[Payload]:
    """POST trade/cancel-all-after."""
    timeout = call.params.integer("timeOut")
    if timeout is None or not (timeout == 0 or TIMEOUT_S_MIN <= timeout <= TIMEOUT_S_MAX):
        raise wrong_parameter("timeOut")
    tag = call.params.text("tag")
    due_ms = call.venue.dead_man.set(call.account, tag, timeout, call.now_ms)
    return [{"triggerTime": str(due_ms), "tag": tag, "ts": str(call.now_ms)}]


def mass_cancel(call: VenueCall) -> list[Payload]:
    """POST trade/mass-cancel: the open orders of an option family."""
    if call.params.must("instType") != "OPTION":
        raise wrong_parameter("instType")
    family, exchange = call.params.must("instFamily"), call.venue.exchange
    for order in exchange.registry.open_orders(call.account):
        instrument = exchange.instruments[order.symbol]
        if instrument.is_option and instrument.family == family:
            exchange.cancel(order, USER, call.now_ms)
    return [{"result": True}]


def _each(call: VenueCall, do: RowHandler, shape: Callable[[OkxParams, str], Payload]) -> OkxRows:
    rows = []
    for params in call.rows:
        try:
            rows.append(do(call, params) | {"sCode": "0", "sMsg": "", "ts": str(call.now_ms)})
        except OkxOrderRefusal as refusal:
            failed = {"sCode": refusal.code, "sMsg": refusal.message, "ts": str(call.now_ms)}
            rows.append(shape(params, "") | failed)
    return OkxRows(rows)


def _each_of_batch(call: VenueCall, do: RowHandler, shape: Callable[[OkxParams, str], Payload]) -> OkxRows:
    if len(call.rows) > BATCH_MAX:
        raise VenueRefusal("50025", f"Parameter args count exceeds the limit {BATCH_MAX}", 400)
    return _each(call, do, shape)


def _placed(params: OkxParams, order_id: str) -> Payload:
    return {"clOrdId": params.text("clOrdId"), "ordId": order_id, "tag": params.text("tag"), "subCode": ""}


def _canceled(params: OkxParams, order_id: str) -> Payload:
    return {"clOrdId": params.text("clOrdId"), "ordId": order_id or params.text("ordId")}


def _amended(params: OkxParams, order_id: str) -> Payload:
    return _canceled(params, order_id) | {"reqId": params.text("reqId"), "subCode": ""}


def _place(call: VenueCall, params: OkxParams) -> Payload:
    request = order_request(call, params)
    order = call.venue.desk.place(call.account, request, call.now_ms)
    return _placed(params, str(order.order_id))


def order_request(call: VenueCall, params: OkxParams) -> OkxOrderRequest:
    """Read an order, checked for form."""
    refuse_fields(params, NOT_SIMULATED)
    desk = call.venue.desk
    instrument = desk.instrument(params.must("instId"))
    mode = params.choice("tdMode", MODES, "")
    side = SIDES[params.choice("side", SIDES, "")]
    kind = desk.order_type(call.account, instrument, mode)
    check_margin_asset(params, instrument, kind)
    types = SPOT_TYPES if instrument.is_spot else OPTION_TYPES if instrument.is_option else CONTRACT_TYPES
    type = params.choice("ordType", types, "")
    price = params.positive("px")
    if (price is None) is not (type in MARKET_TYPES):
        raise wrong_field("px")
    size = params.positive("sz")
    if size is None:
        raise wrong_field("sz")
    return OkxOrderRequest(
        symbol=instrument.name,
        instrument_type=kind,
        trade_mode=mode,
        side=side,
        position_side=position_side(params),
        type=type,
        size=size,
        price=price,
        target=_target(params, instrument, side, type),
        client_order_id=params.client_id("clOrdId"),
        tag=_tag(params),
        is_reduce_only=params.flag("reduceOnly") and kind != SPOT,
        stp_mode=params.choice("stpMode", STP_MODES, "cancel_maker"),
        bans_amend=params.flag("banAmend"),
    )


def check_margin_asset(params: OkxParams, instrument: SimulatedInstrument, kind: str) -> None:
    """Refuse another margin of a margin pair than its quote asset, which is the only one that is simulated."""
    if kind == MARGIN and params.text("ccy") not in ("", instrument.quote):
        raise OkxOrderRefusal("51000", "Parameter ccy error: margin in the base asset is not simulated")


def refuse_fields(params: OkxParams, names: tuple[str, ...]) -> None:
    """Refuse a request that has a field which the simulator does not obey."""
    for name in names:
        if params.text(name) not in ("", "[]", "false"):
            raise OkxOrderRefusal("51000", f"Parameter {name} error: it is not simulated")


def position_side(params: OkxParams) -> str:
    return params.choice("posSide", ("net", "long", "short"), "net")


def _target(params: OkxParams, instrument: SimulatedInstrument, side: Side, type: str) -> str:
    """Return the units of the size: a market buy of spot is in quote units unless it says otherwise."""
    sent = params.choice("tgtCcy", ("", BASE_UNITS, QUOTE_UNITS), "")
    if not instrument.is_spot:
        return ""
    if type != "market":
        return BASE_UNITS if sent else ""
    return sent or (QUOTE_UNITS if side is Side.BUY else BASE_UNITS)


def _tag(params: OkxParams) -> str:
    tag = params.text("tag")
    if tag and TAG.fullmatch(tag) is None:
        raise wrong_field("tag")
    return tag


def _named(call: VenueCall, params: OkxParams, refusal: OkxOrderRefusal) -> SimulatedOrder:
    """Return the open order that a request names; the order id wins over the client's."""
    symbol = call.venue.desk.instrument(params.must("instId")).name
    order_id, client_id = params.integer("ordId"), params.text("clOrdId")
    if order_id is None and not client_id:
        raise OkxOrderRefusal("51003", "Either client order ID or order ID is required.")
    found = call.venue.exchange.registry.find(call.account, symbol, order_id, None if order_id else client_id)
    if found is None or not found.is_open:
        raise refusal
    return found


def _cancel(call: VenueCall, params: OkxParams) -> Payload:
    order = _named(call, params, cancel_failed())
    call.venue.exchange.cancel(order, USER, call.now_ms)
    return {"clOrdId": order.client_order_id, "ordId": str(order.order_id)}


def _amend(call: VenueCall, params: OkxParams) -> Payload:
    order = _named(call, params, amend_failed())
    price, size = params.positive("newPx") or order.price, params.positive("newSz") or order.quantity
    assert price is not None
    try:
        changed = call.venue.desk.amend(order, size, price, params.text("reqId"), call.now_ms)
    except OkxOrderRefusal:
        if params.flag("cxlOnFail"):
            call.venue.exchange.cancel(order, USER, call.now_ms)
        raise
    return {
        "clOrdId": changed.client_order_id,
        "ordId": str(changed.order_id),
        "reqId": params.text("reqId"),
        "subCode": "",
    }


def listed_type(value: str) -> str:
    """Return an instrument type; refuse what is none."""
    if value not in INSTRUMENT_TYPES:
        raise wrong_parameter("instType")
    return value
