"""PAPER: a venue that walks a real book with memory of what it has taken, queue position, latency, fees and partial
fills; durable, and reproducible from a seed. See docs/venues/paper.md."""

from cadenza.adapters.venues.paper.connector import PaperConnector
from cadenza.adapters.venues.paper.spec import FeeRates, PaperSettings

__all__ = ["FeeRates", "PaperConnector", "PaperSettings"]
