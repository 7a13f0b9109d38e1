"""Payloads of OKX's public market, as messages of the domain.

A book begins with a snapshot on its channel (`prevSeqId` -1), and each change names the number of the message before
it (`Continuity.PREVIOUS`). After maintenance the numbers begin again lower, with the chain intact. The checksum is not
read: the venue writes 0 since 2026.
"""

from decimal import Decimal

import msgspec

from cadenza.adapters.venues.kit.order_facts import positive
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.kit.written_levels import NUMBER, PRICE, LevelPattern
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import OkxBook, OkxLevel, OkxMarkPrice, OkxTrade, amount, instant
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, Levels, MarketTrade
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ONE

NO_PREVIOUS = -1
_WRITTEN = LevelPattern(rf'\["({PRICE})","({NUMBER})","[0-9]*+","[0-9]*+"\]')


def book_message(book: OkxBook, instrument: Instrument) -> BookSnapshot | BookDelta:
    """Return a message of the `books` channel: a snapshot, or a change. Raises `UnreadablePayload`."""
    if book.sequence is None or book.previous is None:
        raise UnreadablePayload("a message of a book has no number")
    at_ms = _at(book.at)
    if book.previous == NO_PREVIOUS:
        bids, asks = levels(book.bids, instrument), levels(book.asks, instrument)
        return BookSnapshot(instrument_id=instrument.id, bids=bids, asks=asks, sequence=book.sequence, at_ms=at_ms)
    return BookDelta(
        instrument_id=instrument.id,
        bids=_changes(book.bids, instrument),
        asks=_changes(book.asks, instrument),
        sequence=book.sequence,
        previous_sequence=book.previous,
        at_ms=at_ms,
    )


def levels(data: msgspec.Raw, instrument: Instrument) -> tuple[Level, ...]:
    """Return levels as prices and quantities; a size of the venue is contracts. Raises `UnreadablePayload`."""
    size = instrument.contract_size
    return tuple((positive(amount(price)), _size(text, size)) for price, text, _, _ in decode(list[OkxLevel], data))


def _changes(data: msgspec.Raw, instrument: Instrument) -> Levels:
    written = _WRITTEN.parts(data) if instrument.contract_size == ONE else None
    return levels(data, instrument) if written is None else [(price, size) for price, size in written]


def market_trade(trade: OkxTrade, instrument: Instrument) -> MarketTrade:
    """Return a public trade. Raises `UnreadablePayload`."""
    return MarketTrade(
        instrument_id=instrument.id,
        trade_id=trade.id,
        price=positive(amount(trade.price)),
        quantity=positive(amount(trade.size)) * instrument.contract_size,
        aggressor=mapping.SIDES.of(trade.side),
        at_ms=_at(trade.at),
    )


def mark_price(mark: OkxMarkPrice) -> Decimal:
    """Return the price at which the venue values positions. Raises `UnreadablePayload`."""
    return positive(amount(mark.price))


def _size(text: str, contract_size: Decimal) -> Decimal:
    size = amount(text)
    if size < 0:
        raise UnreadablePayload("a level has a quantity below 0")
    return size if contract_size == ONE else size * contract_size


def _at(text: str) -> int:
    found = instant(text)
    if found is None:
        raise UnreadablePayload("a message has no instant")
    return found
