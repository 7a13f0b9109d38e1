"""The wire's `venue`: one word that names a venue and its environment. This module alone splits it."""

from typing import Annotated

from msgspec import Meta

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.ids import MOCK, PAPER, Environment, InstrumentId, Venue, VenueId
from cadenza.wire.enums import enum_received, enum_sent

_NETWORKED = [venue for venue in Venue if venue not in (Venue.PAPER, Venue.MOCK)]

VENUE_IDS: dict[str, VenueId] = {
    str(venue_id): venue_id
    for venue_id in (
        *(VenueId(venue, Environment.LIVE) for venue in _NETWORKED),
        *(VenueId(venue, Environment.UAT) for venue in _NETWORKED),
        VenueId(Venue.BINANCE, Environment.SANDBOX),
        VenueId(Venue.B2C2, Environment.SANDBOX),
        VenueId(Venue.IBKR, Environment.PAPER),
        MOCK,
        PAPER,
    )
}

_EXAMPLE = Meta(examples=["PAPER"])
_LISTED = ["", *VENUE_IDS]
VenueIn = Annotated[str, _EXAMPLE, enum_received(_LISTED, refused=[""])]
VenueFilter = Annotated[str, _EXAMPLE, enum_received(_LISTED, refused=[])]
VenueOut = Annotated[str, _EXAMPLE, enum_sent(_LISTED, never_sent=[""])]


def parse_venue(text: str, field: str = "venue") -> VenueId:
    """Return the venue and environment; raise `InvalidRequest` for anything that the interface does not list."""
    venue_id = VENUE_IDS.get(text)
    if venue_id is None:
        raise InvalidRequest(
            f"{field}: {text[:64]!r} is not a venue; one of {', '.join(VENUE_IDS)}",
            {"field": field, "allowed": list(VENUE_IDS)},
        )
    return venue_id


def parse_optional_venue(text: str | None, field: str = "venue") -> VenueId | None:
    """As `parse_venue`; None when not given, for which `""` stands too."""
    return parse_venue(text, field) if text else None


def split_instrument_id(instrument_id: InstrumentId) -> tuple[str, str]:
    """Return (venue, symbol) of `{VENUE}:{SYMBOL}`."""
    venue, _, symbol = instrument_id.partition(":")
    return venue, symbol


def is_deprecated(venue_id: VenueId) -> bool:
    """Return whether the name is deprecated: clients should use the venue's `_UAT` name."""
    return venue_id.environment is Environment.SANDBOX or (
        venue_id.environment is Environment.PAPER and venue_id not in (PAPER, MOCK)
    )
