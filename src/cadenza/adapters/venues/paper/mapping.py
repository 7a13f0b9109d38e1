"""Tables between the domain's enums and the matching engine's. A value that is not in a table is refused."""

from decimal import Decimal

from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import is_multiple
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.exchange import EngineCancelReason, EngineRejectReason, EngineTimeInForce, NewOrder, OpenOrder, OrderKind
from cadenza.exchange.records import VenueOrder

ORDER_KINDS = {
    OrderType.MARKET: OrderKind.MARKET,
    OrderType.LIMIT: OrderKind.LIMIT,
    OrderType.STOP: OrderKind.STOP,
    OrderType.STOP_LIMIT: OrderKind.STOP_LIMIT,
    OrderType.STOP_LOSS: OrderKind.STOP_LOSS,
    OrderType.STOP_LOSS_LIMIT: OrderKind.STOP_LOSS_LIMIT,
    OrderType.TAKE_PROFIT: OrderKind.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_LIMIT: OrderKind.TAKE_PROFIT_LIMIT,
    OrderType.TRAILING_STOP: OrderKind.TRAILING_STOP,
}
TIMES_IN_FORCE = {
    TimeInForce.GTC: EngineTimeInForce.GTC,
    TimeInForce.IOC: EngineTimeInForce.IOC,
    TimeInForce.FOK: EngineTimeInForce.FOK,
    TimeInForce.GTX: EngineTimeInForce.GTX,
    TimeInForce.GTD: EngineTimeInForce.GTD,
    TimeInForce.DAY: EngineTimeInForce.DAY,
}
REJECT_REASONS = {
    EngineRejectReason.INVALID: RejectReason.INVALID_ORDER,
    EngineRejectReason.DUPLICATE_ORDER_ID: RejectReason.INVALID_ORDER,
    EngineRejectReason.TOO_MANY_OPEN_ORDERS: RejectReason.RATE_LIMITED,
    EngineRejectReason.EXPIRE_TIME_PASSED: RejectReason.INVALID_ORDER,
    EngineRejectReason.NO_REFERENCE_PRICE: RejectReason.INSTRUMENT_NOT_TRADABLE,
    EngineRejectReason.STOP_WOULD_TRIGGER: RejectReason.STOP_WOULD_TRIGGER,
    EngineRejectReason.POST_ONLY_WOULD_TAKE: RejectReason.POST_ONLY_WOULD_TAKE,
}
CANCEL_REASONS = {
    EngineCancelReason.USER: CancelReason.USER,
    EngineCancelReason.IOC_REMAINDER: CancelReason.IOC_REMAINDER,
    EngineCancelReason.FOK_UNFILLABLE: CancelReason.FOK_NOT_FILLABLE,
    EngineCancelReason.SELF_TRADE: CancelReason.SELF_TRADE,
    EngineCancelReason.POST_ONLY_WOULD_TAKE: CancelReason.VENUE,
}
"""A post-only order that would take is rejected at arrival. Only one that is triggered later is canceled, as VENUE."""


def to_ticks(price: Decimal | None, instrument: Instrument) -> int | None:
    """Return a price in ticks. It must be a multiple of the pip size."""
    return None if price is None else int(price / instrument.pip_size)


def to_lots(quantity: Decimal, instrument: Instrument) -> int:
    return int(quantity / instrument.lot_size)


def fits_steps(order: VenueOrder, instrument: Instrument) -> bool:
    """Whether the order's numbers are whole lots and ticks of its instrument, which the engine needs."""
    prices = (order.limit_price, order.stop_price, order.trail_distance)
    quantities = (order.quantity, order.remaining)
    return all(price is None or is_multiple(price, instrument.pip_size) for price in prices) and all(
        is_multiple(quantity, instrument.lot_size) for quantity in quantities
    )


def protection(order: VenueOrder, instrument: Instrument, price_paid_for: Decimal | None) -> int | None:
    """Return the worst price (ticks) for an order that becomes MARKET when triggered: what its hold can pay. None means
    any price."""
    if price_paid_for is None or order.stop_price is None or order.limit_price is not None:
        return None
    return int(price_paid_for / instrument.pip_size)


def to_command(
    order: VenueOrder, instrument: Instrument, at_ms: int, price_paid_for: Decimal | None = None
) -> NewOrder:
    """Return the engine's command for a new order. Raises KeyError for a type or time in force that no instrument may
    list."""
    return NewOrder(
        order_id=order.venue_order_id,
        account_id=order.external_id,
        side=order.side,
        kind=ORDER_KINDS[order.type],
        quantity=to_lots(order.quantity, instrument),
        limit_price=to_ticks(order.limit_price, instrument) or protection(order, instrument, price_paid_for),
        stop_price=to_ticks(order.stop_price, instrument),
        trail_distance=None,
        time_in_force=TIMES_IN_FORCE[order.time_in_force],
        expire_at_ms=order.expire_at_ms,
        at_ms=at_ms,
    )


def to_open_order(order: VenueOrder, instrument: Instrument, price_paid_for: Decimal | None) -> OpenOrder:
    """Return a stored order in the form from which the engine continues."""
    return OpenOrder(
        order_id=order.venue_order_id,
        account_id=order.external_id,
        side=order.side,
        kind=ORDER_KINDS[order.type],
        quantity=to_lots(order.quantity, instrument),
        remaining=to_lots(order.remaining, instrument),
        limit_price=to_ticks(order.limit_price, instrument) or protection(order, instrument, price_paid_for),
        stop_price=to_ticks(order.stop_price, instrument),
        trail_distance=to_ticks(order.trail_distance, instrument),
        time_in_force=TIMES_IN_FORCE[order.time_in_force],
        expire_at_ms=order.expire_at_ms,
        is_triggered=order.is_triggered,
        sequence=order.sequence,
        queue_ahead=to_lots(order.queue_ahead, instrument),
    )
