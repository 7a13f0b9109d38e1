"""An order as a payload shows it, and every report that is made of that.

Each payload about an order becomes an `OrderFacts` first, so a stream, a reply, a query and a replay say the same of
the same order. Nothing here looks at a clock or keeps state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict

from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

_EXPONENT_MAX = 40
"""A number outside of 10^-40 to 10^41 is no price and no quantity, and could fill the memory when it is printed."""


class Standing(StrEnum):
    """How the wire says that an order stands."""

    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    SELF_TRADE = "SELF_TRADE"
    """It met an order of the same account, and the venue ended it (`EXPIRED_IN_MATCH`)."""
    REJECTED = "REJECTED"


_STATUSES = {  # of orders whose own time has not come; the others are expired (`has_expired`)
    Standing.WORKING: VenueOrderStatus.WORKING,
    Standing.FILLED: VenueOrderStatus.FILLED,
    Standing.CANCELED: VenueOrderStatus.CANCELED,
    Standing.EXPIRED: VenueOrderStatus.CANCELED,  # the venue ended it for another reason
    Standing.SELF_TRADE: VenueOrderStatus.CANCELED,
}


class _OrderNames(TypedDict):
    account_id: TradingAccountId
    at_ms: int
    instrument_id: InstrumentId
    order_id: OrderId | None
    sent_id: str | None
    venue_order_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """An order as a payload shows it, in our words. Prices are None where the order has none. `former_venue_order_id`
    is what the venue called the order before, and `placed_at_ms` when it got the order (by its clock), where the
    payload says that too. `expiry` is the venue's reason for an
    end that nobody asked for, if it gives one; `rejection` is why the venue refused an order that it had taken in at
    first. `is_liquidation`: the venue placed it to close a position."""

    account_id: TradingAccountId
    at_ms: int
    instrument_id: InstrumentId
    order_id: OrderId | None = None
    sent_id: str | None
    venue_order_id: str
    former_venue_order_id: str | None = None
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    executed: Decimal
    executed_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    expire_at_ms: int | None = None
    placed_at_ms: int | None = None
    standing: Standing
    expiry: CancelReason | None = None
    rejection: RejectReason = RejectReason.OTHER
    is_liquidation: bool = False

    @property
    def named(self) -> _OrderNames:
        return {
            "account_id": self.account_id,
            "at_ms": self.at_ms,
            "instrument_id": self.instrument_id,
            "order_id": self.order_id,
            "sent_id": self.sent_id,
            "venue_order_id": self.venue_order_id,
        }

    @property
    def is_working(self) -> bool:
        return self.standing is Standing.WORKING

    @property
    def is_refused(self) -> bool:
        return self.standing is Standing.REJECTED

    @property
    def has_expired(self) -> bool:
        """Whether the order ended because its own time had come. Then it is reported as expired, however the wire calls
        that: some venues write CANCELED, and EXPIRED is also written of orders that ended for another reason."""
        if self.standing not in (Standing.EXPIRED, Standing.CANCELED) or self.expiry is not None:
            return False
        if self.expire_at_ms is not None and self.at_ms >= self.expire_at_ms:
            return True
        return self.standing is Standing.EXPIRED and self.time_in_force is TimeInForce.GTD

    @property
    def end_reason(self) -> CancelReason:
        """Why the order ended without being filled."""
        if self.standing is Standing.SELF_TRADE:
            return CancelReason.SELF_TRADE
        if self.expiry is not None:
            return self.expiry
        if self.standing is Standing.CANCELED:
            return CancelReason.USER
        if self.time_in_force is TimeInForce.FOK:
            return CancelReason.FOK_NOT_FILLABLE
        if self.time_in_force is TimeInForce.IOC:
            return CancelReason.IOC_REMAINDER
        return CancelReason.VENUE


def external(facts: OrderFacts, executed: Decimal | None = None) -> ExternalOrderReport:
    """The order works at the venue, whoever placed it. `executed` replaces what the payload states, where that counts
    the execution that is reported next."""
    return ExternalOrderReport(
        **facts.named,
        side=facts.side,
        type=facts.type,
        time_in_force=facts.time_in_force,
        quantity=facts.quantity,
        executed_quantity=facts.executed if executed is None else executed,
        limit_price=facts.limit_price,
        stop_price=facts.stop_price,
        placed_at_ms=facts.placed_at_ms,
        expire_at_ms=facts.expire_at_ms,
        is_liquidation=facts.is_liquidation,
        former_venue_order_id=facts.former_venue_order_id,
    )


def accepted(facts: OrderFacts) -> AcceptedReport:
    """The venue has the order: the reply to our own request, or to a question about our order, or a rename."""
    former_id = facts.former_venue_order_id
    return AcceptedReport(**facts.named, executed_quantity=facts.executed, former_venue_order_id=former_id)


def renamed(facts: OrderFacts) -> tuple[AcceptedReport, ...]:
    """The rename that the payload states, or nothing. It comes before any other report under the new id, which would
    be about another order otherwise. How much was executed, those say."""
    return () if facts.former_venue_order_id is None else (accepted(replace(facts, executed=ZERO)),)


def status(facts: OrderFacts) -> OrderStatusReport | RejectedReport | ExpiredReport:
    """How the whole order stands."""
    if facts.standing is Standing.REJECTED:
        return rejected(facts, facts.rejection)
    if facts.has_expired:
        return ExpiredReport(**facts.named, executed_quantity=facts.executed)
    return OrderStatusReport(
        **facts.named,
        side=facts.side,
        type=facts.type,
        placed_at_ms=facts.placed_at_ms,
        status=_STATUSES[facts.standing],
        quantity=facts.quantity,
        executed_quantity=facts.executed,
        executed_price=facts.executed_price,
        limit_price=facts.limit_price,
        stop_price=facts.stop_price,
        cancel_reason=CancelReason.VENUE if facts.standing in (Standing.WORKING, Standing.FILLED) else facts.end_reason,
    )


def ended(facts: OrderFacts) -> CanceledReport | ExpiredReport:
    """The order is off the book, with what it executed in all."""
    if facts.has_expired:
        return ExpiredReport(**facts.named, executed_quantity=facts.executed)
    return CanceledReport(**facts.named, reason=facts.end_reason, executed_quantity=facts.executed)


def rejected(facts: OrderFacts, reason: RejectReason, text: str = "") -> RejectedReport:
    """The venue refused the order."""
    return RejectedReport(**facts.named, reason=reason_text(reason, text))


def facts_of_ours(facts: OrderFacts, order: Order) -> OrderFacts:
    """Return the facts with the names of our order. Raises `UnreadablePayload` when they are about another one."""
    if order.venue_order_id is None:
        is_same = order.sent_id is not None and facts.sent_id == order.sent_id
    else:  # the venue may have taken our id again, for another order
        ids = {order.venue_order_id, *order.former_venue_order_ids}
        is_same = not ids.isdisjoint((facts.venue_order_id, facts.former_venue_order_id))
    if not is_same or facts.instrument_id != order.instrument_id:
        raise UnreadablePayload("the reply is about another order")
    return replace(facts, order_id=order.id, sent_id=order.sent_id)


def fills_of_ours(fills: Sequence[Report], order: Order) -> list[Report]:
    """Return executions with the names of our order: a list of executions names it by the venue's id."""
    return [
        replace(fill, order_id=order.id, sent_id=order.sent_id) if isinstance(fill, FillReport) else fill
        for fill in fills
    ]


