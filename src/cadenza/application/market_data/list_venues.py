"""List the venues that can be used here."""

from collections.abc import Sequence

from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import VenueId
from cadenza.ports.venue import Connectors, VenueStatus


class ListVenues:
    """The use case: every venue with a connector installed, by name, with what the last contact said of it."""

    def __init__(self, *, connectors: Connectors) -> None:
        self._connectors = connectors

    async def __call__(self, actor: Actor) -> Sequence[tuple[VenueId, VenueStatus]]:
        actor.require(Scope.READ)
        return [(venue_id, self._connectors[venue_id].status()) for venue_id in sorted(self._connectors, key=str)]
