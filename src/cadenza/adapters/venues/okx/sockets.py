"""What all sockets of OKX have in common: their paths, their limits, and how a channel is named."""

from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.okx.models import OkxChannel
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.stream_events import StreamLimits

PUBLIC_PATH, PRIVATE_PATH, BUSINESS_PATH = "/ws/v5/public", "/ws/v5/private", "/ws/v5/business"

CONNECTS = WindowLimit(2, 1_000)
"""The venue allows an address three connections in a second."""

MESSAGES = (WindowLimit(400, 3_600_000),)
"""The venue allows a connection 480 subscriptions and logins in an hour."""

SUCCESS_CODE = "0"
GOING_DOWN = "64008"
"""The code of a notice: the venue ends the connection within 60 s."""

PING, PONG = "ping", "pong"
PING_MS = 15_000
"""The venue closes a connection on which it has heard and said nothing for 30 s."""

STREAM_LIMITS = StreamLimits(ping_ms=PING_MS, ping_text=PING, pong_text=PONG)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class StreamChannel:
    """A channel as it is subscribed to; what is empty is left out."""

    channel: str
    instrument: str = ""
    instrument_kind: str = ""
    further: str = ""
    """Further settings of the subscription, as JSON (`extraParams`)."""

    @property
    def argument(self) -> dict[str, str]:
        """The channel as the wire names it."""
        fields = {
            "channel": self.channel,
            "instType": self.instrument_kind,
            "instId": self.instrument,
            "extraParams": self.further,
        }
        return {name: text for name, text in fields.items() if text}


def subscription(channels: list[StreamChannel], id: int, *, is_wanted: bool = True) -> str:
    """Return the message that subscribes to channels, or unsubscribes from them."""
    op = "subscribe" if is_wanted else "unsubscribe"
    return _encode({"id": str(id), "op": op, "args": [each.argument for each in channels]}).decode()


def name_of(channel: OkxChannel) -> str:
    """Return the name by which a channel of one instrument is known here: `books:BTC-USDT`."""
    return f"{channel.channel}:{channel.instrument}"


def channel_of(name: str) -> StreamChannel:
    """Return the channel of such a name."""
    channel, _, instrument = name.partition(":")
    return StreamChannel(channel, instrument)
