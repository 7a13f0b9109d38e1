"""Payloads of BITFINEX's public channels, as messages of the domain.

A book begins with a snapshot on its channel. Then each frame is a level or several, and after each update of the
venue's comes a checksum of the best 25 levels a side. A frame without levels shows that the book is up to date. The
instant of a message is that at which the venue sent it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.bitfinex.public_models import BookRow, ChannelFrame, DerivativeRow, TradeRow
from cadenza.adapters.venues.kit.order_facts import positive, sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.kit.written_levels import PRICE, LevelPattern
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, Levels, MarketTrade, WrittenLevel
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ZERO

SNAPSHOT, UPDATE, HEARTBEAT, CHECKSUM = "snapshot", "update", "hb", "cs"
EXECUTED, EXECUTED_WITH_ID = "te", "tu"
"""Kinds of frames: the first content of a channel, a later one; and the words of the venue."""

_WRITTEN = LevelPattern(rf"\[({PRICE}),([0-9]++),(-?)({PRICE})\]")
"""A price, how many orders it has, and their amount, whose sign says the side."""


def book_message(frame: ChannelFrame, instrument: Instrument) -> BookSnapshot | BookDelta:
    """Return a message of a book. Raises `UnreadablePayload`."""
    match frame.kind:
        case "snapshot":
            bids, asks = _levels(decode(list[BookRow], frame.content))
            return BookSnapshot(
                instrument_id=instrument.id, bids=bids, asks=asks, sequence=frame.sequence, at_ms=frame.at_ms
            )
        case "update":
            return _delta(frame, instrument, *_changes(frame.content))
        case "cs":
            return _delta(frame, instrument, checksum=decode(int, frame.content))
        case "hb":
            return _delta(frame, instrument)
    raise UnreadablePayload(f"a book has no frame {frame.kind[:20]!r}")


def market_trades(frame: ChannelFrame, instrument: Instrument) -> Sequence[tuple[int, MarketTrade]]:
    """Return the trades of a frame with their numbers, the oldest first. Each trade is sent twice, as `te` and then as
    `tu`, with the same number. Raises `UnreadablePayload`."""
    match frame.kind:
        case "snapshot":
            rows = decode(list[TradeRow], frame.content)
        case "te" | "tu":
            rows = [decode(TradeRow, frame.content)]
        case "hb":
            rows = []
        case _:
            raise UnreadablePayload(f"trades have no frame {frame.kind[:20]!r}")
    return [(row.id, _trade(row, instrument)) for row in sorted(rows, key=lambda row: row.id)]


def mark_price(frame: ChannelFrame) -> Decimal | None:
    """Return the price at which the venue values positions; None when the frame states none. Raises
    `UnreadablePayload`."""
    if frame.kind == HEARTBEAT:
        return None
    mark = decode(DerivativeRow, frame.content).mark
    return None if mark is None else positive(mark)


def _trade(row: TradeRow, instrument: Instrument) -> MarketTrade:
    return MarketTrade(
        instrument_id=instrument.id,
        trade_id=str(row.id),
        price=positive(row.price),
        quantity=positive(abs(sane(row.amount))),
        aggressor=Side.BUY if row.amount > 0 else Side.SELL,
        at_ms=row.at_ms,
    )


def _changes(content: msgspec.Raw) -> tuple[Levels, Levels]:
    """An update is one level, or a list of them where bulk updates were asked for."""
    rows = content if bytes(content).startswith(b"[[") else msgspec.Raw(b"[%b]" % bytes(content))
    written = _WRITTEN.parts(rows)
    if written is None:
        return _levels(decode(list[BookRow], rows))
    bids: list[WrittenLevel] = []
    asks: list[WrittenLevel] = []
    for price, count, minus, amount in written:
        (asks if minus else bids).append((price, amount if count != "0" else "0"))
    return bids, asks


def _levels(rows: Iterable[BookRow]) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    bids: list[Level] = []
    asks: list[Level] = []
    for row in rows:
        if row.count < 0 or not sane(row.amount):
            raise UnreadablePayload("a level has a count below 0, or no side")
        quantity = abs(row.amount) if row.count else ZERO
        (bids if row.amount > 0 else asks).append((positive(row.price), quantity))
    return tuple(bids), tuple(asks)


def _delta(
    frame: ChannelFrame,
    instrument: Instrument,
    bids: Levels = (),
    asks: Levels = (),
    checksum: int | None = None,
) -> BookDelta:
    return BookDelta(
        instrument_id=instrument.id,
        bids=bids,
        asks=asks,
        sequence=frame.sequence,
        checksum=checksum,
        at_ms=frame.at_ms,
    )
