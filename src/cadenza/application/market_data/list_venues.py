"""List the venues that can be used here."""

from collections.abc import Sequence

from cadenza.application.market_data.run_venues import RunVenues
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import VenueId
from cadenza.ports.venue import VenueStatus


class ListVenues:
    """The use case: every venue with a connector installed, by name. One whose connector has not started is OFFLINE; of
    the others the status is what the last contact said."""

    def __init__(self, *, venues: RunVenues) -> None:
        self._venues = venues

    async def __call__(self, actor: Actor) -> Sequence[tuple[VenueId, VenueStatus]]:
        actor.require(Scope.READ)
        names = sorted((venue_id for venue_id, _ in self._venues.conditions()), key=str)
        return [(venue_id, self._venues.status(venue_id)) for venue_id in names]
