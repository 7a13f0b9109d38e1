"""Reading the catalogue of DERIBIT: one list for each kind of instruments."""

import asyncio

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.parse_instruments import ReadInstruments, read_instruments
from cadenza.adapters.venues.deribit.requests import instruments_request
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import VenueId

KINDS = (mapping.SPOT, mapping.FUTURE, mapping.OPTION)


async def read_catalogue(rest: DeribitRest, venue_id: VenueId) -> ReadInstruments:
    """Return what the venue lists. It is parsed in a thread. Raises `VenueUnavailable`, also when an answer as a whole
    cannot be read: a list is complete or there is none."""
    lists = [await _read(rest, venue_id, kind) for kind in KINDS]
    return ReadInstruments(
        tuple(each for found in lists for each in found.instruments),
        tuple(each for found in lists for each in found.refused),
    )


async def _read(rest: DeribitRest, venue_id: VenueId, kind: str) -> ReadInstruments:
    result = await rest.read(instruments_request(kind))
    try:
        return await asyncio.to_thread(read_instruments, result, venue_id)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"DERIBIT answered with no catalogue of {kind}: {error}") from error
