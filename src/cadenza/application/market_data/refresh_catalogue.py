"""Read what a venue lists into the shared catalogue."""

from collections.abc import Sequence

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.venues import connector_of
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import InstrumentListing
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.venue import CATALOGUE_MS_MAX, Connectors


class RefreshCatalogue:
    """The use case, of the platform itself. Where one request lists all instruments, those that the venue does not list
    any more become DELISTED. An empty list changes nothing: no venue lists nothing, so it is a mistake. What tenants
    disabled or deleted stays so."""

    def __init__(
        self, *, storage: Storage, connectors: Connectors, catalogue: Catalogue, concurrency: Concurrency
    ) -> None:
        self._storage = storage
        self._connectors = connectors
        self._catalogue = catalogue
        self._concurrency = concurrency

    async def __call__(self, venue_id: VenueId) -> None:
        """Raises `VenueUnavailable`, also when the venue takes too long, and `DatabaseUnavailable`."""
        listed = await self._concurrency.within(CATALOGUE_MS_MAX, self._listed(venue_id))
        if listed is None:
            raise VenueUnavailable(f"{venue_id} did not send its lists within {CATALOGUE_MS_MAX} ms")
        instruments, securities = listed
        async with self._storage.begin() as uow:
            await uow.catalogue.upsert_instruments(instruments)
            await uow.catalogue.upsert_securities(securities)
            is_whole = connector_of(self._connectors, venue_id).spec.listing is InstrumentListing.LISTED
            if instruments and is_whole:
                await uow.catalogue.delist_missing(venue_id, [instrument.id for instrument in instruments])
            await uow.commit()
        await self._catalogue.load()

    async def _listed(self, venue_id: VenueId) -> tuple[Sequence[Instrument], Sequence[Security]]:
        connector = connector_of(self._connectors, venue_id)
        return await connector.instruments(), await connector.securities()
