"""Read what a venue lists into the shared catalogue."""

from collections.abc import Sequence

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.take_listing import as_stored, take_listing, take_securities
from cadenza.application.market_data.venues import connector_of, read_catalogue
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Security
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.venue import Connectors, ListedInstruments


class RefreshCatalogue:
    """The use case, of the platform itself. `take_listing` says what becomes of instruments that the venue does not
    list any more, and of those that could not be read. What tenants disabled or deleted stays so."""

    def __init__(
        self, *, storage: Storage, connectors: Connectors, catalogue: Catalogue, concurrency: Concurrency
    ) -> None:
        self._storage = storage
        self._connectors = connectors
        self._catalogue = catalogue
        self._concurrency = concurrency

    async def __call__(self, venue_id: VenueId) -> None:
        """Raises `VenueUnavailable`, also when the venue takes too long, and `DatabaseUnavailable`."""
        instruments, securities = await read_catalogue(self._concurrency, venue_id, self._listed(venue_id))
        known, spec = self._catalogue.known(), connector_of(self._connectors, venue_id).spec
        listing = await self._concurrency.compute(lambda: as_stored(instruments, known))
        async with self._storage.begin() as uow:
            known = self._catalogue.known()
            has_changed = await take_listing(uow.catalogue, spec, listing, known)
            has_changed |= await take_securities(uow.catalogue, securities, known)
            if has_changed:
                with self._catalogue.changing_listing():
                    await uow.commit()
        if self._catalogue.is_behind:
            await self._catalogue.load()

    async def _listed(self, venue_id: VenueId) -> tuple[ListedInstruments, Sequence[Security]]:
        connector = connector_of(self._connectors, venue_id)
        return await connector.instruments(), await connector.securities()
