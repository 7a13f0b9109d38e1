"""Revoke a credential: signing stops at once; accounts left without a live credential are locked."""

from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keys import Keys
from cadenza.domain.accounts.credential import Credential, CredentialStatus
from cadenza.domain.accounts.operation import OperationType
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.errors import CadenzaError
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import CredentialId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class RevokeCredential:
    """The use case. Idempotent: a revoked credential is returned as it is."""

    def __init__(
        self,
        *,
        storage: Storage,
        keys: Keys,
        changer: AccountChanger,
        follow: FollowCredentials,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._changer = changer
        self._follow = follow
        self._clock = clock
        self._ids = ids

    async def __call__(self, actor: Actor, credential_id: CredentialId) -> Credential:
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        async with self._storage.begin() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id, lock=True)
            if credential.status is CredentialStatus.REVOKED:
                return credential
            now_ms = self._clock.now_ms()
            credential = replace(
                credential, status=CredentialStatus.REVOKED, revoked_at_ms=now_ms, updated_at_ms=now_ms
            )
            await uow.credentials.update(credential)
            entry = AuditEntry(
                id=AuditId(self._ids.new()),
                tenant_id=actor.tenant_id,
                kind=AuditKind.CREDENTIAL_REVOKED,
                at_ms=now_ms,
                origin=actor.origin,
                subject=str(credential.id),
                facts={"venue": str(credential.venue_id)},
            )
            await uow.audit.add(entry)
            operations = []
            for account_id in await uow.credentials.accounts_using(credential_id):
                account = await uow.accounts.get(account_id)
                if account is None or account.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED):
                    continue
                operation = self._changer.new_operation(account, OperationType.CREDENTIAL_REVOKE)
                await uow.operations.add(operation)
                operations.append(operation)
            await uow.commit()
        failures = []
        for operation in operations:
            try:
                await self._follow(operation, actor.origin)
            except CadenzaError as failure:  # the sessions of the other accounts are closed all the same
                failures.append(failure)
        if failures:
            raise failures[0]
        return credential
