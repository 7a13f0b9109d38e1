"""The messages of OKX's public channels."""

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


class PublicChannels:
    """Implements `MarketStreamWire`. The venue acknowledges each channel by itself, and refuses a request by its id."""

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
                return SubscriptionReply(id=_id(frame), refusal=f"{frame.code} {frame.msg}")
            case "notice" if frame.code == GOING_DOWN:
                return GoingDown()
            case _:
                return None


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
