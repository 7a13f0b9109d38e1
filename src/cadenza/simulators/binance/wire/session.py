"""A socket of a WebSocket API: its log-on and its subscriptions to user data."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadenza.simulators.binance.wire.keys import SimulatedKey
from cadenza.simulators.kit.outlet import SocketOutlet


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSubscription:
    """User data of one account. It ends at `until_ms`, where it has an end, and with its key."""

    account: str
    key: str
    until_ms: int | None = None


@dataclass(eq=False, slots=True)
class UserSession:
    """A socket of the WebSocket API: its log-on and its subscriptions by number."""

    outlet: SocketOutlet
    key: SimulatedKey | None = None
    logged_on_ms: int | None = None
    subscriptions: dict[int, AccountSubscription] = field(default_factory=dict)
    made: int = 0
    _unanswered: int = 0
    _held: list[object] = field(default_factory=list)

    def send_event(self, frame: object) -> None:
        """Queue an event; while a subscription is not answered yet, behind its answer."""
        if self._unanswered:
            self._held.append(frame)
        else:
            self.outlet.send(frame)

    def hold_events(self) -> None:
        """Hold events back, because a subscription will be answered."""
        self._unanswered += 1

    def release_events(self) -> None:
        """Let events out, because a subscription was answered."""
        self._unanswered -= 1
        if not self._unanswered:
            held, self._held = self._held, []
            for frame in held:
                self.outlet.send(frame)
