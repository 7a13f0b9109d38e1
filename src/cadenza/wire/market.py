"""Venues, instruments, securities and order books."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.market_data.list_instruments import InstrumentQuery
from cadenza.application.market_data.list_securities import SecurityQuery
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.book_messages import BookSnapshot, Level
from cadenza.domain.market.instrument import Instrument, InstrumentType, Security
from cadenza.domain.money import ONE, to_plain
from cadenza.ports.venue import VenueStatus
from cadenza.wire import enums as e
from cadenza.wire.base import (
    IDS_MAX,
    PAGE_ITEMS_DEFAULT,
    DateTime,
    DecimalText,
    Depth,
    Instant,
    InstrumentIdText,
    Limit,
    Offset,
    Query,
    Request,
    Response,
    SecurityIdText,
    Symbol,
)
from cadenza.wire.values import optional, optional_plain, optional_rfc3339
from cadenza.wire.venues import VenueFilter, VenueIn, VenueOut, parse_optional_venue, split_instrument_id

DEPTH_DEFAULT = 10
Symbols = Annotated[list[Symbol], Meta(max_length=IDS_MAX)]
InstrumentIds = Annotated[list[InstrumentIdText], Meta(max_length=IDS_MAX)]
OrderBookEntry = Annotated[
    list[DecimalText],
    Meta(min_length=2, max_length=2, description="`[price, quantity]`", examples=[["64250.5", "1.25"]]),
]


class InstrumentRequest(Request, kw_only=True, frozen=True):
    """One instrument."""

    instrument_id: InstrumentIdText


class SyncMarketInstrumentsRequest(Request, kw_only=True, frozen=True):
    """The instruments to read from the venue again; an empty list means all."""

    venue: VenueIn
    symbols: Symbols


class SyncMarketSecuritiesRequest(Request, kw_only=True, frozen=True):
    """The venue whose securities are read again."""

    venue: VenueIn


class DeleteMarketSecurityRequest(Request, kw_only=True, frozen=True):
    """One security."""

    security_id: SecurityIdText


class ListMarketInstrumentsQuery(Query, kw_only=True, frozen=True):
    venue: VenueFilter | None = None
    symbols: Symbols | None = None
    security_type: Annotated[e.SecurityTypeIn, Meta(description="Of the base asset")] | None = None
    instrument_status: e.InstrumentStatusIn | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0

    def to_query(self) -> InstrumentQuery:
        return InstrumentQuery(
            venue_id=parse_optional_venue(self.venue),
            symbols=tuple(self.symbols or ()),
            security_type=e.SECURITY_TYPE.read_optional("securityType", self.security_type),
            status=e.INSTRUMENT_STATUS.read_optional("instrumentStatus", self.instrument_status),
            limit=self.limit,
            offset=self.offset,
        )


class ListMarketSecuritiesQuery(Query, kw_only=True, frozen=True):
    venue: VenueFilter | None = None
    security_id: SecurityIdText | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0

    def to_query(self) -> SecurityQuery:
        return SecurityQuery(
            venue_id=parse_optional_venue(self.venue),
            security_id=None if self.security_id is None else SecurityId(self.security_id),
            limit=self.limit,
            offset=self.offset,
        )


class GetMarketOrderBookQuery(Query, kw_only=True, frozen=True):
    instrument_id: InstrumentIdText | None = None
    venue: VenueFilter | None = None
    symbol: (
        Annotated[
            Symbol, Meta(description="With `venue`, instead of `instrumentId`; if both are given they must agree")
        ]
        | None
    ) = None
    depth: Depth = DEPTH_DEFAULT

    def instrument(self) -> InstrumentId:
        symbols = None if self.symbol is None else [self.symbol]
        ids = None if self.instrument_id is None else [self.instrument_id]
        return _instruments(ids, parse_optional_venue(self.venue), symbols, "instrumentId")[0]


class ListMarketOrderBooksQuery(Query, kw_only=True, frozen=True):
    instrument_ids: InstrumentIds | None = None
    venue: VenueFilter | None = None
    symbols: (
        Annotated[
            Symbols, Meta(description="With `venue`, instead of `instrumentIds`; if both are given they must agree")
        ]
        | None
    ) = None
    depth: Depth = DEPTH_DEFAULT

    def instruments(self) -> Sequence[InstrumentId]:
        return _instruments(self.instrument_ids, parse_optional_venue(self.venue), self.symbols, "instrumentIds")


class ListMarketOrderBookSubscriptionsQuery(Query, kw_only=True, frozen=True):
    instrument_id: InstrumentIdText | None = None


def _instruments(
    ids: Sequence[str] | None, venue_id: VenueId | None, symbols: Sequence[str] | None, field: str
) -> list[InstrumentId]:
    """Return the instruments that are named by id, or by venue and symbol, in the order given. If both are given they
    must agree."""
    if symbols and venue_id is None and not ids:
        raise InvalidRequest("venue: needed with a symbol", {"field": "venue"})
    if not ids and not symbols:
        raise InvalidRequest(f"{field} is required unless venue and symbol are given", {"field": field})
    if not ids:
        return [InstrumentId(f"{venue_id}:{symbol}") for symbol in symbols or ()]
    named = [split_instrument_id(InstrumentId(id)) for id in ids]
    has_other_venue = venue_id is not None and any(venue != str(venue_id) for venue, _ in named)
    has_other_symbols = bool(symbols) and [symbol for _, symbol in named] != list(symbols or ())
    if has_other_venue or has_other_symbols:
        raise InvalidRequest(f"{field} and venue or symbol do not agree", {"field": field})
    return [InstrumentId(id) for id in ids]


class MarketVenue(Response, kw_only=True, frozen=True):
    """A venue, and its status as of the last contact with it."""

    venue: VenueOut
    status: e.VenueStatusOut


class SyncedInstruments(Response, kw_only=True, frozen=True):
    """How many instruments were written."""

    total: int


class InstrumentModel(Response, kw_only=True, frozen=True):
    """An instrument that a venue lists. `lotSize` and `pipSize` are the steps of quantity and price. Quantities are in
    base units; those of an inverse contract are in quote units. `orderFilters` has the venue's further rules, for which
    the interface has no field."""

    instrument_id: InstrumentIdText
    venue: VenueOut
    symbol: str
    external_symbol: str
    description: str
    instrument_type: e.InstrumentTypeOut
    status: e.InstrumentStatusOut
    base_asset: str
    quote_asset: str
    base_security_type: e.SecurityTypeOut
    quote_security_type: e.SecurityTypeOut
    base_precision: int
    quote_precision: int
    base_max_significant: int | None
    quote_max_significant: int | None
    lot_size: DecimalText
    pip_size: DecimalText
    base_scale: int | None
    quote_scale: int | None
    min_quantity: DecimalText
    max_quantity: DecimalText
    min_notional: DecimalText
    max_notional: DecimalText | UnsetType = UNSET
    order_filters: dict[str, Any]
    order_types: list[e.OrderTypeOut]
    time_in_force_options: list[e.TimeInForceOut]
    trading_hours: dict[str, Any]
    is_iceberg_allowed: bool
    iceberg_min_quantity: DecimalText | UnsetType = UNSET
    delivery_date: Instant | UnsetType = UNSET
    delivery_date_time: DateTime | UnsetType = UNSET
    exercise_style: e.ExerciseStyleOut | UnsetType = UNSET
    strike_price: DecimalText | UnsetType = UNSET


class FinancialSecurity(Response, kw_only=True, frozen=True):
    """An asset that a venue holds for its clients."""

    security_id: SecurityIdText
    symbol: str
    venue: VenueOut
    security_type: e.SecurityTypeOut
    precision: int
    scale: int
    min_quantity: DecimalText
    lot_size: DecimalText


class OrderBookModel(Response, kw_only=True, frozen=True):
    """Bids descending, asks ascending. `timestamp` is the venue's time of the book's last update."""

    instrument_id: InstrumentIdText
    venue: VenueOut
    symbol: str
    asks: list[OrderBookEntry]
    bids: list[OrderBookEntry]
    timestamp: Instant


def plain_json(value: Any) -> Any:
    """Return a value as JSON types, with decimals as plain text."""
    match value:
        case Decimal():
            return to_plain(value)
        case Mapping():
            return {str(key): plain_json(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_json(item) for item in value]
    return value


def market_venue(venue_id: VenueId, status: VenueStatus) -> MarketVenue:
    return MarketVenue(venue=str(venue_id), status=e.VENUE_STATUS.write(status))


def instrument(instrument: Instrument) -> InstrumentModel:
    return InstrumentModel(
        instrument_id=instrument.id,
        venue=str(instrument.venue_id),
        symbol=instrument.symbol,
        external_symbol=instrument.external_symbol,
        description=instrument.description,
        instrument_type=e.INSTRUMENT_TYPE.write(instrument.type),
        status=e.INSTRUMENT_STATUS.write(instrument.status),
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        base_security_type=e.SECURITY_TYPE.write(instrument.base_security_type),
        quote_security_type=e.SECURITY_TYPE.write(instrument.quote_security_type),
        base_precision=instrument.base_precision,
        quote_precision=instrument.quote_precision,
        base_max_significant=None,
        quote_max_significant=instrument.price_significant_digits,
        lot_size=to_plain(instrument.lot_size),
        pip_size=to_plain(instrument.pip_size),
        base_scale=None,
        quote_scale=None,
        min_quantity=to_plain(instrument.min_quantity),
        max_quantity=to_plain(instrument.max_quantity),
        min_notional=to_plain(instrument.min_notional),
        max_notional=optional_plain(instrument.max_notional),
        order_filters=plain_json(order_filters(instrument)),
        order_types=[e.ORDER_TYPE.write(order_type) for order_type in instrument.order_types],
        time_in_force_options=[e.TIME_IN_FORCE.write(option) for option in instrument.time_in_force_options],
        trading_hours=plain_json(instrument.trading_hours),
        is_iceberg_allowed=instrument.is_iceberg_allowed,
        iceberg_min_quantity=optional_plain(instrument.iceberg_min_quantity),
        delivery_date=optional(instrument.delivery_at_ms),
        delivery_date_time=optional_rfc3339(instrument.delivery_at_ms),
        exercise_style=UNSET
        if instrument.exercise_style is None
        else e.EXERCISE_STYLE.write(instrument.exercise_style),
        strike_price=optional_plain(instrument.strike_price),
    )


def order_filters(instrument: Instrument) -> dict[str, Any]:
    """Return the venue's own filters, together with those facts of ours that no field shows
    (docs/concepts/instruments.md)."""
    found: dict[str, Any] = dict(instrument.order_filters)
    if instrument.contract_size != ONE:
        found["contractSize"] = instrument.contract_size
    if instrument.type is not InstrumentType.SPOT:
        found |= {"isInverse": instrument.is_inverse, "settlementAsset": instrument.settled_in}
    if instrument.price_steps:
        found["priceSteps"] = [{"fromPrice": price, "pipSize": step} for price, step in instrument.price_steps]
    if instrument.market_lot is not None:
        lot = instrument.market_lot
        found["marketLot"] = {
            "lotSize": lot.lot_size,
            "minQuantity": lot.min_quantity,
            "maxQuantity": lot.max_quantity,
        }
    if instrument.max_open_orders is not None:
        found["maxOpenOrders"] = instrument.max_open_orders
    if instrument.price_band is not None:
        band = instrument.price_band
        found["priceBand"] = {
            "bidDown": band.bid_down,
            "bidUp": band.bid_up,
            "askDown": band.ask_down,
            "askUp": band.ask_up,
        }
    return found


def financial_security(security: Security) -> FinancialSecurity:
    return FinancialSecurity(
        security_id=security.id,
        symbol=security.symbol,
        venue=str(security.venue_id),
        security_type=e.SECURITY_TYPE.write(security.type),
        precision=security.precision,
        scale=security.scale,
        min_quantity=to_plain(security.min_quantity),
        lot_size=to_plain(security.lot_size),
    )


def _levels(levels: tuple[Level, ...]) -> list[list[str]]:
    return [[to_plain(price), to_plain(quantity)] for price, quantity in levels]


def order_book(book: BookSnapshot) -> OrderBookModel:
    venue, symbol = split_instrument_id(book.instrument_id)
    return OrderBookModel(
        instrument_id=book.instrument_id,
        venue=venue,
        symbol=symbol,
        asks=_levels(book.asks),
        bids=_levels(book.bids),
        timestamp=book.at_ms,
    )
