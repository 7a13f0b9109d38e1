"""The messages of OKX's public channels."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.kit.market_stream import GoingDown, MarketEvent, MarketWord, SubscriptionReply
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.okx.models import OkxBook, OkxFrame, OkxMarkPrice, OkxTrade
from cadenza.adapters.venues.okx.parse_market import book_message, mark_price, market_trade
from cadenza.adapters.venues.okx.sockets import GOING_DOWN, channel_of, name_of, subscription
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.instrument import Instrument, InstrumentType

BOOKS, TRADES, MARKS = "books", "trades", "mark-price"

TOO_FREQUENT = "60014"
NO_SUCH_CHANNEL = "60018"
_NO_SUCH_CHANNEL = re.compile(r"(?<!\S)channel:([^\s:,]+),instId:([^\s:,]+) doesn't exist")
"""The venue has written `Wrong URL or channel:books,instId:X-Y doesn't exist…`, the same behind `Subscribe failed,
wrong URL or`, and without anything before it."""


class PublicChannels:
    """Implements `MarketStreamWire`. The venue answers for each channel of a request by itself. It names a channel that
    it grants in a field, and one that it refuses in the text of the error alone."""

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        return [subscription([channel_of(name) for name in names], id, is_wanted=is_wanted)]

    def read(self, data: bytes) -> MarketWord:
        frame = decode(OkxFrame, data)
        match frame.event:
            case "":
                return MarketEvent(name_of(frame.channel), msgspec.Raw(data))
            case "subscribe" | "unsubscribe":
                return SubscriptionReply(id=_id(frame), names=(name_of(frame.channel),))
            case "error":
                return _refused(frame)
            case "notice" if frame.code == GOING_DOWN:
                return GoingDown()
            case _:
                return None


def _refused(frame: OkxFrame) -> SubscriptionReply | None:
    """What is refused for the pace is not refused for good: it is asked for again."""
    if frame.code == TOO_FREQUENT:
        return None
    named = _NO_SUCH_CHANNEL.findall(frame.msg) if frame.code == NO_SUCH_CHANNEL else []
    names = tuple(f"{channel}:{instrument}" for channel, instrument in named)
    return SubscriptionReply(id=_id(frame), names=names, refusal=f"{frame.code} {frame.msg}")


def _id(frame: OkxFrame) -> int | None:
    return int(frame.id) if frame.id.isascii() and frame.id.isdigit() else None


class OkxChannels:
    """Implements `InstrumentChannels`. Options and contracts have marks, spot has none."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        name = instrument.external_symbol
        self.books, self.trades = f"{BOOKS}:{name}", f"{TRADES}:{name}"
        self.marks = None if instrument.type is InstrumentType.SPOT else f"{MARKS}:{name}"

    def book_messages(self, data: msgspec.Raw) -> Iterable[BookSnapshot | BookDelta]:
        return (book_message(decode(OkxBook, row), self._instrument) for row in _rows(data))

    def numbered_trades(self, data: msgspec.Raw) -> Iterable[tuple[int, MarketTrade]]:
        trades = (market_trade(decode(OkxTrade, row), self._instrument) for row in _rows(data))
        return ((int(trade.trade_id), trade) for trade in trades)

    def mark(self, data: msgspec.Raw) -> Decimal | None:
        marks = [mark_price(decode(OkxMarkPrice, row)) for row in _rows(data)]
        return marks[-1] if marks else None


def _rows(data: msgspec.Raw) -> list[msgspec.Raw]:
    return decode(OkxFrame, data).data
