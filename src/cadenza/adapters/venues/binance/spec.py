"""What BINANCE can do, in each of its environments: the values that the rest of the platform reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE, USDM_BOOK_RULE
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import (
    EMULATED_TIMES,
    HELD_TIMES,
    Books,
    DerivedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    OrderMemory,
    Replay,
    Support,
    VenueSpec,
)

SPOT_REST, SPOT_STREAM, SPOT_WS_API = "spot_rest", "spot_stream", "spot_ws_api"
MARGIN_REST = "margin_rest"
USDM_REST, USDM_STREAM = "usdm_rest", "usdm_stream"
"""The names of the venue's URLs. Those of REST and of streams are bases without a path; that of the WebSocket API is
complete."""

WS_API_PATH = "/ws-api/v3"
SIMULATED_USDM_PATH = "/usdm"
"""Where a simulator that serves the whole venue on one address keeps USD-M."""

LIVE_URLS: Mapping[str, str] = {
    SPOT_REST: "https://api.binance.com",
    SPOT_STREAM: "wss://stream.binance.com:9443",
    SPOT_WS_API: f"wss://ws-api.binance.com:443{WS_API_PATH}",
    MARGIN_REST: "https://api.binance.com",
    USDM_REST: "https://fapi.binance.com",
    USDM_STREAM: "wss://fstream.binance.com",
}
TEST_URLS: Mapping[str, str] = {
    SPOT_REST: "https://testnet.binance.vision",
    SPOT_STREAM: "wss://stream.testnet.binance.vision",
    SPOT_WS_API: f"wss://ws-api.testnet.binance.vision{WS_API_PATH}",
    USDM_REST: "https://demo-fapi.binance.com",
    USDM_STREAM: "wss://demo-fstream.binance.com",
}
"""The spot testnet and the demo hosts of USD-M. There is no margin: the testnet has no `/sapi`."""

URLS: Mapping[Environment, Mapping[str, str]] = {
    Environment.LIVE: LIVE_URLS,
    Environment.UAT: TEST_URLS,
    Environment.SANDBOX: TEST_URLS,
}

SENT_ID_PREFIX = "cz"
DAY_MS = 86_400_000
MINUTE_MS = 60_000
USDM_DEPTH_MS = 90 * DAY_MS
"""USD-M knows orders that executed something, and executions, for so long."""
USDM_SPAN_MS = 7 * DAY_MS
"""The longest span of one request for executions of USD-M, or for its past conditional orders."""
REPLAY_WINDOW_MS = DAY_MS
"""The longest span of one request for past orders or trades."""

FENCE = Fence(
    margin_ms=15_000,
    proof=(
        "an order is not handed to the matching engine once timestamp + recvWindow has passed on the venue's clock "
        "(spot: rest-api.md, Timing security; checked again after the message broker since 28 Aug 2025; margin and "
        "USD-M, conditional orders included: a request is processed within recvWindow or rejected). The margin is the "
        "10 s processing timeout (-1007), 2 s for the difference of the clocks and 3 s for the order query, which may "
        "be behind. An order is dead when two queries after that answer -2013."
    ),
)

_LIMIT_TIMES = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)

_SPOT_ORDERS: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    OrderType.MARKET: (TimeInForce.IOC,),
    OrderType.LIMIT: (*_LIMIT_TIMES, TimeInForce.GTX),
    OrderType.STOP: (TimeInForce.GTC,),
    OrderType.STOP_LOSS: (TimeInForce.GTC,),
    OrderType.TAKE_PROFIT: (TimeInForce.GTC,),
    OrderType.STOP_LIMIT: _LIMIT_TIMES,
    OrderType.STOP_LOSS_LIMIT: _LIMIT_TIMES,
    OrderType.TAKE_PROFIT_LIMIT: _LIMIT_TIMES,
}
_USDM_ORDERS = {**_SPOT_ORDERS, OrderType.LIMIT: (*_SPOT_ORDERS[OrderType.LIMIT], TimeInForce.GTD)}
_CONTRACTS = (InstrumentType.PERPETUAL, InstrumentType.FUTURES)
"""The instruments of USD-M."""
GOOD_TILL_MS_MIN = 600_000
"""A GTD order of USD-M must end more than this after the request."""
_HELD = {OrderType.TRAILING_STOP: dict.fromkeys(HELD_TIMES, Support.EMULATED)}
"""The venue trails by a share of the price (`trailingDelta`, `callbackRate`), and our distance is an amount."""

_ORDERS = {
    InstrumentType.SPOT: _SPOT_ORDERS,
    InstrumentType.PERPETUAL: _USDM_ORDERS,
    InstrumentType.FUTURES: _USDM_ORDERS,
}


def _support(times: tuple[TimeInForce, ...]) -> Mapping[TimeInForce, Support]:
    """What rests as GTC can be given an end by the platform."""
    emulated = EMULATED_TIMES if TimeInForce.GTC in times else ()
    return {**dict.fromkeys(emulated, Support.EMULATED), **dict.fromkeys(times, Support.NATIVE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceLimits:
    """What one host allows. Weight is counted for each address, orders for each account. A part of the weight is
    reserved for cancels, for questions about orders in doubt and for the venue's time; another one is left to orders:
    readings of books and accounts take none of it, however many there are. What is left to readings goes in so many
    equal parts of the minute (`reading_parts`), so that none waits for almost a minute because all of it went at
    once."""

    weight_per_minute: int
    orders_per_10_s: int | None
    orders_per_minute: int | None = None
    orders_per_day: int | None = None
    reserved_weight: int = 200
    order_weight: int = 600
    reading_parts: int = 3


SPOT_LIMITS = PaceLimits(weight_per_minute=6_000, orders_per_10_s=100, orders_per_day=200_000)
MARGIN_LIMITS = PaceLimits(weight_per_minute=12_000, orders_per_10_s=100, orders_per_day=200_000)
USDM_LIMITS = PaceLimits(weight_per_minute=2_400, orders_per_10_s=300, orders_per_minute=1_200)


def urls_at(base: str) -> Mapping[str, str]:
    """Return the URLs of a venue that one address serves in whole, as a simulator does. `base` is an http or https URL
    without a path."""
    parts = urlsplit(base)
    plain = f"{parts.scheme}://{parts.netloc}"
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    return {
        SPOT_REST: plain,
        SPOT_STREAM: socket,
        SPOT_WS_API: f"{socket}{WS_API_PATH}",
        MARGIN_REST: plain,
        USDM_REST: f"{plain}{SIMULATED_USDM_PATH}",
        USDM_STREAM: f"{socket}{SIMULATED_USDM_PATH}",
    }


def spec_of(environment: Environment, *, base: str = "", urls: Mapping[str, str] | None = None) -> VenueSpec:
    """Return the spec of the venue in an environment: LIVE, UAT, or SANDBOX, which is the deprecated name of UAT.

    `base` replaces all of the venue's hosts by one; `urls` replaces single URLs by their names, after that.
    """
    found = {**URLS[environment], **(urls_at(base) if base else {})}
    names = URLS[environment].keys()
    types = [AccountType.SPOT, AccountType.FUTURES, *([AccountType.MARGIN] if MARGIN_REST in names else [])]
    spot_memory = OrderMemory(unfilled_ms=90 * DAY_MS)
    memory = {
        AccountType.SPOT: spot_memory,
        AccountType.MARGIN: spot_memory,
        AccountType.FUTURES: OrderMemory(filled_ms=USDM_DEPTH_MS, unfilled_ms=3 * DAY_MS),
    }
    return VenueSpec(
        venue_id=VenueId(Venue.BINANCE, environment),
        urls={name: url for name, url in {**found, **(urls or {})}.items() if name in names},
        credential_types=frozenset({CredentialType.HMAC, CredentialType.RSA, CredentialType.ED25519}),
        books=dict.fromkeys(types, Books.VENUE),
        funds_check=FundsCheck.AT_VENUE,
        expiry_ms_min=dict.fromkeys(_CONTRACTS, GOOD_TILL_MS_MIN + 1_000),  # it counts in whole seconds
        own_leverage=frozenset({AccountType.FUTURES}),
        holds_assets=frozenset({AccountType.MARGIN}),
        cancels_all=frozenset({AccountType.SPOT, AccountType.MARGIN}),
        banded_by_trigger=frozenset(_CONTRACTS),  # "stop price multiplier", -4183 and -4184, whose factors are unknown
        orders={
            kind: {**{type: _support(times) for type, times in orders.items()}, **_HELD}
            for kind, orders in _ORDERS.items()
        },
        quantity_types={
            type: Support.NATIVE if type is QuantityType.BASE else Support.EMULATED for type in QuantityType
        },
        order_books={
            InstrumentType.SPOT: BookSpec(rule=SPOT_BOOK_RULE, age_ms_max=MINUTE_MS, depth=1_000),
            InstrumentType.PERPETUAL: BookSpec(rule=USDM_BOOK_RULE, age_ms_max=MINUTE_MS, depth=1_000),
            InstrumentType.FUTURES: BookSpec(rule=USDM_BOOK_RULE, age_ms_max=MINUTE_MS, depth=1_000),
        },
        account_news=NewsSource.STREAM,
        sent_id=DerivedSentId(prefix=SENT_ID_PREFIX),
        fence=FENCE,
        lookup=Lookup(memory={type: memory[type] for type in types}),
        replay=Replay(depth_ms={AccountType.FUTURES: USDM_DEPTH_MS}, is_per_instrument=True),
        snapshots=True,
    )
