"""Payloads of DERIBIT's public market, as messages of the domain.

A book begins with a snapshot on its channel, and each change names the number of the message before it
(`Continuity.PREVIOUS`).
"""

from decimal import Decimal

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import DeribitBookMessage, DeribitPublicTrade, WireLevel
from cadenza.adapters.venues.kit.order_facts import positive, sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.adapters.venues.kit.written_levels import NUMBER, PRICE, LevelPattern
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, Levels, MarketTrade
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ZERO

SNAPSHOT, CHANGE = "snapshot", "change"
_NEW, _CHANGED, _DELETED = "new", "change", "delete"
_WRITTEN = LevelPattern(rf'\["({_NEW}|{_CHANGED}|{_DELETED})",({PRICE}),({NUMBER})\]')


def book_message(book: DeribitBookMessage, instrument: Instrument) -> BookSnapshot | BookDelta:
    """Return a message of a `book` channel: a snapshot, or a change. Raises `UnreadablePayload`."""
    _check_instrument(book.instrument, instrument)
    match book.type, book.previous:
        case None | "snapshot", None:
            bids, asks = levels(book.bids), levels(book.asks)
            return BookSnapshot(
                instrument_id=instrument.id, bids=bids, asks=asks, sequence=book.change_id, at_ms=book.at_ms
            )
        case None | "change", int():
            return BookDelta(
                instrument_id=instrument.id,
                bids=_changes(book.bids),
                asks=_changes(book.asks),
                sequence=book.change_id,
                previous_sequence=book.previous,
                at_ms=book.at_ms,
            )
    raise UnreadablePayload(f"a book's message of type {str(book.type)[:20]!r} has the wrong numbers")


def levels(data: msgspec.Raw) -> tuple[Level, ...]:
    """Return levels as prices and quantities. Raises `UnreadablePayload`."""
    return tuple((positive(price), _amount(what, amount)) for what, price, amount in decode(list[WireLevel], data))


def _changes(data: msgspec.Raw) -> Levels:
    written = _WRITTEN.parts(data)
    if written is None:
        return levels(data)
    return [(price, "0" if what == _DELETED else amount) for what, price, amount in written]


def market_trade(trade: DeribitPublicTrade, instrument: Instrument) -> MarketTrade:
    """Return a public trade. Raises `UnreadablePayload`."""
    _check_instrument(trade.instrument, instrument)
    return MarketTrade(
        instrument_id=instrument.id,
        trade_id=trade.id,
        price=positive(trade.price),
        quantity=positive(trade.amount),
        aggressor=mapping.SIDES.of(trade.direction),
        at_ms=trade.at_ms,
    )


def _amount(what: str, amount: Decimal) -> Decimal:
    if what == _DELETED:
        return ZERO
    if what not in (_NEW, _CHANGED):
        raise UnknownMember("book action", what)
    if sane(amount) < 0:
        raise UnreadablePayload("a level has an amount below 0")
    return amount


def _check_instrument(name: str, instrument: Instrument) -> None:
    if name != instrument.external_symbol:
        raise UnreadablePayload(f"a message of {instrument.external_symbol} is about {name[:40]!r}")
