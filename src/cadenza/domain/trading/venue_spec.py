"""What a venue can do, as one value per venue and environment. No other part of the platform knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import OrderId, VenueId
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import QuantityType


class Books(StrEnum):
    """Which side keeps an account's balances and positions.

    VENUE: they are what the venue last reported, and a fill changes the order alone. OURS: our ledger keeps them, and
    each fill moves it. What moves money without a fill, such as funding, stands at `SessionSink` (ports/venue).
    """

    OURS = "OURS"
    VENUE = "VENUE"


class FundsCheck(StrEnum):
    """Where an order that the account cannot pay for is refused. HERE: the platform reserves the funds before the order
    is sent. AT_VENUE: the venue's refusal is the proof, so a missing or old balance never stops an order."""

    HERE = "HERE"
    AT_VENUE = "AT_VENUE"


class Support(StrEnum):
    """NATIVE: the venue does it. EMULATED: the platform does it on top of what the venue has. A quantity is resolved
    into the instrument's units before the order is recorded. An order as GTD or DAY is sent as GTC, and the platform
    cancels it when it expires (`Order.expiry`). A TRAILING_STOP is held here until its trigger is reached, and is then
    sent as MARKET (`VenueSpec.holds`). Nothing else can be emulated."""

    NATIVE = "NATIVE"
    EMULATED = "EMULATED"


EMULATED_TIMES = (TimeInForce.GTD, TimeInForce.DAY)
"""Times in force that the platform can emulate for a type of order that the venue takes as GTC."""

HELD_TIMES = (TimeInForce.GTC, *EMULATED_TIMES)
"""Times in force of an order that the platform holds. They end it while it is held."""


class NewsSource(StrEnum):
    """How a session learns what happened in its account. STREAM: the venue pushes it. POLL: the session asks again and
    again. REPLY: only the reply to a request reports. A session of REPLY reads the venue all the same, as the law of
    silence requires (`SessionSink`). Where the venue cannot be read (no lookup, no replay, no snapshots), its replies
    are all that is known."""

    STREAM = "STREAM"
    POLL = "POLL"
    REPLY = "REPLY"


class InstrumentListing(StrEnum):
    """How the venue's instruments are found: one request lists all of them, a stream pushes them, or they are searched
    one by one."""

    LISTED = "LISTED"
    PUSHED = "PUSHED"
    SEARCHED = "SEARCHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentIdProof:
    """What our ids prove at a venue.

    `is_shared`: others who trade for the same user of the venue may give out the same id, and the venue takes it. So an
    order that the venue has not named yet is recognized by the session alone, when it looks the order up: by our id,
    its terms (`states_terms_of`) and whatever else it knows of all orders that have the id. What the stream brings
    until then waits (`awaits`). `shown_as` lists the types of orders that the venue shows as another type from the
    start. `moves_limits`: the venue may have moved the limit price that was sent, that of a BUY down and that of a SELL
    up."""

    is_shared: bool = False
    shown_as: Mapping[OrderType, OrderType] = field(default_factory=dict)
    moves_limits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedSentId(SentIdProof):
    """Our id at the venue follows from the order's own id: `prefix` and 32 hexadecimal digits, or with `is_uuid` the
    UUID with hyphens. The same order always gives the same id."""

    prefix: str = ""
    is_uuid: bool = False

    def of(self, order_id: OrderId) -> str:
        return self.prefix + (str(order_id) if self.is_uuid else order_id.hex)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedSentId(SentIdProof):
    """Our id at the venue is the next value of a durable counter, because the venue takes numbers only, from `first` to
    `last`. `counter` names it. The platform draws the numbers from a venue memory of its own (`VenueMemories`), which a
    connector must not open. A number of an order that was placed elsewhere and that is above `last` does not count."""

    counter: str
    first: int = 1
    last: int = 10**18 - 1


