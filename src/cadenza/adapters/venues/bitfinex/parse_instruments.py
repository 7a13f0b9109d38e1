"""The catalogue of BITFINEX, as instruments and securities.

An instrument that cannot be read is returned as refused, with the reason, and the rest of the list is read all the
same. Prices have five significant digits and amounts eight decimals, which is the venue's rule for all of them; amounts
of derivatives are base units too. A pair that is traded on margin is the same instrument as on the exchange.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.bitfinex.names import PERPETUAL_SUFFIX, TRADING_PREFIX, AssetNames, codes_of, is_of
from cadenza.adapters.venues.bitfinex.spec import ORDERS
from cadenza.adapters.venues.kit.order_facts import positive, sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.securities import security_of
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.instrument import (
    Instrument,
    InstrumentStatus,
    InstrumentType,
    Security,
    SecurityType,
)
from cadenza.domain.money import ONE, ZERO, to_plain

PRICE_DIGITS = 5
PLACES = 8
STEP = ONE.scaleb(-PLACES)
"""The step of amounts, and the finest one of prices."""

LISTS = (
    "pub:list:pair:exchange",
    "pub:list:pair:margin",
    "pub:list:pair:futures",
    "pub:info:pair",
    "pub:info:pair:futures",
    "pub:list:currency",
    "pub:map:currency:sym",
    "pub:map:currency:undl",
)
"""What the catalogue is made of. One request names all of them, and its answer has them in this order."""

FIAT = frozenset({"EUR", "USD", "GBP", "JPY", "CNH", "TRY", "MXN", "ARS", "CLP", "COP", "PEN", "BRL"})
"""Assets of the venue that are currencies; its catalogue does not mark them."""


class _PairLimits(msgspec.Struct, array_like=True, frozen=True):
    """What the venue says of a pair. Later fields are not read."""

    _0: object
    _1: object
    _2: object
    least: Decimal | None
    most: Decimal | None
    _5: object = None
    _6: object = None
    _7: object = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None


class _PairRow(msgspec.Struct, array_like=True, frozen=True):
    pair: str
    limits: msgspec.Raw


class _MapRow(msgspec.Struct, array_like=True, frozen=True):
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class RefusedInstrument:
    """An instrument of the catalogue that could not be read. `name` is the venue's, None when not even that could be
    read."""

    name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReadInstruments:
    """The catalogue: what could be read, what could not, and what the venue's codes are called."""

    instruments: tuple[Instrument, ...]
    refused: tuple[RefusedInstrument, ...]
    names: AssetNames


def read_instruments(body: bytes, venue_id: VenueId) -> ReadInstruments:
    """Read the answer to a question for `LISTS`. Raises `UnreadablePayload` only when it is unreadable as a whole."""
    lists = decode(list[msgspec.Raw], body)
    if len(lists) < len(LISTS):
        raise UnreadablePayload(f"there are {len(lists)} lists, and not {len(LISTS)}")
    exchange, margin, futures = (decode(list[msgspec.Raw], each) for each in lists[:3])
    limits = _limits_of(lists[3]) | _limits_of(lists[4])
    names = AssetNames(decode(list[str], lists[5]), _map_of(lists[6]), _map_of(lists[7]))
    margined = {bytes(each) for each in margin}
    read = _ListReader(venue_id, limits, names)
    read.take(exchange, lambda pair: read.pair(pair, is_margined=msgspec.json.encode(pair) in margined))
    read.take(futures, read.derivative)
    return ReadInstruments(tuple(read.instruments.values()), tuple(read.refused), names)


def securities(instruments: Iterable[Instrument], venue_id: VenueId) -> tuple[Security, ...]:
    """Return the assets of the instruments. Amounts of all of them have eight decimals."""
    assets = {asset for each in instruments for asset in (each.base_asset, each.quote_asset, each.settled_in)}
    return tuple(security_of(venue_id, asset, _asset_type(asset), PLACES) for asset in sorted(assets))


