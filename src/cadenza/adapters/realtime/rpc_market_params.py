"""What RPC methods about the market are asked with; as `rpc_params`."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from cadenza.adapters.realtime.rpc_params import Ignored, Symbols
from cadenza.application.market_data.list_instruments import InstrumentQuery
from cadenza.application.market_data.list_klines import INTERVAL_DEFAULT
from cadenza.domain.ids import InstrumentId
from cadenza.wire import enums as e
from cadenza.wire import market
from cadenza.wire.base import (
    IDS_MAX,
    PAGE_ITEMS_DEFAULT,
    Depth,
    InstrumentIdText,
    Limit,
    Offset,
    Request,
    SecurityIdText,
    Symbol,
)
from cadenza.wire.venues import VenueFilter, VenueIn

InstrumentIds = Annotated[tuple[InstrumentIdText, ...], Meta(max_length=IDS_MAX)]


class SyncInstrumentsParams(Request, kw_only=True, frozen=True):
    venue: VenueIn
    symbols: Symbols = ()


class ListInstrumentsParams(Request, kw_only=True, frozen=True):
    venue: VenueFilter | None = None
    symbols: Symbols | None = None
    security_type: e.SecurityTypeIn | None = None
    instrument_status: e.InstrumentStatusIn | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0

    def to_query(self) -> InstrumentQuery:
        return market.ListMarketInstrumentsQuery(
            venue=self.venue,
            symbols=_list(self.symbols),
            security_type=self.security_type,
            instrument_status=self.instrument_status,
            limit=self.limit,
            offset=self.offset,
        ).to_query()


class InstrumentParams(Request, kw_only=True, frozen=True):
    instrument_id: InstrumentIdText


class InstrumentIn(Request, kw_only=True, frozen=True):
    """An instrument whose status is set; all the rest is its venue's."""

    instrument_id: InstrumentIdText
    status: e.InstrumentStatusIn
    venue: Ignored = None
    symbol: Ignored = None
    external_symbol: Ignored = None
    description: Ignored = None
    instrument_type: Ignored = None
    base_asset: Ignored = None
    quote_asset: Ignored = None
    base_security_type: Ignored = None
    quote_security_type: Ignored = None
    base_precision: Ignored = None
    quote_precision: Ignored = None
    lot_size: Ignored = None
    pip_size: Ignored = None
    min_quantity: Ignored = None
    max_quantity: Ignored = None
    min_notional: Ignored = None
    max_notional: Ignored = None
    order_types: Ignored = None
    time_in_force_options: Ignored = None
    fee: Ignored = None
    is_iceberg_allowed: Ignored = None
    contract_size: Ignored = None
    created_at: Ignored = None
    updated_at: Ignored = None


class SaveInstrumentsParams(Request, kw_only=True, frozen=True):
    instruments: Annotated[tuple[InstrumentIn, ...], Meta(min_length=1, max_length=IDS_MAX)]


class SyncSecuritiesParams(Request, kw_only=True, frozen=True):
    """`securities` are symbols: which to answer with; all are read."""

    venue: VenueIn
    securities: Symbols = ()


class DeleteSecuritiesParams(Request, kw_only=True, frozen=True):
    security_ids: Annotated[list[SecurityIdText], Meta(min_length=1, max_length=IDS_MAX)]


class ListSecuritiesParams(Request, kw_only=True, frozen=True):
    """`securities` and `externalSymbols` are symbols; here the two are the same."""

    venue: VenueFilter | None = None
    securities: Symbols = ()
    external_symbols: Symbols = ()


class OrderBookParams(Request, kw_only=True, frozen=True):
    instrument_id: InstrumentIdText | None = None
    venue: VenueFilter | None = None
    symbol: Symbol | None = None
    depth: Depth = market.DEPTH_DEFAULT

    def instrument(self) -> InstrumentId:
        return market.GetMarketOrderBookQuery(
            instrument_id=self.instrument_id, venue=self.venue, symbol=self.symbol
        ).instrument()


class InstrumentsParams(Request, kw_only=True, frozen=True):
    """Instruments by id, or by venue and symbol."""

    instrument_ids: InstrumentIds | None = None
    venue: VenueFilter | None = None
    symbols: Symbols | None = None

    def instruments(self) -> tuple[InstrumentId, ...]:
        query = market.ListMarketOrderBooksQuery(
            instrument_ids=_list(self.instrument_ids), venue=self.venue, symbols=_list(self.symbols)
        )
        return tuple(query.instruments())

    @property
    def names_any(self) -> bool:
        """Whether instruments are named at all."""
        return bool(self.instrument_ids or self.symbols)


class OrderBooksParams(InstrumentsParams, kw_only=True, frozen=True):
    depth: Depth = market.DEPTH_DEFAULT


class KlinesParams(InstrumentsParams, kw_only=True, frozen=True):
    interval: str = INTERVAL_DEFAULT


class UnsubscribeOrderBookParams(Request, kw_only=True, frozen=True):
    subscription_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None


class CreateSubscriptionParams(Request, kw_only=True, frozen=True):
    venue: VenueIn
    subscription_type: str
    instruments: Annotated[list[str], Meta(min_length=1, max_length=IDS_MAX)]


class ListSubscriptionsParams(Request, kw_only=True, frozen=True):
    instrument_id: InstrumentIds | None = None
    subscription_type: str | None = None
    venue: VenueFilter | None = None


def _list(items: tuple[str, ...] | None) -> list[str] | None:
    return None if items is None else list(items)
