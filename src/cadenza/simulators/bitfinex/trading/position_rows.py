"""Positions as the venue's arrays show them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.money import ONE, ZERO, divide, to_plain
from cadenza.simulators.bitfinex.symbols import BitfinexSymbol
from cadenza.simulators.bitfinex.trading.ledger import LEVERAGE, BitfinexLedger
from cadenza.simulators.bitfinex.trading.records import BitfinexPosition
from cadenza.simulators.bitfinex.trading.rows import TAIL
from cadenza.simulators.bitfinex.wire.numbers import number, rounded

_MARGIN_TYPE, _DERIVATIVE_TYPE = 0, 1
_RATIO_PLACES = 8


def position_row(ledger: BitfinexLedger, symbol: BitfinexSymbol, position: BitfinexPosition) -> list[object]:
    """Return a position: 0 symbol, 1 status, 2 amount, 3 base price, 6 profit, 8 liquidation price, 9 leverage, 11 id,
    12 and 13 times, 15 type, 17 collateral, 18 least collateral, 19 meta."""
    profit, margin = ledger.profit(position), ledger.margin(position)
    worth = abs(position.amount) * position.base_price
    return [
        position.symbol,
        "ACTIVE" if position.amount else "CLOSED",
        number(position.amount),
        number(position.base_price),
        0,
        0,
        number(rounded(profit)),
        number(divide(profit * 100, worth, _RATIO_PLACES) if worth else ZERO),
        number(_liquidation_price(ledger, position, margin)),
        number(Decimal(position.leverage or LEVERAGE) if symbol.is_derivative else _leverage_of(worth, margin)),
        None,
        position.position_id,
        position.created_ms,
        position.updated_ms,
        None,
        _DERIVATIVE_TYPE if symbol.is_derivative else _MARGIN_TYPE,
        None,
        number(rounded(margin) if symbol.is_derivative else ZERO),
        number(rounded(ledger.least_margin(position)) if symbol.is_derivative else ZERO),
        {
            "reason": "TRADE",
            "order_id": position.order_id,
            "liq_stage": None,
            "trade_price": to_plain(position.trade_price),
            "trade_amount": to_plain(position.trade_amount),
        },
        *TAIL,
    ]


def _leverage_of(worth: Decimal, margin: Decimal) -> Decimal:
    return divide(worth, margin, _RATIO_PLACES) if margin else ONE


def _liquidation_price(ledger: BitfinexLedger, position: BitfinexPosition, margin: Decimal) -> Decimal | None:
    """Return about where the loss leaves no more than the least margin. Nothing is liquidated here."""
    if not position.amount:
        return None
    room = margin - ledger.least_margin(position)
    price = position.base_price - divide(room, position.amount, _RATIO_PLACES)
    return max(ZERO, price)
