"""The filters of an order of USD-M."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import is_multiple
from cadenza.simulators.binance.usdm.symbols import FuturesSymbol
from cadenza.simulators.binance.wire.errors import VenueRefusal


def check_price(symbol: FuturesSymbol, price: Decimal, what: str = "Price") -> None:
    """Raise the first filter that a price or a trigger price fails."""
    if price <= 0:
        raise VenueRefusal(-4001, f"{what} less than 0.")
    if not is_multiple(price, Decimal(1).scaleb(-symbol.price_places)):
        raise VenueRefusal(-1111, "Precision is over the maximum defined for this asset.")
    if price > symbol.price_max:
        raise VenueRefusal(-4002, f"{what} greater than max price.")
    if price < symbol.tick:
        raise VenueRefusal(-4013, f"{what} less than min price.")
    if not is_multiple(price, symbol.tick):
        raise VenueRefusal(-4014, f"{what} not increased by tick size.")


def check_band(symbol: FuturesSymbol, side: Side, price: Decimal, mark: Decimal) -> None:
    """Raise PERCENT_PRICE: a BUY has an upper bound only, a SELL a lower one."""
    highest, lowest = mark * symbol.multiplier_up, mark * symbol.multiplier_down
    if side is Side.BUY and price > highest:
        raise VenueRefusal(-4016, f"Limit price can't be higher than {symbol.price(highest)}.")
    if side is Side.SELL and price < lowest:
        raise VenueRefusal(-4024, f"Limit price can't be lower than {symbol.price(lowest)}.")


def check_quantity(symbol: FuturesSymbol, quantity: Decimal, *, is_market: bool) -> None:
    """Raise the first filter that a quantity fails."""
    if quantity <= 0:
        raise VenueRefusal(-4003, "Quantity less than or equal to zero.")
    if not is_multiple(quantity, Decimal(1).scaleb(-symbol.quantity_places)):
        raise VenueRefusal(-1111, "Precision is over the maximum defined for this asset.")
    if quantity > (symbol.market_quantity_max if is_market else symbol.quantity_max):
        raise VenueRefusal(-4005, "Quantity greater than max quantity.")
    if quantity < symbol.lot:
        raise VenueRefusal(-4004, "Quantity less than min quantity.")
    if not is_multiple(quantity, symbol.lot):
        raise VenueRefusal(-4023, "Qty not increased by step size.")


def check_notional(symbol: FuturesSymbol, notional: Decimal) -> None:
    if notional < symbol.notional_min:
        text = f"Order's notional must be no smaller than {symbol.notional_min} (unless you choose reduce only)."
        raise VenueRefusal(-4164, text)
