"""The state of a matching engine as plain values. A venue stores it, and tests compare two engines by it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cadenza.domain.market.enums import Side
from cadenza.exchange.commands import EngineTimeInForce, OrderKind

OPEN_ORDERS_MAX = 100_000
CLOSED_ORDER_IDS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Everything that the engine knows about an open order.

    `sequence` is its time priority: the order gets it at acceptance and a new one when it triggers. `queue_ahead` is
    the market quantity (lots) that trades before it at its price, 0 while it waits for its trigger. Every TRAILING_STOP
    has a `trail_distance`.
    """

    order_id: str
    account_id: str
    side: Side
    kind: OrderKind
    quantity: int
    remaining: int
    limit_price: int | None
    stop_price: int | None
    trail_distance: int | None
    time_in_force: EngineTimeInForce
    expire_at_ms: int | None
    is_triggered: bool
    sequence: int
    queue_ahead: int


@dataclass(frozen=True, slots=True)
class MarketLevel:
    """The market's liquidity at a price. Own orders took `taken` of what it displays; 0 <= taken <= displayed."""

    side: Side
    price: int
    displayed: int
    taken: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """A snapshot. An engine that is restored from it answers every later command as the original would have.

    Orders are sorted by sequence, levels by side and then best first, closed ids oldest first. A venue whose market
    comes back after a restart may store only the levels that own orders took from or rest on. It then sends a
    `ResetMarket` before anything else.
    """

    orders: tuple[OpenOrder, ...] = ()
    market_levels: tuple[MarketLevel, ...] = ()
    closed_order_ids: tuple[str, ...] = ()
    last_price: int | None = None
    sequence: int = 0
    trade_sequence: int = 0
    now_ms: int = 0

    def hash(self) -> str:
        """Return a hash that is equal for equal states, whichever engine made them."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FillEstimate:
    """What a taker would get now: `quantity` lots, at most what it asked for, at a `cost` in ticks x lots."""

    quantity: int
    cost: int
