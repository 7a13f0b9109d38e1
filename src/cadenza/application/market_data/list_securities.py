"""List securities as the tenant sees them."""

from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.paging import Page
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import SecurityId, VenueId
from cadenza.domain.market.instrument import Security


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityQuery:
    """None means any."""

    venue_id: VenueId | None = None
    security_id: SecurityId | None = None
    offset: int = 0
    limit: int = 50


class ListSecurities:
    """The use case: ordered by id, without what the tenant deleted."""

    def __init__(self, *, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, query: SecurityQuery) -> Page[Security]:
        actor.require(Scope.READ)
        found = [
            security
            for security in self._catalogue.securities_for_tenant(actor.tenant_id)
            if query.venue_id in (None, security.venue_id) and query.security_id in (None, security.id)
        ]
        end = query.offset + query.limit
        return Page(
            items=found[query.offset : end],
            total=len(found),
            offset=query.offset,
            limit=query.limit,
            has_next=end < len(found),
        )
