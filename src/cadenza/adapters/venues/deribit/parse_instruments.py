"""The catalogue of DERIBIT, as instruments and securities.

An instrument that cannot be read is returned as refused, with the reason, and the rest of the list is read all the
same. Amounts of the venue are quantities of ours: USD of an inverse future, base units of all others. A price of an
inverse option is in the coin that settles it, so that is its quote asset.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import DeribitInstrumentName, ListedInstrument
from cadenza.adapters.venues.deribit.names import PERPETUAL, is_name, symbol_of
from cadenza.adapters.venues.deribit.spec import ORDERS
from cadenza.adapters.venues.kit.order_facts import positive, sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.securities import securities_of
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    ExerciseStyle,
    Instrument,
    InstrumentStatus,
    InstrumentType,
    PriceStep,
    Security,
    SecurityType,
)
from cadenza.domain.money import ONE, ZERO, to_plain

FIAT = frozenset({"EUR", "USD"})
"""Assets of the venue that are currencies; its catalogue does not mark them."""

_UNLIMITED = Decimal(10) ** 12
"""The venue states no largest amount of an order."""


@dataclass(frozen=True, slots=True)
class RefusedInstrument:
    """An instrument of the catalogue that could not be read. `name` is the venue's, None when not even that could be
    read."""

    name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReadInstruments:
    """A list of instruments: what could be read, and what could not."""

    instruments: tuple[Instrument, ...]
    refused: tuple[RefusedInstrument, ...]


def read_instruments(result: bytes | msgspec.Raw, venue_id: VenueId) -> ReadInstruments:
    """Read a result of `public/get_instruments`. Raises `UnreadablePayload` only when it is unreadable as a whole."""
    instruments: dict[InstrumentId, Instrument] = {}
    refused: list[RefusedInstrument] = []
    for row in decode(list[msgspec.Raw], result):
        try:
            instrument = _instrument(decode(ListedInstrument, row), venue_id)
            if instrument.id in instruments:
                raise UnreadablePayload(f"{instrument.id} is there twice")
        except UnreadablePayload as error:
            refused.append(RefusedInstrument(_name_of(row), str(error)))
        else:
            instruments[instrument.id] = instrument
    return ReadInstruments(tuple(instruments.values()), tuple(refused))


def securities(instruments: Iterable[Instrument], venue_id: VenueId) -> tuple[Security, ...]:
    """Return the assets of the instruments."""
    return securities_of(instruments, venue_id, _asset_type)


def _instrument(row: ListedInstrument, venue_id: VenueId) -> Instrument:
    type = _type(row)
    is_inverse = row.kind == mapping.FUTURE and _is_inverse(row)
    symbol = symbol_of(row.name)
    base, quote = _asset(row.base), _asset(row.quote)
    least, size = positive(row.lot), positive(row.contract_size)
    lot, tick = min(least, size), positive(row.tick)
    types, times = _taken(type)
    expires_ms = None if type in (InstrumentType.SPOT, InstrumentType.PERPETUAL) else row.expires_ms
    if type in (InstrumentType.FUTURES, InstrumentType.OPTION) and expires_ms is None:
        raise UnreadablePayload("a contract that ends does not say when")
    if type is InstrumentType.OPTION and row.strike is None:
        raise UnreadablePayload("an option has no strike")
    return Instrument(
        id=InstrumentId(f"{venue_id}:{symbol}"),
        venue_id=venue_id,
        symbol=symbol,
        external_symbol=row.name,
        description=_description(row, type, base, quote, is_inverse=is_inverse),
        type=type,
        status=_status(row),
        base_asset=base,
        quote_asset=quote,
        base_security_type=_asset_type(base),
        quote_security_type=_asset_type(quote),
        base_precision=_places(tick if is_inverse else lot),
        quote_precision=_places(lot if is_inverse else tick),
        lot_size=lot,
        pip_size=tick,
        min_quantity=least,
        max_quantity=_UNLIMITED,
        min_notional=ZERO,
        order_types=types,
        time_in_force_options=times,
        order_filters=_further_rules(row),
        maker_fee=sane(row.maker),
        taker_fee=sane(row.taker),
        delivery_at_ms=expires_ms,
        exercise_style=ExerciseStyle.EUROPEAN if type is InstrumentType.OPTION else None,
        strike_price=None if row.strike is None else positive(row.strike),
        contract_size=ONE if type is InstrumentType.SPOT else size,
        settlement_asset=None if type is InstrumentType.SPOT else _settled_in(row, is_inverse=is_inverse),
        is_inverse=is_inverse,
        price_steps=_price_steps(row),
    )


def _type(row: ListedInstrument) -> InstrumentType:
    match row.kind:
        case mapping.FUTURE:
            is_perpetual = row.period == "perpetual" or row.name.endswith(f"-{PERPETUAL}")
            return InstrumentType.PERPETUAL if is_perpetual else InstrumentType.FUTURES
        case mapping.OPTION:
            return InstrumentType.OPTION
        case mapping.SPOT:
            return InstrumentType.SPOT
        case _:
            raise UnreadablePayload(f"instruments of kind {row.kind[:20]!r} are not traded here")


def _is_inverse(row: ListedInstrument) -> bool:
    """A list of former years does not say it; then all futures were inverse, in USD."""
    stated = row.type or row.future_type
    if stated is not None:
        return mapping.CONTRACT_IS_INVERSE.of(stated)
    if row.quote != "USD":
        raise UnreadablePayload("a contract does not say whether it is linear")
    return True


def _settled_in(row: ListedInstrument, *, is_inverse: bool) -> str:
    if row.settled_in is not None:
        return _asset(row.settled_in)
    return _asset(row.base if is_inverse else row.quote)


def _status(row: ListedInstrument) -> InstrumentStatus:
    if row.state is None:
        return InstrumentStatus.ACTIVE if row.is_active else InstrumentStatus.INACTIVE
    return mapping.INSTRUMENT_STATES.of(row.state)


def _price_steps(row: ListedInstrument) -> tuple[PriceStep, ...]:
    """The venue raises the step from a price on, and each raised step is a whole number of the least one. Such a price
    may not fit its own step, as 200 does not fit 0.003 in an example of the documents; then no order may name it."""
    steps = sorted((positive(each.above), positive(each.tick)) for each in row.tick_steps)
    if any(tick % row.tick for _, tick in steps):
        raise UnreadablePayload("a step of prices is no whole number of the least step")
    return tuple(steps)


def _taken(type: InstrumentType) -> tuple[tuple[OrderType, ...], tuple[TimeInForce, ...]]:
    """The types of orders that the venue takes in instruments of a type, and their times in force."""
    taken = ORDERS[type]
    return tuple(taken), tuple(dict.fromkeys(time for times in taken.values() for time in times))


def _further_rules(row: ListedInstrument) -> dict[str, object]:
    """The rules for which an instrument has no field, by the wire's own names."""
    rules: dict[str, object] = {}
    if row.option_type is not None:
        rules["optionType"] = mapping.OPTION_TYPES.of(row.option_type)
    if row.max_leverage is not None:
        rules["maxLeverage"] = str(row.max_leverage)
    if row.index is not None:
        rules["priceIndex"] = row.index
    if row.tick_steps:
        rules["tickSizeSteps"] = [
            {"abovePrice": to_plain(each.above), "tickSize": to_plain(each.tick)} for each in row.tick_steps
        ]
    return rules


def _description(row: ListedInstrument, type: InstrumentType, base: str, quote: str, *, is_inverse: bool) -> str:
    if type is InstrumentType.SPOT:
        return f"{base} in {quote}, spot"
    if type is InstrumentType.OPTION and row.strike is not None:
        return f"option on {base}, {mapping.OPTION_TYPES.of(row.option_type or '').lower()} at {to_plain(row.strike)}"
    return f"{base} in {quote}, {'inverse' if is_inverse else 'linear'} {type.value.lower()}"


def _name_of(row: msgspec.Raw) -> str | None:
    try:
        name = decode(DeribitInstrumentName, row).name
    except UnreadablePayload:
        return None
    return name if is_name(name) else None


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _asset(name: str) -> str:
    if not is_name(name):
        raise UnreadablePayload(f"{name[:20]!r} is no name of an asset")
    return name


def _asset_type(asset: str) -> SecurityType:
    return SecurityType.CURRENCY if asset in FIAT else SecurityType.CRYPTO
