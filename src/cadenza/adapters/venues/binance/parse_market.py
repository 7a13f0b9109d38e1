"""Payloads of BINANCE's public market, as messages of the domain.

Spot numbers the updates of a symbol without a gap (`Continuity.RANGE`). On USD-M updates of other kinds lie between, so
each message also names the last update of the one before it (`Continuity.RANGE_AND_PREVIOUS`). Whether a message
continues the book, the domain decides by these numbers; nothing is dropped here.

The levels of a depth update stay text: a busy market sends thousands a second, and most of them nobody ever reads. That
they are plain numbers is proven for all at once: without its digits, the update must end as one does whose levels are
numbers. One that does not is read number by number.
"""

from decimal import Decimal, InvalidOperation
from string import digits

import msgspec

from cadenza.adapters.venues.binance.models import (
    BinanceDepthEvent,
    BinanceDepthNumbers,
    BinanceDepthReply,
    BinanceTradeEvent,
    PriceLevel,
)
from cadenza.adapters.venues.binance.models_usdm import AggregateTradeEvent, MarkPriceEvent
from cadenza.adapters.venues.kit.order_facts import positive
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Levels, MarketTrade, WrittenLevel
from cadenza.domain.market.book_rule import BookRule, Continuity
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO

SPOT_BOOK_RULE = BookRule(continuity=Continuity.RANGE)
USDM_BOOK_RULE = BookRule(continuity=Continuity.RANGE_AND_PREVIOUS)

_NUMBER_MAX = Decimal(10) ** 20
"""Prices and quantities of a book are below this; infinity is not."""

_DIGITS = digits.encode()
_written = msgspec.json.Decoder(BinanceDepthEvent).decode


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


def spot_delta(data: msgspec.Raw, instrument_id: InstrumentId) -> BookDelta:
    """Return a `depthUpdate` of spot. Raises `UnreadablePayload`."""
    event, bids, asks = _depth_update(data)
    return BookDelta(
        instrument_id=instrument_id,
        bids=bids,
        asks=asks,
        sequence=event.last,
        first_sequence=event.first,
        at_ms=event.event_ms,
    )


def usdm_delta(data: msgspec.Raw, instrument_id: InstrumentId) -> BookDelta:
    """Return a `depthUpdate` of USD-M. Raises `UnreadablePayload`."""
    event, bids, asks = _depth_update(data)
    if event.previous is None:
        raise UnreadablePayload("a depth update of USD-M does not say which one was before it")
    return BookDelta(
        instrument_id=instrument_id,
        bids=bids,
        asks=asks,
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


def _depth_update(data: msgspec.Raw) -> tuple[BinanceDepthEvent, Levels, Levels]:
    """Return the event with its bids and asks."""
    try:
        event = _written(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # perhaps a number stands without quotes
    else:
        if _is_plain(bytes(data), event.bids, event.asks):
            return event, event.bids, event.asks
    numbers = decode(BinanceDepthNumbers, data)
    return numbers, _levels(numbers.bids), _levels(numbers.asks)


def _is_plain(data: bytes, bids: list[WrittenLevel], asks: list[WrittenLevel]) -> bool:
    """Whether all levels, which were read from `data`, are digits with a point where the first one has a point."""
    level = nothing = b""
    for price, quantity in bids[:1] or asks[:1]:
        nothing = b'"."' if "." in quantity else b'""'
        level = b'["%s",%s],' % (b"." if "." in price else b"", nothing)
    end = b'"b":[%s],"a":[%s]}' % ((level * len(bids))[:-1], (level * len(asks))[:-1])
    return data.translate(None, _DIGITS).endswith(end) and not (level and nothing in data)


def _levels(levels: list[PriceLevel]) -> tuple[PriceLevel, ...]:
    try:
        for price, quantity in levels:
            if not (ZERO < price < _NUMBER_MAX and ZERO <= quantity < _NUMBER_MAX):
                raise UnreadablePayload("a level has no price above 0, or a quantity below 0")
    except InvalidOperation:  # NaN cannot be compared
        raise UnreadablePayload("a level has a number that is none") from None
    return tuple(levels)
