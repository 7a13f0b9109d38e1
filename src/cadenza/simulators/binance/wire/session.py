"""A socket of a WebSocket API: its log-on and its subscriptions to user data."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadenza.simulators.binance.wire.keys import ApiKey
from cadenza.simulators.binance.wire.outlet import SocketOutlet


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSubscription:
    """User data of one account. It ends at `until_ms`, where it has an end, and with its key."""

    account: str
    key: str
    until_ms: int | None = None


@dataclass(eq=False, slots=True)
class UserSession:
    """A socket of the WebSocket API: its log-on and its subscriptions by number."""

    outlet: SocketOutlet
    key: ApiKey | None = None
    logged_on_ms: int | None = None
    subscriptions: dict[int, UserSubscription] = field(default_factory=dict)
    made: int = 0
