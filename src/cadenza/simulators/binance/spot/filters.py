"""The filters of an order, checked in the order in which the venue lists them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.money import is_multiple
from cadenza.simulators.binance.spot.order_request import WITH_STOP
from cadenza.simulators.binance.spot.records import SpotOrderRequest
from cadenza.simulators.binance.spot.symbols import TRAILING_DELTA_MAX, TRAILING_DELTA_MIN, SpotSymbol
from cadenza.simulators.binance.wire.errors import filter_failure


def check_filters(symbol: SpotSymbol, request: SpotOrderRequest, reference: Decimal) -> None:
    """Raise the first filter that the request fails. `reference` stands for the average price of the last minutes."""
    for price in (request.price, request.stop_price):
        if price is not None and not (symbol.tick <= price <= symbol.price_max and is_multiple(price, symbol.tick)):
            raise filter_failure("PRICE_FILTER")
    if request.quantity is not None:
        _check_quantity(symbol, request, request.quantity)
    if request.trailing_delta is not None and not TRAILING_DELTA_MIN <= request.trailing_delta <= TRAILING_DELTA_MAX:
        raise filter_failure("TRAILING_DELTA")
    if request.price is not None:
        low, high = reference * symbol.band_down, reference * symbol.band_up
        if not low <= request.price <= high:
            raise filter_failure("PERCENT_PRICE_BY_SIDE")
    _check_notional(symbol, request, reference)


def check_counts(symbol: SpotSymbol, request: SpotOrderRequest, open_orders: int, open_algo_orders: int) -> None:
    """Raise the filter of open orders that one order more would break. The engine checks these."""
    if open_orders >= symbol.open_orders_max:
        raise filter_failure("MAX_NUM_ORDERS", -2010)
    if request.type in WITH_STOP and open_algo_orders >= symbol.algo_orders_max:
        raise filter_failure("MAX_NUM_ALGO_ORDERS", -2010)


def _check_quantity(symbol: SpotSymbol, request: SpotOrderRequest, quantity: Decimal) -> None:
    if not (symbol.lot <= quantity <= symbol.quantity_max and is_multiple(quantity, symbol.lot)):
        raise filter_failure("LOT_SIZE")
    if request.type == "MARKET" and quantity > symbol.market_quantity_max:
        raise filter_failure("MARKET_LOT_SIZE")


def _check_notional(symbol: SpotSymbol, request: SpotOrderRequest, reference: Decimal) -> None:
    """MARKET orders are valued at the reference and have no maximum; orders that become MARKET are valued at their
    trigger."""
    price = request.price or request.stop_price or reference
    notional = request.quote_quantity if request.quantity is None else price * request.quantity
    if notional < symbol.notional_min or (request.price is not None and notional > symbol.notional_max):
        raise filter_failure("NOTIONAL")
