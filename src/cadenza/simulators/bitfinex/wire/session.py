"""A socket of a client: its log-in, its channels, and the numbers of its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cadenza.simulators.bitfinex.public.views import BookKey, BookLine
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey
from cadenza.simulators.bitfinex.wire.numbers import encode
from cadenza.simulators.kit.outlet import SocketOutlet

TIMESTAMP, SEQUENCE, CHECKSUM, BULK = 32768, 65536, 131072, 536870912
FLAGS = TIMESTAMP | SEQUENCE | CHECKSUM | BULK
ACCOUNT = 0
"""The channel of the account."""

HEARTBEAT, NOTIFICATION = "hb", "n"


@dataclass(slots=True, kw_only=True)
class PublicChannel:
    """A channel that a client has subscribed to. `lines` are what the client has of a book; `sent_ms` is when it got
    them."""

    id: int
    channel: str
    symbol: str
    key: str = ""
    precision: str = ""
    frequency: str = ""
    length: int = 0
    sub_id: str | None = None
    lines: dict[BookKey, BookLine] = field(default_factory=dict)
    sent_ms: int = 0


@dataclass(eq=False, slots=True, kw_only=True)
class BitfinexSession:
    """`filters` are what the client wants to hear of its account, None for everything. `cancels_at_end` is the
    dead-man's switch. `sent_ms` is when each channel last said something. Frames are numbered whether or not a fault
    loses them."""

    id: int
    outlet: SocketOutlet
    address: str
    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]
    flags: int = 0
    key: BitfinexKey | None = None
    filters: tuple[str, ...] | None = None
    cancels_at_end: bool = False
    channels: dict[int, PublicChannel] = field(default_factory=dict)
    sequence: int = 0
    account_sequence: int = 0
    sent_ms: dict[int, int] = field(default_factory=dict)

    @property
    def account(self) -> str | None:
        return None if self.key is None else self.key.account

    def say(self, event: dict[str, object]) -> None:
        """Send an event. Events have no numbers."""
        self.outlet.send_text(encode(event))

    def send(self, channel: int, *parts: object, is_lost: bool = False) -> None:
        """Send a frame of a channel, with the numbers and the time that the client wants. One that is lost leaves a gap
        in the numbers."""
        is_beat = parts[0] == HEARTBEAT
        self.sequence += 1
        if channel == ACCOUNT and not is_beat and parts[0] != NOTIFICATION:
            self.account_sequence += 1
        if is_lost:
            return
        frame: list[object] = [channel, *parts]
        if self.flags & SEQUENCE:
            frame.append(self.sequence)
            if channel == ACCOUNT and not is_beat:
                frame.append(self.account_sequence)
        if self.flags & TIMESTAMP:
            frame.append(self.now_ms())
        self.sent_ms[channel] = self.monotonic_ms()
        self.outlet.send_text(encode(frame))

    def beat(self, silent_ms: int) -> None:
        """Send a heartbeat on every channel that has been silent for so long."""
        now_ms = self.monotonic_ms()
        account = [] if self.key is None else [ACCOUNT]
        for channel in (*account, *self.channels):
            if now_ms - self.sent_ms.get(channel, 0) >= silent_ms:
                self.send(channel, HEARTBEAT)
