"""The catalogue of OKX, as instruments and securities.

An instrument that cannot be read is returned as refused, with the reason, and the rest of the list is read all the
same. Sizes of the venue are contracts: here they are quantities, in base units of a linear contract or an option, in
quote units of an inverse one. A price of an option is in the asset that it is settled in, so that is its quote asset.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.kit.order_facts import positive
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.securities import securities_of
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import (
    OkxInstrument,
    OkxInstrumentName,
    OkxReply,
    OkxTickBands,
    amount,
    instant,
    number,
)
from cadenza.adapters.venues.okx.spec import ORDERS
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    ExerciseStyle,
    Instrument,
    InstrumentType,
    MarketLot,
    PriceStep,
    Security,
    SecurityType,
)
from cadenza.domain.money import ONE, ZERO, to_plain

FIAT = frozenset(
    {"AED", "AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "HKD", "JPY", "MXN", "NZD", "PLN", "SGD", "TRY", "UAH", "USD"}
)
"""Assets of the venue that are currencies; its catalogue does not mark them."""

PERPETUAL_SUFFIX = "-PERP"
_SWAP_SUFFIX = "-SWAP"
_NAME_LENGTH_MAX = 100
_UNLIMITED = Decimal(10) ** 12
"""The largest size of an order where the venue states none."""


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What payloads about an instrument are read by: our id of it, and how much quantity one contract is."""

    id: InstrumentId
    contract_size: Decimal


@dataclass(frozen=True, slots=True)
class RefusedInstrument:
    """An instrument of the catalogue that could not be read. `name` is the venue's, None when not even that could be
    read; `terms` are None when they could not be read either."""

    name: str | None
    reason: str
    terms: ContractTerms | None = None


@dataclass(frozen=True, slots=True)
class ReadInstruments:
    """A list of instruments: what could be read, and what could not."""

    instruments: tuple[Instrument, ...]
    refused: tuple[RefusedInstrument, ...]


def read_instruments(reply: bytes | str, venue_id: VenueId) -> ReadInstruments:
    """Read an answer to `public/instruments`. Raises `UnreadablePayload` only when it is unreadable as a whole."""
    instruments: dict[InstrumentId, Instrument] = {}
    refused: list[RefusedInstrument] = []
    for row in decode(OkxReply, reply).data:
        try:
            instrument = _instrument(decode(OkxInstrument, row), venue_id)
            if instrument.id in instruments:
                raise UnreadablePayload(f"{instrument.id} is there twice")
        except UnreadablePayload as error:
            refused.append(RefusedInstrument(_name_of(row), str(error), _terms_of(row, venue_id)))
        else:
            instruments[instrument.id] = instrument
    return ReadInstruments(tuple(instruments.values()), tuple(refused))


def with_tick_bands(listed: ReadInstruments, reply: bytes | str) -> ReadInstruments:
    """Return options with the steps of prices of their families, from an answer to `public/instrument-tick-bands`. The
    venue rounds a price that is between two steps, so the platform has to know them. Raises `UnreadablePayload`."""
    steps = {
        family.family: tuple((amount(band.least), positive(amount(band.tick))) for band in family.bands)
        for family in (decode(OkxTickBands, row) for row in decode(OkxReply, reply).data)
    }
    return replace(
        listed,
        instruments=tuple(
            _stepped(each, steps.get("-".join(each.external_symbol.split("-")[:2]), ())) for each in listed.instruments
        ),
    )


def _stepped(option: Instrument, steps: tuple[PriceStep, ...]) -> Instrument:
    """The lowest step is the instrument's own; the others raise it."""
    ordered = sorted(steps)
    raised = tuple((least, tick) for least, tick in ordered if least > 0)
    own = next((tick for least, tick in ordered if not least), option.pip_size)
    return replace(option, pip_size=own, price_steps=raised)


