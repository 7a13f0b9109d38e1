"""A socket of a client: its log-in, its channels, and when somebody last spoke."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from cadenza.simulators.kit.hub import StreamPayload
from cadenza.simulators.kit.outlet import SocketOutlet
from cadenza.simulators.okx.wire.keys import OkxKey

ChannelArg = dict[str, str]


@dataclass(eq=False, slots=True)
class SimulatedSession:
    """`path` is `public`, `private` or `business`. `heard_ms` is when the client or the venue last sent something."""

    outlet: SocketOutlet
    path: str
    connection_id: str
    address: str
    monotonic_ms: Callable[[], int]
    heard_ms: int
    key: OkxKey | None = None
    channels: dict[str, ChannelArg] = field(default_factory=dict)
    streams: dict[str, None] = field(default_factory=dict)

    @property
    def account(self) -> str | None:
        return None if self.key is None else self.key.account

    def send(self, stream: str, payload: StreamPayload) -> None:
        """Send a payload of a public channel."""
        self.send_frame(payload)

    def send_frame(self, payload: object) -> None:
        self.heard_ms = self.monotonic_ms()
        self.outlet.send(payload)

    def send_text(self, text: str) -> None:
        self.heard_ms = self.monotonic_ms()
        self.outlet.send_text(text)


def channel_key(arg: ChannelArg) -> str:
    """Return a channel and its filters as one text, whatever order they came in."""
    return json.dumps(arg, sort_keys=True)
