"""Commands to a matching engine. Prices are integer ticks, quantities are integer lots, times are epoch
milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.market.enums import Side


class OrderKind(StrEnum):
    """The order type (FIX 40), with the protective types separate. All but MARKET and LIMIT first wait for a
    trigger."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"


class EngineTimeInForce(StrEnum):
    """How long an order works (FIX 59). GTX is post-only: the order never takes liquidity."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"
    DAY = "DAY"


@dataclass(frozen=True, slots=True)
class SetLevel:
    """The market now displays `quantity` lots in total at `price`; 0 removes the level. Raises ValueError when
    malformed."""

    side: Side
    price: int
    quantity: int
    at_ms: int

    def __post_init__(self) -> None:
        if self.price <= 0 or self.quantity < 0:
            raise ValueError(f"a level needs price > 0 and quantity >= 0: {self.price}, {self.quantity}")


@dataclass(frozen=True, slots=True)
class ResetMarket:
    """The whole displayed market as (price, quantity) pairs in any order. A level that is not listed is removed.

    Raises ValueError for a price or quantity <= 0 and for a price listed twice on one side.
    """

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    at_ms: int

    def __post_init__(self) -> None:
        for levels in (self.bids, self.asks):
            if any(price <= 0 or quantity <= 0 for price, quantity in levels):
                raise ValueError("a snapshot's levels need price > 0 and quantity > 0")
            if len({price for price, _ in levels}) != len(levels):
                raise ValueError("a snapshot lists each price of a side once")


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade between two other participants: the aggressor traded `quantity` lots at `price`. Raises ValueError when
    malformed."""

    aggressor_side: Side
    price: int
    quantity: int
    at_ms: int

    def __post_init__(self) -> None:
        if self.price <= 0 or self.quantity <= 0:
            raise ValueError(f"a public trade needs price > 0 and quantity > 0: {self.price}, {self.quantity}")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A new order. The engine answers a malformed order with `Rejected(INVALID)`; it never raises for one.

    `limit_price`: required for LIMIT and the *_LIMIT kinds. Other kinds with a trigger may have one as a protection:
    once triggered they trade no further than that price, and they never rest. `stop_price`: the trigger price, required
    for the kinds that have a trigger; TRAILING_STOP has either `stop_price` or `trail_distance`. `expire_at_ms`:
    required for GTD and DAY, not allowed otherwise.
    """

    order_id: str
    account_id: str
    side: Side
    kind: OrderKind
    quantity: int
    limit_price: int | None
    stop_price: int | None
    trail_distance: int | None
    time_in_force: EngineTimeInForce
    expire_at_ms: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Cancel an open order, whether it rests or waits for its trigger."""

    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ReduceOrder:
    """Let an open order have only `remaining` lots left; it keeps its place in the queue. The engine answers nothing,
    or `CancelRejected` for an order that is not open. Raises ValueError when malformed.

    What is not less than the order has left changes nothing.
    """

    order_id: str
    remaining: int
    at_ms: int

    def __post_init__(self) -> None:
        if self.remaining <= 0:
            raise ValueError(f"an order that has nothing left is canceled, not reduced: {self.remaining}")


@dataclass(frozen=True, slots=True)
class AdvanceTime:
    """Only time passes. Every other command advances time in the same way before it acts."""

    at_ms: int


EngineCommand = SetLevel | ResetMarket | PublicTrade | NewOrder | CancelRequest | ReduceOrder | AdvanceTime