def securities(instruments: Iterable[Instrument], venue_id: VenueId) -> tuple[Security, ...]:
    """Return the assets of the instruments."""
    return securities_of(instruments, venue_id, _asset_type)


def external_name(id: InstrumentId) -> str:
    """Return the venue's name of an instrument of ours, listed or not: `OKX:BTC/USDT-PERP` is `BTC-USDT-SWAP`."""
    symbol = id.partition(":")[2].replace("/", "-", 1)
    return f"{symbol.removesuffix(PERPETUAL_SUFFIX)}{_SWAP_SUFFIX}" if symbol.endswith(PERPETUAL_SUFFIX) else symbol


def _symbol(name: str) -> str:
    """Our symbol of an instrument of the venue; the reverse of `external_name`."""
    is_swap = name.endswith(_SWAP_SUFFIX)
    base, mark, rest = (name.removesuffix(_SWAP_SUFFIX) if is_swap else name).partition("-")
    if not mark or not _is_name(base) or not _is_name(rest) or rest.endswith(PERPETUAL_SUFFIX):
        raise UnreadablePayload(f"{name[:_NAME_LENGTH_MAX]!r} is no name of an instrument")
    return f"{base}/{rest}{PERPETUAL_SUFFIX if is_swap else ''}"


def _instrument(row: OkxInstrument, venue_id: VenueId) -> Instrument:
    kind = mapping.KINDS.of(row.kind)
    if row.kind == "MARGIN":
        raise UnreadablePayload("a pair is listed as SPOT")
    is_inverse = row.contract_type != "" and mapping.CONTRACT_IS_INVERSE.of(row.contract_type)
    symbol = _symbol(row.id)
    base, quote = _assets(row, kind, symbol)
    size = _contract_size(row, kind, is_inverse, base, quote)
    lot, tick = positive(_stated(row.lot, "lotSz")) * size, positive(_stated(row.tick, "tickSz"))
    least = max(amount(row.size_min) * size, lot)
    most = _largest(row.limit_size_max) * size
    market_most = min(_largest(row.market_size_max) * size, most)
    types, times = _taken(kind)
    expires = instant(row.expires)
    if kind in (InstrumentType.FUTURES, InstrumentType.OPTION) and expires is None:
        raise UnreadablePayload("a contract that ends has no expTime")
    return Instrument(
        id=InstrumentId(f"{venue_id}:{symbol}"),
        venue_id=venue_id,
        symbol=symbol,
        external_symbol=row.id,
        description=_description(row, kind, base, quote, is_inverse),
        type=kind,
        status=mapping.INSTRUMENT_STATES.of(row.state),
        base_asset=base,
        quote_asset=quote,
        base_security_type=_asset_type(base),
        quote_security_type=_asset_type(quote),
        base_precision=_places(tick if is_inverse else lot),
        quote_precision=_places(lot if is_inverse else tick),
        lot_size=lot,
        pip_size=tick,
        min_quantity=least,
        max_quantity=most,
        min_notional=ZERO,
        order_types=types,
        time_in_force_options=times,
        order_filters=_further_rules(row, kind),
        delivery_at_ms=expires if kind is not InstrumentType.SPOT else None,
        exercise_style=ExerciseStyle.EUROPEAN if kind is InstrumentType.OPTION else None,
        strike_price=number(row.strike),
        contract_size=size,
        settlement_asset=row.settled_in or None,
        is_inverse=is_inverse,
        market_lot=None
        if market_most == most or OrderType.MARKET not in types
        else MarketLot(lot_size=lot, min_quantity=least, max_quantity=market_most),
    )


def _assets(row: OkxInstrument, kind: InstrumentType, symbol: str) -> tuple[str, str]:
    """Base and quote asset. A family such as `BTC-USD_UM` is a quote in USD that another asset settles."""
    if kind is InstrumentType.SPOT:
        return _asset(row.base), _asset(row.quote)
    base, _, rest = symbol.partition("/")
    quote = rest.partition("-")[0].partition("_")[0]
    if kind is InstrumentType.OPTION:
        return _asset(base), _asset(row.settled_in)
    return _asset(base), _asset(quote)


