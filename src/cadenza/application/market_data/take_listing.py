"""Write what a venue lists into the catalogue."""

from collections import Counter
from collections.abc import Sequence

from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.storable import can_be_listed, is_storable
from cadenza.domain.trading.venue_spec import InstrumentListing, VenueSpec
from cadenza.ports.storage.market import CatalogueRepository
from cadenza.ports.venue import ListedInstruments, UnreadableInstrument


async def take_listing(catalogue: CatalogueRepository, spec: VenueSpec, listed: ListedInstruments) -> None:
    """Write what could be read. What could not be read becomes INACTIVE, and where one request lists all instruments,
    what the venue does not list any more becomes DELISTED. Without one readable instrument nothing is DELISTED: no
    venue lists nothing, so it is a mistake. Nor is anything while an instrument without a name is unreadable."""
    listed = as_stored(listed)
    readable = [instrument.id for instrument in listed.instruments]
    await catalogue.upsert_instruments(listed.instruments)
    symbols = [each.external_symbol for each in listed.unreadable if each.external_symbol is not None]
    await catalogue.deactivate_unreadable(spec.venue_id, symbols, readable)
    are_named = len(symbols) == len(listed.unreadable)
    if readable and are_named and spec.listing is InstrumentListing.LISTED:
        await catalogue.delist_missing(spec.venue_id, readable, symbols)


def as_stored(listed: ListedInstruments) -> ListedInstruments:
    """Return the list as the catalogue takes it. An instrument that the catalogue cannot hold counts as unreadable, and
    so does one that is listed more than once. A name that it cannot hold counts as none."""
    times = Counter(instrument.id for instrument in listed.instruments)
    taken: list[Instrument] = []
    unreadable = [_with_storable_name(each) for each in listed.unreadable]
    for instrument in listed.instruments:
        if times[instrument.id] > 1:
            unreadable.append(_left_out(instrument, "it is listed more than once"))
        elif not can_be_listed(instrument):
            unreadable.append(_left_out(instrument, "a value cannot be stored"))
        else:
            taken.append(instrument)
    return ListedInstruments(taken, unreadable)


async def take_securities(catalogue: CatalogueRepository, listed: Sequence[Security]) -> Sequence[Security]:
    """Write the securities that the catalogue can hold, and return them. Of one that is listed more than once, the last
    counts."""
    securities = list({security.id: security for security in listed if can_be_listed(security)}.values())
    await catalogue.upsert_securities(securities)
    return securities


def _left_out(instrument: Instrument, cause: str) -> UnreadableInstrument:
    return _with_storable_name(UnreadableInstrument(instrument.external_symbol, cause))


def _with_storable_name(unreadable: UnreadableInstrument) -> UnreadableInstrument:
    return unreadable if is_storable(unreadable.external_symbol) else UnreadableInstrument(None, unreadable.cause)
