"""Tables between the venue's words and the matching engine's. A value that is not in a table is refused."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.exchange import (
    EngineCancelReason,
    EngineRejectReason,
    EngineTimeInForce,
    NewOrder,
    OpenOrder,
    OrderKind,
)
from cadenza.exchange.records import VenueOrder
from cadenza.simulators.binance.spot.records import SpotOrder
from cadenza.simulators.binance.spot.symbols import SpotSymbol

DOMAIN_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP_LOSS,
    "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
REJECTIONS = {
    EngineRejectReason.INVALID: "Unsupported order combination",
    EngineRejectReason.DUPLICATE_ORDER_ID: "Duplicate order sent.",
    EngineRejectReason.TOO_MANY_OPEN_ORDERS: "Filter failure: EXCHANGE_MAX_NUM_ORDERS",
    EngineRejectReason.EXPIRE_TIME_PASSED: "Unsupported order combination",
    EngineRejectReason.NO_REFERENCE_PRICE: "Unsupported order combination",
    EngineRejectReason.STOP_WOULD_TRIGGER: "Order would trigger immediately.",
    EngineRejectReason.POST_ONLY_WOULD_TAKE: "Order would immediately match and take.",
}
CLOSES = {
    EngineCancelReason.USER: ("CANCELED", "CANCELED", None),
    EngineCancelReason.IOC_REMAINDER: ("EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"),
    EngineCancelReason.FOK_UNFILLABLE: ("EXPIRED", "EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED"),
    EngineCancelReason.SELF_TRADE: ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", None),
    EngineCancelReason.POST_ONLY_WOULD_TAKE: ("EXPIRED", "EXPIRED", "EXCHANGE_CANCELED"),
}
"""(execution type, order status, expiry reason) of an order that closes unfilled."""

DOMAIN_CLOSES = {
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.CANCELED,
}


def time_in_force_of(order: SpotOrder) -> TimeInForce:
    """Return the time in force that the engine applies: post-only is a type at the venue, a time in force there."""
    return TimeInForce.GTX if order.type == "LIMIT_MAKER" else TimeInForce(order.time_in_force)


def close_of(order: SpotOrder, reason: EngineCancelReason) -> tuple[str, str, str | None]:
    """Return (execution type, status, expiry reason). An order without a limit ends for want of liquidity."""
    execution, status, expiry = CLOSES[reason]
    if reason is EngineCancelReason.IOC_REMAINDER and not order.price:
        expiry = "INSUFFICIENT_LIQUIDITY"
    return execution, status, expiry


def ticks(price: Decimal | None, symbol: SpotSymbol) -> int | None:
    return None if not price else int(price / symbol.tick)


def lots(quantity: Decimal, symbol: SpotSymbol) -> int:
    return int(quantity / symbol.lot)


def to_command(order: VenueOrder, symbol: SpotSymbol, price_paid_for: Decimal | None, at_ms: int) -> NewOrder:
    """Return the engine's command. `price_paid_for` limits an order that becomes MARKET at its trigger."""
    limit = ticks(order.limit_price, symbol)
    if limit is None and order.stop_price is not None:
        limit = ticks(price_paid_for, symbol)
    return NewOrder(
        order_id=order.venue_order_id,
        account_id=order.external_id,
        side=order.side,
        kind=OrderKind(order.type.value),
        quantity=lots(order.quantity, symbol),
        limit_price=limit,
        stop_price=ticks(order.stop_price, symbol),
        trail_distance=None,
        time_in_force=EngineTimeInForce(order.time_in_force.value),
        expire_at_ms=None,
        at_ms=at_ms,
    )


def to_open_order(order: VenueOrder, symbol: SpotSymbol, price_paid_for: Decimal | None) -> OpenOrder:
    """Return a stored order in the form from which the engine continues."""
    command = to_command(order, symbol, price_paid_for, order.updated_at_ms)
    return OpenOrder(
        order_id=command.order_id,
        account_id=command.account_id,
        side=command.side,
        kind=command.kind,
        quantity=command.quantity,
        remaining=lots(order.remaining, symbol),
        limit_price=command.limit_price,
        stop_price=command.stop_price,
        trail_distance=None,
        time_in_force=command.time_in_force,
        expire_at_ms=None,
        is_triggered=order.is_triggered,
        sequence=order.sequence,
        queue_ahead=lots(order.queue_ahead, symbol),
    )


def venue_order_id_of(order: SpotOrder) -> str:
    return f"{order.symbol}:{order.order_id}"


def to_venue_order(symbol: SpotSymbol, order: SpotOrder) -> VenueOrder:
    return VenueOrder(
        venue_order_id=venue_order_id_of(order),
        external_id=order.account,
        order_id=None,
        account_id=None,
        instrument_id=symbol.id,
        side=order.side,
        type=DOMAIN_TYPES[order.type],
        time_in_force=time_in_force_of(order),
        quantity=order.quantity,
        remaining=order.quantity,
        limit_price=order.price or None,
        stop_price=order.stop_price or None,
        created_at_ms=order.created_ms,
        updated_at_ms=order.updated_ms,
    )
