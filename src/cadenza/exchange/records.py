"""What a simulated exchange (PAPER, MOCK) stores: accounts, orders, fills and money; and the facts that it reports.

Records are immutable values. `VenueChanges` is what one batch changed. `VenueState` is what a venue restarts from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.position import Position
from cadenza.exchange.state import MarketLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAccount:
    """An account at the venue. SPOT delivers both assets of a trade; MARGIN holds positions."""

    external_id: str
    type: AccountType
    position_mode: PositionMode
    max_leverage: int
    opened_at_ms: int

    @property
    def is_margined(self) -> bool:
        return self.type is not AccountType.SPOT


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class VenueOrder:
    """An order as the venue stores it. ACCEPTED means open.

    `order_id` and `account_id` are the platform's ids, None for a liquidation. `hold_rate` is how much of a balance
    each unit of `remaining` holds. The engine sets `sequence`, `queue_ahead` (base units) and `is_triggered`.
    `position_side` names the position that fills change (None where the account has no positions). Only MOCK uses
    `script`.
    """

    venue_order_id: str
    external_id: str
    order_id: UUID | None
    account_id: UUID | None
    instrument_id: InstrumentId
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    remaining: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    expire_at_ms: int | None = None
    leverage: int | None = None
    position_side: PositionSide | None = None
    is_closing: bool = False
    is_liquidation: bool = False
    status: OrderStatus = OrderStatus.CREATED
    reason: str | None = None
    hold_rate: Decimal = ZERO
    is_triggered: bool = False
    sequence: int = 0
    queue_ahead: Decimal = ZERO
    script: str | None = None
    created_at_ms: int
    updated_at_ms: int

    @property
    def is_open(self) -> bool:
        return self.status is OrderStatus.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFill:
    """One execution of an order. No other trade of the venue ever has the same `trade_id`. `leverage` is the position's
    after the fill, None when there is no position."""

    venue_order_id: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...]
    liquidity: LiquiditySide
    position_side: PositionSide | None
    leverage: int | None
    at_ms: int


class PostingKind(StrEnum):
    DEPOSIT = "DEPOSIT"
    TRADE = "TRADE"
    PNL = "PNL"
    FEE = "FEE"
    INSURANCE = "INSURANCE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A line of the ledger: `amount` (never 0) of an asset moves from `source` to `target`, so all postings together
    sum to zero. A negative amount moves the other way."""

    source: str
    target: str
    asset: str
    amount: Decimal
    kind: PostingKind
    trade_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBalance:
    """How much of an asset an owner (an account, or one of the exchange's own owners) has. Negative means a debt."""

    owner: str
    asset: str
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPosition:
    """One position of an account. A position with quantity 0 is closed."""

    external_id: str
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMemory:
    """What an engine must remember besides the open orders, in ticks and lots."""

    instrument_id: InstrumentId
    last_price: int | None
    sequence: int
    trade_sequence: int
    now_ms: int
    levels: tuple[MarketLevel, ...]


class FactKind(StrEnum):
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    CLOSED = "CLOSED"
    TRIGGER_MOVED = "TRIGGER_MOVED"
    CANCEL_REFUSED = "CANCEL_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFact:
    """Something that happened to an order. `order` is its state right after that. `reason` says why a cancel was
    refused."""

    kind: FactKind
    order: VenueOrder
    at_ms: int
    fill: VenueFill | None = None
    reason: str | None = None


FACTS_PER_MS = 1_000


def as_of_instant(at_ms: int) -> int:
    """Return the `as_of` of the beginning of a millisecond, less than that of every fact within it."""
    return at_ms * FACTS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFact:
    """The venue changed a balance by something other than fills and fees. `as_of` grows with every such fact, also
    within a millisecond."""

    external_id: str
    asset: str
    total: Decimal
    at_ms: int
    as_of: int


Fact = OrderFact | BalanceFact


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """An order with all its fills, oldest first."""

    order: VenueOrder
    fills: tuple[VenueFill, ...]

    def facts(self) -> list[OrderFact]:
        """Return the order's whole story as facts: acceptance, present trigger, fills, end."""
        order = self.order
        if order.status is OrderStatus.REJECTED:
            return [OrderFact(kind=FactKind.REJECTED, order=order, at_ms=order.updated_at_ms)]
        facts = [OrderFact(kind=FactKind.ACCEPTED, order=order, at_ms=order.created_at_ms)]
        if order.trail_distance is not None:
            facts.append(OrderFact(kind=FactKind.TRIGGER_MOVED, order=order, at_ms=order.updated_at_ms))
        facts.extend(OrderFact(kind=FactKind.FILLED, order=order, fill=fill, at_ms=fill.at_ms) for fill in self.fills)
        if order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
            facts.append(OrderFact(kind=FactKind.CLOSED, order=order, at_ms=order.updated_at_ms))
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueChanges:
    """What one batch changed. Each row appears once, in its present state. `postings` and `fills` are new rows."""

    trade_sequence: int
    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    balances: tuple[LedgerBalance, ...] = ()
    positions: tuple[LedgerPosition, ...] = ()
    postings: tuple[Posting, ...] = ()
    engines: tuple[EngineMemory, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the batch has nothing that must be written to disk."""
        return not (self.accounts or self.orders or self.fills or self.balances or self.positions or self.postings)

    def with_engines(self, orders: tuple[VenueOrder, ...], engines: tuple[EngineMemory, ...]) -> VenueChanges:
        return replace(self, orders=orders, engines=engines)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueState:
    """Everything that a venue needs after a restart. `orders` are the open orders, `positions` those that are not 0."""

    trade_sequence: int = 0
    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    balances: tuple[LedgerBalance, ...] = ()
    positions: tuple[LedgerPosition, ...] = field(default=())
    engines: tuple[EngineMemory, ...] = ()
