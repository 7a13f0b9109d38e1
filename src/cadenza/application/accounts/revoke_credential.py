"""Revoke a credential: signing stops at once; accounts left without a live credential are locked."""

from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, CredentialStatus
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import CredentialFilter


class RevokeCredential:
    """The use case. Idempotent: a revoked credential is returned as it is."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        open_session: OpenSession,
        keys: Keys,
        changer: AccountChanger,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._open_session = open_session
        self._keys = keys
        self._changer = changer
        self._clock = clock

    async def __call__(self, actor: Actor, credential_id: CredentialId) -> Credential:
        actor.require(Scope.WRITE)
        async with self._storage.begin() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id, lock=True)
            if credential.status is CredentialStatus.REVOKED:
                return credential
            now_ms = self._clock.now_ms()
            credential = replace(
                credential, status=CredentialStatus.REVOKED, revoked_at_ms=now_ms, updated_at_ms=now_ms
            )
            await uow.credentials.update(credential)
            operations = []
            for account_id in await uow.credentials.accounts_using(credential_id):
                account = await uow.accounts.get(account_id)
                if account is None or account.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED):
                    continue
                operation = self._changer.new_operation(account, OperationType.CREDENTIAL_REVOKE)
                await uow.operations.add(operation)
                operations.append(operation)
            await uow.commit()
        for operation in operations:
            await self.settle(operation)
        return credential

    async def settle(self, operation: Operation) -> None:
        """Bring the operation's account in line with its credentials: signed by a live one, or locked."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
            if account is None:
                return
            credentials = await uow.credentials.list(
                CredentialFilter(
                    tenant_id=account.tenant_id, status=CredentialStatus.CREATED, ids=account.credential_ids
                )
            )
        await self._sessions.close(account.id)
        await self._changer.finish(operation, _unchanged if credentials else _locked)
        if credentials:
            await self._open_session.again(account.id)


def _unchanged(account: TradingAccount, now_ms: int) -> TradingAccount:
    return account


def _locked(account: TradingAccount, now_ms: int) -> TradingAccount:
    if account.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED, AccountStatus.LOCKED):
        return account
    return account.with_status(AccountStatus.LOCKED, now_ms)