def _contract_size(row: OkxInstrument, kind: InstrumentType, is_inverse: bool, base: str, quote: str) -> Decimal:
    """How much quantity one contract is."""
    if kind is InstrumentType.SPOT:
        return ONE
    expected = quote if is_inverse else base
    if row.contract_currency != expected:
        raise UnreadablePayload(f"a contract is worth {row.contract_currency[:20]!r}, and not {expected}")
    size = positive(_stated(row.contract_value, "ctVal")) * positive(_stated(row.contract_multiplier, "ctMult"))
    return size.normalize() + ZERO


def _taken(kind: InstrumentType) -> tuple[tuple[OrderType, ...], tuple[TimeInForce, ...]]:
    """The types of orders that the venue takes in instruments of a kind, and their times in force."""
    taken = ORDERS[kind]
    times = [time for each in taken.values() for time in each]
    return tuple(taken), tuple(dict.fromkeys(times))


def _further_rules(row: OkxInstrument, kind: InstrumentType) -> dict[str, object]:
    """The rules for which an instrument has no field, by the wire's own names."""
    rules: dict[str, object] = {"ruleType": row.rule}
    if row.code is not None:
        rules["instIdCode"] = row.code
    if kind is InstrumentType.SPOT:
        rules["isMarginTradingAllowed"] = bool(row.leverage)
    elif row.leverage:
        rules["maxLeverage"] = to_plain(amount(row.leverage))
    if row.option_type:
        rules["optionType"] = mapping.OPTION_TYPES.of(row.option_type)
    if row.stop_size_max:
        rules["maxStopSz"] = row.stop_size_max
    return rules


def _description(row: OkxInstrument, kind: InstrumentType, base: str, quote: str, is_inverse: bool) -> str:
    if kind is InstrumentType.SPOT:
        return f"{base} in {quote}, spot"
    if kind is InstrumentType.OPTION:
        return f"option on {row.underlying or base}, {mapping.OPTION_TYPES.of(row.option_type).lower()} at {row.strike}"
    return f"{base} in {quote}, {'inverse' if is_inverse else 'linear'} {kind.value.lower()}"


def _name_of(row: msgspec.Raw) -> str | None:
    try:
        name = decode(OkxInstrumentName, row).id
    except UnreadablePayload:
        return None
    return name if _is_name(name) else None


def _terms_of(row: msgspec.Raw, venue_id: VenueId) -> ContractTerms | None:
    try:
        found = decode(OkxInstrument, row)
        kind, symbol = mapping.KINDS.of(found.kind), _symbol(found.id)
        is_inverse = found.contract_type != "" and mapping.CONTRACT_IS_INVERSE.of(found.contract_type)
        base, quote = _assets(found, kind, symbol)
        size = _contract_size(found, kind, is_inverse, base, quote)
    except UnreadablePayload:
        return None
    return ContractTerms(InstrumentId(f"{venue_id}:{symbol}"), size)


def _stated(text: str, field: str) -> Decimal:
    found = number(text)
    if found is None:
        raise UnreadablePayload(f"{field} is not stated")
    return found


def _largest(text: str) -> Decimal:
    return number(text) or _UNLIMITED


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _asset(name: str) -> str:
    if not _is_name(name):
        raise UnreadablePayload(f"{name[:_NAME_LENGTH_MAX]!r} is no name of an asset")
    return name


def _is_name(name: str) -> bool:
    """Names may be of any letters. What would break an id or a line is refused."""
    return 0 < len(name) <= _NAME_LENGTH_MAX and name.isprintable() and not set(name) & set(" :/,")


def _asset_type(asset: str) -> SecurityType:
    return SecurityType.CURRENCY if asset in FIAT else SecurityType.CRYPTO
