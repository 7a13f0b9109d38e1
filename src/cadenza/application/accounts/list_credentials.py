"""List credentials."""

from collections.abc import Sequence

from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import CredentialFilter


class ListCredentials:
    """The use case; newest first. Ids of other tenants are not found."""

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
            return await uow.credentials.list(
                CredentialFilter(tenant_id=actor.tenant_id, type=type, status=status, ids=ids)
            )
