"""The messages of DERIBIT's public channels. A connection without access gets no raw channels: books and trades come
every 100 ms."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.deribit.classify import frame_answer
from cadenza.adapters.venues.deribit.models import (
    DeribitBookMessage,
    DeribitPublicTrade,
    DeribitTicker,
    RpcFrame,
)
from cadenza.adapters.venues.deribit.parse_market import book_message, market_trade
from cadenza.adapters.venues.deribit.sockets import TEST, TEST_REQUEST, rpc_text
from cadenza.adapters.venues.kit.market_stream import MarketEvent, MarketWord, ReplyWanted, SubscriptionReply
from cadenza.adapters.venues.kit.order_facts import positive
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.instrument import Instrument, InstrumentType

INTERVAL = "100ms"


class PublicChannels:
    """Implements `MarketStreamWire` for one connection. An answer lists the channels that were granted; a request of
    which none was is refused."""

    def __init__(self) -> None:
        self._dropping: set[int] = set()
        """The requests that end subscriptions and were not answered yet."""

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        if not is_wanted:
            self._dropping.add(id)
        return [rpc_text(id, "public/subscribe" if is_wanted else "public/unsubscribe", {"channels": names})]

    def read(self, data: bytes) -> MarketWord:
        frame = decode(RpcFrame, data)
        if frame.method == "subscription":
            return MarketEvent(frame.params.channel, frame.params.data)
        if frame.method == "heartbeat":
            return ReplyWanted(TEST) if frame.params.type == TEST_REQUEST else None
        answer = frame_answer(frame)
        if answer is None or frame.id is None:
            return None
        if frame.id in self._dropping:
            self._dropping.discard(frame.id)
            return SubscriptionReply(id=frame.id)
        if answer.result is None:
            return SubscriptionReply(id=frame.id, refusal=answer.said)
        if not bytes(answer.result).startswith(b"["):
            return None
        granted = tuple(decode(list[str], answer.result))
        if not granted:
            return SubscriptionReply(id=frame.id, refusal="the venue did not grant it")
        return SubscriptionReply(id=frame.id, names=granted)


class DeribitChannels:
    """Implements `InstrumentChannels`. The ticker states the mark price of a contract or an option."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        name = instrument.external_symbol
        self.books, self.trades = f"book.{name}.{INTERVAL}", f"trades.{name}.{INTERVAL}"
        self.marks = None if instrument.type is InstrumentType.SPOT else f"ticker.{name}.{INTERVAL}"

    def book_messages(self, data: msgspec.Raw) -> Iterable[BookSnapshot | BookDelta]:
        return (book_message(decode(DeribitBookMessage, data), self._instrument),)

    def numbered_trades(self, data: msgspec.Raw) -> Iterable[tuple[int, MarketTrade]]:
        rows = sorted(decode(list[DeribitPublicTrade], data), key=lambda row: row.sequence)
        return [(row.sequence, market_trade(row, self._instrument)) for row in rows]

    def mark(self, data: msgspec.Raw) -> Decimal | None:
        mark = decode(DeribitTicker, data).mark
        return None if mark is None else positive(mark)
