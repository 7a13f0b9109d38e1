"""Finding the connector of a venue."""

from cadenza.domain.errors import VenueNotSupported
from cadenza.domain.ids import VenueId
from cadenza.ports.venue import Connectors, VenueConnector


def connector_of(connectors: Connectors, venue_id: VenueId) -> VenueConnector:
    """Return the venue's connector; raise `VenueNotSupported` when none is installed."""
    connector = connectors.get(venue_id)
    if connector is None:
        cause = f"{venue_id} is not connected here; the setting CADENZA_VENUES names the venues"
        raise VenueNotSupported(cause, {"venue": str(venue_id)})
    return connector
