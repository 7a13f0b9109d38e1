"""One socket: its access, its channels, its heartbeat, and what happens when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadenza.simulators.deribit.wire.access import AccessGrant
from cadenza.simulators.kit.hub import StreamPayload
from cadenza.simulators.kit.outlet import SocketOutlet


@dataclass(eq=False, slots=True)
class DeribitConnection:
    """A socket. `cancels_on_disconnect` None means what the account has set. One that `was_logged_out` cancels nothing
    when it ends. `access_until_ms` is an instant of the venue's clock; all other times are monotonic."""

    id: int
    address: str
    outlet: SocketOutlet
    heard_ms: int
    grant: AccessGrant | None = None
    access_until_ms: int | None = None
    session: str | None = None
    cancels_on_disconnect: bool | None = None
    was_logged_out: bool = False
    heartbeat_ms: int | None = None
    heartbeat_due_ms: int = 0
    test_asked_ms: int | None = None
    streams: dict[str, None] = field(default_factory=dict)
    _unanswered: int = 0
    _held: list[object] = field(default_factory=list)

    def send(self, stream: str, payload: StreamPayload) -> None:
        """Queue a message of a channel; while a subscription is not answered yet, behind its answer."""
        frame = {"jsonrpc": "2.0", "method": "subscription", "params": payload}
        if self._unanswered:
            self._held.append(frame)
        else:
            self.outlet.send(frame)

    def hold_messages(self) -> None:
        """Hold messages back, because a subscription will be answered."""
        self._unanswered += 1

    def release_messages(self) -> None:
        """Let messages out, because a subscription was answered."""
        self._unanswered -= 1
        if not self._unanswered:
            held, self._held = self._held, []
            for frame in held:
                self.outlet.send(frame)

    # The heartbeat

    def start_heartbeat(self, interval_ms: int | None, now_ms: int) -> None:
        """Send heartbeats from now on, or none."""
        self.heartbeat_ms, self.test_asked_ms = interval_ms, None
        self.heartbeat_due_ms = now_ms + (interval_ms or 0)

    def beat(self, now_ms: int) -> bool:
        """Send the heartbeat that is due, and ask a client that was silent to prove that it is there. Return False when
        it did not answer in time."""
        if self.heartbeat_ms is None or now_ms < self.heartbeat_due_ms:
            return True
        if self.test_asked_ms is not None:
            return False
        self._tell_heartbeat("heartbeat")
        if now_ms - self.heard_ms >= self.heartbeat_ms:
            self._tell_heartbeat("test_request")
            self.test_asked_ms = now_ms
        self.heartbeat_due_ms = now_ms + self.heartbeat_ms
        return True

    def answer_test(self) -> None:
        """The client called `public/test`."""
        self.test_asked_ms = None

    def _tell_heartbeat(self, type: str) -> None:
        self.outlet.send({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": type}})
