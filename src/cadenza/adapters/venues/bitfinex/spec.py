"""What BITFINEX can do, in each of its environments: the values that the rest of the platform reads."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from cadenza.adapters.venues.bitfinex.mapping import SHOWN_AS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.domain.market.book_checksum import BookChecksum
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import (
    EMULATED_TIMES,
    Books,
    CountedSentId,
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

PUBLIC_REST, PUBLIC_STREAM = "public_rest", "public_stream"
PRIVATE_REST, PRIVATE_STREAM = "private_rest", "private_stream"
"""The names of the four addresses, which are bases without a path."""

URLS: Mapping[str, str] = {
    PUBLIC_REST: "https://api-pub.bitfinex.com",
    PUBLIC_STREAM: "wss://api-pub.bitfinex.com",
    PRIVATE_REST: "https://api.bitfinex.com",
    PRIVATE_STREAM: "wss://api.bitfinex.com",
}
"""The same in both environments. UAT is a paper sub-account at the same hosts, and has symbols of its own."""

PAPER_PREFIX = "TEST"
"""The codes of paper currencies begin with it. They are UAT's, and never LIVE's."""

CID_COUNTER = "cid"
CID_BITS, MARK_BITS = 45, 15
"""The venue takes numbers of 45 bits as the id of an order (`cid`). The last bits are a mark of our account, because
all accounts of a user have one space of ids there, and each of ours counts by itself. Two accounts of one type may
have the same mark (one pair in 8192), and other programs take any number: an order is recognized by its terms too."""
SENT_ID_MAX = 2 ** (CID_BITS - MARK_BITS) - 1

DAY_MS = 86_400_000
HISTORY_MS = 14 * DAY_MS
"""How long ended orders and trades are listed, at least. The documents name no limit; two weeks is what clients of the
venue rely on."""

BOOK_RULE = BookRule(continuity=Continuity.COUNT, checksum=BookChecksum.INTERLEAVED_25)
BOOK_DEPTH = 250
"""The longest book that the venue pushes as prices."""
BOOK_AGE_MS_MAX = 45_000
"""A channel without news has a heartbeat every 15 s."""

FENCE = Fence(
    margin_ms=15_000,
    proof=(
        "the venue refuses a private request whose nonce is not larger than the last one that it took from the same "
        "key (10114). A question about the order has a larger nonce than the order. Once it is answered, a request "
        "for the order that was not processed before can only be refused. The order is dead when two questions after "
        "that find it neither among the open orders nor in the history. The margin is the time for which a query may "
        "be behind."
    ),
)

_LIMIT_TIMES = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX, TimeInForce.GTD)
_RESTING = (TimeInForce.GTC,)
_ORDERS: Mapping[OrderType, tuple[TimeInForce, ...]] = {
    OrderType.MARKET: (TimeInForce.IOC,),
    OrderType.LIMIT: _LIMIT_TIMES,
    OrderType.STOP: _RESTING,
    OrderType.STOP_LOSS: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.STOP_LOSS_LIMIT: _RESTING,
}


def _support(times: tuple[TimeInForce, ...]) -> Mapping[TimeInForce, Support]:
    """What rests as GTC can be given an end by the platform."""
    emulated = EMULATED_TIMES if TimeInForce.GTC in times else ()
    return {**dict.fromkeys(emulated, Support.EMULATED), **dict.fromkeys(times, Support.NATIVE)}


_SUPPORT: OrderSupport = {type: _support(times) for type, times in _ORDERS.items()}
ORDERS: Mapping[InstrumentType, OrderSupport] = {
    InstrumentType.SPOT: _SUPPORT,
    InstrumentType.PERPETUAL: _SUPPORT,
}
"""What the venue takes in pairs and derivatives."""

TYPES = (AccountType.SPOT, AccountType.MARGIN, AccountType.FUTURES)
"""SPOT trades with the exchange wallet. MARGIN and FUTURES make positions, with the margin wallet as their collateral:
MARGIN in pairs, FUTURES in derivatives, whose collateral has currencies of its own."""


SENT_ID = CountedSentId(counter=CID_COUNTER, last=SENT_ID_MAX, is_shared=True, shown_as=SHOWN_AS)


def urls_at(base: str) -> Mapping[str, str]:
    """Return the URLs of a venue that one address serves in whole, as a simulator does. `base` is an http or https URL
    without a path."""
    parts = urlsplit(base)
    plain = f"{parts.scheme}://{parts.netloc}"
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    return {PUBLIC_REST: plain, PRIVATE_REST: plain, PUBLIC_STREAM: socket, PRIVATE_STREAM: socket}


def spec_of(environment: Environment, *, base: str = "", urls: Mapping[str, str] | None = None) -> VenueSpec:
    """Return the spec of the venue in an environment: LIVE, or UAT, which is a paper sub-account.

    `base` replaces all of the venue's hosts by one; `urls` replaces single URLs by their names, after that.
    """
    book = BookSpec(rule=BOOK_RULE, age_ms_max=BOOK_AGE_MS_MAX, depth=BOOK_DEPTH, dates_snapshots=True)
    return VenueSpec(
        venue_id=VenueId(Venue.BITFINEX, environment),
        urls={**URLS, **(urls_at(base) if base else {}), **(urls or {})},
        credential_types=frozenset({CredentialType.HMAC}),
        books=dict.fromkeys(TYPES, Books.VENUE),
        funds_check=FundsCheck.AT_VENUE,
        own_leverage=frozenset({AccountType.MARGIN}),
        orders=ORDERS,
        quantity_types={
            type: Support.NATIVE if type is QuantityType.BASE else Support.EMULATED for type in QuantityType
        },
        order_books=dict.fromkeys(ORDERS, book),
        account_news=NewsSource.STREAM,
        sent_id=SENT_ID,
        fence=FENCE,
        lookup=Lookup(memory=dict.fromkeys(TYPES, OrderMemory(filled_ms=HISTORY_MS, unfilled_ms=HISTORY_MS))),
        replay=Replay(depth_ms=dict.fromkeys(TYPES, HISTORY_MS)),
        snapshots=True,
    )
