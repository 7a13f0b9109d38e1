"""From parameters to orders of USD-M: which parameters each type needs, and which it refuses."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.binance.usdm.algo import TRAILING, WITH_LIMIT, ConditionalOrderRequest
from cadenza.simulators.binance.usdm.errors import bad_good_till, position_side_mismatch, use_algo_service
from cadenza.simulators.binance.usdm.records import FuturesOrderRequest
from cadenza.simulators.binance.usdm.symbols import ORDER_TYPES, STP_MODE, TIMES_IN_FORCE
from cadenza.simulators.binance.wire.errors import VenueRefusal, not_required, not_sent
from cadenza.simulators.binance.wire.params import RequestParams

PLAIN_TYPES = ("LIMIT", "MARKET")
CONDITIONAL_TYPES = tuple(type for type in ORDER_TYPES if type not in PLAIN_TYPES)
POSITION_SIDES = ("BOTH", "LONG", "SHORT")
WORKING_TYPES = ("CONTRACT_PRICE", "MARK_PRICE")
RESPONSE_TYPES = ("ACK", "RESULT")
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
GOOD_TILL_MS_MIN = 600_000
GOOD_TILL_MS_END = 253_402_300_799_000
CALLBACK_RATE_MIN, CALLBACK_RATE_MAX = Decimal("0.1"), Decimal(10)


def read_order(params: RequestParams, now_ms: int, *, is_hedged: bool) -> FuturesOrderRequest:
    """Return the request for an order of the matching engine, or raise the refusal that the venue gives for its
    form."""
    symbol, side = params.must("symbol"), _side(params)
    type = _type(params)
    if type in CONDITIONAL_TYPES:
        raise use_algo_service()
    position_side = _position_side(params, is_hedged)
    time_in_force = params.choice("timeInForce", TIMES_IN_FORCE, VenueRefusal(-1115, "Invalid timeInForce."))
    price, quantity = params.number("price"), params.number("quantity")
    if params.flag("closePosition"):
        raise VenueRefusal(-4136, "Target strategy invalid for orderType closePosition.")
    _require(type == "LIMIT", timeInForce=time_in_force, price=price)
    if type == "MARKET" and price is not None:
        raise not_required("price")
    if quantity is None:
        raise not_sent("quantity")
    _read_what_is_not_supported(params)
    return FuturesOrderRequest(
        symbol=symbol,
        side=side,
        position_side=position_side,
        type=type,
        time_in_force=time_in_force or "GTC",
        quantity=quantity,
        price=price,
        is_reduce_only=_reduce_only(params, is_hedged),
        good_till_ms=_good_till_ms(params, time_in_force, now_ms),
        client_order_id=params.client_order_id("newClientOrderId"),
        working_type=params.choice("workingType", WORKING_TYPES) or "CONTRACT_PRICE",
    )


def read_algo_order(params: RequestParams, now_ms: int, *, is_hedged: bool) -> ConditionalOrderRequest:
    """Return the request for a conditional order, or raise the refusal that the venue gives for its form."""
    if params.must("algoType") != "CONDITIONAL":
        raise VenueRefusal(-4500, "Invalid algoType.")
    symbol, side = params.must("symbol"), _side(params)
    type = _type(params)
    if type in PLAIN_TYPES:
        raise VenueRefusal(-1116, "Invalid orderType.")
    position_side = _position_side(params, is_hedged)
    time_in_force = params.choice("timeInForce", TIMES_IN_FORCE, VenueRefusal(-1115, "Invalid timeInForce."))
    is_closing_all, quantity = params.flag("closePosition"), params.number("quantity")
    is_reduce_only = _reduce_only(params, is_hedged)
    _check_closing(type, is_closing_all, quantity, is_reduce_only)
    price, trigger_price = params.number("price"), params.number("triggerPrice")
    _require(type in WITH_LIMIT, price=price)
    _require(type != TRAILING, triggerPrice=trigger_price)
    callback_rate, activate_price = params.number("callbackRate"), params.number("activatePrice")
    _require(type == TRAILING, callbackRate=callback_rate)
    if callback_rate is not None and not CALLBACK_RATE_MIN <= callback_rate <= CALLBACK_RATE_MAX:
        raise VenueRefusal(-2007, "Invalid callBack rate.")
    _read_what_is_not_supported(params)
    return ConditionalOrderRequest(
        symbol=symbol,
        side=side,
        position_side=position_side,
        type=type,
        time_in_force=time_in_force or "GTC",
        quantity=quantity or ZERO,
        price=(price or ZERO) if type in WITH_LIMIT else ZERO,
        trigger_price=(trigger_price or ZERO) if type != TRAILING else ZERO,
        working_type=params.choice("workingType", WORKING_TYPES) or "CONTRACT_PRICE",
        is_reduce_only=is_reduce_only,
        is_closing_all=is_closing_all,
        is_protected=params.flag("priceProtect"),
        activate_price=activate_price,
        callback_rate=callback_rate,
        good_till_ms=_good_till_ms(params, time_in_force, now_ms),
        client_algo_id=params.client_order_id("clientAlgoId"),
    )


def read_response_type(params: RequestParams) -> str:
    """Return ACK or RESULT."""
    return params.choice("newOrderRespType", RESPONSE_TYPES) or "ACK"


def _side(params: RequestParams) -> Side:
    params.must("side")
    return Side(params.choice("side", ("BUY", "SELL"), VenueRefusal(-1117, "Invalid side.")) or "")


def _type(params: RequestParams) -> str:
    params.must("type")
    return params.choice("type", ORDER_TYPES, VenueRefusal(-1116, "Invalid orderType.")) or ""


def _position_side(params: RequestParams, is_hedged: bool) -> str:
    side = params.choice("positionSide", POSITION_SIDES) or "BOTH"
    if (side != "BOTH") is not is_hedged:
        raise position_side_mismatch()
    return side


def _reduce_only(params: RequestParams, is_hedged: bool) -> bool:
    is_reduce_only = params.flag("reduceOnly")
    if is_hedged and params.text("reduceOnly") is not None:
        raise not_required("reduceonly")
    return is_reduce_only


def _check_closing(type: str, is_closing_all: bool, quantity: Decimal | None, is_reduce_only: bool) -> None:
    if not is_closing_all:
        if quantity is None:
            raise not_sent("quantity")
        return
    if type not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
        raise VenueRefusal(-4136, "Target strategy invalid for orderType closePosition.")
    if quantity is not None:
        raise VenueRefusal(-4137, "Quantity must be zero with closePosition equals true.")
    if is_reduce_only:
        raise VenueRefusal(-4138, "Reduce only must be true with closePosition equals true.")


def _require(is_needed: bool, **values: object) -> None:
    for name, value in values.items():
        if is_needed and value is None:
            raise not_sent(name)


def _good_till_ms(params: RequestParams, time_in_force: str | None, now_ms: int) -> int | None:
    """Return when a GTD order ends; the venue keeps whole seconds."""
    value = params.integer("goodTillDate")
    if time_in_force != "GTD":
        return None
    if value is None:
        raise not_sent("goodtilldate")
    good_till_ms = value - value % 1000
    if not now_ms + GOOD_TILL_MS_MIN < good_till_ms < GOOD_TILL_MS_END:
        raise bad_good_till()
    return good_till_ms


def _read_what_is_not_supported(params: RequestParams) -> None:
    """Refuse what this simulator lacks: matched prices, and other modes of self-trade prevention."""
    if params.text("priceMatch") not in (None, "NONE"):
        raise VenueRefusal(-5037, "Invalid price match.")
    if params.choice("selfTradePreventionMode", STP_MODES) not in (None, "NONE", STP_MODE):
        raise VenueRefusal(-5041, "This simulator knows EXPIRE_TAKER only.")
