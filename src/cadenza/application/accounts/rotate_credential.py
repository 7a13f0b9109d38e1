"""Rotate a credential: the new key is verified first; when it fails, the old one stays."""

from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.given_secrets import read_secrets
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.accounts.reached_accounts import reached_accounts
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import (
    CadenzaError,
    CredentialRevoked,
    DatabaseUnavailable,
    ExternalAccountNotReachable,
    InvalidRequest,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork


class RotateCredential:
    """The use case. The new secrets must reach every account that is connected through the credential."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        open_session: OpenSession,
        keys: Keys,
        changer: AccountChanger,
        key_rights: WatchKeyRights,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._open_session = open_session
        self._keys = keys
        self._changer = changer
        self._key_rights = key_rights
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency

    async def __call__(
        self,
        actor: Actor,
        credential_id: CredentialId,
        api_key: str,
        api_secret: str | None,
        passphrase: str | None,
        *,
        type: CredentialType | None = None,
    ) -> Credential:
        """Rotate. A given `type` must be the credential's: a rotation does not change it."""
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        async with self._storage.read() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id)
        _require_live(credential)
        if type not in (None, credential.type):
            raise InvalidRequest(f"credentialType: it is a {credential.type.value}", {"field": "credentialType"})
        connector = self._sessions.connector(credential.venue_id)
        secrets = read_secrets(connector.spec, credential.type, api_key, api_secret, passphrase)
        connector.check_credential(credential.type, secrets)
        operations = await self._begin(credential)
        try:
            reached = await reached_accounts(connector, credential, secrets, self._key_rights, self._concurrency)
            reachable = frozenset(external.external_id for external in reached)
            credential, using = await self._swap(actor, credential_id, secrets, reachable, operations)
        except CadenzaError as error:
            if isinstance(error, DatabaseUnavailable):  # either key may be in place; the keeper finds out
                for account_id in operations:
                    await self._sessions.close(account_id)
            for operation in operations.values():
                await self._changer.fail(operation, error.code)
            raise
        for account_id in using:
            await self._open_session.again(account_id)
        return credential

    async def _begin(self, credential: Credential) -> dict[TradingAccountId, Operation]:
        async with self._storage.begin() as uow:
            operations = {
                account.id: self._changer.new_operation(account, OperationType.CREDENTIAL_ROTATE)
                for account in await _connected(uow, credential.id)
            }
            for operation in operations.values():
                await uow.operations.add(operation)
            await uow.commit()
        return operations

    async def _swap(
        self,
        actor: Actor,
        credential_id: CredentialId,
        secrets: Secrets,
        reachable: frozenset[str],
        operations: dict[TradingAccountId, Operation],
    ) -> tuple[Credential, list[TradingAccountId]]:
        """Store the new secrets if they reach every account; return the accounts that use them. It holds the
        credential's lock, which a connect takes too after it has written its account. The accounts are read under the
        lock, so one that was connected while the venue was asked is included. The operations end with the change that
        they record.
        """
        async with self._storage.begin() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id, lock=True)
            _require_live(credential)
            using = await _connected(uow, credential_id)
            for account in using:
                _require_reached(account, reachable)
            credential = replace(credential, version=credential.version + 1, updated_at_ms=self._clock.now_ms())
            await uow.credentials.update(credential, self._keys.seal(credential, secrets))
            entry = AuditEntry(
                id=AuditId(self._ids.new()),
                tenant_id=actor.tenant_id,
                kind=AuditKind.CREDENTIAL_ROTATED,
                at_ms=credential.updated_at_ms,
                origin=actor.origin,
                subject=str(credential.id),
                facts={"venue": str(credential.venue_id)},
            )
            await uow.audit.add(entry)
            for account in using:
                if account.id not in operations:
                    operation = self._changer.new_operation(account, OperationType.CREDENTIAL_ROTATE)
                    await uow.operations.add(self._changer.ended(operation))
            for operation in operations.values():
                await uow.operations.finish(self._changer.ended(operation))
            await uow.commit()
        return credential, [account.id for account in using]


async def _connected(uow: UnitOfWork, credential_id: CredentialId) -> list[TradingAccount]:
    """Return the accounts that use the credential and were not archived."""
    found = [await uow.accounts.get(account_id) for account_id in await uow.credentials.accounts_using(credential_id)]
    archived = (AccountStatus.DISCONNECTED, AccountStatus.DELETED)
    return [account for account in found if account is not None and account.status not in archived]


def _require_reached(account: TradingAccount, reachable: frozenset[str]) -> None:
    """Raise unless the new key reaches the account. A locked account need not be reached, because connecting it again
    needs a key that reaches it."""
    if account.status is not AccountStatus.LOCKED and account.external.external_id not in reachable:
        raise ExternalAccountNotReachable(
            f"the new key does not reach the connected account {account.external.external_id}; the old one stays",
            {"reachable": sorted(reachable)},
        )


def _require_live(credential: Credential) -> None:
    if credential.status is not CredentialStatus.CREATED:
        raise CredentialRevoked("the credential was revoked")
