"""Enable an instrument that the tenant had disabled."""

from dataclasses import replace

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.storage import Storage


class EnableInstrument:
    """The use case, for the caller's tenant alone. Idempotent; returns the instrument as the tenant sees it now."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue) -> None:
        self._storage = storage
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, instrument_id: InstrumentId) -> Instrument:
        actor.require(Scope.ADMIN)
        actor.require_all_accounts()
        self._catalogue.for_tenant(actor.tenant_id, instrument_id)
        override = replace(self._catalogue.override(actor.tenant_id, instrument_id), is_disabled=False)
        async with self._storage.begin() as uow:
            await uow.catalogue.set_override(actor.tenant_id, override)
            with self._catalogue.changing_overrides():
                await uow.commit()
        await self._catalogue.load_overrides()
        return self._catalogue.for_tenant(actor.tenant_id, instrument_id)