def found_reports(facts: OrderFacts, fills: Sequence[Report]) -> list[Report]:
    """Return an order that was asked for by the venue's id: what it is, its executions, how it stands."""
    if facts.is_refused:
        return [status(facts)]
    return [external(facts), *renamed(facts), *fills, status(facts)]


_SAY_ALL = frozenset({RejectReason.POST_ONLY_WOULD_TAKE, RejectReason.STOP_WOULD_TRIGGER})
"""Reasons to which the venue's words add nothing. Clients compare them whole."""


def reason_text(reason: RejectReason, text: str) -> str:
    """Return the reason as reports carry it, with the venue's own words beside it, unless the reason says all."""
    text = " ".join(text.split())[:200]
    return reason.value if reason in _SAY_ALL or not text else f"{reason.value}: {text}"


def fees(asset: str | None, amount: Decimal) -> tuple[Fee, ...]:
    """Return the fee of an execution; a negative amount is a rebate. Raises `UnreadablePayload` for an amount of
    nothing."""
    if amount == 0:
        return ()
    if not asset:
        raise UnreadablePayload("a fee names no asset")
    return (Fee(asset, sane(amount)),)


def sane(value: Decimal) -> Decimal:
    """Return a number that can be a price, a quantity or an amount. Raises `UnreadablePayload` for NaN, infinity and
    exponents without sense."""
    if not value.is_finite() or not -_EXPONENT_MAX <= value.adjusted() <= _EXPONENT_MAX:
        raise UnreadablePayload("a number is not finite, or out of any range")
    return value


def positive(value: Decimal) -> Decimal:
    """Return a price or quantity that is above 0. Raises `UnreadablePayload`."""
    if sane(value) <= 0:
        raise UnreadablePayload("a price or quantity of an execution is not above 0")
    return value


def price_or_none(value: Decimal) -> Decimal | None:
    """Return a price; the wire writes 0 where an order has none."""
    return sane(value) if value else None
