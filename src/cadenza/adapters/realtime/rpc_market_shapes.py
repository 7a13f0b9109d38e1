"""What RPC methods about the market answer with; as `rpc_shapes`."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, UnsetType

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot, Level
from cadenza.domain.market.candle import Candle
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.market.subscription import Subscription
from cadenza.domain.money import to_plain
from cadenza.wire import enums as e
from cadenza.wire.base import Response
from cadenza.wire.values import optional_plain, rfc3339
from cadenza.wire.venues import split_instrument_id


class OrderBookLevel(Response, kw_only=True, frozen=True):
    price: str
    quantity: str


class RpcOrderBook(Response, kw_only=True, frozen=True):
    instrument_id: str
    venue: str
    symbol: str
    bids: list[OrderBookLevel]
    asks: list[OrderBookLevel]
    timestamp: str
    sequence_number: int


class Ticker(Response, kw_only=True, frozen=True):
    """The top of a book."""

    instrument_id: str
    symbol: str
    exchange: str
    exchange_time: str
    time: str
    ask: str | UnsetType = UNSET
    ask_quantity: str | UnsetType = UNSET
    bid: str | UnsetType = UNSET
    bid_quantity: str | UnsetType = UNSET


class Ohlcv(Response, kw_only=True, frozen=True):
    """`t` is where the stretch begins, `v` in base units."""

    t: str
    interval: str
    o: str
    h: str
    l: str  # noqa: E741 - the interface's name
    c: str
    v: str


class Kline(Response, kw_only=True, frozen=True):
    instrument_id: str
    symbol: str
    interval: str
    candles: list[Ohlcv]


class RpcSubscription(Response, kw_only=True, frozen=True):
    subscription_id: UUID
    instrument_id: str | UnsetType = UNSET
    venue: str
    subscription_type: str
    status: str
    created_at: str
    updated_at: str


class RpcInstrument(Response, kw_only=True, frozen=True):
    instrument_id: str
    venue: str
    symbol: str
    external_symbol: str
    description: str
    instrument_type: str
    status: str
    base_asset: str
    quote_asset: str
    base_security_type: str
    quote_security_type: str
    base_precision: int
    quote_precision: int
    lot_size: str
    pip_size: str
    min_quantity: str
    max_quantity: str
    min_notional: str
    max_notional: str | UnsetType = UNSET
    order_types: list[str]
    time_in_force_options: list[str]
    is_iceberg_allowed: bool


class RpcSecurity(Response, kw_only=True, frozen=True):
    security_id: str
    symbol: str
    external_symbol: str
    venue: str


def order_book(book: BookSnapshot) -> RpcOrderBook:
    venue, symbol = split_instrument_id(book.instrument_id)
    return RpcOrderBook(
        instrument_id=book.instrument_id,
        venue=venue,
        symbol=symbol,
        bids=_levels(book.bids),
        asks=_levels(book.asks),
        timestamp=rfc3339(book.at_ms),
        sequence_number=book.sequence,
    )


def _levels(levels: tuple[Level, ...]) -> list[OrderBookLevel]:
    return [OrderBookLevel(price=to_plain(price), quantity=to_plain(quantity)) for price, quantity in levels]


def ticker(book: BookSnapshot) -> Ticker:
    venue, symbol = split_instrument_id(book.instrument_id)
    ask, bid = next(iter(book.asks), None), next(iter(book.bids), None)
    return Ticker(
        instrument_id=book.instrument_id,
        symbol=symbol,
        exchange=venue,
        exchange_time=rfc3339(book.at_ms),
        time=rfc3339(book.at_ms),
        ask=UNSET if ask is None else to_plain(ask[0]),
        ask_quantity=UNSET if ask is None else to_plain(ask[1]),
        bid=UNSET if bid is None else to_plain(bid[0]),
        bid_quantity=UNSET if bid is None else to_plain(bid[1]),
    )


def kline(instrument_id: InstrumentId, interval: str, candles: Sequence[Candle]) -> Kline:
    _, symbol = split_instrument_id(instrument_id)
    shown = [
        Ohlcv(
            t=rfc3339(each.at_ms),
            interval=interval,
            o=to_plain(each.open),
            h=to_plain(each.high),
            l=to_plain(each.low),
            c=to_plain(each.close),
            v=to_plain(each.volume),
        )
        for each in candles
    ]
    return Kline(instrument_id=instrument_id, symbol=symbol, interval=interval, candles=shown)


def subscription(subscription: Subscription) -> RpcSubscription:
    return RpcSubscription(
        subscription_id=subscription.id,
        instrument_id=UNSET if subscription.instrument_id is None else subscription.instrument_id,
        venue=str(subscription.venue_id),
        subscription_type=e.SUBSCRIPTION_TYPE.write(subscription.type),
        status=e.SUBSCRIPTION_STATUS.write(subscription.status),
        created_at=rfc3339(subscription.created_at_ms),
        updated_at=rfc3339(subscription.updated_at_ms),
    )


def instrument(instrument: Instrument) -> RpcInstrument:
    return RpcInstrument(
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
        lot_size=to_plain(instrument.lot_size),
        pip_size=to_plain(instrument.pip_size),
        min_quantity=to_plain(instrument.min_quantity),
        max_quantity=to_plain(instrument.max_quantity),
        min_notional=to_plain(instrument.min_notional),
        max_notional=optional_plain(instrument.max_notional),
        order_types=[e.ORDER_TYPE.write(order_type) for order_type in instrument.order_types],
        time_in_force_options=[e.TIME_IN_FORCE.write(option) for option in instrument.time_in_force_options],
        is_iceberg_allowed=instrument.is_iceberg_allowed,
    )


def security(security: Security) -> RpcSecurity:
    return RpcSecurity(
        security_id=security.id,
        symbol=security.symbol,
        external_symbol=security.symbol,
        venue=str(security.venue_id),
    )
