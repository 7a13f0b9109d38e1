"""Reading the catalogue of BITFINEX: one request for all of its lists."""

import asyncio

from cadenza.adapters.venues.bitfinex.endpoints import CONFIGURATION
from cadenza.adapters.venues.bitfinex.parse_instruments import LISTS, ReadInstruments, read_instruments
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import VenueId


async def read_catalogue(rest: BitfinexRest, venue_id: VenueId) -> ReadInstruments:
    """Return what the venue lists. It is parsed in a thread. Raises `VenueUnavailable`, also when the answer as a whole
    cannot be read: a list is complete or there is none."""
    body = await rest.read(CONFIGURATION, {"keys": ",".join(LISTS)})
    try:
        return await asyncio.to_thread(read_instruments, body, venue_id)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"BITFINEX answered with no catalogue: {error}") from error
