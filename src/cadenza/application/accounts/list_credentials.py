"""List credentials."""

from collections.abc import Sequence

from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import CredentialFilter


class ListCredentials:
    """The use case; newest first. Ids of other tenants are not found. A key that is limited to some trading accounts
    or environments sees the credentials of its accounts only."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(
        self,
        actor: Actor,
        type: CredentialType | None = None,
        status: CredentialStatus | None = None,
        ids: tuple[CredentialId, ...] | None = None,
    ) -> Sequence[Credential]:
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            found = await uow.credentials.list(
                CredentialFilter(tenant_id=actor.tenant_id, type=type, status=status, ids=ids)
            )
            if actor.accounts is None:
                return found
            accounts = await uow.accounts.get_many(list(actor.accounts))
            seen = {credential_id for account in accounts for credential_id in account.credential_ids}
            return [credential for credential in found if credential.id in seen]
