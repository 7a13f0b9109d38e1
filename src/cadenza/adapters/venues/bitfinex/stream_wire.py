"""The messages of BITFINEX's public channels.

Each frame of a connection has a number. When one is missing, each of its channels may lack something, so all of them
are subscribed to again. A channel is named by a number as well, and the venue gives a new one with each subscription.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.bitfinex.parse_market import (
    CHECKSUM,
    EXECUTED,
    EXECUTED_WITH_ID,
    HEARTBEAT,
    SNAPSHOT,
    UPDATE,
    book_message,
    mark_price,
    market_trades,
)
from cadenza.adapters.venues.bitfinex.public_models import ChannelFrame
from cadenza.adapters.venues.bitfinex.sockets import (
    ALREADY_SUBSCRIBED,
    BULK,
    CHECKSUMS,
    MAINTENANCE_BEGINS,
    MAINTENANCE_ENDS,
    RECONNECT,
    REFUSED_FOR_GOOD,
    SEQUENCE,
    TIMESTAMPS,
    SocketEvent,
    event_of,
)
from cadenza.adapters.venues.kit.market_stream import (
    GoingDown,
    MarketEvent,
    MarketWord,
    MessagesMissing,
    SubscriptionReply,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import MessageCount
from cadenza.domain.market.instrument import Instrument, InstrumentType

BOOKS, TRADES, STATUS = "book", "trades", "status"
"""Channels, and the first part of their names here: `book:tBTCUSD`, `status:deriv:tBTCF0:USTF0`."""

PUBLIC_FLAGS = TIMESTAMPS | SEQUENCE | CHECKSUMS | BULK
BOOK_LENGTH = "250"
VERSION = 2

_ENDED_MAX = 100
_WORDS = frozenset({CHECKSUM, EXECUTED, EXECUTED_WITH_ID})
_encode = msgspec.json.Encoder().encode


class PublicChannels:
    """Implements `MarketStreamWire`: one connection, and the channels that it has. Nothing is granted before the venue
    has agreed to number the frames."""

    def __init__(self) -> None:
        self._is_configured = False
        self._count = MessageCount()
        self._names: dict[int, str] = {}
        self._begun: set[int] = set()
        """Channels that have sent their first content."""
        self._ended: deque[int] = deque(maxlen=_ENDED_MAX)

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        if is_wanted:
            return [_encode({"event": "subscribe", **_channel_of(name)}).decode() for name in names]
        ids = {name: id for id, name in self._names.items()}
        return [_encode({"event": "unsubscribe", "chanId": ids[name]}).decode() for name in names if name in ids]

    def read(self, data: bytes) -> MarketWord:
        event = event_of(data)
        if event is not None:
            return self._read_event(event)
        try:
            return self._read_frame(decode(list[msgspec.Raw], data))
        except (UnreadablePayload, IndexError) as error:
            return MessagesMissing(f"a frame cannot be read: {error}")

    # Events

    def _read_event(self, event: SocketEvent) -> MarketWord:
        match event.event:
            case "conf":
                self._is_configured = event.status == "OK" and event.flags & PUBLIC_FLAGS == PUBLIC_FLAGS
            case "subscribed" if self._is_configured and event.channel_id is not None:
                name = _name_of(event)
                self._names[event.channel_id] = name
                return SubscriptionReply(names=(name,))
            case "unsubscribed" if event.channel_id is not None:
                return self._end(event.channel_id)
            case "error":
                return self._refused(event)
            case "info":
                return _information(event)
        return None

    def _end(self, channel: int) -> MarketWord:
        name = self._names.pop(channel, None)
        self._begun.discard(channel)
        self._ended.append(channel)
        return None if name is None else SubscriptionReply(names=(name,))

    def _refused(self, event: SocketEvent) -> MarketWord:
        """What is refused because of something that passes is asked for again."""
        name = _name_of(event)
        if event.code == ALREADY_SUBSCRIBED and name in self._names.values():
            return SubscriptionReply(names=(name,))
        if event.code not in REFUSED_FOR_GOOD:
            return None
        return SubscriptionReply(names=(name,), refusal=f"{event.code} {event.text}")

    # Frames

    def _read_frame(self, parts: list[msgspec.Raw]) -> MarketWord:
        """A frame is its channel, what it says, its number and its instant; what it says may be a word and a content.
        Later elements are not read."""
        channel, word = decode(int, parts[0]), _word(parts[1])
        content = parts[2] if word in _WORDS else parts[1]
        at = 3 if word in _WORDS else 2
        sequence, at_ms = decode(int, parts[at]), decode(int, parts[at + 1])
        if not self._count.continues(sequence):
            return MessagesMissing(f"frame {sequence} does not follow the one before it")
        name = self._names.get(channel)
        if name is None:
            if channel in self._ended or word == HEARTBEAT:  # a channel may beat before its subscription is answered
                return None
            raise UnreadablePayload(f"there is no channel {channel}")
        kind = word
        if not word:
            kind = UPDATE if channel in self._begun else SNAPSHOT
            self._begun.add(channel)
        return MarketEvent(name, ChannelFrame(kind, content, sequence, at_ms))


class BitfinexMarket:
    """Implements `InstrumentChannels`. Derivatives have marks, pairs have none."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        name = instrument.external_symbol
        self.books, self.trades = f"{BOOKS}:{name}", f"{TRADES}:{name}"
        self.marks = None if instrument.type is InstrumentType.SPOT else f"{STATUS}:deriv:{name}"

    def book_messages(self, data: ChannelFrame) -> Iterable[BookSnapshot | BookDelta]:
        return (book_message(data, self._instrument),)

    def numbered_trades(self, data: ChannelFrame) -> Iterable[tuple[int, MarketTrade]]:
        return market_trades(data, self._instrument)

    def mark(self, data: ChannelFrame) -> Decimal | None:
        return mark_price(data)


def _word(part: msgspec.Raw) -> str:
    """Return the word that a frame begins with; nothing when its content has none."""
    if not bytes(part).startswith(b'"'):
        return ""
    word = decode(str, part)
    if word != HEARTBEAT and word not in _WORDS:
        raise UnreadablePayload(f"{word[:20]!r} is no word of a channel")
    return word


def _channel_of(name: str) -> dict[str, str]:
    channel, _, rest = name.partition(":")
    if channel == STATUS:
        return {"channel": channel, "key": rest}
    further = {"prec": "P0", "freq": "F0", "len": BOOK_LENGTH} if channel == BOOKS else {}
    return {"channel": channel, "symbol": rest, **further}


def _name_of(event: SocketEvent) -> str:
    return f"{event.channel}:{event.key or event.symbol}"


def _information(event: SocketEvent) -> MarketWord:
    if event.code == RECONNECT:
        return GoingDown()
    if event.code in (MAINTENANCE_BEGINS, MAINTENANCE_ENDS):
        return MessagesMissing(f"maintenance: {event.code} {event.text}")
    if event.version not in (0, VERSION):
        raise UnreadablePayload(f"the socket speaks version {event.version}")
    return None
