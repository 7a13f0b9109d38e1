"""From parameters to an order request: which parameters each type needs, and which it refuses."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.binance.spot.records import SpotOrderRequest
from cadenza.simulators.binance.spot.symbols import ORDER_TYPES, STP_MODE
from cadenza.simulators.binance.wire.errors import VenueRefusal, not_required, not_sent, order_rejected
from cadenza.simulators.binance.wire.params import RequestParams

TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
RESPONSE_TYPES = ("ACK", "RESULT", "FULL")
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
WITH_PRICE = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
WITH_TIME_IN_FORCE = WITH_PRICE - {"LIMIT_MAKER"}
WITH_STOP = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})


def read_order(params: RequestParams) -> SpotOrderRequest:
    """Return the request, or raise the refusal that the venue gives for its form."""
    symbol = params.must("symbol")
    side = _enum(params, "side", ("BUY", "SELL"), VenueRefusal(-1117, "Invalid side."))
    type = _enum(params, "type", ORDER_TYPES, VenueRefusal(-1116, "Invalid orderType."))
    time_in_force = params.choice("timeInForce", TIMES_IN_FORCE, VenueRefusal(-1115, "Invalid timeInForce."))
    price, stop_price = params.number("price"), params.number("stopPrice")
    quantity, quote_quantity = params.number("quantity"), params.number("quoteOrderQty")
    _refuse_what_is_not_listed(params)
    _check(type, "timeInForce", time_in_force is not None, type in WITH_TIME_IN_FORCE)
    _check_quantities(type, quantity, quote_quantity)
    _check(type, "price", price is not None, type in WITH_PRICE)
    trailing_delta = params.integer("trailingDelta")
    _check_trigger(type, stop_price, trailing_delta)
    _refuse_zero("quantity", quantity)
    _refuse_zero("quoteOrderQty", quote_quantity)
    _refuse_zero("price", price)
    _refuse_zero("stopPrice", stop_price)
    return SpotOrderRequest(
        symbol=symbol,
        side=Side(side),
        type=type,
        time_in_force=time_in_force or "GTC",
        quantity=quantity,
        quote_quantity=quote_quantity or ZERO,
        price=price,
        stop_price=stop_price,
        trailing_delta=trailing_delta,
        client_order_id=params.client_order_id("newClientOrderId"),
    )


def read_response_type(params: RequestParams, type: str) -> str:
    """Return ACK, RESULT or FULL. MARKET and LIMIT orders are answered in full unless the client asks for less."""
    default = "FULL" if type in ("MARKET", "LIMIT") else "ACK"
    return params.choice("newOrderRespType", RESPONSE_TYPES) or default


def _enum(params: RequestParams, name: str, allowed: tuple[str, ...], refusal: VenueRefusal) -> str:
    params.must(name)
    value = params.choice(name, allowed, refusal)
    assert value is not None
    return value


def _check(type: str, name: str, is_sent: bool, is_needed: bool) -> None:
    if is_needed and not is_sent:
        raise not_sent(name)
    if is_sent and not is_needed:
        raise not_required(name)


def _check_quantities(type: str, quantity: Decimal | None, quote_quantity: Decimal | None) -> None:
    if type != "MARKET":
        _check(type, "quoteOrderQty", quote_quantity is not None, False)
        _check(type, "quantity", quantity is not None, True)
    elif quantity is None and quote_quantity is None:
        raise VenueRefusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    elif quantity is not None and quote_quantity is not None:
        raise VenueRefusal(-1128, "Combination of optional parameters invalid.")


def _check_trigger(type: str, stop_price: Decimal | None, trailing_delta: int | None) -> None:
    if type not in WITH_STOP:
        _check(type, "stopPrice", stop_price is not None, False)
        _check(type, "trailingDelta", trailing_delta is not None, False)
    elif stop_price is None and trailing_delta is None:
        raise VenueRefusal(-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")


def _refuse_zero(name: str, value: Decimal | None) -> None:
    if value is not None and not value:
        raise VenueRefusal(-1013, f"Invalid {name}.")


def _refuse_what_is_not_listed(params: RequestParams) -> None:
    """Refuse what `exchangeInfo` says that no symbol has."""
    if params.number("icebergQty"):
        raise order_rejected("Iceberg orders are not supported for this symbol.")
    if params.choice("selfTradePreventionMode", STP_MODES) not in (None, STP_MODE):
        raise order_rejected("This symbol does not allow the specified self-trade prevention mode.")
    params.integer("strategyId")
    params.integer("strategyType")
