"""What can be asked of a matching engine. Prices are integer ticks, quantities integer lots, times epoch ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.market.enums import Side


class OrderKind(StrEnum):
    """FIX 40, with the protective kinds apart. All but MARKET and LIMIT wait for a trigger first."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"
    TRAILING_STOP = "TRAILING_STOP"


class TimeInForce(StrEnum):
    """How long an order works (FIX 59). GTX is post-only: maker or nothing."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"
    DAY = "DAY"


@dataclass(frozen=True, slots=True)
class SetLevel:
    """The market now displays `quantity` lots in all at `price`; 0 removes the level. ValueError when malformed."""

    side: Side
    price: int
    quantity: int
    at_ms: int

    def __post_init__(self) -> None:
        if self.price <= 0 or self.quantity < 0:
            raise ValueError(f"a level needs price > 0 and quantity >= 0: {self.price}, {self.quantity}")


@dataclass(frozen=True, slots=True)
class ResetMarket:
    """The whole displayed market as (price, quantity) pairs in any order; a level not named is gone.

    Raises ValueError for a price or quantity <= 0 and for a price named twice on one side.
    """

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    at_ms: int

    def __post_init__(self) -> None:
        for levels in (self.bids, self.asks):
            if any(price <= 0 or quantity <= 0 for price, quantity in levels):
                raise ValueError("a snapshot's levels need price > 0 and quantity > 0")
            if len({price for price, _ in levels}) != len(levels):
                raise ValueError("a snapshot names each price of a side once")


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """A public print: somebody else's aggressor traded `quantity` lots at `price`. Raises ValueError when malformed."""

    aggressor_side: Side
    price: int
    quantity: int
    at_ms: int

    def __post_init__(self) -> None:
        if self.price <= 0 or self.quantity <= 0:
            raise ValueError(f"a print needs price > 0 and quantity > 0: {self.price}, {self.quantity}")


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """A new order. A malformed one is answered with `Rejected(INVALID)`, it never raises.

    `limit_price`: LIMIT and *_LIMIT, always; the other kinds with a trigger may have one as a protection: triggered,
    they take no further than that, and never rest. `stop_price`: the trigger, for the kinds that have one;
    TRAILING_STOP takes either `stop_price` or `trail_distance`. `expire_at_ms`: GTD and DAY only, always.
    """

    order_id: str
    account_id: str
    side: Side
    kind: OrderKind
    quantity: int
    limit_price: int | None
    stop_price: int | None
    trail_distance: int | None
    time_in_force: TimeInForce
    expire_at_ms: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an open order out, waiting for its trigger or resting."""

    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class AdvanceTime:
    """Nothing happened but time. Every other command advances time in the same way before it acts."""

    at_ms: int


Command = SetLevel | ResetMarket | MarketTrade | SubmitOrder | CancelOrder | AdvanceTime
