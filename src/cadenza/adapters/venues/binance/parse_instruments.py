"""The catalogues of BINANCE, as instruments and securities.

A symbol that cannot be read is returned as refused, with the reason, and the rest of the list is read all the same. A
rule or an order type that is not known refuses nothing: the instrument is usable without it, so it is noted by name in
`order_filters`. A status or a contract type that is not known does refuse, because nobody could say what it allows.

Quantities are in base units everywhere, on USD-M too, so the contract size is 1 and no contract is inverse.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from cadenza.adapters.venues.binance import mapping
from cadenza.adapters.venues.binance.models import (
    BinanceExchangeInfo,
    BinanceRateLimit,
    BinanceSpotSymbol,
    BinanceSymbolName,
    IcebergPartsFilter,
    LotSizeFilter,
    MarketLotSizeFilter,
    MaxNumAlgoOrdersFilter,
    MaxNumIcebergOrdersFilter,
    MaxNumOrderAmendsFilter,
    MaxNumOrderListsFilter,
    MaxNumOrdersFilter,
    MaxPositionFilter,
    MinNotionalFilter,
    NotionalFilter,
    PercentPriceBySideFilter,
    PercentPriceFilter,
    PositionRiskControlFilter,
    PriceFilter,
    SymbolFilters,
    TrailingDeltaFilter,
    decode_filters,
)
from cadenza.adapters.venues.binance.models_usdm import UsdmSymbol
from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.securities import securities_of
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    Instrument,
    InstrumentType,
    MarketLot,
    PriceBand,
    Security,
    SecurityType,
)
from cadenza.domain.money import ONE, ZERO, is_multiple, to_plain
from cadenza.domain.trading.venue_spec import EMULATED_TIMES

UNBOUNDED = Decimal(1_000_000)
"""The factor of a price band on a side on which the venue sets no bound."""

FIAT = frozenset(
    {
        "ARS",
        "AUD",
        "BRL",
        "COP",
        "CZK",
        "EUR",
        "GBP",
        "JPY",
        "MXN",
        "NGN",
        "PLN",
        "RON",
        "RUB",
        "TRY",
        "UAH",
        "USD",
        "ZAR",
    }
)
"""Assets of the venue that are currencies; its catalogue does not mark them."""

_Named = BinanceSpotSymbol | UsdmSymbol | BinanceSymbolName
_SYMBOL_LENGTH_MAX = 100
_PRECISION_MAX = 18


@dataclass(frozen=True, slots=True)
class RefusedSymbol:
    """A symbol of the catalogue that could not be read. It is still listed at the venue. `symbol` is None when not even
    its name could be read; `id` is our id of it, None when that cannot be made from what could be read."""

    symbol: str | None
    reason: str
    id: InstrumentId | None = None


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """A whole catalogue: what could be read, what could not, and the limits that the venue states."""

    instruments: tuple[Instrument, ...]
    refused: tuple[RefusedSymbol, ...]
    limits: tuple[BinanceRateLimit, ...] = ()


def spot_catalogue(reply: bytes | str, venue_id: VenueId) -> ReadCatalogue:
    """Read `exchangeInfo` of spot. Raises `UnreadablePayload` only when the reply as a whole is unreadable."""
    return _catalogue(
        reply,
        lambda raw: _spot_instrument(decode(BinanceSpotSymbol, raw), venue_id),
        lambda name: _id(venue_id, _pair(name)),
    )


def usdm_catalogue(reply: bytes | str, venue_id: VenueId) -> ReadCatalogue:
    """Read `exchangeInfo` of USD-M. Raises `UnreadablePayload` only when the reply as a whole is unreadable."""
    return _catalogue(
        reply,
        lambda raw: _usdm_instrument(decode(UsdmSymbol, raw), venue_id),
        lambda name: _id(venue_id, _contract(name, is_dated="_" in name.symbol)),
    )


def securities(instruments: Iterable[Instrument], venue_id: VenueId) -> tuple[Security, ...]:
    """Return the assets of the instruments."""
    return securities_of(instruments, venue_id, _asset_type)


def _catalogue(
    reply: bytes | str,
    read: Callable[[msgspec.Raw], Instrument],
    id_of: Callable[[BinanceSymbolName], InstrumentId],
) -> ReadCatalogue:
    instruments: dict[InstrumentId, Instrument] = {}
    refused: list[RefusedSymbol] = []
    info = decode(BinanceExchangeInfo, reply)
    for raw in info.symbols:
        try:
            instrument = read(raw)
            if instrument.id in instruments:
                raise UnreadablePayload(f"{instrument.id} is there twice")
        except UnreadablePayload as error:
            refused.append(_refused(raw, str(error), id_of))
        else:
            instruments[instrument.id] = instrument
    return ReadCatalogue(tuple(instruments.values()), tuple(refused), tuple(info.limits))


def _refused(raw: msgspec.Raw, reason: str, id_of: Callable[[BinanceSymbolName], InstrumentId]) -> RefusedSymbol:
    try:
        name = decode(BinanceSymbolName, raw)
        symbol = _asset(name.symbol)
    except UnreadablePayload:
        return RefusedSymbol(None, reason)
    try:
        return RefusedSymbol(symbol, reason, id_of(name))
    except UnreadablePayload:
        return RefusedSymbol(symbol, reason)


def _spot_instrument(symbol: BinanceSpotSymbol, venue_id: VenueId) -> Instrument:
    filters = decode_filters(symbol.filters)
    name = _pair(symbol)
    order_types, unknown_types = _spot_order_types(symbol)
    times = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, *EMULATED_TIMES)
    is_post_only = mapping.SPOT_POST_ONLY in symbol.order_types
    return Instrument(
        id=_id(venue_id, name),
        venue_id=venue_id,
        symbol=name,
        external_symbol=_asset(symbol.symbol),
        description=f"{symbol.base_asset} in {symbol.quote_asset}, spot",
        type=InstrumentType.SPOT,
        status=mapping.SPOT_SYMBOL_STATUSES.of(symbol.status),
        base_asset=symbol.base_asset,
        quote_asset=symbol.quote_asset,
        base_security_type=_asset_type(symbol.base_asset),
        quote_security_type=_asset_type(symbol.quote_asset),
        base_precision=_precision(symbol.base_precision),
        quote_precision=_precision(symbol.quote_precision),
        order_types=order_types,
        time_in_force_options=(*times, TimeInForce.GTX) if is_post_only else times,
        order_filters={
            **_further_rules(filters, unknown_types),
            "isSpotTradingAllowed": symbol.is_spot_allowed,
            "isMarginTradingAllowed": symbol.is_margin_allowed,
        },
        is_iceberg_allowed=symbol.is_iceberg_allowed,
        price_band=_price_band(filters),
        **_quantities(filters, symbol.base_precision, symbol.quote_precision),
    )


def _usdm_instrument(symbol: UsdmSymbol, venue_id: VenueId) -> Instrument:
    filters = decode_filters(symbol.filters)
    type = mapping.CONTRACT_TYPES.of(symbol.contract_type)
    is_dated = type is InstrumentType.FUTURES
    name = _contract(symbol, is_dated=is_dated)
    order_types, unknown_types = _usdm_order_types(symbol)
    known_times = [mapping.USDM_TIMES.of(word) for word in symbol.times_in_force if word in mapping.USDM_TIMES]
    unknown_times = [word for word in symbol.times_in_force if word not in mapping.USDM_TIMES]
    return Instrument(
        id=_id(venue_id, name),
        venue_id=venue_id,
        symbol=name,
        external_symbol=_asset(symbol.symbol),
        description=f"{symbol.base_asset} in {symbol.quote_asset}, USD-M {symbol.contract_type.lower()}",
        type=type,
        status=mapping.CONTRACT_STATUSES.of(symbol.status),
        base_asset=symbol.base_asset,
        quote_asset=symbol.quote_asset,
        base_security_type=mapping.UNDERLYING_TYPES.of(symbol.underlying_type),
        quote_security_type=_asset_type(symbol.quote_asset),
        base_precision=_precision(symbol.base_precision),
        quote_precision=_precision(symbol.quote_precision),
        order_types=order_types,
        time_in_force_options=tuple(dict.fromkeys((*known_times, *EMULATED_TIMES))),
        order_filters={
            **_further_rules(filters, unknown_types),
            **({"unknownTimesInForce": unknown_times} if unknown_times else {}),
            "triggerProtect": to_plain(sane(symbol.trigger_protect)),
        },
        delivery_at_ms=symbol.delivery_ms if is_dated else None,
        settlement_asset=_asset(symbol.margin_asset),
        price_band=_price_band(filters, is_one_sided=True),
        **_quantities(filters, symbol.base_precision, symbol.quote_precision),
    )


# --- what a symbol says of itself


def _id(venue_id: VenueId, name: str) -> InstrumentId:
    return InstrumentId(f"{venue_id}:{name}")


def _pair(symbol: _Named) -> str:
    return f"{_asset(symbol.base_asset)}/{_asset(symbol.quote_asset)}"


def _contract(symbol: _Named, *, is_dated: bool) -> str:
    return f"{_pair(symbol)}-{_expiry(symbol.symbol) if is_dated else 'PERP'}"


def _asset(name: str) -> str:
    """Names may be of any letters. What would break an id or a line is refused."""
    if not name or len(name) > _SYMBOL_LENGTH_MAX or not name.isprintable() or set(name) & set(" :/,"):
        raise UnreadablePayload(f"{name[:_SYMBOL_LENGTH_MAX]!r} is no name of an asset or a symbol")
    return name


def _asset_type(asset: str) -> SecurityType:
    return SecurityType.CURRENCY if asset in FIAT else SecurityType.CRYPTO


def _precision(places: int) -> int:
    if not 0 <= places <= _PRECISION_MAX:
        raise UnreadablePayload(f"a precision of {places} decimal places")
    return places


def _expiry(symbol: str) -> str:
    """The date in the name of a contract that is delivered: `BTCUSDT_261225` gives `261225`."""
    _, mark, date = symbol.rpartition("_")
    if not mark or len(date) != 6 or not (date.isascii() and date.isdigit()):
        raise UnreadablePayload("a contract that is delivered has no date in its name")
    return date


def _spot_order_types(symbol: BinanceSpotSymbol) -> tuple[tuple[OrderType, ...], list[str]]:
    known = {word for word in symbol.order_types if word in mapping.SPOT_TYPES}
    unknown = [word for word in symbol.order_types if word not in mapping.SPOT_TYPES]
    return _with_held(type for type, word in mapping.SPOT_TYPE_WORDS.items() if word in known), unknown


def _usdm_order_types(symbol: UsdmSymbol) -> tuple[tuple[OrderType, ...], list[str]]:
    words = {**mapping.USDM_PLAIN_TYPE_WORDS, **mapping.USDM_ALGO_TYPE_WORDS}
    unknown = [word for word in symbol.order_types if word not in mapping.USDM_TYPES]
    return _with_held(type for type, word in words.items() if word in symbol.order_types), unknown


def _with_held(types: Iterable[OrderType]) -> tuple[OrderType, ...]:
    """Add the trailing stops that the platform holds, because they are sent as MARKET."""
    native = tuple(types)
    return (*native, OrderType.TRAILING_STOP) if OrderType.MARKET in native else native


# --- rules


def _quantities(filters: SymbolFilters, base_places: int, quote_places: int) -> dict[str, Any]:
    """The steps and limits of an instrument, by the names of its fields."""
    lot, price = filters.of(LotSizeFilter), filters.of(PriceFilter)
    if lot is None or price is None:
        raise UnreadablePayload("the symbol has no LOT_SIZE or no PRICE_FILTER")
    lot_size = _step(lot.step_size, base_places)
    if sane(lot.max_quantity) <= 0 or sane(lot.min_quantity) < 0:
        raise UnreadablePayload("LOT_SIZE allows no quantity")
    min_quantity = max(lot.min_quantity, lot_size)
    notional = filters.of(NotionalFilter)
    least = filters.of(MinNotionalFilter)
    named = (None, None) if least is None else (least.min_notional, least.notional)
    least_notional = next((sane(amount) for amount in named if amount is not None), ZERO)
    return {
        "lot_size": lot_size,
        "pip_size": _step(price.tick_size, quote_places),
        "min_quantity": min_quantity,
        "max_quantity": lot.max_quantity,
        "min_notional": least_notional if notional is None else max(least_notional, sane(notional.min_notional)),
        "max_notional": None if notional is None else sane(notional.max_notional) or None,
        "market_lot": _market_lot(filters.of(MarketLotSizeFilter), lot_size, min_quantity, lot.max_quantity),
        "max_open_orders": _max_open_orders(filters),
    }


def _step(step: Decimal, places: int) -> Decimal:
    """0 switches the rule off, and the precision is left."""
    if sane(step) < 0:
        raise UnreadablePayload("a step is below 0")
    return step or ONE.scaleb(-_precision(places))


def _market_lot(
    rule: MarketLotSizeFilter | None, lot_size: Decimal, min_quantity: Decimal, max_quantity: Decimal
) -> MarketLot | None:
    """MARKET orders must pass LOT_SIZE and MARKET_LOT_SIZE, so the tighter of each limit counts."""
    if rule is None:
        return None
    step = sane(rule.step_size) or lot_size
    if not is_multiple(step, lot_size) and not is_multiple(lot_size, step):
        raise UnreadablePayload("the steps of LOT_SIZE and MARKET_LOT_SIZE do not fit together")
    market = MarketLot(
        lot_size=max(step, lot_size),
        min_quantity=max(sane(rule.min_quantity), min_quantity),
        max_quantity=min(sane(rule.max_quantity) or max_quantity, max_quantity),
    )
    is_same = (market.lot_size, market.min_quantity, market.max_quantity) == (lot_size, min_quantity, max_quantity)
    return None if is_same else market


def _max_open_orders(filters: SymbolFilters) -> int | None:
    rule = filters.of(MaxNumOrdersFilter)
    if rule is None:
        return None
    return rule.limit if rule.max_orders is None else rule.max_orders


def _price_band(filters: SymbolFilters, *, is_one_sided: bool = False) -> PriceBand | None:
    """On USD-M a BUY has an upper bound only, and a SELL a lower one."""
    by_side, both = filters.of(PercentPriceBySideFilter), filters.of(PercentPriceFilter)
    if by_side is not None:
        return PriceBand(
            bid_down=sane(by_side.bid_down),
            bid_up=sane(by_side.bid_up),
            ask_down=sane(by_side.ask_down),
            ask_up=sane(by_side.ask_up),
        )
    if both is None:
        return None
    down, up = sane(both.multiplier_down), sane(both.multiplier_up)
    if is_one_sided:
        return PriceBand(bid_down=ZERO, bid_up=up, ask_down=down, ask_up=UNBOUNDED)
    return PriceBand(bid_down=down, bid_up=up, ask_down=down, ask_up=up)


def _further_rules(filters: SymbolFilters, unknown_types: list[str]) -> dict[str, Any]:
    """The rules for which an instrument has no field, by the wire's own names; and the names of what is not known."""
    rules: dict[str, Any] = {}
    for rule in filters.known:
        match rule:
            case PriceFilter():
                limits = {"minPrice": rule.min_price, "maxPrice": rule.max_price}
                rules.update({name: to_plain(sane(limit)) for name, limit in limits.items() if limit})
            case IcebergPartsFilter():
                rules["icebergParts"] = rule.limit
            case MaxNumAlgoOrdersFilter():
                rules["maxNumAlgoOrders"] = rule.limit if rule.max_orders is None else rule.max_orders
            case MaxNumIcebergOrdersFilter():
                rules["maxNumIcebergOrders"] = rule.max_orders
            case MaxNumOrderListsFilter():
                rules["maxNumOrderLists"] = rule.max_lists
            case MaxNumOrderAmendsFilter():
                rules["maxNumOrderAmends"] = rule.max_amends
            case MaxPositionFilter():
                rules["maxPosition"] = to_plain(sane(rule.max_position))
            case PositionRiskControlFilter():
                rules["positionControlSide"] = rule.position_control_side
            case TrailingDeltaFilter():
                rules["trailingDelta"] = {
                    "above": [rule.min_above, rule.max_above],
                    "below": [rule.min_below, rule.max_below],
                }
    if filters.unknown:
        rules["unknownFilters"] = list(filters.unknown)
    if unknown_types:
        rules["unknownOrderTypes"] = unknown_types
    return rules
