"""PAPER: a venue that fills orders from a realistic book. It remembers what was taken, and has queue positions,
latency, fees and partial fills. Its state is durable and its market is reproducible from a seed. See
docs/venues/paper.md."""

from cadenza.adapters.venues.paper.connector import PaperConnector
from cadenza.adapters.venues.paper.spec import FeeRates, PaperVenueSettings

__all__ = ["FeeRates", "PaperConnector", "PaperVenueSettings"]