class _ListReader:
    def __init__(self, venue_id: VenueId, limits: Mapping[str, msgspec.Raw], names: AssetNames) -> None:
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.refused: list[RefusedInstrument] = []
        self._venue_id = venue_id
        self._limits = limits
        self._names = names

    def take(self, rows: Iterable[msgspec.Raw], read: Callable[[str], Instrument]) -> None:
        """Read a list of pairs; those of the other environment are passed over."""
        for row in rows:
            pair: str | None = None
            try:
                pair = decode(str, row)
                if not is_of(self._venue_id.environment, pair):
                    continue
                instrument = read(pair)
                if instrument.id in self.instruments:
                    raise UnreadablePayload(f"{instrument.id} is there twice")
            except UnreadablePayload as error:
                name = None if pair is None else f"{TRADING_PREFIX}{pair[:40]}"
                self.refused.append(RefusedInstrument(name, str(error)))
            else:
                self.instruments[instrument.id] = instrument

    def pair(self, pair: str, *, is_margined: bool) -> Instrument:
        base, quote = (self._names.asset_of(code) for code in codes_of(pair))
        limits = self._limits_of(pair)
        rules: dict[str, object] = {"isMarginTradingAllowed": is_margined}
        if is_margined and limits.initial_margin is not None:
            rules["initialMargin"] = to_plain(sane(limits.initial_margin))
        return self._instrument(pair, f"{base}/{quote}", InstrumentType.SPOT, base, quote, limits, rules)

    def derivative(self, pair: str) -> Instrument:
        base, quote = (self._names.asset_of(code) for code in codes_of(pair))
        symbol = f"{base}/{quote}{PERPETUAL_SUFFIX}"
        return self._instrument(pair, symbol, InstrumentType.PERPETUAL, base, quote, self._limits_of(pair), {})

    def _limits_of(self, pair: str) -> _PairLimits:
        row = self._limits.get(pair)
        if row is None:
            raise UnreadablePayload("the venue states no limits of it")
        return decode(_PairLimits, row)

    def _instrument(
        self,
        pair: str,
        symbol: str,
        type: InstrumentType,
        base: str,
        quote: str,
        limits: _PairLimits,
        rules: Mapping[str, object],
    ) -> Instrument:
        if base == quote:
            raise UnreadablePayload("both currencies are the same")
        if limits.least is None or limits.most is None:
            raise UnreadablePayload("its smallest or its largest order is not stated")
        is_spot = type is InstrumentType.SPOT
        taken = ORDERS[type]
        return Instrument(
            id=InstrumentId(f"{self._venue_id}:{symbol}"),
            venue_id=self._venue_id,
            symbol=symbol,
            external_symbol=f"{TRADING_PREFIX}{pair}",
            description=f"{base} in {quote}, {'spot' if is_spot else 'linear perpetual'}",
            type=type,
            status=InstrumentStatus.ACTIVE,
            base_asset=base,
            quote_asset=quote,
            base_security_type=_asset_type(base),
            quote_security_type=_asset_type(quote),
            base_precision=PLACES,
            quote_precision=PLACES,
            lot_size=STEP,
            pip_size=STEP,
            price_significant_digits=PRICE_DIGITS,
            min_quantity=positive(limits.least),
            max_quantity=positive(limits.most),
            min_notional=ZERO,
            order_types=tuple(taken),
            time_in_force_options=tuple(dict.fromkeys(time for times in taken.values() for time in times)),
            order_filters={"priceSignificantDigits": PRICE_DIGITS, **rules},
            initial_margin=None if is_spot else _rate(limits.initial_margin),
            maintenance_margin=None if is_spot else _rate(limits.maintenance_margin),
            settlement_asset=None if is_spot else quote,
        )


def _limits_of(rows: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Limits by pair. A row that cannot be read is left out: its pair is refused then."""
    found: dict[str, msgspec.Raw] = {}
    for row in decode(list[msgspec.Raw], rows):
        try:
            read = decode(_PairRow, row)
        except UnreadablePayload:
            continue
        found[read.pair] = read.limits
    return found


def _map_of(rows: msgspec.Raw) -> dict[str, str]:
    return {row.code: row.name for row in decode(list[_MapRow], rows)}


def _rate(rate: Decimal | None) -> Decimal | None:
    return None if rate is None else positive(rate)


def _asset_type(asset: str) -> SecurityType:
    return SecurityType.CURRENCY if asset in FIAT else SecurityType.CRYPTO
