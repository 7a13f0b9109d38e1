"""Reports: what a venue claims about our orders and accounts. The committer turns them into facts.

The reply to a request, the stream, polling, lookups and replays all make the same reports. A report may come twice,
late, or before the reply to its request: applying it again changes nothing, and an older claim never undoes a newer
one.

`at_ms` is the venue's clock, and is compared with other instants of the same venue. It is compared with our clock
twice. It never moves an account's mark past our present time. A replay starts one minute before the earlier of the mark
and the time at which we recorded the oldest order in doubt.

An `OwnReport` is no claim of the venue. It carries our time, which never says how far the news is known.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide
from cadenza.domain.trading.execution import Fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A claim about one account. `at_ms` is the venue's clock, as described above."""

    account_id: TradingAccountId
    at_ms: int


UNREADABLE_TEXT_LENGTH_MAX = 4_000
"""Characters of an unreadable text, and of its explanation, that are kept. The rest is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableReport(Report):
    """A line or a message of the venue that the connector cannot read, such as one with an order type that it does not
    know. It is kept aside with an alarm for a person to look at, and the reports beside it are applied. It is never
    applied later. The platform reads the whole account soon afterwards, as far as the venue has snapshots and lookups.

    `text` is what was received, of this one line alone; the connector removes the secrets from it. `why` says what
    could not be read. `at_ms` is the instant that the text states, 0 where it states none or none that can be read. The
    names are given as far as they can be read, or are known because the request was about this order. The same text
    always makes the same report: when a replay brings it again, it is neither kept nor shown again.
    """

    text: str
    why: str
    instrument_id: InstrumentId | None = None
    order_id: OrderId | None = None
    sent_id: str | None = None
    venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport(Report):
    """A claim about one order of one instrument. The order is named by our id, by our id at the venue, or by the
    venue's id, which is unique within the instrument only. If `order_id` is given, it alone decides. Otherwise the
    order with that `sent_id` is meant; if the account has none, the one with that `venue_order_id`, now or formerly.

    `sent_id` is the client's id of the order, as the venue shows it. The session states it for every order, also for
    one that was placed elsewhere, by hand or by another program. Such ids may repeat. Where others may give out ours
    (`SentIdProof.is_shared`), our id names no order before the venue's id of it is known: a report with our
    `order_id` has to state that first. So the session states the `venue_order_id` too wherever the venue shows it; and
    once an order has an id of the venue, a report with another `venue_order_id` is about another order, unless it is a
    rename (`AcceptedReport`). With our `order_id` it is set aside."""

    instrument_id: InstrumentId
    order_id: OrderId | None = None
    sent_id: str | None = None
    venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTermsReport(OrderReport):
    """A claim that the venue has the order, with the terms that the venue states; None where it states none.
    `placed_at_ms` is when the venue took the order in, by its clock. A session states all that the venue shows: if the
    terms are not those that we ordered, the report is about somebody else's order that has our id, and is set aside.

    `executed_quantity` is what was executed by then, in the order's units."""

    side: Side | None = None
    type: OrderType | None = None
    quantity: Decimal | None = None
    placed_at_ms: int | None = None
    executed_quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedReport(OrderTermsReport):
    """The venue has the order, under `venue_order_id`; an order that is renamed keeps its former venue id as an alias.

    This is the reply to our own request, or a part of the answer to a lookup. A stream, a poll or a replay cannot know
    whether an order was placed here, by another trading account or by hand, so it reports an acceptance as
    `ExternalOrderReport`. It may report an `AcceptedReport` only if it knows our `order_id`. An order may be reported
    in both ways.

    A rename is the exception: whatever brings it (a reply, a stream, a poll, a replay, a lookup) reports that the venue
    has given the order a new id as an `AcceptedReport` with `former_venue_order_id`, what the venue called the order
    before. It comes before any other report under the new id. The former id identifies an order that no other name
    identifies, such as one that was placed by hand. If no name identifies it, the report is kept, and the venue is
    asked about the new id (`ExecutionSession.identify`).

    `executed_quantity` is what the venue says was executed by then, in the order's units; 0 in a bare acknowledgement.
    When it is more than what is booked here, fills are missing, and the venue is asked for them.
    """

    former_venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedReport(OrderReport):
    """The venue refused the order, and the refusal proves that it does not work there. What was executed before stays
    executed. A refusal as duplicate alone proves nothing: it is an `UnknownOutcomeReport`. The reason
    NOT_FOUND_AT_VENUE says that the venue was asked and does not know the order; the platform decides by
    `meaning_of_not_known` what that proves. It rejects no order that was acknowledged or may be forgotten.

    `recorded_at_ms` is set by the platform, on the answer to a lookup of a trailing stop that it had released: when the
    release was recorded about which the venue was asked. The answer says nothing about a later release.

    `reason` is a `RejectReason`, or a `RejectReason` followed by `: ` and the venue's own words, as in
    `OTHER: the price is too far from the index`. NOT_FOUND_AT_VENUE and DUPLICATE_SENT_ID stand alone,
    because they decide what the report means. The client sees the reason, so the connector leaves secrets out of
    it."""

    reason: str
    recorded_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReport(OrderReport):
    """What a session or the platform knows about its own request; not a claim of the venue. `at_ms` is our clock, and
    never says how far the venue's news is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSentReport(OwnReport):
    """No byte of the order has left in one attempt to send it, and none will. That is a proof: the order becomes
    REJECTED with the reason NOT_SENT, and a trailing stop that the platform had released is held again. An order that
    the venue has shown stays as it is, and an alarm is raised.

    `recorded_at_ms` names the attempt: it is `created_at_ms` of the order as it was handed to the session, which is new
    for each release of a trailing stop. A report that names another attempt, or none, changes no such order.

    `cause` says why, in words for the client, without secrets; the order's reason is NOT_SENT followed by `: ` and the
    cause. Empty when nothing is known of it."""

    recorded_at_ms: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnReport(OwnReport):
    """The user canceled the order, or halted trading, before any byte of it left, and none will. The order becomes
    CANCELED, unless the venue has shown it, as in `NotSentReport`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOutcomeReport(OwnReport):
    """Bytes left and no readable answer came (timeout, 5xx, lost connection), or the venue could not be asked: the
    outcome stays unknown, and the venue is asked again.

    `is_duplicate`: the venue answered that it has an order under our id already. That may be this very order. If an
    `OrderTermsReport` then shows that the id belongs to another order, because it contradicts ours, the refusal is
    proved, and the order becomes REJECTED with the reason DUPLICATE_SENT_ID.

    `is_not_found`: the venue was asked, and does not know the order; it is too early for a proof (TOO_EARLY). An order
    that was acknowledged and is open is in doubt from then on, and is asked about again."""

    cause: str
    is_duplicate: bool = False
    is_not_found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeterminedOutcomeReport(OwnReport):
    """Asking cannot show how the order stands: the venue has no lookup, or it has forgotten the order. The order is in
    doubt from then on, also if it was acknowledged before; it stays visible, an alarm is raised, and an operator
    resolves it (`cadenza orders resolve`).

    A later report that the order works or how it ended heals the doubt. After a fill, the platform looks the order up
    again if the venue has a lookup. At a venue without a lookup this report changes only an order that is in doubt
    already, such as one whose cancel came too late: nobody was asked, so any other order keeps its state.

    `recorded_at_ms` as in `RejectedReport`."""

    cause: str
    recorded_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport(OrderReport):
    """One execution. `trade_id` is the venue's, unique per instrument and side. `quantity` is in the order's units and
    positive. `position_side` is the row of a hedged position, and `leverage` the position's leverage after the fill,
    where the venue says them. `fees` may be empty when they are reported later, by a `FeeReport` or by the same fill
    again. A fill of a booked trade with another price, quantity or fee contradicts it, and is kept with an alarm: only
    a correction changes an execution that the venue reported."""

    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...] = ()
    liquidity: LiquiditySide | None = None
    position_side: PositionSide | None = None
    leverage: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFillReport(FillReport):
    """An execution that an operator found at the venue and stated here (`cadenza orders resolve`). No session reports
    it. What the venue itself reports about the trade, earlier or later, counts more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCorrectedReport(FillReport):
    """The venue changed an execution: all fields are as they are now. `trade_id` is that of the original execution;
    where the venue gives a correction an id of its own, the connector reports the original's. `at_ms` is the instant of
    the correction; the correction with the latest one wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBustedReport(OrderReport):
    """The venue took an execution back: it never counted."""

    trade_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeReport(OrderReport):
    """The whole fee of an execution, reported later than the execution; it replaces what was known of it."""

    trade_id: str
    fees: tuple[Fee, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanceledReport(OrderReport):
    """The order is off the book and will not execute any more. `executed_quantity` is what was executed in all; None
    when the venue does not say. The order counts as closed once that much is booked here; until then the venue is
    asked for what is missing."""

    reason: CancelReason
    executed_quantity: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredReport(OrderReport):
    """The order's time in force ended; `executed_quantity` as in `CanceledReport`."""

    executed_quantity: Decimal | None


class VenueOrderStatus(StrEnum):
    """How an order stands at its venue."""

    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusReport(OrderTermsReport):
    """How the whole order stands, as the venue shows it now: also how an amendment at the venue becomes known.

    A larger quantity of an order that is closed here is taken over too: the fills that follow are booked, the state
    stays, and an alarm is raised while the order works.

    `quantity` and `executed_quantity` are in the order's units. FILLED means that all of `quantity` is executed:
    `executed_quantity` is not read then. Prices are None where the order has none or the venue does not say.
    `executed_price` is the average; it serves to compare, never to book. `cancel_reason` goes with CANCELED.
    """

    status: VenueOrderStatus
    quantity: Decimal
    executed_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    cancel_reason: CancelReason = CancelReason.VENUE


class CancelRefusal(StrEnum):
    """Why a venue refused a cancel. WORKS_ON: the order stays as it was. TOO_LATE: it has ended. UNKNOWN_ORDER: the
    venue does not know it (yet, or any more)."""

    WORKS_ON = "WORKS_ON"
    TOO_LATE = "TOO_LATE"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefusedReport(OrderReport):
    """The venue refused the cancel. Only WORKS_ON ends the wish to cancel; after the others the venue is asked how the
    order stands. Where the venue has no lookup, the others put an open order in doubt, because its end was missed. The
    end still counts when it is reported later, but a statement from before the refusal that the order works does not
    end the doubt. `at_ms` is when the venue refused the cancel. A refusal that is not newer than the last one of the
    order repeats that one and changes nothing: a cancel that was recorded since is sent again, and an order that an
    operator has resolved since is not in doubt again."""

    refusal: CancelRefusal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMovedReport(OrderReport):
    """The trigger of a trailing stop moved. `at_ms` is when it moved, on the same clock as that of an
    `OrderStatusReport`: of both, the newer one that names a trigger states it, and an older one changes it no more. A
    move says nothing about the other terms. Of two moves within one instant, the one that comes later counts."""

    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalOrderReport(OrderTermsReport):
    """An order works at the venue, whoever placed it. Streams, polls and replays report every acceptance in this way.
    Where its names identify a known order, it is that order's acceptance. Otherwise the order was placed elsewhere (by
    hand at the venue, by another trading account, by a liquidation): it is adopted, and its fills follow.

    `executed_quantity` is what was executed by then. `at_ms` is the instant of the terms, as in an `OrderStatusReport`:
    an older status does not change an order that was adopted with them. `expire_at_ms` is the venue's clock.
    `former_venue_order_id` is what the venue called a conditional order before its trigger made this one of it.
    """

    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    expire_at_ms: int | None = None
    is_liquidation: bool = False
    former_venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReport(Report):
    """The whole balance of one asset, in units of the asset, with every fill of the account up to `at_ms` in it.
    `locked` is None where the venue states the total alone,
    as a stream of futures does; the locked amount that it stated last stays then. A snapshot states both.

    `as_of` is the venue's own instant or sequence of this claim, positive and of one scale for the whole account. An
    older claim never replaces a newer one. Two claims about the same asset with the same `as_of` are the same fact: the
    one that comes later is ignored, unless a snapshot brings it. So where the venue states an instant that two facts
    may share, such as milliseconds, the connector numbers the facts within the instant in the order in which the venue
    reported them: instant times 1000 plus the number. `as_of` of a snapshot is at least that of every fact in it, and
    less than that of every later fact.

    Where our ledger keeps the books, a session whose `VenueSpec.balances_follow_fills` is
    True delivers it after every fill that it contains. From any other session it makes the platform compare a snapshot
    with the ledger, and changes nothing by itself.
    """

    asset: str
    total: Decimal
    locked: Decimal | None
    borrowed: Decimal
    as_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport(Report):
    """The whole position in one instrument (in hedge mode: of one side).

    `quantity` is signed, in the instrument's units; 0 means that there is none. `entry_cost` (signed like `quantity`)
    is given where the venue knows it, because `entry_price` may be rounded. `maintenance_margin` (settlement asset, not
    negative) is what the venue requires for the position. A `leverage` or `maintenance_margin` of None says that the
    venue did not state it now; what it stated last about the position stays. `settled_cost` is given by a venue that
    pays profits out while a position is open: the cost, signed like `quantity`, from which the profit counts that
    balances do not hold yet. None says that they hold none of the profit since the position was entered. `as_of`, and
    what holds where our ledger keeps the books, as in `BalanceReport`.
    """

    instrument_id: InstrumentId
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    entry_cost: Decimal | None = None
    leverage: int | None = None
    maintenance_margin: Decimal | None = None
    settled_cost: Decimal | None = None
    as_of: int
