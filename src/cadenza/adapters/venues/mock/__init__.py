"""MOCK: a venue for client developers. What happens to an order is told by the order itself: by a script in its
`clientOrderId`, such as `mock.partial:2:500#7`. Durable, calm, and the same every time. See docs/venues/mock.md."""

from cadenza.adapters.venues.mock.connector import MockConnector
from cadenza.adapters.venues.mock.script import MalformedScript, Script

__all__ = ["MalformedScript", "MockConnector", "Script"]
