"""Mass cancels: one request to cancel many orders at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import InstrumentId, MassCancelId, OrderId, TenantId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.cancel import Cancellation, decide_cancel
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.state import TradingState


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSelection:
    """Selects open orders of a tenant; None means any. `accounts` restricts the selection to these accounts, and
    `is_unacknowledged` to orders that their venue has not acknowledged."""

    tenant_id: TenantId
    account_id: TradingAccountId | None = None
    accounts: frozenset[TradingAccountId] | None = None
    instrument_id: InstrumentId | None = None
    side: Side | None = None
    is_unacknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancel:
    """A request to cancel the orders that it selected when it was recorded; later orders do not belong to it. It has
    finished when all of them are closed. `origin` is who wanted it."""

    id: MassCancelId
    selection: OrderSelection
    origin: Origin
    requested_at_ms: int
    finished_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancelOutcome:
    """How many orders of a mass cancel are in each state now."""

    counts: Mapping[OrderStatus, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def open_count(self) -> int:
        return sum(count for status, count in self.counts.items() if not status.is_closed)


def decide_mass_cancel(
    state: TradingState, account_id: TradingAccountId, order_ids: Iterable[OrderId]
) -> list[Cancellation]:
    """Record the requests to cancel those of the account's orders that are open. An order that is closed already, and
    one whose cancel was requested before, are as they are; the latter is asked for again."""
    decided = []
    for order_id in order_ids:
        order = state.order(order_id)
        if order is not None and not order.is_closed:
            decided.append(decide_cancel(state, account_id, order_id))
    return decided
