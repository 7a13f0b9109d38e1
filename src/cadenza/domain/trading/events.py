"""Events: our own facts, appended to the account's log in the transaction that made them true.

The log of an account is the history of its realtime channel: `sequence` is the offset. An event carries everything that
its publication needs, so publishing reads no other table. It does not repeat earlier events: an order's event has the
order's totals and the executions that this event adds. So the log grows with the number of an order's fills and not
with its square.

A portfolio is no event. It is a view of balances and positions, built for accounts that have subscribers
(`application/orders/publish_portfolios.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount
from cadenza.domain.evolve import evolve
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import InstrumentId, MassCancelId, OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.order import Order

__all__ = [
    "AccountEvent",
    "AccountUpdated",
    "BalanceCorrected",
    "EventBody",
    "EventKind",
    "MassCanceled",
    "OrderUpdated",
    "PositionCorrected",
]


class EventKind(StrEnum):
    """What an event is about."""

    ORDER = "order"
    ACCOUNT = "account"
    BALANCE_CORRECTED = "balance_corrected"
    POSITION_CORRECTED = "position_corrected"
    MASS_CANCELED = "mass_canceled"


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order is new or has changed. `order` is the order without its executions; its totals are cumulative.
    `executions` are those that this event adds or corrects, by time. Create it with `of`."""

    order: Order
    executions: tuple[Execution, ...] = ()

    @classmethod
    def of(cls, order: Order, added: Sequence[Execution] = ()) -> "OrderUpdated":
        """Return the event of an order that has all its executions, of which `added` are new or corrected."""
        return cls(evolve(order, executions=()), tuple(sorted(added, key=lambda execution: execution.sort_key)))


@dataclass(frozen=True, slots=True)
class AccountUpdated:
    account: TradingAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCorrected:
    """The venue's balance replaced ours, and no report explains the difference. `before` and `after` are totals in
    units of the asset; None means that the total was not known. `cause` names in a few words what the venue sent.
    `account` is for the publication, which shows the account; the next portfolio shows the new balance."""

    account: TradingAccount
    asset: str
    before: Decimal | None
    after: Decimal | None
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionCorrected:
    """The venue's position replaced ours, and no report explains the difference. `before` and `after` are signed
    quantities as in `Position`: 0 is no position, None means that it was not known. `cause` and `account` are as in
    `BalanceCorrected`."""

    account: TradingAccount
    instrument_id: InstrumentId
    side: PositionSide
    before: Decimal | None
    after: Decimal | None
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCanceled:
    """Every order of the account that a mass cancel selected is closed. `counts` says how many ended in which state.
    `account` is for the publication."""

    account: TradingAccount
    mass_cancel_id: MassCancelId
    counts: Mapping[OrderStatus, int]


EventBody = OrderUpdated | AccountUpdated | BalanceCorrected | PositionCorrected | MassCanceled


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """One row of an account's log; sequences start at 1 and have no gap. `origin` says who caused it."""

    account_id: TradingAccountId
    tenant_id: TenantId
    sequence: int
    at_ms: int
    body: EventBody
    origin: Origin

    @property
    def order_id(self) -> OrderId | None:
        """The order that the event is about; None where it is about none."""
        return self.body.order.id if isinstance(self.body, OrderUpdated) else None
