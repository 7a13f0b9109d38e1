"""Trading modes of tenants, mass cancels and dead-man's switches."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.ids import InstrumentId, MassCancelId, OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.mass_cancel import MassCancel, MassCancelOutcome
from cadenza.domain.trading.order import Order


class OrderToCancel(NamedTuple):
    """An open order of a mass cancel."""

    instrument_id: InstrumentId
    order_id: OrderId


class BrakeRepository(Protocol):
    """What stops trading, and what became of it."""

    async def tenant_mode(self, tenant_id: TenantId, *, lock: bool = False) -> TradingMode:
        """Return the tenant's mode. `lock=True`: no other transaction changes it until this one ends."""

    async def set_tenant_mode(self, tenant_id: TenantId, mode: TradingMode) -> None:
        """Set the mode of a tenant, whose mode is locked, and of all its accounts. Each account gets a new version, so
        what was decided on the former mode is not saved."""

    async def add_mass_cancel(self, mass_cancel: MassCancel) -> None:
        """Record a mass cancel together with the orders that its selection selects now."""

    async def get_mass_cancel(self, id: MassCancelId) -> MassCancel | None: ...

    async def unfinished_mass_cancels(self, after: MassCancelId | None, limit: int) -> Sequence[MassCancelId]:
        """Return mass cancels that have not finished, in the order of their ids, those after the given one (None: from
        the first)."""

    async def finish_mass_cancel(self, id: MassCancelId, at_ms: int) -> bool:
        """Note that it has finished. Return False if that was noted before."""

    async def accounts_to_cancel(self, id: MassCancelId) -> Sequence[TradingAccountId]:
        """Return the accounts that have orders of the mass cancel which are open."""

    async def orders_to_cancel(
        self, id: MassCancelId, account_id: TradingAccountId, *, after: OrderToCancel | None, limit: int
    ) -> Sequence[OrderToCancel]:
        """Return orders of the mass cancel that are open, by instrument and id, those after the given one."""

    async def open_counts(self, account_id: TradingAccountId) -> Mapping[InstrumentId, int]:
        """Return how many orders of the account are open in each instrument."""

    async def accounts_of(self, id: MassCancelId) -> Sequence[TradingAccountId]:
        """Return all accounts that have orders in the mass cancel."""

    async def outcome(self, id: MassCancelId, account_id: TradingAccountId | None = None) -> MassCancelOutcome:
        """Count its orders by their present state; of one account, or of all."""

    async def orders_of(self, id: MassCancelId, *, offset: int, limit: int) -> Sequence[Order]:
        """Return its orders as they are now, without their executions, by id: a page has the same orders whatever
        becomes of them."""

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        """Delete mass cancels that finished before the instant, the oldest first, each with its list of orders. It
        deletes whole ones until their lists have `rows_max` orders together, and returns how many it deleted."""

    async def put_switch(self, switch: DeadMansSwitch) -> None:
        """Insert or replace the switch of the same tenant and account."""

    async def remove_switch(self, tenant_id: TenantId, account_id: TradingAccountId | None) -> bool: ...

    async def move_switch(self, former_id: TradingAccountId, account_id: TradingAccountId) -> None:
        """Let a switch that has not fired guard another account."""

    async def get_switch(
        self, tenant_id: TenantId, account_id: TradingAccountId | None, *, lock: bool = False
    ) -> DeadMansSwitch | None: ...

    async def switches_of(self, tenant_id: TenantId) -> Sequence[DeadMansSwitch]: ...

    async def armed_switches(self) -> Sequence[DeadMansSwitch]:
        """Return the switches that have not fired, but those of accounts that are disconnected or still being
        connected: their orders are not known here. Such a switch fires once its account is connected again."""
