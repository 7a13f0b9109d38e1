"""What the venue checks before the engine sees an order."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, is_multiple
from cadenza.simulators.okx.instruments import SimulatedInstrument
from cadenza.simulators.okx.trading.ledger import OkxLedger
from cadenza.simulators.okx.trading.records import QUOTE_UNITS, OkxOrderRequest, SimulatedOrder
from cadenza.simulators.okx.wire.errors import OkxOrderRefusal, outside_band, wrong_field

BAND = Decimal("0.2")
"""How far a buy may be above the mark price, and a sell below it."""

MARKET_TYPES = frozenset({"market", "optimal_limit_ioc"})


def check_state(state: str) -> None:
    if state == "preopen":
        raise OkxOrderRefusal("51021", "The pair or contract is not yet listed")
    if state != "live":
        raise OkxOrderRefusal("51022", "Contract suspended.")


def check_size(instrument: SimulatedInstrument, request: OkxOrderRequest) -> None:
    """Check a size in base units or contracts. One in quote units is checked when it is known what it buys."""
    if request.target == QUOTE_UNITS:
        return
    if request.size < instrument.least:
        raise OkxOrderRefusal("51020", "Your order should meet or exceed the minimum order amount.")
    if not is_multiple(request.size, instrument.lot):
        raise OkxOrderRefusal("51121", "Order quantity must be a multiple of the lot size.")
    if request.type in MARKET_TYPES and request.size > instrument.most_market:
        raise OkxOrderRefusal("51202", "Market order amount exceeds the maximum amount.")
    if request.size > instrument.most:
        raise OkxOrderRefusal("51203", f"Order amount exceeds the limit {instrument.most}.")


def checked_price(instrument: SimulatedInstrument, side: Side, price: Decimal, mark: Decimal) -> Decimal:
    """Return the price of an order. An option's is rounded to its step; any other must be one."""
    tick = instrument.tick_at(price)
    if instrument.is_option:
        price = (price / tick).to_integral_value(ROUND_HALF_UP) * tick
    if price <= 0 or not is_multiple(price, tick):
        raise wrong_field("px")
    highest, lowest = price_limits(instrument, mark)
    if (side is Side.BUY and price > highest) or (side is Side.SELL and price < lowest):
        raise outside_band(highest, lowest)
    return price


def price_limits(instrument: SimulatedInstrument, mark: Decimal) -> tuple[Decimal, Decimal]:
    """Return (highest price of a buy, lowest price of a sell)."""
    ticks = (mark * BAND / instrument.tick).to_integral_value()
    return mark + ticks * instrument.tick, max(instrument.tick, mark - ticks * instrument.tick)


def check_closing(ledger: OkxLedger, open_orders: list[SimulatedOrder], order: SimulatedOrder) -> None:
    """Check that an order that only closes does not close more than there is. It is never trimmed."""
    held = ledger.position(order.account, order.symbol, order.trade_mode, order.position_side).amount
    if not held:
        text = "Order failed because you don't have any positions in this direction to reduce or close."
        raise OkxOrderRefusal("51169", text)
    if held * order.side.sign > 0:
        text = "A reduce-only order can't be the same trading direction as your existing positions."
        raise OkxOrderRefusal("51170", text)
    claimed = sum((each.remaining for each in closing_orders(open_orders, order)), ZERO)
    if order.quantity > abs(held) - claimed:
        raise OkxOrderRefusal("51112", "Close order size exceeds available size for this position.")


def closing_orders(open_orders: list[SimulatedOrder], like: SimulatedOrder) -> list[SimulatedOrder]:
    """Return the open orders that close the same position on the same side."""
    return [
        each
        for each in open_orders
        if each.closes_only
        and each.key != like.key
        and (each.symbol, each.trade_mode, each.position_side, each.side)
        == (like.symbol, like.trade_mode, like.position_side, like.side)
    ]
