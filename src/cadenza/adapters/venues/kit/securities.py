"""The assets of a venue whose catalogue lists instruments, and no assets by themselves."""

from collections.abc import Callable, Iterable

from cadenza.domain.ids import SecurityId, VenueId
from cadenza.domain.market.instrument import Instrument, Security, SecurityType
from cadenza.domain.money import ONE


def securities_of(
    instruments: Iterable[Instrument], venue_id: VenueId, type_of: Callable[[str], SecurityType]
) -> tuple[Security, ...]:
    """Return the assets that the instruments trade and settle in, in the order of their names. The precision is the
    finest that an instrument names. `type_of` is asked about assets in which instruments are settled: they state no
    type of these."""
    found: dict[str, tuple[SecurityType, int]] = {}
    for instrument in instruments:
        for asset, type, places in (
            (instrument.base_asset, instrument.base_security_type, instrument.base_precision),
            (instrument.quote_asset, instrument.quote_security_type, instrument.quote_precision),
            (instrument.settled_in, type_of(instrument.settled_in), instrument.quote_precision),
        ):
            known = found.get(asset)
            found[asset] = (type, places) if known is None else (known[0], max(known[1], places))
    return tuple(security_of(venue_id, asset, type, places) for asset, (type, places) in sorted(found.items()))


def security_of(venue_id: VenueId, asset: str, type: SecurityType, places: int) -> Security:
    """Return an asset whose amounts have so many decimals."""
    return Security(
        id=SecurityId(f"{venue_id}:{asset}"),
        venue_id=venue_id,
        symbol=asset,
        type=type,
        precision=places,
        scale=places,
        min_quantity=ONE.scaleb(-places),
        lot_size=ONE.scaleb(-places),
    )
