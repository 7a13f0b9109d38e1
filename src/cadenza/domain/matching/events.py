"""What a matching engine answers: facts about own orders, in the order in which they became true."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.market.enums import Side


class RejectReason(StrEnum):
    """Why an order was never accepted. A rejected order leaves no trace: its id stays free."""

    INVALID = "INVALID"
    DUPLICATE_ORDER_ID = "DUPLICATE_ORDER_ID"
    TOO_MANY_OPEN_ORDERS = "TOO_MANY_OPEN_ORDERS"
    EXPIRE_TIME_PASSED = "EXPIRE_TIME_PASSED"
    NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
    STOP_WOULD_TRIGGER = "STOP_WOULD_TRIGGER"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"


class CancelReason(StrEnum):
    """Why an accepted order was closed with something left."""

    USER = "USER"
    IOC_REMAINDER = "IOC_REMAINDER"
    FOK_UNFILLABLE = "FOK_UNFILLABLE"
    SELF_TRADE = "SELF_TRADE"
    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"


class CancelRejectReason(StrEnum):
    """Why a cancel did nothing (FIX 102)."""

    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ALREADY_CLOSED = "ALREADY_CLOSED"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order is open; fills or a close may follow at once. `stop_price` is its trigger, None if it has none."""

    order_id: str
    at_ms: int
    stop_price: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    order_id: str
    reason: RejectReason


@dataclass(frozen=True, slots=True)
class Filled:
    """`quantity` lots of the order traded at `price` ticks; `remaining` 0 closes it.

    A trade between two own orders makes two of these with one `trade_sequence`, the maker's first. `contra_order_id`
    None = the market.
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
    reason: CancelReason
    remaining: int


@dataclass(frozen=True, slots=True)
class Expired:
    order_id: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Triggered:
    """The stop was reached: from here the order is a MARKET or LIMIT order that arrives now."""

    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TriggerMoved:
    """A trailing stop followed the price: up for SELL, down for BUY, never back."""

    order_id: str
    stop_price: int


@dataclass(frozen=True, slots=True)
class CancelRejected:
    order_id: str
    reason: CancelRejectReason


Event = Accepted | Rejected | Filled | Canceled | Expired | Triggered | TriggerMoved | CancelRejected
