"""When a request leaves, by our clock and by the venue's."""

from dataclasses import dataclass


class TooLateToSend(Exception):
    """The order's deadline has passed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class RequestInstant:
    """When a request is made. `now_ms` is our clock, `ahead_ms` how far the venue's is ahead of it as it was measured;
    negative when it is behind."""

    now_ms: int
    ahead_ms: int

    @property
    def venue_ms(self) -> int:
        return self.now_ms + self.ahead_ms

    def deadline_ms(self, send_before_ms: int, recorded_at_ms: int) -> int:
        """Return the instant of the venue's clock at which `send_before_ms` (our clock) passes. An order states in
        `recorded_at_ms` when it was recorded: a clock that shows less was set back since then, and does not move the
        deadline. Raises `TooLateToSend`."""
        left_ms = send_before_ms - max(self.now_ms, recorded_at_ms)
        if left_ms <= 0:
            raise TooLateToSend
        return self.venue_ms + left_ms
