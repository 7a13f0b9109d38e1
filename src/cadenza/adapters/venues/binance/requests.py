"""A request to the venue before it is signed, and the time that it states."""

from dataclasses import dataclass

from cadenza.adapters.venues.binance.credential import ParameterValue

RECV_WINDOW_MS_MAX = 60_000
RECV_WINDOW_MS = 5_000
"""For requests without a deadline of their own."""


class DeadlinePassed(Exception):
    """It is too late to send the order; nothing was sent."""


@dataclass(frozen=True, slots=True)
class RequestTime:
    """When a request is made. `now_ms` is our clock, `ahead_ms` how far the venue's is ahead of it as it was measured;
    negative when it is behind."""

    now_ms: int
    ahead_ms: int

    @property
    def venue_ms(self) -> int:
        return self.now_ms + self.ahead_ms

    def parameters(self, send_before_ms: int | None, recorded_at_ms: int = 0) -> dict[str, ParameterValue]:
        """Return `timestamp` and `recvWindow`, so that the venue refuses the request once `send_before_ms` (our clock)
        has passed. The venue takes a minute at most, so a later deadline becomes an earlier one. An order states in
        `recorded_at_ms` (our clock) when it was recorded: a clock that shows less was set back since then, and does not
        widen the window. Raises `DeadlinePassed`."""
        window_ms = RECV_WINDOW_MS if send_before_ms is None else send_before_ms - max(self.now_ms, recorded_at_ms)
        if window_ms <= 0:
            raise DeadlinePassed
        return {"recvWindow": min(window_ms, RECV_WINDOW_MS_MAX), "timestamp": self.venue_ms}


@dataclass(frozen=True, slots=True)
class BinanceRequest:
    """A request that still has to be signed. `parameters` keep their order."""

    method: str
    path: str
    parameters: dict[str, ParameterValue]
