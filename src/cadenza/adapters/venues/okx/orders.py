"""From our orders to the requests that OKX takes. Pure: the caller gives the time and the position mode.

What the venue lacks is refused with the domain's own causes, each of which names what is missing; nothing is sent in
another form than it was asked for. Three choices are made here:

- A market order of spot always says that its size is of the base asset (`tgtCcy`), and that the venue may not make it
  smaller to fit the balance (`banAmend`).
- Stops are triggered by the last price, as the venue does by default; it is said all the same.
- An algo order has no `expTime`. Its timestamp is the age that the venue allows before the deadline, so that the venue
  refuses it after that.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.requests import TIMESTAMP_AGE_MS_MAX, OkxRequest
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.errors import (
    InvalidLeverage,
    InvalidPrice,
    InvalidQuantity,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.money import divide, to_plain
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.order import Order

CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")

ORDER, CANCEL_ORDER = "/api/v5/trade/order", "/api/v5/trade/cancel-order"
ALGO_ORDER, CANCEL_ALGOS = "/api/v5/trade/order-algo", "/api/v5/trade/cancel-algos"


@dataclass(frozen=True, slots=True)
class TradingTerms:
    """How the account trades: its type, and whether its positions are netted or hedged."""

    account_type: AccountType
    position_mode: PositionMode = PositionMode.NETTING


def is_in_algo_service(order: Order) -> bool:
    """Whether the order is an algo order that is not known to be triggered."""
    if order.venue_order_id is not None:
        return order.venue_order_id.startswith(mapping.ALGO_PREFIX)
    return order.type in mapping.ALGO_ORDER_TYPES


# --- new orders


def new_order(order: Order, instrument: Instrument, terms: TradingTerms, time: RequestInstant) -> OkxRequest:
    """Return the request for a new order: of the matching engine, or of the algo service. Raises the domain's causes
    for what the venue lacks, and `TooLateToSend`."""
    if order.leverage not in (None, 1):
        raise InvalidLeverage("OKX keeps the leverage by instrument, and takes none with an order")
    is_algo = order.type in mapping.ALGO_ORDER_TYPES
    fields = _algo_fields(order, instrument) if is_algo else _fields(order, instrument)
    body = {
        "instId": instrument.external_symbol,
        "tdMode": mapping.TRADE_MODES[terms.account_type],
        "side": mapping.SIDE_WORDS[order.side],
        **_position_side(order, instrument, terms),
        **fields,
        "sz": _size(order, instrument),
    }
    deadline_ms = None if order.send_before_ms is None else time.deadline_ms(order.send_before_ms, order.updated_at_ms)
    if not is_algo:
        return OkxRequest(method="POST", path=ORDER, body=body, expires_ms=deadline_ms)
    stamped_ms = None if deadline_ms is None else min(time.venue_ms, deadline_ms - TIMESTAMP_AGE_MS_MAX)
    return OkxRequest(method="POST", path=ALGO_ORDER, body=body, timestamp_ms=stamped_ms)


def _fields(order: Order, instrument: Instrument) -> dict[str, str | bool]:
    named: dict[str, str | bool] = {"clOrdId": client_id(order)}
    match order.type:
        case OrderType.MARKET if instrument.type is not InstrumentType.OPTION:
            _require_time(order, TimeInForce.IOC)
            is_spot = instrument.type is InstrumentType.SPOT
            return {**named, "ordType": mapping.MARKET, **({"tgtCcy": "base_ccy", "banAmend": True} if is_spot else {})}
        case OrderType.LIMIT:
            return {
                **named,
                "ordType": _limit_word(order, instrument),
                "px": _limit_price(order, instrument),
            }
        case _:
            raise UnsupportedOrderType(f"OKX takes no {order.type.value} orders in {instrument.type.value} instruments")


def _algo_fields(order: Order, instrument: Instrument) -> dict[str, str | bool]:
    if instrument.type is InstrumentType.OPTION:
        raise UnsupportedOrderType(f"OKX takes no {order.type.value} orders in OPTION instruments")
    _require_time(order, TimeInForce.GTC)
    kind = "sl" if order.type in mapping.STOP_TYPES else "tp"
    limit = _price(order.limit_price, order, "a limit") if order.type in LIMIT_TYPES else mapping.AT_MARKET
    return {
        "algoClOrdId": client_id(order),
        "ordType": mapping.CONDITIONAL,
        f"{kind}TriggerPx": _price(order.stop_price, order, "a stop"),
        f"{kind}TriggerPxType": "last",
        f"{kind}OrdPx": limit,
        **({"tgtCcy": "base_ccy"} if instrument.type is InstrumentType.SPOT else {}),
    }


def client_id(order: Order) -> str:
    """Return our id of the order at the venue. Raises `ValueError` for one that the venue would refuse; the rule by
    which ids are made (`VenueSpec.sent_id`) makes none."""
    if order.sent_id is None or CLIENT_ID.fullmatch(order.sent_id) is None:
        raise ValueError("the order has no id that OKX takes")
    return order.sent_id


def _limit_word(order: Order, instrument: Instrument) -> str:
    word = mapping.LIMIT_TYPE_WORDS.get(order.sent_time_in_force)
    if word is None:
        taken = ", ".join(time.value for time in mapping.LIMIT_TYPE_WORDS)
        raise UnsupportedTimeInForce(f"OKX takes LIMIT orders as {taken}, not as {order.sent_time_in_force.value}")
    is_option = instrument.type is InstrumentType.OPTION
    return mapping.OPTION_FOK if is_option and order.sent_time_in_force is TimeInForce.FOK else word


def _require_time(order: Order, time: TimeInForce) -> None:
    if order.sent_time_in_force is not time:
        raise UnsupportedTimeInForce(
            f"OKX takes {order.type.value} orders as {time.value}, not as {order.sent_time_in_force.value}"
        )


def _position_side(order: Order, instrument: Instrument, terms: TradingTerms) -> dict[str, str | bool]:
    """With hedged positions an order that names a position closes it (BUY closes short, SELL closes long); any other
    opens the row of its own side. Options are always netted."""
    is_hedged = terms.position_mode is PositionMode.HEDGE and terms.account_type is AccountType.FUTURES
    if not is_hedged or instrument.type is InstrumentType.OPTION:
        return {}
    is_long = (order.side is Side.BUY) is (order.position_id is None)
    return {"posSide": mapping.POSITION_SIDE_WORDS[PositionSide.LONG if is_long else PositionSide.SHORT]}


def _size(order: Order, instrument: Instrument) -> str:
    """The size in contracts, which for spot is the quantity itself."""
    size = divide(order.quantity, instrument.contract_size)
    if size * instrument.contract_size != order.quantity:
        raise InvalidQuantity(f"the quantity is not a number of contracts of {to_plain(instrument.contract_size)}")
    return to_plain(size)


def _limit_price(order: Order, instrument: Instrument) -> str:
    """Return the limit of an order. The venue would round an option's price to its step."""
    price = order.limit_price
    if instrument.type is InstrumentType.OPTION and price is not None and not instrument.is_valid_price(price):
        raise InvalidPrice(f"OKX would round the price to a multiple of {to_plain(instrument.price_step(price))}")
    return _price(price, order, "a limit")


