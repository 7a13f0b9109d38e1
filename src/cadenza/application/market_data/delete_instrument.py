"""Delete an instrument from the tenant's view of the catalogue."""

from dataclasses import replace

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.domain.errors import InstrumentInUse
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.ports.storage import Storage


class DeleteInstrument:
    """The use case, for the caller's tenant alone; the catalogue's row stays, as orders refer to it. A later sync by
    the tenant brings the instrument back. Raises `InstrumentInUse` while open orders or positions of the tenant
    refer to it."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue) -> None:
        self._storage = storage
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, instrument_id: InstrumentId) -> None:
        actor.require(Scope.ADMIN)
        actor.require_all_accounts()
        self._catalogue.for_tenant(actor.tenant_id, instrument_id)
        override = replace(self._catalogue.override(actor.tenant_id, instrument_id), is_deleted=True)
        async with self._storage.begin() as uow:
            users = await uow.catalogue.open_use_of(actor.tenant_id, instrument_id)
            if users:
                raise InstrumentInUse(
                    f"{users} open orders or positions refer to {instrument_id}", {"openOrdersAndPositions": users}
                )
            await uow.catalogue.set_override(actor.tenant_id, override)
            with self._catalogue.changing_overrides():
                await uow.commit()
        await self._catalogue.load_overrides()
