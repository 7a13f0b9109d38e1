"""What all sockets of BITFINEX have in common: path, limits, flags, and what they say of themselves."""

import msgspec

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.stream_events import StreamLimits

SOCKET_PATH = "/ws/2"

PUBLIC_CONNECTS = WindowLimit(20, 60_000)
PRIVATE_CONNECTS = WindowLimit(5, 15_000)
"""How many connections the venue lets an address open at its public and its private host."""

MESSAGES = (WindowLimit(30, 1_000),)
"""The venue states no limit. A connection has at most 30 channels, so this is all that is asked for at once."""

TIMESTAMPS, SEQUENCE, CHECKSUMS, BULK = 32_768, 65_536, 131_072, 536_870_912
"""Flags of a connection: each frame ends with its instant; each frame has a number that grows by one; books have
checksums; the levels that a book's update changes come in one frame."""

RECONNECT, MAINTENANCE_BEGINS, MAINTENANCE_ENDS = 20_051, 20_060, 20_061
"""Codes of `info`: connect again now; the trading engine pauses; it is back, and all is subscribed to again."""

ALREADY_SUBSCRIBED = 10_301
REFUSED_FOR_GOOD = frozenset({10_020, 10_300, 10_302})
"""Codes of `error`: a subscription that stands already; a symbol, setting or channel that the venue does not know."""

_encode = msgspec.json.Encoder().encode

PING = _encode({"event": "ping"}).decode()
PING_MS = 15_000
STREAM_LIMITS = StreamLimits(ping_ms=PING_MS, ping_text=PING, message_silence_ms=40_000)
"""The venue answers a ping, and sends a heartbeat in each channel that is silent for 15 s. A connection without either
for longer is dead."""


class SocketEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An object that a socket sends. Frames of channels are arrays."""

    event: str
    channel: str = ""
    channel_id: int | None = msgspec.field(name="chanId", default=None)
    symbol: str = ""
    key: str = ""
    precision: str = msgspec.field(name="prec", default="")
    status: str = ""
    code: int = 0
    text: str = msgspec.field(name="msg", default="")
    flags: int = 0
    version: int = 0
    at_ms: int | None = msgspec.field(name="ts", default=None)
    sub_id: str = msgspec.field(name="subId", default="")


def event_of(data: bytes) -> SocketEvent | None:
    """Return the object that a message is; None when it is a frame of a channel. Raises `UnreadablePayload`."""
    return decode(SocketEvent, data) if data.lstrip().startswith(b"{") else None


def conf(flags: int) -> str:
    """Return the message that asks for features of a connection."""
    return _encode({"event": "conf", "flags": flags}).decode()
