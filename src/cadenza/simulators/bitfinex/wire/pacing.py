"""Rates of requests per minute, by address. Whoever is too fast is blocked for a minute."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from cadenza.simulators.bitfinex.wire.errors import rate_limited

MINUTE_MS = 60_000
ADDRESSES_MAX = 10_000
CONNECTS_PER_MINUTE_MAX = 20
LOGINS_MAX, LOGINS_WINDOW_MS = 5, 15_000


@dataclass(frozen=True, slots=True)
class BitfinexPace:
    """How many requests of one kind an address may send in `window_ms`."""

    name: str
    requests_max: int
    window_ms: int = MINUTE_MS


CONNECTS = BitfinexPace("connects", CONNECTS_PER_MINUTE_MAX)
LOGINS = BitfinexPace("logins", LOGINS_MAX, LOGINS_WINDOW_MS)


class BitfinexPacing:
    """Counts requests in a sliding window."""

    def __init__(self, *, is_limited: bool) -> None:
        self._is_limited = is_limited
        self._times: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._blocked_until: dict[tuple[str, str], int] = {}

    def charge(self, pace: BitfinexPace, address: str, now_ms: int) -> None:
        """Count a request. Raises the refusal of one that comes too soon."""
        if not self._is_limited:
            return
        key = pace.name, address
        if now_ms < self._blocked_until.get(key, 0):
            raise rate_limited()
        times = self._times[key]
        while times and times[0] <= now_ms - pace.window_ms:
            times.popleft()
        if len(times) >= pace.requests_max:
            self._blocked_until[key] = now_ms + MINUTE_MS
            raise rate_limited()
        times.append(now_ms)
        self._forget()

    def _forget(self) -> None:
        while len(self._times) > ADDRESSES_MAX:
            oldest = next(iter(self._times))
            del self._times[oldest]
            self._blocked_until.pop(oldest, None)
