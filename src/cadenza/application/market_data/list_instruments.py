"""List instruments as the tenant sees them."""

from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.paging import Page
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType

_KINDS = {
    SecurityType.DERIVATIVE: InstrumentType.DERIVATIVE,
    SecurityType.OPTION: InstrumentType.OPTION,
    SecurityType.FUTURE: InstrumentType.FUTURES,
    SecurityType.FUTURES: InstrumentType.FUTURES,
    SecurityType.PERPETUAL: InstrumentType.PERPETUAL,
}
"""Security types that are kinds of instrument. No asset is one, so they ask for the instrument's own type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentQuery:
    """None or no symbols means any. `security_type` is that of the base asset; PERPETUAL, FUTURE(S), OPTION and
    DERIVATIVE, which no asset is, mean the instruments of that type."""

    venue_id: VenueId | None = None
    symbols: tuple[str, ...] = ()
    security_type: SecurityType | None = None
    status: InstrumentStatus | None = None
    offset: int = 0
    limit: int = 50


class ListInstruments:
    """The use case: ordered by id, without what the tenant deleted."""

    def __init__(self, *, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, query: InstrumentQuery) -> Page[Instrument]:
        actor.require(Scope.READ)
        found = [
            instrument for instrument in self._catalogue.all_for_tenant(actor.tenant_id) if _fits(instrument, query)
        ]
        end = query.offset + query.limit
        return Page(
            items=found[query.offset : end],
            total=len(found),
            offset=query.offset,
            limit=query.limit,
            has_next=end < len(found),
        )


def _fits(instrument: Instrument, query: InstrumentQuery) -> bool:
    return (
        (query.venue_id is None or instrument.venue_id == query.venue_id)
        and (not query.symbols or instrument.symbol in query.symbols)
        and (query.status is None or instrument.status is query.status)
        and (query.security_type is None or _is_of(instrument, query.security_type))
    )


def _is_of(instrument: Instrument, type: SecurityType) -> bool:
    return instrument.base_security_type is type or instrument.type is _KINDS.get(type)