SentIdRule = DerivedSentId | CountedSentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """What proves that an order without an answer never reached the matching engine.

    After `send_before_ms` (stored with the order) the connector does not send it. `margin_ms` later the venue cannot
    take it in any more. Both are our clock. The margin covers the way of the request and the greatest difference
    between the clocks: a session that measures a greater one sends no order and returns a `NotSentReport`. If the venue
    is asked after that and knows neither the order nor a fill of it, the order is dead, provided that it was never
    acknowledged. A fence may be an event instead of a time, such as a later request with a higher nonce that succeeded;
    then the session makes that request before it asks, and the margin covers the way only. `proof` names the venue's
    rule and its source.

    `without_deadline` lists, for account types, the types of orders that may wait within the venue for any time: their
    deadline is looked at when they come, and not again. Such an order is never proved dead, because a venue that does
    not know it after the margin may take it in later.
    """

    margin_ms: int
    proof: str
    without_deadline: Mapping[AccountType, frozenset[OrderType]] = field(default_factory=dict)

    def covers(self, account: AccountType, order: OrderType) -> bool:
        """Return whether it proves anything of orders of that type, in accounts of that type."""
        return order not in self.without_deadline.get(account, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMemory:
    """How long after it closed a venue still knows an order: `filled_ms` one of which something was executed,
    `unfilled_ms` one that closed without an execution. None: it never forgets such an order. An order that works is
    always known. Where several requests find an order, the longest memory among them counts. A memory that is counted,
    such as the last 500 trades, is no time and is not stated here: if it does not reach back to the order, the session
    answers with an `UndeterminedOutcomeReport`."""

    filled_ms: int | None = None
    unfilled_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The venue can be asked about one order. `memory` says for the account types at which it forgets orders how long
    it knows them. What its not knowing an order means follows from that (`meaning_of_not_known`)."""

    memory: Mapping[AccountType, OrderMemory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The venue can be asked what happened in an account since an instant. `depth_ms` says for the account types at
    which it forgets how far back the answer reaches; of the others it has all. `is_per_instrument`: the request is made
    instrument by instrument, so the replay of one may end long before that of another."""

    depth_ms: Mapping[AccountType, int] = field(default_factory=dict)
    is_per_instrument: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialField:
    """A further field of the venue's credentials. `meaning` is shown to users; a secret one is never shown again."""

    name: str
    meaning: str
    is_required: bool = True
    is_secret: bool = False


OrderSupport = Mapping[OrderType, Mapping[TimeInForce, Support]]
"""The order types that are taken, each with the times in force that it may have."""

TRADED: Mapping[AccountType, frozenset[InstrumentType]] = {
    AccountType.SPOT: frozenset({InstrumentType.SPOT}),
    AccountType.MARGIN: frozenset({InstrumentType.SPOT}),
    AccountType.FUTURES: frozenset({InstrumentType.FUTURES, InstrumentType.PERPETUAL, InstrumentType.DERIVATIVE}),
    AccountType.OPTIONS: frozenset({InstrumentType.OPTION}),
}
"""What an account of each type trades, unless its venue's spec says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSpec:
    """One venue in one environment.

    `urls` by name, each replaceable by a setting; empty for a venue that runs in this process (`is_in_process`).
    `books` lists the account types that the venue has, with who keeps their books. `traded` lists the instruments
    that each of them trades; an order or a position of another instrument is refused. `orders` lists what it takes:
    for instruments of each type the order types, and for each of these the times in force. An order outside of it
    is refused before it is recorded. `expiry_ms_min` says for instruments of which types the venue takes a GTD
    order only if it ends later than so long after the request; an earlier one is refused before it is recorded,
    where GTD is native. `holds_assets` lists the account types, beside SPOT, whose trades move assets that the
    account owns or borrows, and make no positions. `cancels_all` lists the account types in which one request
    cancels every order of an instrument (`cancel_all`). `own_leverage` lists the account types whose leverage is a
    setting at the venue: an order with a leverage is refused. `banded_by_trigger` lists the instrument types at
    which the venue compares the limit price of a conditional order with the order's own trigger and not with the
    market: the price band (`Instrument.price_band`) says nothing about it. `quantity_types` not native here are
    resolved into quantities before an order is sent. `order_books` lists how the order books of instruments of each
    type are kept; a type that is missing has none. `send_within_ms`: how long after it was recorded an order may
    still be sent. `reply_ms_max`: how long the platform waits for the reply to a `submit` or `cancel`; then it
    cancels the call, and the outcome counts as unknown until the late reply or a lookup brings it. `lookup`,
    `fence` and `replay` are None where the venue has nothing of the kind. Without a lookup or a fence, asking
    cannot determine the outcome of an order that was not answered. `snapshots`: the venue reports whole balances
    and positions on request; where it is False, balances and positions of a snapshot are None.
    `balances_follow_fills`: a session reports a balance or position only after every fill that it contains. Only
    then may a ledger of ours take such a report over; otherwise it would count a fill twice.
    """

    venue_id: VenueId
    is_in_process: bool = False
    urls: Mapping[str, str] = field(default_factory=dict)
    credential_types: frozenset[CredentialType]
    credential_fields: tuple[CredentialField, ...] = ()
    books: Mapping[AccountType, Books]
    traded: Mapping[AccountType, frozenset[InstrumentType]] = field(default_factory=lambda: TRADED)
    funds_check: FundsCheck
    orders: Mapping[InstrumentType, OrderSupport]
    expiry_ms_min: Mapping[InstrumentType, int] = field(default_factory=dict)
    holds_assets: frozenset[AccountType] = frozenset()
    own_leverage: frozenset[AccountType] = frozenset()
    cancels_all: frozenset[AccountType] = frozenset()
    banded_by_trigger: frozenset[InstrumentType] = frozenset()
    quantity_types: Mapping[QuantityType, Support]
    listing: InstrumentListing = InstrumentListing.LISTED
    order_books: Mapping[InstrumentType, BookSpec]
    account_news: NewsSource
    sent_id: SentIdRule
    fence: Fence | None
    lookup: Lookup | None
    replay: Replay | None
    snapshots: bool
    balances_follow_fills: bool = False
    send_within_ms: int = 10_000
    reply_ms_max: int = 5_000

    def __post_init__(self) -> None:
        for instrument, types in self.orders.items():
            for type, times in types.items():
                emulated = {time for time, support in times.items() if support is Support.EMULATED}
                is_timed = emulated <= {*EMULATED_TIMES} and times.get(TimeInForce.GTC) is Support.NATIVE
                if emulated and not is_timed and not self._can_hold(instrument, type):
                    raise ValueError(f"{self.venue_id} cannot emulate {type.value} orders as {sorted(emulated)}")

    def _can_hold(self, instrument: InstrumentType, type: OrderType) -> bool:
        """Whether the platform can hold such orders: it can follow the market, send them as MARKET, and knows them
        again however long they were held."""
        times = self.orders[instrument][type]
        is_all_held = set(times) <= {*HELD_TIMES} and set(times.values()) == {Support.EMULATED}
        can_be_sent = self.support_of(instrument, OrderType.MARKET, TimeInForce.IOC) is Support.NATIVE
        can_be_followed = instrument in self.order_books and isinstance(self.sent_id, DerivedSentId)
        return type is OrderType.TRAILING_STOP and is_all_held and can_be_sent and can_be_followed

    def holds(self, instrument: InstrumentType, type: OrderType) -> bool:
        """Return whether the platform holds orders of that type until their trigger is reached."""
        is_emulated = self.support_of(instrument, type, TimeInForce.GTC) is Support.EMULATED
        return type is OrderType.TRAILING_STOP and is_emulated

    def books_of(self, type: AccountType) -> Books | None:
        """Return which side keeps the books of such an account; None when the venue has no account of that type."""
        return self.books.get(type)

    def order_book_of(self, type: InstrumentType) -> BookSpec | None:
        """Return the rule of the order books of instruments of that type; None when the venue has none."""
        return self.order_books.get(type)

    def memory_of(self, type: AccountType) -> OrderMemory:
        """Return how long the venue knows the orders of an account of that type."""
        return (self.lookup.memory if self.lookup is not None else {}).get(type, OrderMemory())

    def trades(self, account: AccountType, instrument: InstrumentType) -> bool:
        """Return whether an account of that type trades such instruments."""
        return instrument in self.traded.get(account, ())

    def orders_of(self, instrument: InstrumentType) -> OrderSupport:
        """Return what the venue takes in instruments of that type."""
        return self.orders.get(instrument, {})

    def support_of(self, instrument: InstrumentType, type: OrderType, time_in_force: TimeInForce) -> Support | None:
        """Return how the venue supports such an order; None when it does not take it."""
        return self.orders_of(instrument).get(type, {}).get(time_in_force)

    def replay_depth_ms(self, type: AccountType) -> int | None:
        """Return how far back the replay of an account of that type reaches; None: to the account's beginning. Where
        the venue has no replay it is 0."""
        return 0 if self.replay is None else self.replay.depth_ms.get(type)

    def is_gap_expected(self, *, has_orders: bool) -> bool:
        """Whether a gap in the news before a session belongs to how the venue works. `has_orders`: the account had an
        order that was open or in doubt when the gap began. A venue with a replay has no such gap. At a venue without
        one, nothing of the account's orders can be missed while it has none. While it has some, lookups have to show
        how they stand, and snapshots the money and the open orders. What stays unknown are orders that were placed
        elsewhere and ended within the gap, with their fills. Such a gap is recorded and shown without an alarm."""
        if self.replay is not None:
            return False
        return not has_orders or (self.lookup is not None and self.snapshots)

    def is_past_fence(self, send_before_ms: int | None, asked_at_ms: int) -> bool:
        """Return whether an order that was never acknowledged, and that the venue did not know, is proved dead, if the
        fence covers it. `asked_at_ms` is the instant just before the question was sent. Both instants are our clock."""
        if self.fence is None or send_before_ms is None:
            return False
        return asked_at_ms > send_before_ms + self.fence.margin_ms
