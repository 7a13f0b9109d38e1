"""MOCK: a venue for client developers. The order itself says what happens to it, by a script in its `clientOrderId`
such as `mock.partial:2:500#7`. State is durable, the book never moves, and a script always has the same result. See
docs/venues/mock.md."""

from cadenza.adapters.venues.mock.connector import MockConnector
from cadenza.adapters.venues.mock.script import MalformedScript, Script

__all__ = ["MalformedScript", "MockConnector", "Script"]
