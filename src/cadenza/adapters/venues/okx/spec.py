"""What OKX can do, in each of its environments: the values that the rest of the platform reads."""

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from cadenza.adapters.venues.okx.mapping import ALGO_ORDER_TYPES
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import (
    EMULATED_TIMES,
    HELD_TIMES,
    Books,
    CredentialField,
    DerivedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    OrderMemory,
    OrderSupport,
    Replay,
    Support,
    VenueSpec,
)


class OkxRegion(StrEnum):
    """Where a key was made. A key works on the hosts of its region only."""

    GLOBAL = "GLOBAL"
    EEA = "EEA"
    US = "US"


def rest_name(region: OkxRegion) -> str:
    """Return the name of a region's REST URL, which is a base without a path."""
    return f"{region.value.lower()}_rest"


def stream_name(region: OkxRegion) -> str:
    """Return the name of a region's WebSocket URL, which is a base without a path."""
    return f"{region.value.lower()}_stream"


PUBLIC_REGION = OkxRegion.GLOBAL
"""Whose hosts serve the catalogue and the books. Another region's can stand there by a setting."""

_REST_HOSTS = {OkxRegion.GLOBAL: "www.okx.com", OkxRegion.EEA: "eea.okx.com", OkxRegion.US: "us.okx.com"}
_LIVE_STREAMS = {OkxRegion.GLOBAL: "ws.okx.com", OkxRegion.EEA: "wseea.okx.com", OkxRegion.US: "wsus.okx.com"}
_DEMO_STREAMS = {
    OkxRegion.GLOBAL: "wspap.okx.com",
    OkxRegion.EEA: "wseeapap.okx.com",
    OkxRegion.US: "wsuspap.okx.com",
}
"""Demo trading has sockets of its own. Over REST it has the live hosts, and a header."""

DEMO_HEADER = "x-simulated-trading"


def _urls(streams: Mapping[OkxRegion, str]) -> Mapping[str, str]:
    return {
        **{rest_name(region): f"https://{host}" for region, host in _REST_HOSTS.items()},
        **{stream_name(region): f"wss://{host}:8443" for region, host in streams.items()},
    }


URLS: Mapping[Environment, Mapping[str, str]] = {
    Environment.LIVE: _urls(_LIVE_STREAMS),
    Environment.UAT: _urls(_DEMO_STREAMS),
}

PASSPHRASE, REGION = "passphrase", "region"
CREDENTIAL_FIELDS = (
    CredentialField(name=PASSPHRASE, meaning="the passphrase that was chosen with the key", is_secret=True),
    CredentialField(
        name=REGION,
        meaning=f"where the key was made: {', '.join(OkxRegion)}; {OkxRegion.GLOBAL.value} when it is left out",
        is_required=False,
    ),
)

