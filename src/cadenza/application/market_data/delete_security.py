"""Delete a security from the tenant's view of the catalogue."""

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import SecurityId
from cadenza.domain.market.instrument import Security
from cadenza.ports.storage import Storage


class DeleteSecurity:
    """The use case, for the caller's tenant alone: the security leaves its list until the tenant's next sync.
    Balances and instruments that name it are untouched. Returns the security as it was."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue) -> None:
        self._storage = storage
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, security_id: SecurityId) -> Security:
        actor.require(Scope.ADMIN)
        actor.require_all_accounts()
        security = self._catalogue.security_for_tenant(actor.tenant_id, security_id)
        async with self._storage.begin() as uow:
            await uow.catalogue.set_security_deleted(actor.tenant_id, security_id, True)
            with self._catalogue.changing_overrides():
                await uow.commit()
        await self._catalogue.load_overrides()
        return security
