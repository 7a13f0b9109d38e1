"""What a venue that we run ourselves (PAPER, MOCK) writes down: accounts, orders, fills, money;
and what it tells of them.

A record is a value. `VenueChanges` is what one batch changed, `VenueState` what a restarted venue goes on from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from cadenza.domain.accounts.trading_account import AccountType, PositionMode
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.matching.state import MarketLevel
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus
from cadenza.domain.trading.order import Fee
from cadenza.domain.trading.position import Position, PositionSide


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
    """An order as the venue keeps it; ACCEPTED means open.

    `order_id` and `account_id` are the ids of the side that placed it, None for a liquidation. `hold_rate` is what each
    unit of `remaining` keeps of a balance. `sequence`, `queue_ahead` (base units) and `is_triggered` are the engine's.
    `position_side` is the row its fills change (None where the account has no positions). `script` belongs to MOCK.
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
    """One execution of an order. `trade_id` is never used for another trade of the venue."""

    venue_order_id: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...]
    liquidity: LiquiditySide
    position_side: PositionSide | None
    at_ms: int


class PostingKind(StrEnum):
    DEPOSIT = "DEPOSIT"
    TRADE = "TRADE"
    PNL = "PNL"
    FEE = "FEE"
    INSURANCE = "INSURANCE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A line of the ledger: `source` has `amount` (never 0) less of an asset and `target` has it more, so all postings
    together sum to zero. A negative amount flows the other way."""

    source: str
    target: str
    asset: str
    amount: Decimal
    kind: PostingKind
    trade_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBalance:
    """The total that an owner (an account, or one of the venue's own) has of an asset; negative only where it owes."""

    owner: str
    asset: str
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """A row of an account's positions; one whose quantity is 0 is gone."""

    external_id: str
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMemory:
    """What an engine must remember of its market besides the open orders; ticks and lots."""

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
    """Something that became true of an order, which is shown as it stood then. `reason`: why a cancel was refused."""

    kind: FactKind
    order: VenueOrder
    at_ms: int
    fill: VenueFill | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFact:
    """The venue set a balance otherwise than by fills and fees."""

    external_id: str
    asset: str
    total: Decimal
    at_ms: int


Fact = OrderFact | BalanceFact


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """An order with all its fills, oldest first."""

    order: VenueOrder
    fills: tuple[VenueFill, ...]

    def facts(self) -> list[OrderFact]:
        """Tell it from the beginning: accepted, where its trigger is, its fills, how it ended."""
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
    """What a batch changed, each row once and as it is now. `postings` and `fills` are new rows."""

    trade_sequence: int
    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    balances: tuple[HeldBalance, ...] = ()
    positions: tuple[HeldPosition, ...] = ()
    postings: tuple[Posting, ...] = ()
    engines: tuple[EngineMemory, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing that must be on disk."""
        return not (self.accounts or self.orders or self.fills or self.balances or self.positions or self.postings)

    def with_engines(self, orders: tuple[VenueOrder, ...], engines: tuple[EngineMemory, ...]) -> VenueChanges:
        return replace(self, orders=orders, engines=engines)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueState:
    """All that a restarted venue needs; `orders` are the open ones, `positions` those that are not 0."""

    trade_sequence: int = 0
    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    balances: tuple[HeldBalance, ...] = ()
    positions: tuple[HeldPosition, ...] = field(default=())
    engines: tuple[EngineMemory, ...] = ()