SENT_ID_PREFIX = ""
"""32 letters and digits are all that `clOrdId` takes, so the order's own digits fill it."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UNFILLED_MEMORY_MS = 2 * HOUR_MS
"""An order that was canceled without an execution is forgotten after so long."""
HISTORY_MS = 90 * DAY_MS
"""Executions and other orders are known for three months."""

BOOK_RULE = BookRule(continuity=Continuity.PREVIOUS)
BOOK_DEPTH = 400
BOOK_AGE_MS_MAX = 75_000
"""A book that does not change has a message without levels after about 60 s."""

_LIMIT_TIMES = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX)
_RESTING = (TimeInForce.GTC,)
_OPTION_ORDERS: Mapping[OrderType, tuple[TimeInForce, ...]] = {OrderType.LIMIT: _LIMIT_TIMES}
"""Options take no market orders, and no algo orders of ours."""
_ORDERS: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    OrderType.MARKET: (TimeInForce.IOC,),
    OrderType.LIMIT: _LIMIT_TIMES,
    OrderType.STOP: _RESTING,
    OrderType.STOP_LOSS: _RESTING,
    OrderType.TAKE_PROFIT: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.STOP_LOSS_LIMIT: _RESTING,
    OrderType.TAKE_PROFIT_LIMIT: _RESTING,
}
_HELD = {OrderType.TRAILING_STOP: dict.fromkeys(HELD_TIMES, Support.EMULATED)}
_TYPES = tuple(AccountType)

FENCE = Fence(
    margin_ms=15_000,
    proof=(
        "an order is discarded once its expTime has passed on the venue's clock (50036, 50037). The margin is 2 s for "
        "the difference of the clocks, and the time for which an order query may be behind. An order is dead when two "
        "queries after that answer 51603."
    ),
    without_deadline=dict.fromkeys((type for type in _TYPES if type is not AccountType.OPTIONS), ALGO_ORDER_TYPES),
)
"""New algo orders are not among the requests that take expTime (docs-v5, Transaction Timeouts). Their timestamp is 30 s
old at their deadline, so none is let in after that (50102), and nothing refuses one that was let in and waits."""


def _support(times: tuple[TimeInForce, ...]) -> Mapping[TimeInForce, Support]:
    """What rests as GTC can be given an end by the platform."""
    emulated = EMULATED_TIMES if TimeInForce.GTC in times else ()
    return {**dict.fromkeys(emulated, Support.EMULATED), **dict.fromkeys(times, Support.NATIVE)}


_SUPPORT: OrderSupport = {**{type: _support(times) for type, times in _ORDERS.items()}, **_HELD}
ORDERS: Mapping[InstrumentType, OrderSupport] = {
    InstrumentType.SPOT: _SUPPORT,
    InstrumentType.PERPETUAL: _SUPPORT,
    InstrumentType.FUTURES: _SUPPORT,
    InstrumentType.OPTION: {type: _support(times) for type, times in _OPTION_ORDERS.items()},
}
"""What the venue takes in instruments of each kind."""


def urls_at(base: str) -> Mapping[str, str]:
    """Return the URLs of a venue that one address serves in whole, as a simulator does. `base` is an http or https URL
    without a path."""
    parts = urlsplit(base)
    plain = f"{parts.scheme}://{parts.netloc}"
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    return {
        **{rest_name(region): plain for region in OkxRegion},
        **{stream_name(region): socket for region in OkxRegion},
    }


def spec_of(environment: Environment, *, base: str = "", urls: Mapping[str, str] | None = None) -> VenueSpec:
    """Return the spec of the venue in an environment: LIVE, or UAT, which is its demo trading.

    `base` replaces all of the venue's hosts by one; `urls` replaces single URLs by their names, after that.
    """
    book = BookSpec(rule=BOOK_RULE, age_ms_max=BOOK_AGE_MS_MAX, depth=BOOK_DEPTH)
    return VenueSpec(
        venue_id=VenueId(Venue.OKX, environment),
        urls={**URLS[environment], **(urls_at(base) if base else {}), **(urls or {})},
        credential_types=frozenset({CredentialType.HMAC}),
        credential_fields=CREDENTIAL_FIELDS,
        books=dict.fromkeys(_TYPES, Books.VENUE),
        funds_check=FundsCheck.AT_VENUE,
        own_leverage=frozenset(_TYPES) - {AccountType.SPOT},
        holds_assets=frozenset({AccountType.MARGIN}),
        orders=ORDERS,
        quantity_types={
            type: Support.NATIVE if type is QuantityType.BASE else Support.EMULATED for type in QuantityType
        },
        order_books=dict.fromkeys(ORDERS, book),
        account_news=NewsSource.STREAM,
        sent_id=DerivedSentId(prefix=SENT_ID_PREFIX),
        fence=FENCE,
        lookup=Lookup(memory=dict.fromkeys(_TYPES, OrderMemory(filled_ms=HISTORY_MS, unfilled_ms=UNFILLED_MEMORY_MS))),
        replay=Replay(depth_ms=dict.fromkeys(_TYPES, HISTORY_MS)),
        snapshots=True,
    )
