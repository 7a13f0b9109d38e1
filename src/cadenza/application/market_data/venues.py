"""Finding the connector of a venue."""

from cadenza.domain.errors import VenueNotSupported
from cadenza.domain.ids import VenueId
from cadenza.ports.venue import Connectors, VenueConnector


def connector_of(connectors: Connectors, venue_id: VenueId) -> VenueConnector:
    """Return the venue's connector; raise `VenueNotSupported` when none is installed."""
    connector = connectors.get(venue_id)
    if connector is None:
        raise VenueNotSupported(f"no connector for {venue_id} is installed", {"venue": str(venue_id)})
    return connector
