"""Checks of a new order that need only the request, the instrument and the venue's spec. Each raises the cause."""

from decimal import Decimal

from cadenza.domain.errors import (
    InstrumentNotTradable,
    InvalidExpiry,
    InvalidPrice,
    InvalidQuantity,
    MaxNotional,
    MaxQuantity,
    MinNotional,
    MinQuantity,
    PipSize,
    QuoteUnusable,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, MarketLot
from cadenza.domain.money import HUNDRED, ONE, to_plain
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import Support, VenueSpec

LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
STOP_TYPES = frozenset(
    {
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.STOP_LOSS,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
        OrderType.TRAILING_STOP,
    }
)
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
DAY_MS = 86_400_000


def check_request(request: SubmitOrderRequest, instrument: Instrument, spec: VenueSpec, now_ms: int) -> None:
    """Raise the cause for the first rule that the request breaks. Lots and limits are checked later, on the resolved
    quantity."""
    if instrument.status is not InstrumentStatus.ACTIVE:
        raise InstrumentNotTradable(
            f"{instrument.id} is {instrument.status.value}", {"status": instrument.status.value}
        )
    if request.type not in instrument.order_types:
        raise UnsupportedOrderType(
            f"{instrument.id} does not take {request.type.value} orders",
            {"orderTypes": [t.value for t in instrument.order_types]},
        )
    _check_price("limitPrice", request.limit_price, request.type in LIMIT_TYPES, request.type, instrument)
    _check_price("stopPrice", request.stop_price, request.type in STOP_TYPES, request.type, instrument)
    if (request.quote_id is not None) != (request.type is OrderType.QUOTED):
        raise QuoteUnusable("quoteId goes with QUOTED orders, and only with them")
    _check_asked_quantity(request, spec)
    _check_time_in_force(request, instrument, now_ms)
    _check_venue(request, instrument, spec)
    _check_expiry(request, instrument, spec, now_ms)


def effective_time_in_force(request: SubmitOrderRequest) -> TimeInForce:
    """Return the time in force that applies: IOC for MARKET orders (FOK on request); for other orders the requested
    one, GTC by default."""
    if request.type in (OrderType.MARKET, OrderType.QUOTED):
        return TimeInForce.FOK if request.time_in_force is TimeInForce.FOK else TimeInForce.IOC
    return request.time_in_force or TimeInForce.GTC


def effective_expiry(time_in_force: TimeInForce, expire_at_ms: int | None, now_ms: int) -> int | None:
    """Return when the order expires (Unix, ms): GTD at its `expireAt`, DAY at the next 00:00 UTC, others never
    (None)."""
    if time_in_force is TimeInForce.DAY:
        return (now_ms // DAY_MS + 1) * DAY_MS
    return expire_at_ms


def lot_of(type: OrderType, instrument: Instrument) -> MarketLot:
    """Return the quantities that an order of this type may have."""
    if type is OrderType.MARKET and instrument.market_lot is not None:
        return instrument.market_lot
    return MarketLot(
        lot_size=instrument.lot_size, min_quantity=instrument.min_quantity, max_quantity=instrument.max_quantity
    )


def check_quantity(quantity: Decimal, price: Decimal | None, type: OrderType, instrument: Instrument) -> None:
    """Raise when a resolved quantity, or its notional at `price` (quote units), is outside the instrument's range."""
    lot = lot_of(type, instrument)
    if quantity < lot.min_quantity or quantity <= 0:
        raise MinQuantity(f"the quantity {to_plain(quantity)} is below {to_plain(lot.min_quantity)}")
    if quantity > lot.max_quantity:
        raise MaxQuantity(f"the quantity {to_plain(quantity)} is above {to_plain(lot.max_quantity)}")
    if price is None:
        return
    notional = instrument.notional(quantity, price)
    if notional < instrument.min_notional:
        raise MinNotional(f"the notional {to_plain(notional)} is below {to_plain(instrument.min_notional)}")
    if instrument.max_notional is not None and notional > instrument.max_notional:
        raise MaxNotional(f"the notional {to_plain(notional)} is above {to_plain(instrument.max_notional)}")


def check_price_band(price: Decimal | None, side: Side, instrument: Instrument, mark: Decimal | None) -> None:
    """Raise `InvalidPrice` for a limit price outside of the instrument's band. Without a mark only the venue checks
    it."""
    if price is None or instrument.price_band is None or mark is None:
        return
    lowest, highest = instrument.price_band.around(mark, side)
    if not lowest <= price <= highest:
        values = {"limitPrice": price, "lowest": lowest, "highest": highest, "mark": mark}
        shown = {name: to_plain(value) for name, value in values.items()}
        raise InvalidPrice(
            f"limitPrice {shown['limitPrice']} is outside of {shown['lowest']} to {shown['highest']}, "
            f"the price band of {instrument.id} while its mark is {shown['mark']}",
            shown,
        )


def _check_price(name: str, price: Decimal | None, is_needed: bool, type: OrderType, instrument: Instrument) -> None:
    if price is None:
        if is_needed:
            raise InvalidPrice(f"{type.value} orders need {name}")
        return
    if not is_needed:
        raise InvalidPrice(f"{type.value} orders take no {name}")
    if price <= 0:
        raise InvalidPrice(f"{name} must be positive")
    if not instrument.is_valid_price(price):
        step = to_plain(instrument.price_step(price))
        raise PipSize(f"{name} {to_plain(price)} is not a multiple of the pip size {step}", {"pipSize": step})


def _check_venue(request: SubmitOrderRequest, instrument: Instrument, spec: VenueSpec) -> None:
    """Raise when the venue's spec does not list the combination; the instrument alone does not show that."""
    taken = spec.orders_of(instrument.type)
    times = taken.get(request.type)
    if not times:
        raise UnsupportedOrderType(
            f"{spec.venue_id} does not take {request.type.value} orders of {instrument.type.value} instruments",
            {"orderTypes": [type.value for type, its_times in taken.items() if its_times]},
        )
    time_in_force = effective_time_in_force(request)
    if time_in_force not in times:
        raise UnsupportedTimeInForce(
            f"{spec.venue_id} does not take {request.type.value} orders of {instrument.type.value} instruments as "
            f"{time_in_force.value}",
            {"timeInForceOptions": [each.value for each in times]},
        )


def _check_expiry(request: SubmitOrderRequest, instrument: Instrument, spec: VenueSpec, now_ms: int) -> None:
    """Raise when the venue itself would end the order, and takes none that ends so soon."""
    least_ms, expire_at_ms = spec.expiry_ms_min.get(instrument.type), request.expire_at_ms
    if least_ms is None or expire_at_ms is None:
        return
    support = spec.support_of(instrument.type, request.type, effective_time_in_force(request))
    if support is Support.NATIVE and expire_at_ms <= now_ms + least_ms:
        raise InvalidExpiry(
            f"{spec.venue_id} takes GTD orders of {instrument.type.value} instruments that end more than "
            f"{least_ms // 1000} s from now",
            {"leastMs": least_ms},
        )


def _check_asked_quantity(request: SubmitOrderRequest, spec: VenueSpec) -> None:
    if request.quantity_type not in spec.quantity_types:
        raise InvalidQuantity(f"{spec.venue_id} takes no quantities as {request.quantity_type.value}")
    if request.quantity <= 0:
        raise InvalidQuantity("the quantity must be positive")
    if request.quantity_type is QuantityType.POSITION_RATIO and request.quantity > ONE:
        raise InvalidQuantity("a position ratio is at most 1")
    if request.quantity_type is QuantityType.POSITION_PERCENTAGE and request.quantity > HUNDRED:
        raise InvalidQuantity("a position percentage is at most 100")


def _check_time_in_force(request: SubmitOrderRequest, instrument: Instrument, now_ms: int) -> None:
    asked = request.time_in_force
    if request.type in (OrderType.MARKET, OrderType.QUOTED) and asked not in (None, TimeInForce.GTC, *IMMEDIATE):
        raise UnsupportedTimeInForce(f"{request.type.value} orders are IOC or FOK, not {asked}")
    if asked is TimeInForce.GTX and request.type is not OrderType.LIMIT:
        raise UnsupportedTimeInForce("GTX (post-only) goes with LIMIT orders only")
    effective = effective_time_in_force(request)
    if effective not in instrument.time_in_force_options:
        raise UnsupportedTimeInForce(
            f"{instrument.id} does not take {effective.value}",
            {"timeInForceOptions": [t.value for t in instrument.time_in_force_options]},
        )
    if effective is TimeInForce.GTD:
        if request.expire_at_ms is None or request.expire_at_ms <= now_ms:
            raise InvalidExpiry("GTD needs an expireAt in the future, in milliseconds since 1970")
    elif request.expire_at_ms is not None:
        raise InvalidExpiry(f"expireAt goes with GTD only, not with {effective.value}")
