"""Finding the connector of a venue, and reading its lists."""

from collections.abc import Awaitable
from typing import TypeVar

from cadenza.domain.errors import VenueNotSupported, VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.venue import CATALOGUE_MS_MAX, Connectors, VenueConnector

T = TypeVar("T")


def connector_of(connectors: Connectors, venue_id: VenueId) -> VenueConnector:
    """Return the venue's connector; raise `VenueNotSupported` when none is installed."""
    connector = connectors.get(venue_id)
    if connector is None:
        cause = f"{venue_id} is not connected here: CADENZA_VENUES does not name it, or it has no connector yet"
        raise VenueNotSupported(cause, {"venue": str(venue_id)})
    return connector


async def read_catalogue(concurrency: Concurrency, venue_id: VenueId, reading: Awaitable[T]) -> T:
    """Return what the venue lists. Raises `VenueUnavailable` when it takes longer than `CATALOGUE_MS_MAX`; the reading
    is then cancelled."""
    listed = await concurrency.within(CATALOGUE_MS_MAX, reading)
    if listed is None:
        raise VenueUnavailable(f"{venue_id} did not send its lists within {CATALOGUE_MS_MAX} ms")
    return listed
