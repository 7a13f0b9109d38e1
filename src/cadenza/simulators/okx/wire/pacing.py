"""The venue's paces: how many requests of a kind are taken in a window."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from cadenza.simulators.okx.wire.errors import VenueRefusal, too_many_requests

WINDOW_MS = 2_000
NEW_ORDERS_MAX = 1_000
"""New orders and amendments of contracts that an account may send in a window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxPace:
    """`most` requests in `window_ms`, counted under `name` by account, or by address where nobody is known. With
    `by_instrument` each instrument counts alone, and each family of options."""

    name: str
    most: int
    window_ms: int = WINDOW_MS
    by_instrument: bool = False


class OkxPacing:
    """Raises `VenueRefusal` 50011 for a request that is too fast. Windows begin at whole multiples of their length."""

    def __init__(self, *, is_limited: bool) -> None:
        self._is_limited = is_limited
        self._counts: dict[tuple[str, str], int] = defaultdict(int)
        self._window_of: dict[tuple[str, str], int] = {}

    def charge(self, pace: OkxPace, who: str, now_ms: int, times: int = 1) -> None:
        """Count requests, those that are refused too."""
        if self._count(pace.name, who, pace.window_ms, now_ms, times) > pace.most and self._is_limited:
            raise too_many_requests()

    def charge_account(self, account: str, now_ms: int, times: int = 1) -> None:
        """Count new orders and amendments of an account, of all its contracts together."""
        if self._count("new and amended", account, WINDOW_MS, now_ms, times) > NEW_ORDERS_MAX and self._is_limited:
            raise VenueRefusal("50061", "Sub-account rate limit reached", 429)

    def _count(self, name: str, who: str, window_ms: int, now_ms: int, times: int) -> int:
        key, window = (name, who), now_ms // window_ms
        if self._window_of.get(key) != window:
            self._window_of[key] = window
            self._counts[key] = 0
        self._counts[key] += times
        return self._counts[key]