def _price(price: Decimal | None, order: Order, what: str) -> str:
    if price is None or price <= 0:
        raise InvalidPrice(f"{order.type.value} orders need {what} price")
    return to_plain(price)


# --- cancels and questions


def cancel_request(order: Order, name: str) -> OkxRequest:
    """Return the request that cancels an order, where it is now: the algo service or the matching engine. `name` is the
    venue's of the instrument."""
    if is_in_algo_service(order):
        return OkxRequest(method="POST", path=CANCEL_ALGOS, body=[{"instId": name, **_algo_name(order)}])
    return OkxRequest(method="POST", path=CANCEL_ORDER, body={"instId": name, **_name(order)})


def query_request(order: Order, name: str) -> OkxRequest:
    """Return the request that asks how an order stands, where it is as far as we know."""
    if is_in_algo_service(order):
        return OkxRequest(method="GET", path=ALGO_ORDER, query=_algo_name(order))
    return OkxRequest(method="GET", path=ORDER, query={"instId": name, **_name(order)})


def number_request(venue_order_id: str, name: str) -> OkxRequest | None:
    """Return the question about an order of which only the venue's id is known; None when no order has such an id."""
    is_algo = venue_order_id.startswith(mapping.ALGO_PREFIX)
    number = venue_order_id.removeprefix(mapping.ALGO_PREFIX)
    if not (number.isascii() and number.isdigit()):
        return None
    if is_algo:
        return OkxRequest(method="GET", path=ALGO_ORDER, query={"algoId": number})
    return OkxRequest(method="GET", path=ORDER, query={"instId": name, "ordId": number})


def _name(order: Order) -> dict[str, str]:
    """The venue's number names an order once it is known: the venue takes our id again once the order has ended, from
    any program. Raises `ValueError` for an order without any id."""
    if order.venue_order_id is None:
        return {"clOrdId": client_id(order)}
    return {"ordId": order.venue_order_id}


def _algo_name(order: Order) -> dict[str, str]:
    if order.venue_order_id is None:
        return {"algoClOrdId": client_id(order)}
    return {"algoId": order.venue_order_id.removeprefix(mapping.ALGO_PREFIX)}
