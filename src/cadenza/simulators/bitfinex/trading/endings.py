"""With which word an order ends that is not executed."""

from __future__ import annotations

from decimal import Decimal

from cadenza.exchange import EngineCancelReason
from cadenza.simulators.bitfinex.trading.records import (
    CANCELED,
    FOK_CANCELED,
    IOC,
    IOC_CANCELED,
    NO_POSITION,
    POST_ONLY_CANCELED,
    REDUCE_FLIPS,
    REDUCE_INCREASES,
    SLIPPED_BALANCE,
    BitfinexOrder,
)

_ENDINGS = {
    EngineCancelReason.USER: CANCELED,
    EngineCancelReason.SELF_TRADE: CANCELED,
    EngineCancelReason.FOK_UNFILLABLE: FOK_CANCELED,
    EngineCancelReason.POST_ONLY_WOULD_TAKE: POST_ONLY_CANCELED,
}


def ending_of(order: BitfinexOrder, reason: EngineCancelReason) -> str:
    """Return the word for what the engine did. The rest of an order that was triggered ends for want of balance: it
    trades no further than what it held can pay."""
    if reason is not EngineCancelReason.IOC_REMAINDER:
        return _ENDINGS[reason]
    if order.kind == IOC:
        return IOC_CANCELED
    return SLIPPED_BALANCE if order.is_triggered and order.is_on_exchange else CANCELED


def reduce_only_ending(order: BitfinexOrder, held: Decimal) -> str | None:
    """Return the word with which a reduce-only order ends at a position; None when it would only reduce it."""
    if not held:
        return NO_POSITION
    if held * order.side.sign > 0:
        return REDUCE_INCREASES
    return REDUCE_FLIPS if order.remaining > abs(held) else None
