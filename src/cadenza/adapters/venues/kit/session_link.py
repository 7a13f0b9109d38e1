"""The life of a session as its sink hears of it: live, lost, restored, ended."""

from enum import StrEnum

from cadenza.ports.venue import SessionSink


class LinkState(StrEnum):
    """OPENING: not live for the first time yet. CLOSED: nothing is said any more."""

    OPENING = "OPENING"
    LIVE = "LIVE"
    LOST = "LOST"
    ENDED = "ENDED"
    CLOSED = "CLOSED"


class SessionLink:
    """Keeps whether a session is live, and since when its news may have a gap.

    Law: the sink hears `lost` once for each time that the session was live, then `restored` or `ended`. `restored`
    states the venue's instant up to which the session knew that its stream worked (`worked_until`), as it was when the
    session was lost. What a stream brings in before it is live again does not move that instant.
    """

    def __init__(self, sink: SessionSink) -> None:
        self._sink = sink
        self._state = LinkState.OPENING
        self._worked_until_ms = 0

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def is_live(self) -> bool:
        return self._state is LinkState.LIVE

    def worked_until(self, instant_ms: int) -> None:
        """Note that nothing is missing that happened up to this instant (the venue's clock)."""
        if self._state is LinkState.LIVE:
            self._worked_until_ms = max(self._worked_until_ms, instant_ms)

    def live(self, instant_ms: int) -> None:
        """The stream works from this instant on (the venue's clock)."""
        if self._state is LinkState.LOST:
            self._sink.restored(self._worked_until_ms)
        if self._state in (LinkState.OPENING, LinkState.LOST):
            self._state = LinkState.LIVE
            if not self._worked_until_ms:
                self._worked_until_ms = instant_ms

    def lost(self, cause: str) -> None:
        """The stream does not work any more, or is not trusted."""
        if self._state is LinkState.LIVE:
            self._state = LinkState.LOST
            self._sink.lost(cause)

    def ended(self, cause: str) -> None:
        """The session will not come back by itself."""
        if self._state in (LinkState.LIVE, LinkState.LOST):
            self._state = LinkState.ENDED
            self._sink.ended(cause)

    def close(self) -> None:
        """Say nothing more. Idempotent."""
        self._state = LinkState.CLOSED
