"""Rotate a credential: the new key is verified first; when it fails, the old one stays."""

from collections.abc import Sequence
from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.create_credential import checked_secrets
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRevoked, ExternalAccountNotReachable, InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage


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
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._open_session = open_session
        self._keys = keys
        self._changer = changer
        self._clock = clock

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
        """Rotate. A `type` that is said must be the credential's: no rotation changes it."""
        actor.require(Scope.WRITE)
        secrets = checked_secrets(api_key, api_secret, passphrase)
        async with self._storage.read() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id)
        _require_live(credential)
        if type not in (None, credential.type):
            raise InvalidRequest(f"credentialType: it is a {credential.type.value}", {"field": "credentialType"})
        self._sessions.connector(credential.venue_id).check_credential(credential.type, secrets)
        accounts, operations = await self._begin(credential)
        try:
            await self._verify(credential, secrets, accounts)
            credential, using = await self._swap(actor, credential_id, secrets)
        except CadenzaError as error:
            for operation in operations:
                await self._changer.fail(operation, error.code)
            raise
        for account_id in using:
            await self._open_session.again(account_id)
        for operation in operations:
            await self._changer.finish(operation, lambda account, now_ms: account)
        return credential

    async def _begin(self, credential: Credential) -> tuple[list[TradingAccount], list[Operation]]:
        accounts, operations = [], []
        async with self._storage.begin() as uow:
            for account_id in await uow.credentials.accounts_using(credential.id):
                account = await uow.accounts.get(account_id)
                if account is None or account.status in (AccountStatus.DISCONNECTED, AccountStatus.DELETED):
                    continue
                accounts.append(account)
                operations.append(self._changer.new_operation(account, OperationType.CREDENTIAL_ROTATE))
                await uow.operations.add(operations[-1])
            await uow.commit()
        return accounts, operations

    async def _verify(self, credential: Credential, secrets: Secrets, accounts: list[TradingAccount]) -> None:
        reached = await self._sessions.connector(credential.venue_id).verify(credential.type, secrets)
        reachable = {external.external_id for external in reached}
        for account in accounts:
            if account.external.external_id not in reachable:
                raise ExternalAccountNotReachable(
                    f"the new key does not reach the connected account {account.external.external_id};"
                    " the old one stays",
                    {"reachable": sorted(reachable)},
                )

    async def _swap(
        self, actor: Actor, credential_id: CredentialId, secrets: Secrets
    ) -> tuple[Credential, Sequence[TradingAccountId]]:
        """Put the new secrets in; returns who uses them now, which may be more than before they were verified."""
        async with self._storage.begin() as uow:
            credential, _ = await self._keys.find(uow, actor.tenant_id, credential_id, lock=True)
            _require_live(credential)
            credential = replace(credential, version=credential.version + 1, updated_at_ms=self._clock.now_ms())
            await uow.credentials.update(credential, self._keys.seal(credential, secrets))
            using = await uow.credentials.accounts_using(credential_id)
            await uow.commit()
        return credential, using


def _require_live(credential: Credential) -> None:
    if credential.status is not CredentialStatus.CREATED:
        raise CredentialRevoked("the credential was revoked")
