"""Events of a matching engine: facts about own orders, in the order in which they became true."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.market.enums import Side


class EngineRejectReason(StrEnum):
    """Why the engine did not accept an order. It keeps no trace of a rejected order, so the id can be used again."""

    INVALID = "INVALID"
    DUPLICATE_ORDER_ID = "DUPLICATE_ORDER_ID"
    TOO_MANY_OPEN_ORDERS = "TOO_MANY_OPEN_ORDERS"
    EXPIRE_TIME_PASSED = "EXPIRE_TIME_PASSED"
    NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
    STOP_WOULD_TRIGGER = "STOP_WOULD_TRIGGER"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"


class EngineCancelReason(StrEnum):
    """Why an accepted order was closed before it was filled."""

    USER = "USER"
    IOC_REMAINDER = "IOC_REMAINDER"
    FOK_UNFILLABLE = "FOK_UNFILLABLE"
    SELF_TRADE = "SELF_TRADE"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"


class CancelRejectReason(StrEnum):
    """Why a cancel changed nothing (FIX 102)."""

    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ALREADY_CLOSED = "ALREADY_CLOSED"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order is open. Fills or a close may follow at once. `stop_price` is its trigger price, None without a
    trigger."""

    order_id: str
    at_ms: int
    stop_price: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    order_id: str
    reason: EngineRejectReason


@dataclass(frozen=True, slots=True)
class Filled:
    """`quantity` lots of the order traded at `price` ticks. With `remaining` 0 the order is closed.

    A trade between two own orders makes two of these events with the same `trade_sequence`; the maker's comes first.
    `contra_order_id` is the other own order, None when the order traded with the market.
    """

    trade_sequence: int
    order_id: str
    account_id: str
    side: Side
    price: int
    quantity: int
    remaining: int
    is_maker: bool
    contra_order_id: str | None


@dataclass(frozen=True, slots=True)
class Canceled:
    order_id: str
    reason: EngineCancelReason
    remaining: int


@dataclass(frozen=True, slots=True)
class Expired:
    order_id: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Triggered:
    """The price reached the trigger. From now on this is a MARKET or LIMIT order that arrives at this moment."""

    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TriggerMoved:
    """The trigger of a trailing stop followed the price: up for SELL, down for BUY, never back."""

    order_id: str
    stop_price: int


@dataclass(frozen=True, slots=True)
class CancelRejected:
    order_id: str
    reason: CancelRejectReason


EngineEvent = Accepted | Rejected | Filled | Canceled | Expired | Triggered | TriggerMoved | CancelRejected
