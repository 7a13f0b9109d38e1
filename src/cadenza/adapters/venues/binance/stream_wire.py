"""The messages of BINANCE's combined streams, and the limits of their connections."""

from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.kit.market_stream import GoingDown, MarketEvent, MarketWord, SubscriptionReply
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.stream_events import StreamLimits

RENEW_AFTER_MS = 23 * 3_600_000
"""The venue ends every connection after 24 hours."""

CONNECTS, USER_CONNECTS = WindowLimit(100, 300_000), WindowLimit(200, 300_000)
"""The venue allows an address 300 connections in 5 minutes at each of its hosts: so many for market data, and so many
for user data, which has USD-M's host in common with it."""

STREAM_LIMITS = StreamLimits(prepare_ms=30_000, renew_after_ms=RENEW_AFTER_MS)

_SHUTDOWN = "serverShutdown"
_encode = msgspec.json.Encoder().encode


class _VenueError(msgspec.Struct, frozen=True, kw_only=True):
    code: int = 0
    msg: str = ""


class _MarketMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that comes on a combined stream: an event with the name of its stream, a reply with the id of its
    request, or a word of the server about itself."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    id: int | None = None
    error: _VenueError | None = None
    e: str = ""


class CombinedStreams:
    """Implements `MarketStreamWire`."""

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        method = "SUBSCRIBE" if is_wanted else "UNSUBSCRIBE"
        return [_encode({"method": method, "params": names, "id": id}).decode()]

    def read(self, data: bytes) -> MarketWord:
        message = decode(_MarketMessage, data)
        if message.stream:
            return MarketEvent(message.stream, message.data)
        if message.id is not None:
            error = message.error
            return SubscriptionReply(id=message.id, refusal=None if error is None else f"{error.code} {error.msg}")
        return GoingDown() if message.e == _SHUTDOWN else None
