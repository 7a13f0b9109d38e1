"""Read a venue's securities into the shared catalogue."""

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.take_listing import take_securities
from cadenza.application.market_data.venues import connector_of, read_catalogue
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import VenueId
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.venue import Connectors


class SyncSecurities:
    """The use case. What the caller's tenant had deleted comes back when the venue still has it; securities that the
    venue does not have any more stay, as balances refer to them. Raises `VenueNotSupported`, and `VenueUnavailable`,
    also when the venue takes too long."""

    def __init__(
        self, *, storage: Storage, connectors: Connectors, catalogue: Catalogue, concurrency: Concurrency
    ) -> None:
        self._storage = storage
        self._connectors = connectors
        self._catalogue = catalogue
        self._concurrency = concurrency

    async def __call__(self, actor: Actor, venue_id: VenueId) -> None:
        actor.require(Scope.WRITE)
        actor.require_access(venue_id)
        connector = connector_of(self._connectors, venue_id)
        listed = await read_catalogue(self._concurrency, venue_id, connector.securities())
        async with self._storage.begin() as uow:
            await take_securities(uow.catalogue, listed, self._catalogue.known())
            ids = {security.id for security in listed}
            for security_id in self._catalogue.deleted_securities_of(actor.tenant_id):
                if security_id in ids:
                    await uow.catalogue.set_security_deleted(actor.tenant_id, security_id, False)
            with self._catalogue.changing_listing(), self._catalogue.changing_overrides():
                await uow.commit()
        await self._catalogue.load()
