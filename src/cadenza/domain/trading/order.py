"""The order: its state machine and what each fact does to it.

States only go forward: CREATED → SUBMITTED → ACCEPTED → PARTIALLY_FILLED → FILLED, with PENDING_CANCEL → CANCELED or
FILLED, and REJECTED, EXPIRED, REVOKED. Closed states are final. A fill that arrives after a close is booked, because
the money is real, and the state stays; only a complete fill turns PENDING_CANCEL into FILLED.
SUBMITTED also stands for an unknown outcome: the order may be at the venue, and is asked for until the truth is known.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import (
    ExecutionId,
    InstrumentId,
    OrderId,
    PositionId,
    QuoteId,
    TenantId,
    TradingAccountId,
    VenueId,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO, Rounding, average_price
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, OrderStatus, QuantityType


@dataclass(frozen=True, slots=True)
class Fee:
    """What an execution cost, in units of `asset`; negative is a rebate."""

    asset: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill. `trade_id` is the venue's; (account, venue, trade_id) is unique for ever."""

    id: ExecutionId
    order_id: OrderId
    account_id: TradingAccountId
    venue_id: VenueId
    instrument_id: InstrumentId
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...]
    liquidity: LiquiditySide | None
    executed_at_ms: int

    @property
    def cost(self) -> Decimal:
        """Price times quantity, in quote units."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an open order keeps of a balance: `locked` in total at the start, `remaining` now, in units of `asset`."""

    asset: str
    locked: Decimal
    remaining: Decimal


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class Order:
    """An order as a value; every change makes a new one with a higher `version`.

    `asked_quantity` and `quantity_type` are what the client said; `quantity` is the base quantity it came to.
    `stop_price` is the present trigger of a trailing stop. `is_external` marks an order that we did not place,
    `is_liquidation` one by which the venue closed a position.
    """

    id: OrderId
    tenant_id: TenantId
    account_id: TradingAccountId
    venue_id: VenueId
    instrument_id: InstrumentId
    base_asset: str
    quote_asset: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    asked_quantity: Decimal
    quantity_type: QuantityType
    rounding: Rounding
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    position_id: PositionId | None = None
    quote_id: QuoteId | None = None
    leverage: int | None = None
    expire_at_ms: int | None = None
    client_order_id: str | None = None
    idempotency_key: str | None = None
    fingerprint: bytes | None = None
    status: OrderStatus = OrderStatus.CREATED
    reject_reason: str | None = None
    cancel_reason: str | None = None
    venue_order_id: str | None = None
    executed_quantity: Decimal = ZERO
    executed_cost: Decimal = ZERO
    fees: tuple[Fee, ...] = ()
    executions: tuple[Execution, ...] = ()
    reservation: Reservation | None = None
    is_external: bool = False
    is_liquidation: bool = False
    created_at_ms: int
    updated_at_ms: int
    canceled_at_ms: int | None = None
    version: int = 1

    @property
    def is_closed(self) -> bool:
        return self.status.is_closed

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still be executed, in base units; 0 when closed."""
        return ZERO if self.is_closed else self.quantity - self.executed_quantity

    @property
    def executed_price(self) -> Decimal:
        """Average price of the executions, 0 when there are none."""
        return average_price(self.executed_cost, self.executed_quantity)

    def submitted(self, at_ms: int, reservation: Reservation | None = None) -> "Order":
        """The intent is recorded, with what it locks, and about to be sent."""
        return self._moved(OrderStatus.SUBMITTED, at_ms, reservation=reservation)

    def accepted(self, venue_order_id: str, at_ms: int) -> "Order":
        """The venue confirmed it. A late confirmation of an order that is further on only tells the venue's id."""
        status = OrderStatus.ACCEPTED if self.status in (OrderStatus.CREATED, OrderStatus.SUBMITTED) else self.status
        if status is self.status and self.venue_order_id == venue_order_id:
            return self
        return self._moved(status, at_ms, venue_order_id=venue_order_id)

    def rejected(self, reason: str, at_ms: int) -> "Order":
        """The venue refused it, with proof. Nothing that was executed or closed can be rejected any more."""
        if self.is_closed or self.executed_quantity > 0:
            return self
        return self._moved(OrderStatus.REJECTED, at_ms, reject_reason=reason)

    def revoked(self, at_ms: int) -> "Order":
        """Nobody follows it any more; what becomes of it at its venue is not known here."""
        return self if self.is_closed else self._moved(OrderStatus.REVOKED, at_ms)

    def cancel_requested(self, at_ms: int) -> "Order":
        """A cancel is recorded and about to be sent."""
        return self if self.is_closed else self._moved(OrderStatus.PENDING_CANCEL, at_ms)

    def cancel_refused(self, venue_order_id: str | None, at_ms: int) -> "Order":
        """The venue did not take it off: it returns to what is known of it, by its executions and by the venue's id.
        Without either the venue may not even have it: its outcome is as unknown as before."""
        if self.status is not OrderStatus.PENDING_CANCEL:
            return self
        known_as = venue_order_id or self.venue_order_id
        acknowledged = OrderStatus.SUBMITTED if known_as is None else OrderStatus.ACCEPTED
        status = OrderStatus.PARTIALLY_FILLED if self.executed_quantity > 0 else acknowledged
        return self._moved(status, at_ms, venue_order_id=known_as)

    def canceled(self, reason: CancelReason, at_ms: int) -> "Order":
        """The venue took it off. It never overwrites another closed state."""
        if self.is_closed:
            return self
        return self._moved(OrderStatus.CANCELED, at_ms, cancel_reason=reason.value, canceled_at_ms=at_ms)

    def expired(self, at_ms: int) -> "Order":
        """Its time came. Executions stay."""
        if self.is_closed:
            return self
        return self._moved(OrderStatus.EXPIRED, at_ms, cancel_reason=CancelReason.EXPIRED.value)

    def trigger_moved(self, stop_price: Decimal, at_ms: int) -> "Order":
        """A trailing stop ratcheted."""
        if self.is_closed or self.stop_price == stop_price:
            return self
        return self._moved(self.status, at_ms, stop_price=stop_price)

    def filled(self, execution: Execution) -> "Order":
        """Book one fill; the caller has made sure that it is new. Executions stay ordered by time, then trade id."""
        quantity = self.executed_quantity + execution.quantity
        executions = (*self.executions, execution)
        if len(executions) > 1:
            executions = tuple(sorted(executions, key=lambda e: (e.executed_at_ms, len(e.trade_id), e.trade_id)))
        return self._moved(
            self._status_after_fill(quantity),
            execution.executed_at_ms,
            executed_quantity=quantity,
            executed_cost=self.executed_cost + execution.cost,
            fees=add_fees(self.fees, execution.fees),
            executions=executions,
        )

    def _status_after_fill(self, executed_quantity: Decimal) -> OrderStatus:
        if self.is_closed:
            return self.status
        if executed_quantity >= self.quantity:
            return OrderStatus.FILLED
        return self.status if self.status is OrderStatus.PENDING_CANCEL else OrderStatus.PARTIALLY_FILLED

    def _moved(self, status: OrderStatus, at_ms: int, **changes: Any) -> "Order":
        updated_at_ms = max(self.updated_at_ms, at_ms)
        return evolve(self, status=status, updated_at_ms=updated_at_ms, version=self.version + 1, **changes)


def add_fees(fees: tuple[Fee, ...], more: tuple[Fee, ...]) -> tuple[Fee, ...]:
    """Sum fees per asset, in order of first appearance."""
    totals: dict[str, Decimal] = {}
    for fee in (*fees, *more):
        totals[fee.asset] = totals.get(fee.asset, ZERO) + fee.quantity
    return tuple(Fee(asset, quantity) for asset, quantity in totals.items())
