"""Write what a venue lists into the catalogue."""

from cadenza.domain.trading.venue_spec import InstrumentListing, VenueSpec
from cadenza.ports.storage.market import CatalogueRepository
from cadenza.ports.venue import ListedInstruments


async def take_listing(catalogue: CatalogueRepository, spec: VenueSpec, listed: ListedInstruments) -> None:
    """Write what could be read. What could not be read becomes INACTIVE, and where one request lists all instruments,
    what the venue does not list any more becomes DELISTED. Without one readable instrument nothing is DELISTED: no
    venue lists nothing, so it is a mistake. Nor is anything while an instrument without a name is unreadable."""
    readable = [instrument.id for instrument in listed.instruments]
    await catalogue.upsert_instruments(listed.instruments)
    symbols = [each.external_symbol for each in listed.unreadable if each.external_symbol is not None]
    await catalogue.deactivate_unreadable(spec.venue_id, symbols, readable)
    are_named = len(symbols) == len(listed.unreadable)
    if readable and are_named and spec.listing is InstrumentListing.LISTED:
        await catalogue.delist_missing(spec.venue_id, readable, symbols)
