"""What DERIBIT can do, in each of its environments: the values that the rest of the platform reads."""

from collections.abc import Mapping
from urllib.parse import urlsplit

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

REST, STREAM = "rest", "stream"
"""The names of the two addresses, which are bases without a path."""

URLS: Mapping[Environment, Mapping[str, str]] = {
    Environment.LIVE: {REST: "https://www.deribit.com", STREAM: "wss://www.deribit.com"},
    Environment.UAT: {REST: "https://test.deribit.com", STREAM: "wss://test.deribit.com"},
}

SHOWN_AS: Mapping[OrderType, OrderType] = {
    OrderType.STOP_LOSS: OrderType.STOP,
    OrderType.STOP_LOSS_LIMIT: OrderType.STOP_LIMIT,
}
"""The venue has one word for both."""

SENT_ID = DerivedSentId(prefix="cz", is_shared=True, shown_as=SHOWN_AS, moves_limits=True)
"""A label is any text of up to 64 characters, and the venue compares it with no other. It moves the limit prices of
futures and perpetuals that lie beyond `max_price` and `min_price` of the ticker."""

MINUTE_MS = 60_000
UNFILLED_MEMORY_MS = 30 * MINUTE_MS
"""The store of recent orders has those that ended within so long. That the historical store has orders without an
execution too is not documented, so it does not count."""

RECENT_TRADES_MS = 24 * 60 * MINUTE_MS
"""Older trades are in the historical store, which keeps them for ever."""

BOOK_RULE = BookRule(continuity=Continuity.PREVIOUS)
BOOK_DEPTH = 1_000
"""The channel has every level; deeper ones are not shown here."""

BOOK_AGE_MS_MAX = 600_000
"""A book that does not change has no messages. The connection is known to be alive by its heartbeats; a book that was
silent for so long is read again all the same."""

FENCE = Fence(
    margin_ms=15_000,
    proof=(
        "the matching engine does not take an order in after its valid_until, by the venue's clock (timed_out). The "
        "margin is 2 s for the difference of the clocks, and the time for which a query may be behind. An order is "
        "dead when two questions for its label after that find none that may be ours, among recent and historical "
        "orders."
    ),
)

_LIMIT_TIMES = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX)
_RESTING = (TimeInForce.GTC,)
_PLAIN: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    OrderType.MARKET: (TimeInForce.IOC,),
    OrderType.LIMIT: _LIMIT_TIMES,
}
_WITH_TRIGGERS: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    **_PLAIN,
    OrderType.STOP: _RESTING,
    OrderType.STOP_LOSS: _RESTING,
    OrderType.TAKE_PROFIT: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.STOP_LOSS_LIMIT: _RESTING,
    OrderType.TAKE_PROFIT_LIMIT: _RESTING,
}
_HELD = {OrderType.TRAILING_STOP: dict.fromkeys(HELD_TIMES, Support.EMULATED)}


def _support(orders: Mapping[OrderType, tuple[TimeInForce, ...]]) -> OrderSupport:
    """What rests as GTC can be given an end by the platform: the venue's day ends at 08:00 UTC, ours at 00:00."""
    return {
        type: {
            **dict.fromkeys(EMULATED_TIMES if TimeInForce.GTC in times else (), Support.EMULATED),
            **dict.fromkeys(times, Support.NATIVE),
        }
        for type, times in orders.items()
    }


_FUTURES: OrderSupport = {**_support(_WITH_TRIGGERS), **_HELD}
ORDERS: Mapping[InstrumentType, OrderSupport] = {
    InstrumentType.SPOT: {**_support(_PLAIN), **_HELD},
    InstrumentType.PERPETUAL: _FUTURES,
    InstrumentType.FUTURES: _FUTURES,
    InstrumentType.OPTION: _support(_PLAIN),
}
"""What the venue takes in instruments of each kind."""

TYPES = (AccountType.MARGIN, AccountType.FUTURES, AccountType.OPTIONS)
"""The venue has one account for everything. Pairs are traded with the money that is the collateral of all positions, so
that is a MARGIN account."""


def urls_at(base: str) -> Mapping[str, str]:
    """Return the URLs of a venue that one address serves in whole, as a simulator does. `base` is an http or https URL
    without a path."""
    parts = urlsplit(base)
    return {
        REST: f"{parts.scheme}://{parts.netloc}",
        STREAM: f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}",
    }


def spec_of(environment: Environment, *, base: str = "", urls: Mapping[str, str] | None = None) -> VenueSpec:
    """Return the spec of the venue in an environment: LIVE, or UAT, which is its test exchange.

    `base` replaces all of the venue's hosts by one; `urls` replaces single URLs by their names, after that.
    """
    book = BookSpec(rule=BOOK_RULE, age_ms_max=BOOK_AGE_MS_MAX, depth=BOOK_DEPTH)
    return VenueSpec(
        venue_id=VenueId(Venue.DERIBIT, environment),
        urls={**URLS[environment], **(urls_at(base) if base else {}), **(urls or {})},
        credential_types=frozenset({CredentialType.HMAC}),
        books=dict.fromkeys(TYPES, Books.VENUE),
        funds_check=FundsCheck.AT_VENUE,
        own_leverage=frozenset(TYPES),
        holds_assets=frozenset({AccountType.MARGIN}),
        cancels_all=frozenset(TYPES),
        orders=ORDERS,
        quantity_types={
            type: Support.NATIVE if type is QuantityType.BASE else Support.EMULATED for type in QuantityType
        },
        order_books=dict.fromkeys(ORDERS, book),
        account_news=NewsSource.STREAM,
        sent_id=SENT_ID,
        fence=FENCE,
        lookup=Lookup(memory=dict.fromkeys(TYPES, OrderMemory(unfilled_ms=UNFILLED_MEMORY_MS))),
        replay=Replay(),
        snapshots=True,
    )
