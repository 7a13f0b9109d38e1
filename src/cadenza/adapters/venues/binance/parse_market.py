"""Payloads of BINANCE's public market, as messages of the domain.

Spot numbers the updates of a symbol without a gap (`Continuity.RANGE`). On USD-M updates of other kinds lie between, so
each message also names the last update of the one before it (`Continuity.RANGE_AND_PREVIOUS`). Whether a message
continues the book, the domain decides by these numbers; nothing is dropped here.
"""

from decimal import Decimal, InvalidOperation

from cadenza.adapters.venues.binance.models import BinanceDepthEvent, BinanceDepthReply, BinanceTradeEvent, PriceLevel
from cadenza.adapters.venues.binance.models_usdm import AggregateTradeEvent, MarkPriceEvent
from cadenza.adapters.venues.kit.order_facts import positive
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import BookRule, Continuity
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO

SPOT_BOOK_RULE = BookRule(continuity=Continuity.RANGE)
USDM_BOOK_RULE = BookRule(continuity=Continuity.RANGE_AND_PREVIOUS)

_NUMBER_MAX = Decimal(10) ** 20
"""Prices and quantities of a book are below this; infinity is not."""


def book_snapshot(reply: BinanceDepthReply, instrument_id: InstrumentId, at_ms: int) -> BookSnapshot:
    """Return the reply to a depth request. Spot states no instant in it, so the caller says when it was asked, by the
    venue's clock. Raises `UnreadablePayload`."""
    stated_ms = reply.transaction_ms if reply.transaction_ms is not None else reply.event_ms
    return BookSnapshot(
        instrument_id=instrument_id,
        bids=_levels(reply.bids),
        asks=_levels(reply.asks),
        sequence=reply.last_update_id,
        at_ms=at_ms if stated_ms is None else stated_ms,
    )


def spot_delta(event: BinanceDepthEvent, instrument_id: InstrumentId) -> BookDelta:
    """Return a `depthUpdate` of spot. Raises `UnreadablePayload`."""
    return BookDelta(
        instrument_id=instrument_id,
        bids=_levels(event.bids),
        asks=_levels(event.asks),
        sequence=event.last,
        first_sequence=event.first,
        at_ms=event.event_ms,
    )


def usdm_delta(event: BinanceDepthEvent, instrument_id: InstrumentId) -> BookDelta:
    """Return a `depthUpdate` of USD-M. Raises `UnreadablePayload`."""
    if event.previous is None:
        raise UnreadablePayload("a depth update of USD-M does not say which one was before it")
    return BookDelta(
        instrument_id=instrument_id,
        bids=_levels(event.bids),
        asks=_levels(event.asks),
        sequence=event.last,
        first_sequence=event.first,
        previous_sequence=event.previous,
        at_ms=event.event_ms if event.transaction_ms is None else event.transaction_ms,
    )


def market_trade(event: BinanceTradeEvent | AggregateTradeEvent, instrument_id: InstrumentId) -> MarketTrade:
    """Return a public trade; on USD-M the trades of one taker order at one price are one. When the buyer was the
    maker, the seller took. Raises `UnreadablePayload`."""
    return MarketTrade(
        instrument_id=instrument_id,
        trade_id=str(event.trade_id if isinstance(event, BinanceTradeEvent) else event.id),
        price=positive(event.price),
        quantity=positive(event.quantity),
        aggressor=Side.SELL if event.is_buyer_maker else Side.BUY,
        at_ms=event.trade_ms,
    )


def mark_price(event: MarkPriceEvent) -> Decimal:
    """Return the price at which USD-M values positions. Raises `UnreadablePayload`."""
    return positive(event.mark_price)


def _levels(levels: list[PriceLevel]) -> tuple[PriceLevel, ...]:
    try:
        for price, quantity in levels:
            if not (ZERO < price < _NUMBER_MAX and ZERO <= quantity < _NUMBER_MAX):
                raise UnreadablePayload("a level has no price above 0, or a quantity below 0")
    except InvalidOperation:  # NaN cannot be compared
        raise UnreadablePayload("a level has a number that is none") from None
    return tuple(levels)
