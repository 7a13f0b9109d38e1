"""From our orders to the requests that BINANCE takes. Pure: the caller gives the time and the position mode.

What the venue lacks is refused with the domain's own causes, each of which names what is missing; nothing is sent in
another form than it was asked for. Three choices are made here:

- The quantity is always that of the base asset. An order for an amount of the quote asset was resolved before it was
  recorded, and `quoteOrderQty` could execute more than the order states.
- On margin, nothing is borrowed that nobody asked for: only an order with a leverage above 1 borrows. What comes in
  always repays what is owed.
- Stops of USD-M are triggered by the last price (`CONTRACT_PRICE`), as on spot.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from cadenza.adapters.venues.binance import mapping
from cadenza.adapters.venues.binance.credential import ParameterValue
from cadenza.adapters.venues.binance.requests import BinanceRequest, stamp
from cadenza.adapters.venues.binance.spec import GOOD_TILL_MS_MIN
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.errors import (
    InvalidExpiry,
    InvalidLeverage,
    InvalidPrice,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.order import Order

CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
GOOD_TILL_MS_END = 253_402_300_799_000

_MS_PER_S = 1_000

_SPOT_ORDER = "/api/v3/order"
_MARGIN_ORDER = "/sapi/v1/margin/order"
_USDM_ORDER = "/fapi/v1/order"
_USDM_ALGO_ORDER = "/fapi/v1/algoOrder"


# --- new orders


def spot_order(order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
    """Return the request for a new order of spot."""
    return BinanceRequest("POST", _SPOT_ORDER, _spot_parameters(order, instrument, time, {}))


def margin_order(order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
    """Return the request for a new order of cross margin."""
    is_borrowing = order.leverage is not None and order.leverage > 1
    effect: dict[str, ParameterValue] = {
        "isIsolated": "FALSE",
        "sideEffectType": "AUTO_BORROW_REPAY" if is_borrowing else "AUTO_REPAY",
    }
    return BinanceRequest("POST", _MARGIN_ORDER, _spot_parameters(order, instrument, time, effect))


def usdm_order(
    order: Order, instrument: Instrument, time: RequestInstant, position_mode: PositionMode
) -> BinanceRequest:
    """Return the request for a new order of USD-M: of the matching engine, or for a conditional order of the algo
    service."""
    if order.leverage is not None:
        raise InvalidLeverage("BINANCE USD-M keeps the leverage by instrument, and takes none with an order")
    if order.type in mapping.USDM_ALGO_TYPE_WORDS:
        parameters = _algo_parameters(order, instrument, position_mode)
        return BinanceRequest("POST", _USDM_ALGO_ORDER, {**parameters, **_deadline(order, time)})
    parameters = _usdm_parameters(order, instrument, time, position_mode)
    return BinanceRequest("POST", _USDM_ORDER, {**parameters, **_deadline(order, time)})


def _spot_parameters(
    order: Order,
    instrument: Instrument,
    time: RequestInstant,
    effect: dict[str, ParameterValue],
) -> dict[str, ParameterValue]:
    type = mapping.SPOT_TYPE_WORDS.get(order.type)
    if type is None:
        raise UnsupportedOrderType(f"BINANCE spot has no {order.type.value} orders")
    parameters: dict[str, ParameterValue] = {
        "symbol": instrument.external_symbol,
        "side": mapping.SIDE_WORDS[order.side],
        "type": type,
    }
    if order.type is OrderType.LIMIT and order.sent_time_in_force is TimeInForce.GTX:
        parameters["type"] = mapping.SPOT_POST_ONLY
    elif order.type in LIMIT_TYPES:
        parameters["timeInForce"] = _time_word(order, "spot", mapping.SPOT_TIME_WORDS)
    else:
        _require_plain_time(order, "spot")
    parameters["quantity"] = to_plain(order.quantity)
    if order.type in LIMIT_TYPES:
        parameters["price"] = _price(order.limit_price, order, "a limit price")
    if order.type not in (OrderType.LIMIT, OrderType.MARKET):
        parameters["stopPrice"] = _price(order.stop_price, order, "a stop price")
    return {
        **parameters,
        "newClientOrderId": client_id(order),
        "newOrderRespType": "FULL",
        **effect,
        **_deadline(order, time),
    }


def _usdm_parameters(
    order: Order, instrument: Instrument, time: RequestInstant, position_mode: PositionMode
) -> dict[str, ParameterValue]:
    type = mapping.USDM_PLAIN_TYPE_WORDS.get(order.type)
    if type is None:
        raise UnsupportedOrderType(f"BINANCE USD-M has no {order.type.value} orders")
    parameters: dict[str, ParameterValue] = {
        "symbol": instrument.external_symbol,
        "side": mapping.SIDE_WORDS[order.side],
        **_position_side(order, position_mode),
        "type": type,
    }
    if order.type is OrderType.MARKET:
        _require_plain_time(order, "USD-M")
    else:
        parameters["timeInForce"] = _time_word(order, "USD-M", mapping.USDM_TIME_WORDS)
        parameters["price"] = _price(order.limit_price, order, "a limit price")
    if order.sent_time_in_force is TimeInForce.GTD:
        parameters["goodTillDate"] = _good_till_ms(order, time)
    return {
        **parameters,
        "quantity": to_plain(order.quantity),
        "newClientOrderId": client_id(order),
        "newOrderRespType": "RESULT",
    }


def _algo_parameters(order: Order, instrument: Instrument, position_mode: PositionMode) -> dict[str, ParameterValue]:
    parameters: dict[str, ParameterValue] = {
        "algoType": "CONDITIONAL",
        "symbol": instrument.external_symbol,
        "side": mapping.SIDE_WORDS[order.side],
        **_position_side(order, position_mode),
        "type": mapping.USDM_ALGO_TYPE_WORDS[order.type],
        "quantity": to_plain(order.quantity),
    }
    if order.type in LIMIT_TYPES:
        # The conditional orders of USD-M know the same times as spot.
        parameters["timeInForce"] = _time_word(order, "USD-M", mapping.SPOT_TIME_WORDS)
        parameters["price"] = _price(order.limit_price, order, "a limit price")
    else:
        _require_plain_time(order, "USD-M")
    parameters["triggerPrice"] = _price(order.stop_price, order, "a stop price")
    return {**parameters, "workingType": "CONTRACT_PRICE", "clientAlgoId": client_id(order)}


# --- the parts of a new order


def client_id(order: Order) -> str:
    """Return our id of the order at the venue. Raises `ValueError` for one that the venue would refuse; the rule by
    which ids are made (`VenueSpec.sent_id`) makes none."""
    if order.sent_id is None or CLIENT_ID.fullmatch(order.sent_id) is None:
        raise ValueError("the order has no id that BINANCE takes")
    return order.sent_id


def _deadline(order: Order, time: RequestInstant) -> dict[str, ParameterValue]:
    return stamp(time, order.send_before_ms, order.updated_at_ms)


def _position_side(order: Order, position_mode: PositionMode) -> dict[str, ParameterValue]:
    """With hedged positions an order that names a position closes it (BUY closes short, SELL closes long); any other
    opens the row of its own side."""
    if position_mode is PositionMode.NETTING:
        return {}
    is_long = (order.side is Side.BUY) is (order.position_id is None)
    return {"positionSide": mapping.POSITION_SIDE_WORDS[PositionSide.LONG if is_long else PositionSide.SHORT]}


def _good_till_ms(order: Order, time: RequestInstant) -> int:
    """The venue counts whole seconds; the order ends a part of one early rather than late."""
    expire_at_ms = order.expire_at_ms
    if expire_at_ms is None:
        raise InvalidExpiry("a GTD order needs an expireAt")
    good_till_ms = expire_at_ms - expire_at_ms % _MS_PER_S
    if not time.venue_ms + GOOD_TILL_MS_MIN < good_till_ms < GOOD_TILL_MS_END:
        raise InvalidExpiry(
            f"BINANCE USD-M takes GTD orders that end more than {GOOD_TILL_MS_MIN // _MS_PER_S} s from now"
        )
    return good_till_ms


def _time_word(order: Order, market: str, words: Mapping[TimeInForce, str]) -> str:
    word = words.get(order.sent_time_in_force)
    if word is None:
        raise UnsupportedTimeInForce(
            f"BINANCE {market} takes {order.type.value} orders as {', '.join(words.values())}, "
            f"not as {order.sent_time_in_force.value}"
        )
    return word


def _require_plain_time(order: Order, market: str) -> None:
    """Orders without a limit price take no time in force at the venue: a MARKET order is IOC, a stop waits."""
    plain = TimeInForce.IOC if order.type is OrderType.MARKET else TimeInForce.GTC
    if order.sent_time_in_force is not plain:
        raise UnsupportedTimeInForce(
            f"BINANCE {market} takes {order.type.value} orders as {plain.value}, "
            f"not as {order.sent_time_in_force.value}"
        )


def _price(price: Decimal | None, order: Order, what: str) -> str:
    if price is None or price <= 0:
        raise InvalidPrice(f"{order.type.value} orders need {what}")
    return to_plain(price)


# --- cancels and questions


def cancel_request(order: Order, symbol: str, time: RequestInstant, *, is_margin: bool = False) -> BinanceRequest:
    """Return the request that cancels an order of spot or margin."""
    return _about_spot("DELETE", order, symbol, time, is_margin=is_margin)


def cancel_all_request(path: str, symbol: str, time: RequestInstant) -> BinanceRequest:
    """Return the request that cancels all orders of a symbol."""
    return BinanceRequest("DELETE", path, {"symbol": symbol, **stamp(time)})


def query_request(order: Order, symbol: str, time: RequestInstant, *, is_margin: bool = False) -> BinanceRequest:
    """Return the request that asks how an order of spot or margin stands."""
    return _about_spot("GET", order, symbol, time, is_margin=is_margin)


def usdm_cancel_request(order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
    """Return the request that cancels an order of USD-M, where it is now: the algo service or the matching engine."""
    return _about_usdm("DELETE", order, symbol, time)


def usdm_query_request(order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
    """Return the request that asks how an order of USD-M stands, where it is as far as we know."""
    return _about_usdm("GET", order, symbol, time)


def is_in_algo_service(order: Order) -> bool:
    """Whether the order is a conditional one that is not known to be triggered."""
    if order.venue_order_id is not None:
        return order.venue_order_id.startswith(mapping.ALGO_PREFIX)
    return order.type in mapping.USDM_ALGO_TYPE_WORDS


def _about_spot(method: str, order: Order, symbol: str, time: RequestInstant, *, is_margin: bool) -> BinanceRequest:
    market: dict[str, ParameterValue] = {"isIsolated": "FALSE"} if is_margin else {}
    parameters: dict[str, ParameterValue] = {"symbol": symbol, **market, **_name(order)}
    path = _MARGIN_ORDER if is_margin else _SPOT_ORDER
    return BinanceRequest(method, path, {**parameters, **stamp(time)})


def _about_usdm(method: str, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
    if is_in_algo_service(order):
        return BinanceRequest(method, _USDM_ALGO_ORDER, {**_algo_name(order), **stamp(time)})
    parameters: dict[str, ParameterValue] = {"symbol": symbol, **_name(order)}
    return BinanceRequest(method, _USDM_ORDER, {**parameters, **stamp(time)})


def _name(order: Order) -> dict[str, ParameterValue]:
    """The venue's number names an order once it is known: the venue takes our id again once the order has ended, from
    any program. Raises `ValueError` for an order without any id."""
    if order.venue_order_id is None:
        return {"origClientOrderId": client_id(order)}
    return {"orderId": _number(order.venue_order_id)}


def _algo_name(order: Order) -> dict[str, ParameterValue]:
    if order.venue_order_id is None:
        return {"clientAlgoId": client_id(order)}
    return {"algoId": _number(order.venue_order_id)}


def _number(venue_order_id: str) -> int:
    return int(venue_order_id.removeprefix(mapping.ALGO_PREFIX))
