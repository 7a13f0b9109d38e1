"""The messages of OKX's public channels."""

from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.kit.market_stream import GoingDown, MarketEvent, MarketWord, SubscriptionReply
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.okx.models import OkxFrame
from cadenza.adapters.venues.okx.sockets import GOING_DOWN, channel_of, name_of, subscription


class PublicChannels:
    """Implements `MarketStreamWire`. The venue acknowledges each channel by itself, and refuses a request by its id."""

    def request(self, id: int, names: Sequence[str], *, is_wanted: bool) -> str:
        return subscription([channel_of(name) for name in names], id, is_wanted=is_wanted)

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
