"""Set which new orders an account, or a whole tenant, takes: ACTIVE, REDUCING, HALTED.

The committer decides each new order by the account's row, which carries both modes. So a mode holds from its commit on,
in every process and after a crash. Halting also cancels what is on its way: an order that was recorded and not sent is
not sent, and one that was sent is canceled when its venue answers. What rests at the venues stays, unless the caller
wants it canceled too.
"""

from dataclasses import dataclass

from cadenza.application.accounts.change_account import AccountChange
from cadenza.application.brake.mass_cancel import ORDERS_SHOWN_MAX, CancelOrders, MassCancelView, view_of
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.halted_accounts import HaltedAccounts
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.trading_account import TradingAccount, TradingMode
from cadenza.domain.evolve import evolve
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.mass_cancel import OrderSelection
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingModes:
    """The mode of a tenant and, if one account is meant, of that account; the stricter one counts. `mass_cancel` says
    what halting canceled."""

    tenant: TradingMode
    account_id: TradingAccountId | None = None
    account: TradingMode | None = None
    mass_cancel: MassCancelView | None = None


@dataclass(frozen=True, slots=True)
class SetAccountMode:
    """The change of an account's mode, by the right of `actor`. A REDUCING account needs the claims of its open orders
    for its next order."""

    account_id: TradingAccountId
    mode: TradingMode
    actor: Actor

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.limiting.add(self.account_id)

    def decide(self, state: TradingState) -> TradingAccount:
        return AccountChange(self.account_id, self._moved, None).decide(state)

    def _moved(self, account: TradingAccount, now_ms: int) -> TradingAccount:
        account.require_connected()
        _require_right(self.actor, account.trading_mode, self.mode)
        if account.trading_mode is self.mode:
            return account
        return evolve(account, trading_mode=self.mode, updated_at_ms=now_ms)


class SetTradingMode:
    """The use case. Without an account it sets the mode of the tenant."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        halted: HaltedAccounts,
        cancel_orders: CancelOrders,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._storage = storage
        self._committer = committer
        self._halted = halted
        self._cancel_orders = cancel_orders

    async def __call__(
        self, actor: Actor, account_id: TradingAccountId | None, mode: TradingMode, *, cancel_open: bool
    ) -> TradingModes:
        """Return the modes as they are now. A less strict mode needs the scope admin, because a program that was
        stopped must not start itself again; any other needs write. Idempotent. Raises `TradingAccountNotFound`,
        `InsufficientScope`."""
        actor.require(Scope.WRITE)
        if account_id is None:
            await self._set_of_tenant(actor, mode)
        else:
            await self._set_of_account(actor, account_id, mode)
        canceled = None
        if mode is TradingMode.HALTED or cancel_open:
            canceled = await self._cancel(actor, account_id, only_on_their_way=not cancel_open)
        async with self._storage.read() as uow:
            tenant = await uow.brake.tenant_mode(actor.tenant_id)
            account = None if account_id is None else await uow.accounts.get(account_id)
        own = None if account is None else account.trading_mode
        return TradingModes(tenant=tenant, account_id=account_id, account=own, mass_cancel=canceled)

    async def _set_of_tenant(self, actor: Actor, mode: TradingMode) -> None:
        actor.require_all_accounts()
        async with self._storage.begin() as uow:
            former = await uow.brake.tenant_mode(actor.tenant_id, lock=True)
            _require_right(actor, former, mode)
            await uow.brake.set_tenant_mode(actor.tenant_id, mode)
            if mode is not former:
                await uow.audit.add(self._entry(actor, former, mode))
            await uow.commit()
        self._halted.note_tenant(actor.tenant_id, mode)

    def _entry(self, actor: Actor, former: TradingMode, mode: TradingMode) -> AuditEntry:
        return AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=actor.tenant_id,
            kind=AuditKind.TRADING_STATE_SET,
            at_ms=self._clock.now_ms(),
            origin=actor.origin,
            subject=str(actor.tenant_id),
            facts={"from": former.value, "to": mode.value},
        )

    async def _set_of_account(self, actor: Actor, account_id: TradingAccountId, mode: TradingMode) -> None:
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, account_id)
        await self._committer.commit(SetAccountMode(account_id, mode, actor), actor.origin)

    async def _cancel(
        self, actor: Actor, account_id: TradingAccountId | None, *, only_on_their_way: bool
    ) -> MassCancelView:
        selection = OrderSelection(
            tenant_id=actor.tenant_id, account_id=account_id, is_unacknowledged=only_on_their_way
        )
        async with self._storage.begin() as uow:
            mass_cancel = await self._cancel_orders.begin(uow, selection, actor.origin)
            await uow.commit()
        await self._cancel_orders.run(mass_cancel.id)
        async with self._storage.read() as uow:
            return await view_of(uow, mass_cancel.id, offset=0, limit=ORDERS_SHOWN_MAX)


class GetTradingMode:
    """The use case: the modes of the tenant and of an account."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, account_id: TradingAccountId | None) -> TradingModes:
        """Raises `TradingAccountNotFound`."""
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, account_id)
            account = None if account_id is None else await uow.accounts.get(account_id)
            tenant = await uow.brake.tenant_mode(actor.tenant_id)
        own = None if account is None else account.trading_mode
        return TradingModes(tenant=tenant, account_id=account_id, account=own)


def _require_right(actor: Actor, before: TradingMode, after: TradingMode) -> None:
    """Raise `InsufficientScope` unless the caller may make this change."""
    if after.strictness < before.strictness:
        actor.require(Scope.ADMIN)
