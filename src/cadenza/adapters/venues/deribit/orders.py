"""From our orders to the requests that DERIBIT takes. Pure: the caller gives the time.

What the venue lacks is refused with the domain's own causes, each of which names what is missing; nothing is sent in
another form than it was asked for. Three choices are made here:

- A post-only order always says `reject_post_only`: without it the venue moves the price until it takes nothing.
- Stops are triggered by the last price.
- Each order carries its deadline as `valid_until`.
"""

from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.requests import Parameter, RpcMessage, matching
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.domain.errors import (
    InvalidLeverage,
    InvalidPrice,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.order import Order

LABEL_LENGTH_MAX = 64

TRIGGER_TYPES = frozenset(mapping.TYPE_WORDS) - {OrderType.MARKET, OrderType.LIMIT}


def new_order(order: Order, instrument: Instrument, instant: RequestInstant) -> RpcMessage:
    """Return the request for a new order. Raises the domain's causes for what the venue lacks, and `TooLateToSend`."""
    if order.leverage not in (None, 1):
        raise InvalidLeverage("DERIBIT's leverage follows from the account's money, and it takes none with an order")
    params: dict[str, Parameter] = {
        "instrument_name": instrument.external_symbol,
        "amount": plain(order.quantity),
        "type": _type_word(order, instrument),
        "label": label_of(order),
        **_time(order),
        **_prices(order),
    }
    if order.send_before_ms is None:
        return matching(mapping.METHODS[order.side], params)
    until_ms = params["valid_until"] = instant.deadline_ms(order.send_before_ms, order.updated_at_ms)
    return replace(matching(mapping.METHODS[order.side], params), valid_until_ms=until_ms)


def label_of(order: Order) -> str:
    """Return our id of the order at the venue. Raises `ValueError` for one that the venue would refuse; the rule by
    which ids are made (`VenueSpec.sent_id`) makes none."""
    if not order.sent_id or len(order.sent_id) > LABEL_LENGTH_MAX:
        raise ValueError("the order has no id that DERIBIT takes")
    return order.sent_id


def plain(number: Decimal) -> Decimal:
    """Return the number as it is written without an exponent."""
    return Decimal(to_plain(number))


def _type_word(order: Order, instrument: Instrument) -> str:
    if order.type not in instrument.order_types or order.type not in mapping.TYPE_WORDS:
        raise UnsupportedOrderType(f"DERIBIT takes no {order.type.value} orders in {instrument.type.value} instruments")
    return mapping.TYPE_WORDS[order.type]


def _time(order: Order) -> dict[str, Parameter]:
    """Orders that are or become market orders take no time in force."""
    time = order.sent_time_in_force
    expected = {OrderType.MARKET: TimeInForce.IOC}.get(order.type, TimeInForce.GTC)
    if order.type is not OrderType.LIMIT:
        if time is not expected:
            raise UnsupportedTimeInForce(
                f"DERIBIT takes {order.type.value} orders as {expected.value}, not as {time.value}"
            )
        return {"time_in_force": mapping.TIME_WORDS[time]} if order.type in LIMIT_TYPES else {}
    if time not in mapping.TIME_WORDS:
        taken = ", ".join(each.value for each in mapping.TIME_WORDS)
        raise UnsupportedTimeInForce(f"DERIBIT takes LIMIT orders as {taken}, not as {time.value}")
    word: dict[str, Parameter] = {"time_in_force": mapping.TIME_WORDS[time]}
    return word | {"post_only": True, "reject_post_only": True} if time is TimeInForce.GTX else word


def _prices(order: Order) -> dict[str, Parameter]:
    limit: dict[str, Parameter] = {}
    if order.type in LIMIT_TYPES:
        limit = {"price": _price(order.limit_price, order, "a limit")}
    if order.type not in TRIGGER_TYPES:
        return limit
    return {**limit, "trigger": mapping.LAST_PRICE, "trigger_price": _price(order.stop_price, order, "a stop")}


def _price(price: Decimal | None, order: Order, what: str) -> Decimal:
    if price is None or price <= 0:
        raise InvalidPrice(f"{order.type.value} orders need {what} price")
    return plain(price)


# --- cancels and questions


def cancel_request(venue_order_id: str) -> RpcMessage:
    """Return the request that cancels an order. It never names a label, because the venue would cancel every order that
    has it."""
    return matching("private/cancel", {"order_id": venue_order_id})


def cancel_all_request(name: str) -> RpcMessage:
    """Return the request that cancels all orders of an instrument, and asks for each of them."""
    return matching("private/cancel_all_by_instrument", {"instrument_name": name, "type": "all", "detailed": True})


def state_request(venue_order_id: str, *, is_historical: bool) -> RpcMessage:
    return RpcMessage("private/get_order_state", {"order_id": venue_order_id, **historical(is_historical)})


def label_request(label: str, currency: str, *, is_historical: bool) -> RpcMessage:
    params = {"currency": currency, "label": label, **historical(is_historical)}
    return RpcMessage("private/get_order_state_by_label", params)


def trades_request(venue_order_id: str, *, is_historical: bool) -> RpcMessage:
    params = {"order_id": venue_order_id, "sorting": "asc", **historical(is_historical)}
    return RpcMessage("private/get_user_trades_by_order", params)


def historical(is_historical: bool) -> dict[str, Parameter]:
    """Return what asks the historical store instead of the recent one, which has nothing in common with it."""
    return {"historical": True} if is_historical else {}
