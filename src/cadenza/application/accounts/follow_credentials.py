"""Bring an account in line with its credentials: a live one signs for it; left without any, it is locked."""

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import CredentialStatus
from cadenza.domain.accounts.operation import Operation
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import CredentialFilter


class FollowCredentials:
    """Ends the operation that a change of a credential began for its account. Safe to repeat."""

    def __init__(
        self, *, storage: Storage, sessions: Sessions, open_session: OpenSession, changer: AccountChanger
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._open_session = open_session
        self._changer = changer

    async def __call__(self, operation: Operation) -> None:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
            if account is None:
                return
            live = await uow.credentials.list(
                CredentialFilter(
                    tenant_id=account.tenant_id, status=CredentialStatus.CREATED, ids=account.credential_ids
                )
            )
        await self._sessions.close(account.id)
        await self._changer.finish(operation, _unchanged if live else _locked)
        if live:
            await self._open_session.again(account.id)


def _unchanged(account: TradingAccount, now_ms: int) -> TradingAccount:
    return account


def _locked(account: TradingAccount, now_ms: int) -> TradingAccount:
    if account.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED, AccountStatus.LOCKED):
        return account
    return account.with_status(AccountStatus.LOCKED, now_ms)
