"""Changing an account's status or name: one commit with its event and the end of its operation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cadenza.application.accounts.views import AccountView, with_credentials
from cadenza.application.orders.committer import Committer
from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import OperationId, TenantId, TradingAccountId
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

Transition = Callable[[TradingAccount, int], TradingAccount]
"""(account, now in ms) → the changed account. Raises the cause when the change is not allowed."""


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The change of an account, for the committer."""

    account_id: TradingAccountId
    transition: Transition
    operation: Operation | None

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> TradingAccount:
        before = state.account(self.account_id)
        changed = self.transition(before, state.world.now_ms)
        if changed != before:
            state.put_account(changed)
            state.emit(changed.id, AccountUpdated(changed))
        if self.operation is not None:
            state.finish_operation(self.operation)
        return state.account(self.account_id)


class AccountChanger:
    """Writes the operation as PENDING, makes the change, and ends the operation in the same commit: SUCCESS, or FAILED
    with the cause."""

    def __init__(self, *, storage: Storage, committer: Committer, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._committer = committer
        self._clock = clock
        self._ids = ids

    async def find(self, tenant_id: TenantId, account_id: TradingAccountId) -> TradingAccount:
        """Return an account of the tenant; raises `TradingAccountNotFound`."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
        if account is None or account.tenant_id != tenant_id:
            raise TradingAccountNotFound("there is no such trading account")
        return account

    async def change(
        self, actor: Actor, account_id: TradingAccountId, type: OperationType, transition: Transition
    ) -> AccountView:
        """Make a user's change to an account that exists for the user."""
        actor.require_account(account_id)
        account = await self.find(actor.tenant_id, account_id)
        account.require_connected()
        operation = await self.begin(account, type)
        changed = await self.finish(operation, transition, actor.origin)
        async with self._storage.read() as uow:
            return (await with_credentials(uow, [changed]))[0]

    async def begin(self, account: TradingAccount, type: OperationType) -> Operation:
        operation = self.new_operation(account, type)
        async with self._storage.begin() as uow:
            await uow.operations.add(operation)
            await uow.commit()
        return operation

    async def note(self, account: TradingAccount, type: OperationType) -> None:
        """Write an operation that the caller created."""
        async with self._storage.begin() as uow:
            await uow.operations.add(self.ended(self.new_operation(account, type)))
            await uow.commit()

    def new_operation(self, account: TradingAccount, type: OperationType) -> Operation:
        return Operation(
            id=OperationId(self._ids.new()),
            tenant_id=account.tenant_id,
            account_id=account.id,
            type=type,
            status=OperationStatus.PENDING,
            created_at_ms=self._clock.now_ms(),
        )

    def ended(self, operation: Operation, failure: str | None = None) -> Operation:
        """Return the operation as it is once it has ended: SUCCESS, or FAILED with the cause."""
        status = OperationStatus.SUCCESS if failure is None else OperationStatus.FAILED
        return replace(operation, status=status, finished_at_ms=self._clock.now_ms(), failure=failure)

    async def finish(self, operation: Operation, transition: Transition, origin: Origin = PLATFORM) -> TradingAccount:
        """Make the change, and end its operation. `origin` is the user who asked for it, or the platform where it ends
        what a crash interrupted."""
        try:
            return await self._committer.commit(AccountChange(operation.account_id, transition, operation), origin)
        except CadenzaError as error:
            await self.fail(operation, error.code)
            raise

    async def fail(self, operation: Operation, failure: str) -> None:
        """End an operation as FAILED."""
        async with self._storage.begin() as uow:
            await uow.operations.finish(self.ended(operation, failure))
            await uow.commit()
