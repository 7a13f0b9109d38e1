"""The requests of OKX's REST API that the connector makes, each with the limit that the venue sets for it."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.adapters.venues.okx import orders


class CountedBy(StrEnum):
    """Whose requests a limit counts together."""

    ADDRESS = "ADDRESS"
    USER = "USER"
    USER_AND_INSTRUMENT = "USER_AND_INSTRUMENT"
    """Of an option, the instruments of one family count together."""


TWO_S_MS = 2_000


@dataclass(frozen=True, slots=True)
class OkxEndpoint:
    """A request and its limit: so many in any two seconds. The venue's documents state it with each request."""

    method: str
    path: str
    per_2_s: int
    counted_by: CountedBy = CountedBy.USER

    @property
    def meter(self) -> str:
        """The name of its limit."""
        return f"{self.method} {self.path}"


TIME = OkxEndpoint("GET", "/api/v5/public/time", 10, CountedBy.ADDRESS)
INSTRUMENTS = OkxEndpoint("GET", "/api/v5/public/instruments", 20, CountedBy.ADDRESS)
UNDERLYINGS = OkxEndpoint("GET", "/api/v5/public/underlying", 20, CountedBy.ADDRESS)
BOOKS = OkxEndpoint("GET", "/api/v5/market/books", 40, CountedBy.ADDRESS)
TICK_BANDS = OkxEndpoint("GET", "/api/v5/public/instrument-tick-bands", 5, CountedBy.ADDRESS)

CONFIG = OkxEndpoint("GET", "/api/v5/account/config", 5)
BALANCE = OkxEndpoint("GET", "/api/v5/account/balance", 10)
POSITIONS = OkxEndpoint("GET", "/api/v5/account/positions", 10)

SUBMIT = OkxEndpoint("POST", orders.ORDER, 60, CountedBy.USER_AND_INSTRUMENT)
CANCEL = OkxEndpoint("POST", orders.CANCEL_ORDER, 60, CountedBy.USER_AND_INSTRUMENT)
QUERY = OkxEndpoint("GET", orders.ORDER, 60, CountedBy.USER_AND_INSTRUMENT)
OPEN_ORDERS = OkxEndpoint("GET", "/api/v5/trade/orders-pending", 60)
PAST_ORDERS = OkxEndpoint("GET", "/api/v5/trade/orders-history", 40)
OLD_ORDERS = OkxEndpoint("GET", "/api/v5/trade/orders-history-archive", 20)
FILLS = OkxEndpoint("GET", "/api/v5/trade/fills", 60)
OLD_FILLS = OkxEndpoint("GET", "/api/v5/trade/fills-history", 10)

SUBMIT_ALGO = OkxEndpoint("POST", orders.ALGO_ORDER, 20, CountedBy.USER_AND_INSTRUMENT)
CANCEL_ALGO = OkxEndpoint("POST", orders.CANCEL_ALGOS, 20, CountedBy.USER_AND_INSTRUMENT)
QUERY_ALGO = OkxEndpoint("GET", orders.ALGO_ORDER, 20)
OPEN_ALGO_ORDERS = OkxEndpoint("GET", "/api/v5/trade/orders-algo-pending", 20)

ENDPOINTS = (
    TIME, INSTRUMENTS, UNDERLYINGS, BOOKS, TICK_BANDS, CONFIG, BALANCE, POSITIONS, SUBMIT, CANCEL, QUERY, OPEN_ORDERS,
    PAST_ORDERS, OLD_ORDERS, FILLS, OLD_FILLS, SUBMIT_ALGO, CANCEL_ALGO, QUERY_ALGO, OPEN_ALGO_ORDERS,
)  # fmt: skip

LINES_MAX = 100
"""The longest list of one answer."""

NEW_ORDERS_PER_2_S = 1_000
"""All new orders of a user together (50061)."""

_OPTION_PARTS = 5


def counted_as(name: str) -> str:
    """Return the name under which the venue counts orders in an instrument: its own, or that of an option's family.
    `BTC-USD-220514-22000-C` counts as `BTC-USD`."""
    parts = name.split("-")
    return "-".join(parts[:2]) if len(parts) == _OPTION_PARTS else name
