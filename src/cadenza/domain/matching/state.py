"""The state of a matching engine as plain values: what a venue writes down, and what two engines are compared by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cadenza.domain.market.enums import Side
from cadenza.domain.matching.commands import OrderKind, TimeInForce

OPEN_ORDERS_MAX = 100_000
CLOSED_ORDER_IDS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """Everything the engine knows of an open order; one row in a venue's store.

    `sequence` is its time priority: given at acceptance, renewed when it triggers. `queue_ahead` is the market
    quantity (lots) that trades before it at its price; 0 while it waits for its trigger. `trail_distance` is set for
    every TRAILING_STOP.
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
    time_in_force: TimeInForce
    expire_at_ms: int | None
    is_triggered: bool
    sequence: int
    queue_ahead: int


@dataclass(frozen=True, slots=True)
class MarketLevel:
    """External liquidity at a price; own orders have `taken` of what the market displays, 0 <= taken <= displayed."""

    side: Side
    price: int
    displayed: int
    taken: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """A snapshot. Restored, it answers every later command as the original would have.

    Orders by sequence; levels by side, then best first; closed ids oldest first. A venue that rebuilds its market
    after a restart may keep only the levels that were taken from or on which an own order rests, and send a
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
        """Canonical: equal states have equal hashes, whatever engine they come from."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class FillEstimate:
    """What a taker would get now: `quantity` lots (at most what was asked) for `cost` ticks x lots."""

    quantity: int
    cost: int
