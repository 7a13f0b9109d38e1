"""Trailing stops: a SELL triggers when the price has fallen from its highest trade, a BUY when it has risen from its
lowest one."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO, Rounding, round_to_step
from cadenza.exchange import EngineTimeInForce, NewOrder, OrderKind
from cadenza.exchange.records import VenueOrder
from cadenza.simulators.binance.spot.engine_words import lots, ticks
from cadenza.simulators.binance.spot.records import SpotOrder
from cadenza.simulators.binance.spot.symbols import SpotSymbol

BASIS_POINTS = Decimal(10_000)
STOP_PAD = Decimal("0.02")
"""The share by which a BUY that becomes MARKET locks more than its trigger needs."""

_STOP_LOSS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})


def is_stop_reached(order: SpotOrder, price: Decimal) -> bool:
    """Whether a trade at `price` meets the condition of the order's stop price, from which on it trails."""
    on_rise = (order.side is Side.BUY) is (order.type in _STOP_LOSS)
    return price >= order.stop_price if on_rise else price <= order.stop_price


def price_held_for(order: SpotOrder, last_price: Decimal, tick: Decimal) -> Decimal:
    """Return the price, in whole ticks, for which an order that becomes MARKET at its trigger locks funds: a pad above
    its trigger, as far as that is known."""
    reference, delta = order.stop_price, ZERO
    if order.trailing_delta is not None:
        reference, delta = max(reference, last_price), order.trailing_delta / BASIS_POINTS
    return round_to_step(reference * (ONE + delta) * (ONE + STOP_PAD), tick, Rounding.UP)


def trail(order: SpotOrder, price: Decimal, at_ms: int) -> tuple[SpotOrder, bool]:
    """Return the order after a public trade, and whether the trade triggers it."""
    if order.trailing_mark is None:
        if not is_stop_reached(order, price):
            return order, False
        return evolve(order, trailing_mark=price, trailing_ms=at_ms), False
    assert order.trailing_delta is not None
    is_buy, mark = order.side is Side.BUY, order.trailing_mark
    if price < mark if is_buy else price > mark:
        return evolve(order, trailing_mark=price), False
    trigger = mark * (BASIS_POINTS + order.side.sign * order.trailing_delta) / BASIS_POINTS
    return order, price >= trigger if is_buy else price <= trigger


def triggered_command(order: VenueOrder, symbol: SpotSymbol, price_paid_for: Decimal | None, at_ms: int) -> NewOrder:
    """Return the engine's command for an order that was triggered. A BUY without a limit goes no further than what its
    hold can pay."""
    limit, time_in_force = ticks(order.limit_price, symbol), EngineTimeInForce(order.time_in_force.value)
    if limit is None and price_paid_for is not None:
        limit, time_in_force = ticks(price_paid_for, symbol), EngineTimeInForce.IOC
    return NewOrder(
        order_id=order.venue_order_id,
        account_id=order.external_id,
        side=order.side,
        kind=OrderKind.MARKET if limit is None else OrderKind.LIMIT,
        quantity=lots(order.quantity, symbol),
        limit_price=limit,
        stop_price=None,
        trail_distance=None,
        time_in_force=time_in_force,
        expire_at_ms=None,
        at_ms=at_ms,
    )
