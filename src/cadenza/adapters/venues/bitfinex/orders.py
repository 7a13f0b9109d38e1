"""From our orders to the requests that BITFINEX takes. Pure: the caller gives the time.

What the venue lacks is refused with the domain's own causes, each of which names what is missing; nothing is sent in
another form than it was asked for. The venue cuts prices and amounts that are too fine, so they are refused here. Three
choices are made:

- A GTD order ends at a whole second, a part of one early rather than late (`tif`).
- An order of a derivative carries its leverage if it has one. The venue takes 10 for one that names none.
- Our id is a number that the account never gives twice, beside a mark of the account. With the UTC day of the order's
  creation the venue finds the order.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from cadenza.adapters.venues.bitfinex import mapping
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.rest import Body
from cadenza.adapters.venues.bitfinex.spec import DAY_MS, SENT_ID_MAX
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import (
    InvalidExpiry,
    InvalidLeverage,
    InvalidPrice,
    InvalidQuantity,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import is_multiple, to_plain
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.order import Order

STOP_TYPES = frozenset(mapping.TYPE_WORDS) - {OrderType.MARKET}

MIDNIGHT_MS = 60_000
"""An order that was recorded so close to midnight (UTC) may have been created on the other day at the venue."""

_MS_PER_S = 1_000


def new_order(order: Order, instrument: Instrument, scope: AccountScope, instant: RequestInstant) -> Body:
    """Return the body of the request for a new order of an account. Raises the domain's causes for what
    the venue lacks, and `TooLateToSend`."""
    if order.send_before_ms is not None:
        instant.deadline_ms(order.send_before_ms, order.updated_at_ms)
    type = scope.account_type
    wallet = mapping.ON_EXCHANGE if type is AccountType.SPOT else ""
    return {
        "type": f"{wallet}{_type_word(order, instrument)}",
        "symbol": instrument.external_symbol,
        "amount": _amount(order, instrument),
        "cid": cid_of(order, scope),
        **_prices(order, instrument),
        **_time(order, instant),
        **_leverage(order, type),
    }


def cid_of(order: Order, scope: AccountScope) -> int:
    """Return our id of the order at the venue. Raises `ValueError` for one that the venue would refuse; the rule by
    which ids are made (`VenueSpec.sent_id`) makes none."""
    text = order.sent_id or ""
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= SENT_ID_MAX:
        raise ValueError("the order has no id that BITFINEX takes")
    return scope.cid(int(text))


def _type_word(order: Order, instrument: Instrument) -> str:
    time = order.sent_time_in_force
    if order.type not in instrument.order_types:
        raise UnsupportedOrderType(f"BITFINEX takes no {order.type.value} orders of {instrument.external_symbol}")
    if order.type is OrderType.LIMIT:
        if time not in mapping.LIMIT_TYPE_WORDS:
            taken = ", ".join(each.value for each in mapping.LIMIT_TYPE_WORDS)
            raise UnsupportedTimeInForce(f"BITFINEX takes LIMIT orders as {taken}, not as {time.value}")
        return mapping.LIMIT_TYPE_WORDS[time]
    if order.type not in mapping.TYPE_WORDS:
        raise UnsupportedOrderType(f"BITFINEX takes no {order.type.value} orders")
    expected = TimeInForce.IOC if order.type is OrderType.MARKET else TimeInForce.GTC
    if time is not expected:
        raise UnsupportedTimeInForce(
            f"BITFINEX takes {order.type.value} orders as {expected.value}, not as {time.value}"
        )
    return mapping.TYPE_WORDS[order.type]


def _amount(order: Order, instrument: Instrument) -> str:
    if not is_multiple(order.quantity, instrument.lot_size):
        raise InvalidQuantity(f"BITFINEX would cut the quantity to a multiple of {to_plain(instrument.lot_size)}")
    return to_plain(order.side.sign * order.quantity)


def _prices(order: Order, instrument: Instrument) -> Mapping[str, str]:
    """A stop has its trigger as its price; the limit of a stop limit has a field of its own."""
    if order.type in STOP_TYPES:
        stop = {"price": _price(order.stop_price, instrument, f"{order.type.value} orders need a stop price")}
        if order.type not in LIMIT_TYPES:
            return stop
    elif order.type not in LIMIT_TYPES:
        return {}
    limit = _price(order.limit_price, instrument, f"{order.type.value} orders need a limit price")
    return {**stop, "price_aux_limit": limit} if order.type in STOP_TYPES else {"price": limit}


def _time(order: Order, instant: RequestInstant) -> Body:
    if order.sent_time_in_force is TimeInForce.GTX:
        return {"flags": mapping.POST_ONLY}
    if order.sent_time_in_force is not TimeInForce.GTD:
        return {}
    if order.expire_at_ms is None:
        raise InvalidExpiry("a GTD order needs an expireAt")
    end_s = order.expire_at_ms // _MS_PER_S
    if end_s * _MS_PER_S <= instant.venue_ms:
        raise InvalidExpiry("BITFINEX takes GTD orders that end a whole second from now or later")
    return {"tif": datetime.fromtimestamp(end_s, UTC).strftime("%Y-%m-%d %H:%M:%S")}


def _leverage(order: Order, type: AccountType) -> Body:
    if order.leverage is None:
        return {}
    if type is AccountType.FUTURES:
        return {"lev": order.leverage}
    if order.leverage != 1:
        raise InvalidLeverage(f"BITFINEX takes no leverage with an order of a {type.value} account")
    return {}


def _price(price: Decimal | None, instrument: Instrument, needed: str) -> str:
    if price is None or price <= 0:
        raise InvalidPrice(needed)
    if not instrument.is_valid_price(price):
        raise InvalidPrice(f"BITFINEX would cut the price to a multiple of {to_plain(instrument.price_step(price))}")
    return to_plain(price)


# --- cancels


def cancel_bodies(order: Order, scope: AccountScope, ahead_ms: int) -> Sequence[Body]:
    """Return the bodies that cancel an order; they are tried in turn while the venue does not know the order. Its id at
    the venue names it once that is known. Before, our id does, with the day of its creation by the venue's clock, which
    is `ahead_ms` ahead of ours."""
    if order.venue_order_id is not None:
        return [{"id": int(order.venue_order_id)}]
    recorded_ms = order.created_at_ms + ahead_ms
    days = dict.fromkeys(day_of(recorded_ms + off_ms) for off_ms in (0, -MIDNIGHT_MS, MIDNIGHT_MS))
    return [{"cid": cid_of(order, scope), "cid_date": day} for day in days]


def day_of(at_ms: int) -> str:
    """Return the UTC day of an instant, as the venue names the day of an order."""
    return datetime.fromtimestamp(at_ms // DAY_MS * DAY_MS // _MS_PER_S, UTC).strftime("%Y-%m-%d")
