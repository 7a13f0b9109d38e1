"""Disconnect an account: its stream stops, it never trades again, its history stays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.views import AccountView, with_credentials
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import CadenzaError
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.subscription import SubscriptionStatus, SubscriptionType
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True)
class RevokeOrders:
    """A change: the open orders are closed as REVOKED and their locks are released, because no session follows them any
    more. They work on at the venue, where a new connection finds them; those that the platform holds are at no venue,
    and end here. The change ends the operation."""

    account_id: TradingAccountId
    order_ids: Sequence[OrderId]
    operation: Operation

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.update(self.order_ids)

    def decide(self, state: TradingState) -> TradingAccount:
        for order_id in self.order_ids:
            order = state.order(order_id)
            if order is not None and not order.is_closed:
                state.put_order(release(state, order.revoked(state.world.now_ms)))
        state.finish_operation(self.operation)
        return state.account(self.account_id)


class DisconnectAccount:
    """The use case. Orders that still work at the venue stay there; a caller that does not want this cancels them
    first."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        changer: AccountChanger,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._changer = changer
        self._sessions = sessions
        self._clock = clock

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> AccountView:
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        account = await self._changer.find(actor.tenant_id, account_id)
        account.require_connected()
        operation = await self._changer.begin(account, OperationType.DISCONNECT)
        try:
            await self._committer.commit(AccountChange(account_id, disconnected, None), actor.origin)
        except CadenzaError as error:
            await self._changer.fail(operation, error.code)
            raise
        archived = await self._wind_up(operation, actor.origin)
        async with self._storage.read() as uow:
            return (await with_credentials(uow, [archived]))[0]

    async def finish(self, operation: Operation) -> None:
        """Complete a disconnect that a crash interrupted at any point."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
        if account is not None and account.status is not AccountStatus.DISCONNECTED:
            await self._committer.commit(AccountChange(account.id, disconnected, None))
        await self._wind_up(operation, PLATFORM)

    async def _wind_up(self, operation: Operation, origin: Origin) -> TradingAccount:
        """End the session, the subscriptions and the open orders. New orders are refused by now."""
        account_id = operation.account_id
        await self._sessions.close(account_id)
        async with self._storage.begin() as uow:
            subscribed = await uow.subscriptions.active(
                operation.tenant_id, SubscriptionType.TRADING_ACCOUNT, account_id=account_id
            )
            for each in subscribed:
                ended = replace(each, status=SubscriptionStatus.TERMINATED, updated_at_ms=self._clock.now_ms())
                await uow.subscriptions.update(ended)
            open_orders = await uow.orders.unresolved(account_id)
            held_ids = await uow.orders.held_of(account_id)
            await uow.commit()
        order_ids = [*(order.id for order in open_orders), *held_ids]
        return await self._committer.commit(RevokeOrders(account_id, order_ids, operation), origin)


def disconnected(account: TradingAccount, now_ms: int) -> TradingAccount:
    """Any connected state → DISCONNECTED, which is final."""
    account.require_connected()
    return account.with_status(AccountStatus.DISCONNECTED, now_ms)
