"""Write what a venue lists into the catalogue."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import KnownListing
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.storable import can_be_listed, is_storable
from cadenza.domain.trading.venue_spec import InstrumentListing, VenueSpec
from cadenza.ports.storage.market import CatalogueRepository
from cadenza.ports.venue import ListedInstruments, UnreadableInstrument


@dataclass(frozen=True, slots=True)
class StoredListing:
    """A venue's list as the catalogue takes it. `news` are those of the instruments that are not in the catalogue yet,
    or not like this; `compared_with` says after how many changes that was."""

    instruments: Sequence[Instrument]
    unreadable: Sequence[UnreadableInstrument]
    news: Sequence[Instrument]
    compared_with: int


def as_stored(listed: ListedInstruments, known: KnownListing) -> StoredListing:
    """Return the list as the catalogue takes it. An instrument that the catalogue cannot hold counts as unreadable, and
    so does one that is listed more than once. A name that it cannot hold counts as none. A long list takes a second:
    compute this apart (`Concurrency.compute`)."""
    times = Counter(instrument.id for instrument in listed.instruments)
    taken: list[Instrument] = []
    news: list[Instrument] = []
    unreadable = [_with_storable_name(each) for each in listed.unreadable]
    for instrument in listed.instruments:
        if times[instrument.id] > 1:
            unreadable.append(_left_out(instrument, "it is listed more than once"))
        elif known.instruments.get(instrument.id) == instrument:
            taken.append(instrument)
        elif can_be_listed(instrument):
            taken.append(instrument)
            news.append(instrument)
        else:
            unreadable.append(_left_out(instrument, "a value cannot be stored"))
    return StoredListing(taken, unreadable, news, known.changes)


async def take_listing(
    catalogue: CatalogueRepository, spec: VenueSpec, listing: StoredListing, known: KnownListing
) -> bool:
    """Write the news; return whether anything changed. `known` is what the copy has now: if it is not what the list was
    compared with, all is written. What could not be read becomes INACTIVE, and where one request
    lists all instruments, what the venue does not list any more becomes DELISTED. Without one readable instrument
    nothing is DELISTED: no venue lists nothing, so it is a mistake. Nor is anything while an instrument without a name
    is unreadable."""
    readable = [instrument.id for instrument in listing.instruments]
    news = listing.news if known.changes == listing.compared_with else listing.instruments
    await catalogue.upsert_instruments(news)
    symbols = [each.external_symbol for each in listing.unreadable if each.external_symbol is not None]
    ended = await catalogue.deactivate_unreadable(spec.venue_id, symbols, readable)
    are_named = len(symbols) == len(listing.unreadable)
    if readable and are_named and spec.listing is InstrumentListing.LISTED:
        ended += await catalogue.delist_missing(spec.venue_id, readable, symbols)
    return bool(news or ended)


async def take_securities(catalogue: CatalogueRepository, listed: Sequence[Security], known: KnownListing) -> bool:
    """Write the securities that the catalogue can hold and that are not `known` already; return whether there were any.
    Of one that is listed more than once, the last counts."""
    securities = {security.id: security for security in listed if can_be_listed(security)}
    news = [security for security in securities.values() if known.securities.get(security.id) != security]
    await catalogue.upsert_securities(news)
    return bool(news)


def _left_out(instrument: Instrument, cause: str) -> UnreadableInstrument:
    return _with_storable_name(UnreadableInstrument(instrument.external_symbol, cause))


def _with_storable_name(unreadable: UnreadableInstrument) -> UnreadableInstrument:
    return unreadable if is_storable(unreadable.external_symbol) else UnreadableInstrument(None, unreadable.cause)
