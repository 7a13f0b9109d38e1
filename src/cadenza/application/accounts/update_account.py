"""Rename an account, enable it, disable it."""

from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.views import AccountView
from cadenza.domain.accounts.operation import OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import AccountNotActive
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import TradingAccountId


class UpdateAccount:
    """The use case. A nickname of None leaves the name as it is."""

    def __init__(self, *, changer: AccountChanger) -> None:
        self._changer = changer

    async def __call__(self, actor: Actor, account_id: TradingAccountId, nickname: str | None) -> AccountView:
        actor.require(Scope.WRITE)

        def rename(account: TradingAccount, now_ms: int) -> TradingAccount:
            account.require_connected()
            if nickname is None or nickname == account.nickname:
                return account
            return replace(account, nickname=nickname, updated_at_ms=now_ms)

        return await self._changer.change(actor, account_id, OperationType.UPDATE, rename)


class EnableAccount:
    """The use case: new orders are taken again. Idempotent; a LOCKED account needs a live credential first."""

    def __init__(self, *, changer: AccountChanger) -> None:
        self._changer = changer

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> AccountView:
        actor.require(Scope.WRITE)
        return await self._changer.change(actor, account_id, OperationType.ENABLE, enabled)


class DisableAccount:
    """The use case: no new orders; cancels and the event stream go on. Idempotent."""

    def __init__(self, *, changer: AccountChanger) -> None:
        self._changer = changer

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> AccountView:
        actor.require(Scope.WRITE)
        return await self._changer.change(actor, account_id, OperationType.DISABLE, disabled)


def enabled(account: TradingAccount, now_ms: int) -> TradingAccount:
    """INACTIVE → ACTIVE."""
    account.require_connected()
    if account.status is AccountStatus.ACTIVE:
        return account
    if account.status is not AccountStatus.INACTIVE:
        raise AccountNotActive(f"the trading account is {account.status.value} and cannot be enabled")
    return account.with_status(AccountStatus.ACTIVE, now_ms)


def disabled(account: TradingAccount, now_ms: int) -> TradingAccount:
    """ACTIVE or SUSPENDED → INACTIVE."""
    account.require_connected()
    if account.status is AccountStatus.INACTIVE:
        return account
    if account.status not in (AccountStatus.ACTIVE, AccountStatus.SUSPENDED):
        raise AccountNotActive(f"the trading account is {account.status.value} and cannot be disabled")
    return account.with_status(AccountStatus.INACTIVE, now_ms)
