"""A request to the venue before it is signed, and the time that it states."""

from dataclasses import dataclass

from cadenza.adapters.venues.binance.credential import ParameterValue
from cadenza.adapters.venues.kit.request_instant import RequestInstant

RECV_WINDOW_MS_MAX = 60_000
RECV_WINDOW_MS = 5_000
"""For requests without a deadline of their own."""


@dataclass(frozen=True, slots=True)
class BinanceRequest:
    """A request that still has to be signed. `parameters` keep their order."""

    method: str
    path: str
    parameters: dict[str, ParameterValue]


def stamp(
    time: RequestInstant, send_before_ms: int | None = None, recorded_at_ms: int = 0
) -> dict[str, ParameterValue]:
    """Return `timestamp` and `recvWindow`, so that the venue refuses the request once `send_before_ms` (our clock) has
    passed; see `RequestInstant.left_ms` for `recorded_at_ms`. The venue takes a minute at most, so a later deadline
    becomes an earlier one. Raises `TooLateToSend`."""
    window_ms = RECV_WINDOW_MS if send_before_ms is None else time.left_ms(send_before_ms, recorded_at_ms)
    return {"recvWindow": min(window_ms, RECV_WINDOW_MS_MAX), "timestamp": time.venue_ms}
