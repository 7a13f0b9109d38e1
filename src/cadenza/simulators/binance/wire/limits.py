"""The venue's limits: request weight and raw requests by address, unfilled orders by account, and bans."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from cadenza.simulators.binance.wire.errors import VenueRefusal

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
DAY_MS = 24 * 60 * MINUTE_MS
BAN_MS = 2 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLimits:
    """How much is allowed, and how many requests a client may send after a 429 before it is banned. Orders are counted
    by account, in the windows that have a limit."""

    weight_per_minute: int = 6_000
    raw_requests_per_5_minutes: int = 300_000
    connections_per_5_minutes: int = 300
    orders_per_10_seconds: int = 100
    orders_per_minute: int | None = None
    orders_per_day: int | None = 200_000
    ignored_429_max: int = 5

    def order_windows(self) -> list[_OrderWindow]:
        """Return the windows in which orders are counted, the shortest first."""
        windows = (
            ("10S", "SECOND", 10, 10 * SECOND_MS, self.orders_per_10_seconds),
            ("1M", "MINUTE", 1, MINUTE_MS, self.orders_per_minute),
            ("1D", "DAY", 1, DAY_MS, self.orders_per_day),
        )
        return [
            _OrderWindow(name, interval, number, length, most)
            for name, interval, number, length, most in windows
            if most
        ]


@dataclass(frozen=True, slots=True)
class _OrderWindow:
    name: str
    interval: str
    number: int
    length_ms: int
    limit: int


class _Window:
    """Counts in intervals that begin at whole multiples of their length."""

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self._interval = 0
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, key: str, amount: int, now_ms: int) -> int:
        """Add to the present interval and return its count, which is never below 0."""
        if self._interval != now_ms // self.length_ms:
            self._interval = now_ms // self.length_ms
            self._counts.clear()
        self._counts[key] = max(0, self._counts[key] + amount)
        return self._counts[key]

    def left_s(self, now_ms: int) -> int:
        """Return how many whole seconds it takes until the next interval has begun."""
        return (self.length_ms - now_ms % self.length_ms + SECOND_MS - 1) // SECOND_MS


class UsedLimits:
    """Raises `VenueRefusal` 429 and 418 as the venue does. Times are the venue's clock."""

    def __init__(self, settings: VenueLimits) -> None:
        self.settings = settings
        self._weights = _Window(MINUTE_MS)
        self._requests = _Window(5 * MINUTE_MS)
        self._connections = _Window(5 * MINUTE_MS)
        self._order_windows = {window.name: window for window in settings.order_windows()}
        self._orders = {name: _Window(window.length_ms) for name, window in self._order_windows.items()}
        self._ignored: dict[str, int] = defaultdict(int)
        self._retry_at_ms: dict[str, int] = {}
        self._banned_until_ms: dict[str, int] = {}

    def charge(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request before it is executed; refuse it when the address has used up its share or is banned."""
        self._refuse_banned(address, now_ms)
        used = self._weights.add(address, weight, now_ms)
        raw = self._requests.add(address, 1, now_ms)
        if raw > self.settings.raw_requests_per_5_minutes:
            self._refuse(
                address, self._requests.left_s(now_ms), now_ms, "Too many requests; current limit is exceeded."
            )
        if used > self.settings.weight_per_minute:
            limit = self.settings.weight_per_minute
            text = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
            self._refuse(address, self._weights.left_s(now_ms), now_ms, text)

    def connect(self, address: str, now_ms: int) -> None:
        """Count a WebSocket that is opened; refuse one too many."""
        if self._connections.add(address, 1, now_ms) > self.settings.connections_per_5_minutes:
            text = f"Too many connections; the limit is {self.settings.connections_per_5_minutes} per 5 MINUTE."
            raise VenueRefusal(-1003, text, 429, self._connections.left_s(now_ms))

    def add_weight(self, address: str, weight: int, now_ms: int) -> None:
        """Count the weight of an order request that failed; successful ones weigh nothing."""
        self._weights.add(address, weight, now_ms)

    def used_weight(self, address: str, now_ms: int) -> int:
        return self._weights.add(address, 0, now_ms)

    def check_order(self, account: str, now_ms: int) -> None:
        """Refuse a new order when the account has too many unfilled ones."""
        for name, count in self.order_counts(account, now_ms).items():
            window = self._order_windows[name]
            if count >= window.limit:
                interval = f"{window.number} {window.interval}"
                text = f"Too many new orders; current limit is {window.limit} orders per {interval}."
                raise VenueRefusal(-1015, text, 429)

    def count_orders(self, account: str, amount: int, now_ms: int) -> None:
        """Count placed orders, or with a negative amount filled ones, which free their place."""
        for window in self._orders.values():
            window.add(account, amount, now_ms)

    def order_counts(self, account: str, now_ms: int) -> dict[str, int]:
        return {name: window.add(account, 0, now_ms) for name, window in self._orders.items()}

    def rows(self, account: str | None, address: str, now_ms: int) -> list[dict[str, object]]:
        """Return the limits with their present counts, as answers of the WebSocket API carry them."""
        rows = [_row("ORDERS", window.interval, window.number, window.limit) for window in self._order_windows.values()]
        counted = [] if account is None else zip(rows, self.order_counts(account, now_ms).values(), strict=True)
        orders: list[dict[str, object]] = [row | {"count": count} for row, count in counted]
        weight = _row("REQUEST_WEIGHT", "MINUTE", 1, self.settings.weight_per_minute)
        return [*orders, weight | {"count": self.used_weight(address, now_ms)}]

    def listed(self) -> list[dict[str, object]]:
        """Return the limits as `exchangeInfo` lists them."""
        settings = self.settings
        return [
            _row("REQUEST_WEIGHT", "MINUTE", 1, settings.weight_per_minute),
            *(_row("ORDERS", window.interval, window.number, window.limit) for window in self._order_windows.values()),
            _row("RAW_REQUESTS", "MINUTE", 5, settings.raw_requests_per_5_minutes),
        ]

    def _refuse_banned(self, address: str, now_ms: int) -> None:
        until = self._banned_until_ms.get(address, 0)
        if now_ms < until:
            raise _banned(until, now_ms)
        if now_ms >= self._retry_at_ms.get(address, 0):
            self._ignored.pop(address, None)

    def _refuse(self, address: str, retry_after_s: int, now_ms: int, text: str) -> None:
        self._retry_at_ms[address] = now_ms + retry_after_s * SECOND_MS
        self._ignored[address] += 1
        if self._ignored[address] > self.settings.ignored_429_max:
            self._banned_until_ms[address] = now_ms + BAN_MS
            raise _banned(now_ms + BAN_MS, now_ms)
        raise VenueRefusal(-1003, text, 429, retry_after_s)


def _row(type: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": type, "interval": interval, "intervalNum": number, "limit": limit}


def _banned(until_ms: int, now_ms: int) -> VenueRefusal:
    text = f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams to avoid bans."
    return VenueRefusal(-1003, text, 418, (until_ms - now_ms + SECOND_MS - 1) // SECOND_MS)
