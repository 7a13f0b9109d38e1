"""Read a venue's instruments into the shared catalogue."""

from collections.abc import Sequence
from dataclasses import replace

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.take_listing import as_stored, take_listing
from cadenza.application.market_data.venues import connector_of, read_catalogue
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import TenantId, VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.market import TenantOverride
from cadenza.ports.venue import Connectors


class SyncInstruments:
    """The use case. Returns how many instruments were taken over.

    A sync without symbols takes over the whole list, as `take_listing` says; a sync of symbols writes those alone. What
    tenants disabled stays disabled for them. What the caller's tenant had deleted comes back when it is among those
    written.
    """

    def __init__(
        self, *, storage: Storage, connectors: Connectors, catalogue: Catalogue, concurrency: Concurrency
    ) -> None:
        self._storage = storage
        self._connectors = connectors
        self._catalogue = catalogue
        self._concurrency = concurrency

    async def __call__(self, actor: Actor, venue_id: VenueId, symbols: tuple[str, ...]) -> int:
        """Raises `VenueNotSupported`, `VenueUnavailable` (also when the venue takes too long), and `InvalidRequest`
        naming symbols that the venue does not list, or lists in a way that cannot be read."""
        actor.require(Scope.WRITE)
        actor.require_access(venue_id)
        connector = connector_of(self._connectors, venue_id)
        listed = await read_catalogue(self._concurrency, venue_id, connector.instruments())
        known = self._catalogue.known()
        listing = await self._concurrency.compute(lambda: as_stored(listed, known))
        written = _chosen(listing.instruments, symbols)
        async with self._storage.begin() as uow:
            if symbols:
                await uow.catalogue.upsert_instruments(written)
            else:
                await take_listing(uow.catalogue, connector.spec, listing, self._catalogue.known())
            for override in self._deleted_among(actor.tenant_id, written):
                await uow.catalogue.set_override(actor.tenant_id, override)
            with self._catalogue.changing_listing(), self._catalogue.changing_overrides():
                await uow.commit()
        await self._catalogue.load()
        return len(written)

    def _deleted_among(self, tenant_id: TenantId, written: Sequence[Instrument]) -> Sequence[TenantOverride]:
        overrides = (self._catalogue.override(tenant_id, instrument.id) for instrument in written)
        return [replace(override, is_deleted=False) for override in overrides if override.is_deleted]


def _chosen(listed: Sequence[Instrument], symbols: tuple[str, ...]) -> Sequence[Instrument]:
    by_symbol = {instrument.symbol: instrument for instrument in listed}
    unknown = sorted(set(symbols) - by_symbol.keys())
    if unknown:
        raise InvalidRequest(
            f"symbols: the venue does not list {', '.join(unknown)}, or what it says of them cannot be read",
            {"field": "symbols"},
        )
    return [by_symbol[symbol] for symbol in dict.fromkeys(symbols)] if symbols else list(by_symbol.values())
