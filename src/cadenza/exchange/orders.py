"""An open order inside an engine, and the rules that need no book."""

from __future__ import annotations

from dataclasses import dataclass

from cadenza.domain.market.enums import Side
from cadenza.exchange.commands import EngineTimeInForce, NewOrder, OrderKind
from cadenza.exchange.state import OpenOrder

LIMIT_KINDS = frozenset(
    {OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT},
)
TAKE_PROFIT_KINDS = frozenset({OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT})
TRIGGER_KINDS = frozenset(OrderKind) - {OrderKind.MARKET, OrderKind.LIMIT}
UNLIMITED_TRIGGER_KINDS = TRIGGER_KINDS - LIMIT_KINDS
EXPIRING = frozenset({EngineTimeInForce.GTD, EngineTimeInForce.DAY})
IMMEDIATE = frozenset({EngineTimeInForce.IOC, EngineTimeInForce.FOK})


def triggers_on_rise(side: Side, kind: OrderKind) -> bool:
    """Whether a rising price triggers the order. A BUY stop triggers on a rise, a SELL stop on a fall; take-profits are
    the reverse."""
    return (side is Side.BUY) is not (kind in TAKE_PROFIT_KINDS)


def is_well_formed(command: NewOrder) -> bool:
    """Whether the fields fit the kind and the time in force. The market is not checked."""
    kind, time_in_force = command.kind, command.time_in_force
    is_limit = kind in LIMIT_KINDS
    numbers = (command.limit_price, command.stop_price, command.trail_distance)
    return (
        command.order_id != ""
        and command.account_id != ""
        and command.quantity > 0
        and all(number is None or number > 0 for number in numbers)
        and _has_its_limit(command)
        and _has_its_trigger(command)
        and (command.expire_at_ms is not None) is (time_in_force in EXPIRING)
        and (is_limit or time_in_force is not EngineTimeInForce.GTX)
    )


def _has_its_limit(command: NewOrder) -> bool:
    if command.kind in UNLIMITED_TRIGGER_KINDS:
        return True
    return (command.limit_price is not None) is (command.kind in LIMIT_KINDS)


def _has_its_trigger(command: NewOrder) -> bool:
    if command.kind is OrderKind.TRAILING_STOP:
        return (command.stop_price is None) is not (command.trail_distance is None)
    return command.trail_distance is None and (command.stop_price is not None) is (command.kind in TRIGGER_KINDS)


@dataclass(slots=True, eq=False)
class WorkingOrder:
    """The engine's mutable record of an open order. `book.PriceLevel` explains `market_before`."""

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
    market_before: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the order waits for its trigger and so is not in the book."""
        return self.kind in TRIGGER_KINDS and not self.is_triggered

    @property
    def may_rest(self) -> bool:
        return self.kind in LIMIT_KINDS and self.time_in_force not in IMMEDIATE

    @property
    def resting_price(self) -> int:
        """The limit price of an order that stands in the book."""
        assert self.limit_price is not None
        return self.limit_price

    @classmethod
    def from_command(
        cls, command: NewOrder, stop_price: int | None, distance: int | None, sequence: int
    ) -> WorkingOrder:
        return cls(
            order_id=command.order_id,
            account_id=command.account_id,
            side=command.side,
            kind=command.kind,
            quantity=command.quantity,
            remaining=command.quantity,
            limit_price=command.limit_price,
            stop_price=stop_price,
            trail_distance=distance,
            time_in_force=command.time_in_force,
            expire_at_ms=command.expire_at_ms,
            is_triggered=False,
            sequence=sequence,
        )

    @classmethod
    def from_open(cls, order: OpenOrder) -> WorkingOrder:
        return cls(
            order_id=order.order_id,
            account_id=order.account_id,
            side=order.side,
            kind=order.kind,
            quantity=order.quantity,
            remaining=order.remaining,
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            trail_distance=order.trail_distance,
            time_in_force=order.time_in_force,
            expire_at_ms=order.expire_at_ms,
            is_triggered=order.is_triggered,
            sequence=order.sequence,
        )

    def to_open(self, queue_ahead: int) -> OpenOrder:
        return OpenOrder(
            order_id=self.order_id,
            account_id=self.account_id,
            side=self.side,
            kind=self.kind,
            quantity=self.quantity,
            remaining=self.remaining,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            trail_distance=self.trail_distance,
            time_in_force=self.time_in_force,
            expire_at_ms=self.expire_at_ms,
            is_triggered=self.is_triggered,
            sequence=self.sequence,
            queue_ahead=queue_ahead,
        )
