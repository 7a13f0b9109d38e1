"""Opens the secrets of credentials. No other module does."""

from cadenza.domain.accounts.credential import Credential, CredentialStatus, Secrets
from cadenza.domain.errors import CredentialNotFound, CredentialRevoked
from cadenza.domain.ids import CredentialId, TenantId
from cadenza.ports.storage import UnitOfWork
from cadenza.ports.storage.accounts import SealedSecrets
from cadenza.ports.vault import Sealer


class Keys:
    """Reads credentials of a tenant and opens their secrets."""

    def __init__(self, *, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, credential: Credential, secrets: Secrets) -> SealedSecrets:
        """Return the secrets, sealed for this version of the credential."""
        return self._sealer.seal(
            secrets,
            tenant_id=credential.tenant_id,
            venue=credential.venue_id,
            credential_id=credential.id,
            version=credential.version,
        )

    async def find(
        self, uow: UnitOfWork, tenant_id: TenantId, credential_id: CredentialId, *, lock: bool = False
    ) -> tuple[Credential, SealedSecrets]:
        """Return a credential of the tenant; raises `CredentialNotFound`."""
        found = await uow.credentials.get(credential_id, lock=lock)
        if found is None or found[0].tenant_id != tenant_id:
            raise CredentialNotFound(f"there is no credential {credential_id}")
        return found

    async def open(
        self, uow: UnitOfWork, tenant_id: TenantId, credential_id: CredentialId
    ) -> tuple[Credential, Secrets]:
        """Return a live credential with its secrets; raises `CredentialNotFound`, `CredentialRevoked`."""
        credential, sealed = await self.find(uow, tenant_id, credential_id)
        if credential.status is not CredentialStatus.CREATED:
            raise CredentialRevoked(f"the credential {credential_id} was revoked")
        secrets = self._sealer.open(
            sealed,
            tenant_id=tenant_id,
            venue=credential.venue_id,
            credential_id=credential.id,
            version=credential.version,
        )
        return credential, secrets

    async def open_first(
        self, uow: UnitOfWork, tenant_id: TenantId, credential_ids: tuple[CredentialId, ...]
    ) -> tuple[Credential, Secrets]:
        """Return the first live credential with its secrets; raises `CredentialRevoked` when none is left."""
        for credential_id in credential_ids:
            try:
                return await self.open(uow, tenant_id, credential_id)
            except (CredentialNotFound, CredentialRevoked):
                continue
        raise CredentialRevoked("the trading account has no live credential left")

    async def current(self, uow: UnitOfWork, opened: Credential, *, lock: bool = False) -> Credential:
        """Return the current state of a credential that was opened before. While it is equal to the opened one, the
        opened one may sign."""
        return (await self.find(uow, opened.tenant_id, opened.id, lock=lock))[0]
