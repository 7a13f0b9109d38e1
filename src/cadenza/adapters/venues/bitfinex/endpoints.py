"""The requests of BITFINEX's REST API that the connector makes, each with its limit.

The limits stand with each request in the venue's reference (docs.bitfinex.com/reference, October 2026): so many in a
minute of one address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

MINUTE_MS = 60_000


class CountedBy(StrEnum):
    """Whose requests a limit counts together."""

    ADDRESS = "ADDRESS"
    USER = "USER"


@dataclass(frozen=True, slots=True)
class RestEndpoint:
    """A request and its limit: `requests_max` in any `window_ms`, of which only urgent requests may use the last
    `for_urgent`. Parts of `path` in braces are filled in."""

    path: str
    requests_max: int
    for_urgent: int = 0
    window_ms: int = MINUTE_MS
    counted_by: CountedBy = CountedBy.ADDRESS

    def at(self, places: Mapping[str, str]) -> str:
        """Return the path with its parts filled in, as it is sent."""
        return self.path.format(**{name: quote(text, safe=":,") for name, text in places.items()})


STATUS = RestEndpoint("/v2/platform/status", 30)
CONFIGURATION = RestEndpoint("/v2/conf/{keys}", 90)
PUBLIC_BOOK = RestEndpoint("/v2/book/{symbol}/P0", 240)

SUBMIT = RestEndpoint("/v2/auth/w/order/submit", 1_000, window_ms=5 * MINUTE_MS, counted_by=CountedBy.USER)
"""The reference states no limit. The venue counts the orders of an account: 1000 in five minutes."""
CANCEL = RestEndpoint("/v2/auth/w/order/cancel", 1_000, window_ms=5 * MINUTE_MS, counted_by=CountedBy.USER)
"""The reference states no limit of these either; they have room of their own."""

OPEN_ORDERS = RestEndpoint("/v2/auth/r/orders", 90, for_urgent=30)
PAST_ORDERS = RestEndpoint("/v2/auth/r/orders/hist", 90, for_urgent=30)
ORDER_TRADES = RestEndpoint("/v2/auth/r/order/{symbol}:{id}/trades", 90, for_urgent=30)
PAST_TRADES = RestEndpoint("/v2/auth/r/trades/hist", 90, for_urgent=30)
WALLETS = RestEndpoint("/v2/auth/r/wallets", 90)
POSITIONS = RestEndpoint("/v2/auth/r/positions", 90)
PERMISSIONS = RestEndpoint("/v2/auth/r/permissions", 90)
USER = RestEndpoint("/v2/auth/r/info/user", 90)

ENDPOINTS = (
    STATUS, CONFIGURATION, PUBLIC_BOOK, SUBMIT, CANCEL, OPEN_ORDERS, PAST_ORDERS, ORDER_TRADES, PAST_TRADES, WALLETS,
    POSITIONS, PERMISSIONS, USER,
)  # fmt: skip

BLOCK_MS = 60_000
"""How long the venue refuses the requests of an address that was over a limit (`ERR_RATE_LIMIT`)."""
