"""The order: its state machine, and how each report changes it.

States go forward: CREATED → SUBMITTED → ACCEPTED → PARTIALLY_FILLED → FILLED, with PENDING_CANCEL → CANCELED or FILLED,
and REJECTED, EXPIRED, REVOKED. Two go back: a trailing stop that the platform holds goes from ACCEPTED to SUBMITTED
when it is released, and to ACCEPTED again if it is proved that it was not sent; and a cancel that is refused returns
PENDING_CANCEL to what is known of the order. Closed states are final. A fill that arrives after a close is booked,
because the money is real, and does not change the state. Only a complete fill turns PENDING_CANCEL into FILLED.

Doubt is separate from the state. An order is in doubt from when its intent is recorded until the venue has stated its
status. A fill, a cancel, an expiry or a restart does not end the doubt. While the venue says that more was executed
than is booked here, fills are missing: the order does not close before they are booked.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, OrderId, PositionId, QuoteId, TenantId, TradingAccountId, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import MANY_COSTS_PLACES, average_price_of
from cadenza.domain.money import ZERO, Rounding
from cadenza.domain.trading.enums import RESOLVED_BY_OPERATOR, CancelReason, OrderStatus, QuantityType
from cadenza.domain.trading.execution import Execution, Fee, add_fees
from cadenza.domain.trading.trail import Trail


@dataclass(frozen=True, slots=True)
class Reservation:
    """The part of a balance that an open order has locked, in units of `asset`: `locked` at the start, `remaining`
    now."""

    asset: str
    locked: Decimal
    remaining: Decimal


class Doubt(StrEnum):
    """Why the state of an order at its venue is unknown. UNANSWERED: the venue has not answered yet, and is asked.
    DUPLICATE: it answered that it has an order under our id, and is asked whether that is this order. UNDETERMINED:
    asking the venue cannot give an answer. An operator has to resolve the order, unless a later report of the venue
    shows how it stands."""

    UNANSWERED = "UNANSWERED"
    DUPLICATE = "DUPLICATE"
    UNDETERMINED = "UNDETERMINED"


class Expiry(StrEnum):
    """How an order expires whose time in force its venue does not have. HERE: it works at the venue until it is
    canceled, and the platform cancels it at `expire_at_ms`. DUE: that cancel is recorded. An order that turns out to
    work on is HERE again."""

    HERE = "HERE"
    DUE = "DUE"


@dataclass(frozen=True, slots=True)
class PendingClose:
    """The end of an order that the venue has reported and that waits for fills which are not booked yet. `at_ms` is the
    clock of `Order.closed_at_ms`."""

    status: OrderStatus
    reason: CancelReason
    at_ms: int


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class Order:
    """An order as a value. Every change makes a new one with a higher `version`; a new `stated_at_ms`,
    `trigger_stated_at_ms`, `quantity_stated_at_ms` or `cancel_refused_at_ms` alone keeps the version.

    `asked_quantity` and `quantity_type` are the client's; `quantity` is the resolved quantity in the instrument's
    units. `is_inverse` is that of the instrument; `executed_cost` is in quote units, or in the asset that an inverse
    contract is settled in. For a trailing stop, `stop_price` is the current trigger; `trail` is given if the platform
    holds it, or did. `is_external` marks an order that we did not place, `is_liquidation` one by which the venue closed
    a position. `sent_id` is our id for the order at the venue, `venue_order_id` the venue's own id;
    `former_venue_order_ids` still identify the order. The order is not sent after `send_before_ms`. `stated_quantity`
    is the executed quantity that the venue has stated, less what it took back after that.

    `created_at_ms`, `updated_at_ms`, `send_before_ms` and `in_doubt_since_ms` are our clock. `in_doubt_since_ms` is
    when the present doubt began, None while there is none; `TradingState.put_order` sets it. `recorded_after_ms` is the
    venue's: the venue has nothing of the order from before it; 0 where our ids are never used twice. `stated_at_ms` is
    the venue's instant of its newest statement of quantity and limit price, `trigger_stated_at_ms` that of the trigger,
    `quantity_stated_at_ms` that of the statement from which `stated_quantity` comes, `cancel_refused_at_ms` that of its
    newest refusal of a cancel, 0 without one.
    `expire_at_ms` is the instant that the client asked for, or that the venue reports for an external order: it is
    compared with our clock when the order is recorded, and from then on the venue decides by its own clock, unless the
    platform expires the order (`expiry`).
    `closed_at_ms` is given for canceled and expired orders only: it is the venue's instant where the venue reported
    this end, and our clock where an order ended here before it was sent, where the rest of it was rejected, or where
    an operator resolved it."""

    id: OrderId
    tenant_id: TenantId
    account_id: TradingAccountId
    venue_id: VenueId
    instrument_id: InstrumentId
    base_asset: str
    quote_asset: str
    is_inverse: bool = False
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    asked_quantity: Decimal
    quantity_type: QuantityType
    rounding: Rounding
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    position_id: PositionId | None = None
    quote_id: QuoteId | None = None
    leverage: int | None = None
    expire_at_ms: int | None = None
    expiry: Expiry | None = None
    trail: Trail | None = None
    client_order_id: str | None = None
    idempotency_key: str | None = None
    fingerprint: bytes | None = None
    status: OrderStatus = OrderStatus.CREATED
    reject_reason: str | None = None
    cancel_reason: str | None = None
    sent_id: str | None = None
    send_before_ms: int | None = None
    recorded_after_ms: int = 0
    venue_order_id: str | None = None
    former_venue_order_ids: tuple[str, ...] = ()
    doubt: Doubt | None = None
    in_doubt_since_ms: int | None = None
    stated_quantity: Decimal = ZERO
    stated_at_ms: int = 0
    trigger_stated_at_ms: int = 0
    quantity_stated_at_ms: int = 0
    cancel_refused_at_ms: int = 0
    closing: PendingClose | None = None
    executed_quantity: Decimal = ZERO
    executed_cost: Decimal = ZERO
    fees: tuple[Fee, ...] = ()
    executions: tuple[Execution, ...] = ()
    reservation: Reservation | None = None
    is_external: bool = False
    is_liquidation: bool = False
    created_at_ms: int
    updated_at_ms: int
    closed_at_ms: int | None = None
    version: int = 1

    @property
    def is_closed(self) -> bool:
        return self.status.is_closed

    @property
    def sent_time_in_force(self) -> TimeInForce:
        """The time in force with which the order is sent to its venue."""
        return self.time_in_force if self.expiry is None else TimeInForce.GTC

    def is_overdue(self, now_ms: int) -> bool:
        """Whether the platform has to expire the order now (our clock). An order whose cancel is recorded is not
        overdue."""
        is_pending = self.is_closed or self.status is OrderStatus.PENDING_CANCEL
        return self.expiry is Expiry.HERE and not is_pending and (self.expire_at_ms or 0) <= now_ms

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still be executed, in the instrument's units; 0 when closed."""
        return ZERO if self.is_closed else self.quantity - self.executed_quantity

    @property
    def executed_price(self) -> Decimal:
        """Average price of the executions (of an inverse contract the harmonic mean), 0 when there are none."""
        cost, quantity, is_inverse = self.executed_cost, self.executed_quantity, self.is_inverse
        return average_price_of(cost, quantity, is_inverse=is_inverse, inverse_places_max=MANY_COSTS_PLACES)

    @property
    def missing_quantity(self) -> Decimal:
        """The quantity that the venue states as executed and that is not booked yet."""
        return max(ZERO, self.stated_quantity - self.executed_quantity)

    @property
    def is_in_doubt(self) -> bool:
        """Whether the venue may have done something with the order that is not booked. False for a revoked order, which
        is not followed any more."""
        if self.status is OrderStatus.REVOKED:
            return False
        return self.doubt is not None or self.closing is not None or self.missing_quantity > 0

    @property
    def is_awaited(self) -> bool:
        """Whether the venue has to be asked about the order: it is in doubt, or its cancel is not confirmed. An order
        of which asking cannot show the state is awaited only while its cancel is not confirmed."""
        is_doubtful = self.is_in_doubt and self.doubt is not Doubt.UNDETERMINED
        return is_doubtful or self.status is OrderStatus.PENDING_CANCEL

    @property
    def is_acknowledged(self) -> bool:
        """Whether the venue has shown, by any report, that the order arrived there."""
        is_shown = self.venue_order_id is not None or self.executed_quantity > 0 or self.stated_quantity > 0
        is_answered = self.doubt is None and self.status is not OrderStatus.CREATED
        return is_shown or is_answered or self.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)

    def with_doubt_dated(self, now_ms: int) -> "Order":
        """Note when the doubt began, if it began since the order was dated last, and that it has ended, if it has. A
        fill, or another kind of doubt, does not change when the doubt began."""
        if self.is_in_doubt is (self.in_doubt_since_ms is not None):
            return self
        return evolve(self, in_doubt_since_ms=now_ms if self.is_in_doubt else None)

    # --- our own decisions, at our time

    def submitted(self, at_ms: int, send_before_ms: int, reservation: Reservation | None = None) -> "Order":
        """The intent and the lock are recorded, and the order is about to be sent. It is in doubt until the venue
        answers."""
        return self.moved(
            OrderStatus.SUBMITTED,
            at_ms,
            reservation=reservation,
            send_before_ms=send_before_ms,
            doubt=Doubt.UNANSWERED,
            in_doubt_since_ms=at_ms,
        )

    def revoked(self, at_ms: int) -> "Order":
        """The order is not followed any more. Its fate at the venue stays unknown."""
        return self if self.is_closed else self.moved(OrderStatus.REVOKED, at_ms, doubt=None, closing=None)

    def cancel_requested(self, at_ms: int) -> "Order":
        """A cancel is recorded and about to be sent."""
        return self if self.is_closed else self.moved(OrderStatus.PENDING_CANCEL, at_ms)

    def expiry_requested(self, at_ms: int) -> "Order":
        """The cancel by which the platform expires the order is recorded and about to be sent."""
        return self.moved(OrderStatus.PENDING_CANCEL, at_ms, expiry=Expiry.DUE)

    def expires_as(self, former: "Order", now_ms: int) -> "Order":
        """The platform has to expire this order, as it had to expire `former`, which is the same order at the venue."""
        changes = {"time_in_force": former.time_in_force, "expire_at_ms": former.expire_at_ms, "expiry": Expiry.HERE}
        return self.moved(self.status, now_ms, **changes)

    def resolved(self, status: OrderStatus, now_ms: int) -> "Order":
        """An operator found out the status, and all fills are booked: REJECTED (the order never arrived), CANCELED (it
        will not execute any more) or ACCEPTED (it works). An order that was executed in part did arrive: it ends as
        CANCELED where the operator said REJECTED. A closed order keeps its state."""
        if status is OrderStatus.ACCEPTED and self.executed_quantity > 0:
            status = OrderStatus.PARTIALLY_FILLED
        if status is OrderStatus.REJECTED and self.executed_quantity > 0:
            status = OrderStatus.CANCELED
        return self.moved(
            self.status if self.is_closed else status,
            now_ms,
            doubt=None,
            closing=None,
            stated_quantity=self.executed_quantity,
            expiry=self.expiry if status.is_closed else self.expiry and Expiry.HERE,
            reject_reason=RESOLVED_BY_OPERATOR if status is OrderStatus.REJECTED else self.reject_reason,
            cancel_reason=CancelReason.VENUE.value if status is OrderStatus.CANCELED else self.cancel_reason,
            closed_at_ms=now_ms if status is OrderStatus.CANCELED and not self.is_closed else self.closed_at_ms,
        )

    def withdrawn(self, reason: CancelReason, at_ms: int, now_ms: int) -> "Order":
        """The order ended here at `at_ms` (our clock), before any byte of it left. It expired if `reason` says so, or
        if the platform canceled it because it expired. The venue has stated nothing about it."""
        if self.is_closed:
            return self
        reason = CancelReason.EXPIRED if self.expiry is Expiry.DUE else reason
        status = OrderStatus.EXPIRED if reason is CancelReason.EXPIRED else OrderStatus.CANCELED
        ended = {"cancel_reason": reason.value, "closed_at_ms": at_ms, "doubt": None, "closing": None}
        return self.moved(status, now_ms, **ended)

    # --- the venue's claims; `now_ms` is our time, `at_ms` the venue's

    def known_as(self, venue_order_id: str | None, now_ms: int) -> "Order":
        """Record the venue's id of the order. The first id is taken from any report, a new one from a rename; the
        former id still identifies the order. A late report may name a former one, which changes nothing."""
        if venue_order_id in (None, self.venue_order_id, *self.former_venue_order_ids):
            return self
        if self.venue_order_id is None:
            return self.moved(self.status, now_ms, venue_order_id=venue_order_id)
        former = (*self.former_venue_order_ids, self.venue_order_id)
        return self.moved(self.status, now_ms, venue_order_id=venue_order_id, former_venue_order_ids=former)

    def once_known_as(self, former_id: str | None, now_ms: int) -> "Order":
        """Record an id that the venue gave the order before. It still identifies the order."""
        if former_id is None or former_id in (self.venue_order_id, *self.former_venue_order_ids):
            return self
        return self.moved(self.status, now_ms, former_venue_order_ids=(*self.former_venue_order_ids, former_id))

    def accepted(
        self, executed_quantity: Decimal, at_ms: int, now_ms: int, *, can_lower: bool = False, ends_doubt: bool = True
    ) -> "Order":
        """The venue has the order and states the quantity executed so far. That ends the doubt where it `ends_doubt`,
        unless the venue has reported the end of the order without the total executed quantity, which is then still
        unknown. `can_lower`: the quantity may be smaller than one that was stated earlier."""
        stated = self._stating(executed_quantity, at_ms, can_lower=can_lower)
        status = OrderStatus.ACCEPTED if self.status in (OrderStatus.CREATED, OrderStatus.SUBMITTED) else self.status
        doubt = None if ends_doubt and self.closing is None else self.doubt
        if (status, stated.stated_quantity, doubt) == (self.status, self.stated_quantity, self.doubt):
            return stated
        changed = stated.moved(status, now_ms, doubt=doubt)
        return changed if self.is_closed else changed._closed_if_complete(now_ms)

    def rejected(self, reason: str, now_ms: int) -> "Order":
        """The venue refused the order, with proof. If a part was executed before, the order ends as canceled instead,
        once the venue has stated how much was executed."""
        if self.is_closed:
            return self
        if self.executed_quantity > 0 or self.stated_quantity > 0:
            return self._ended(OrderStatus.CANCELED, CancelReason.VENUE, None, now_ms, now_ms)
        return self.moved(OrderStatus.REJECTED, now_ms, reject_reason=reason, doubt=None, closing=None)

    def refused_as_duplicate(self, now_ms: int) -> "Order":
        """The venue answered that it has an order under this order's `sent_id`: this one, or another."""
        if self.doubt is not Doubt.UNANSWERED or self.is_acknowledged:
            return self
        return self.moved(self.status, now_ms, doubt=Doubt.DUPLICATE)

    def undetermined(self, now_ms: int) -> "Order":
        """The venue was asked and cannot show how the order stands. Also an order that was acknowledged is in doubt
        then: its end was missed, and the venue has forgotten it. A closed order that is not in doubt stays as it is."""
        if self.doubt is Doubt.UNDETERMINED or (self.is_closed and not self.is_in_doubt):
            return self
        return self.moved(self.status, now_ms, doubt=Doubt.UNDETERMINED)

    def doubted(self, now_ms: int) -> "Order":
        """The venue has shown that the order does not stand as it is known here, and not how it stands."""
        return self.moved(self.status, now_ms, doubt=Doubt.UNANSWERED)

    def cancel_refused(self, now_ms: int) -> "Order":
        """The cancel had no effect and the order works on. It becomes PARTIALLY_FILLED if it has executions, else
        ACCEPTED if the venue has shown that it arrived, else SUBMITTED with an unknown outcome as before. An expiry is
        overdue again."""
        if self.status is not OrderStatus.PENDING_CANCEL:
            return self
        status = OrderStatus.ACCEPTED if self.is_acknowledged else OrderStatus.SUBMITTED
        return self.moved(
            OrderStatus.PARTIALLY_FILLED if self.executed_quantity > 0 else status,
            now_ms,
            expiry=self.expiry and Expiry.HERE,
        )

    def canceled(self, reason: CancelReason, executed_quantity: Decimal | None, at_ms: int, now_ms: int) -> "Order":
        """The venue canceled the order. This never overwrites another closed state. It is an expiry if the platform
        asked for it because the order expired."""
        if self.expiry is Expiry.DUE:
            return self.expired(executed_quantity, at_ms, now_ms)
        return self._ended(OrderStatus.CANCELED, reason, executed_quantity, at_ms, now_ms)

    def expired(self, executed_quantity: Decimal | None, at_ms: int, now_ms: int) -> "Order":
        """The order expired at the venue. Executions stay."""
        return self._ended(OrderStatus.EXPIRED, CancelReason.EXPIRED, executed_quantity, at_ms, now_ms)

    def amended(
        self, *, quantity: Decimal, limit_price: Decimal | None, at_ms: int, now_ms: int, has_ended: bool = False
    ) -> "Order":
        """The venue shows these terms for the order; None means that it states no limit price. An older status changes
        nothing, and no status makes an order smaller than its executed quantity. An order of which all is
        executed then is FILLED, unless it `has_ended` in another way, which the caller applies next.

        A closed order keeps its state. Only its quantity can change, and only to a larger one, so that the fills which
        follow can be booked."""
        if at_ms < self.stated_at_ms:
            return self
        stated = self if at_ms == self.stated_at_ms else evolve(self, stated_at_ms=at_ms)
        if self.is_closed:
            return stated if quantity <= self.quantity else stated.moved(self.status, now_ms, quantity=quantity)
        quantity = max(quantity, self.executed_quantity)
        limit_price = self.limit_price if limit_price is None else limit_price
        if (quantity, limit_price) == (self.quantity, self.limit_price):
            return stated
        is_filled = not has_ended and quantity == self.executed_quantity
        changed = stated.moved(
            OrderStatus.FILLED if is_filled else self.status,
            now_ms,
            quantity=quantity,
            limit_price=limit_price,
        )
        return changed._closed_if_complete(now_ms)

    def trigger_moved(self, stop_price: Decimal, at_ms: int, now_ms: int) -> "Order":
        """The venue shows this trigger, in an order status or because it moved. An older one changes nothing."""
        if self.is_closed or at_ms < self.trigger_stated_at_ms:
            return self
        stated = self if at_ms == self.trigger_stated_at_ms else evolve(self, trigger_stated_at_ms=at_ms)
        return stated if self.stop_price == stop_price else stated.moved(self.status, now_ms, stop_price=stop_price)

    def filled(self, execution: Execution, now_ms: int) -> "Order":
        """Book one fill. The caller has checked that it is new and belongs to the order."""
        return self._booked(
            (*self.executions, execution),
            self.executed_quantity + execution.quantity,
            self.executed_cost + execution.cost,
            add_fees(self.fees, execution.fees),
            now_ms,
        )

    def with_execution(self, execution: Execution, now_ms: int) -> "Order":
        """Replace the execution with the same id: it was corrected or busted, or its fee became known. If a filled
        order has less executed afterwards, it stays closed and counts as canceled by the venue."""
        executions = (*(known for known in self.executions if known.id != execution.id), execution)
        counted = [known for known in executions if not known.is_busted]
        fees: tuple[Fee, ...] = ()
        for known in counted:
            fees = add_fees(fees, known.fees)
        quantity = sum((known.quantity for known in counted), ZERO)
        stated = self.stated_quantity
        # The quantity was stated before the correction, and the execution was part of it.
        if execution.executed_at_ms <= self.quantity_stated_at_ms <= (execution.corrected_at_ms or 0):
            stated = max(ZERO, stated + quantity - self.executed_quantity)
        cost = sum((known.cost for known in counted), ZERO)
        changed = evolve(self, stated_quantity=stated)._booked(executions, quantity, cost, fees, now_ms)
        if self.status is OrderStatus.FILLED and quantity < self.executed_quantity:
            return evolve(changed, status=OrderStatus.CANCELED, cancel_reason=CancelReason.VENUE.value)
        return changed

    def _booked(
        self, executions: tuple[Execution, ...], quantity: Decimal, cost: Decimal, fees: tuple[Fee, ...], now_ms: int
    ) -> "Order":
        """Executions stay ordered by time, then trade id."""
        if len(executions) > 1:
            executions = tuple(sorted(executions, key=lambda e: e.sort_key))
        changed = self.moved(
            self._status_after_fill(quantity),
            now_ms,
            executed_quantity=quantity,
            executed_cost=cost,
            fees=fees,
            executions=executions,
        )
        return changed._closed_if_complete(now_ms)

    def _status_after_fill(self, executed_quantity: Decimal) -> OrderStatus:
        if self.is_closed:
            return self.status
        if executed_quantity == self.quantity:
            return OrderStatus.FILLED
        if self.status is OrderStatus.PENDING_CANCEL or executed_quantity == 0:
            return self.status
        return OrderStatus.PARTIALLY_FILLED

    def _ended(
        self, status: OrderStatus, reason: CancelReason, executed_quantity: Decimal | None, at_ms: int, now_ms: int
    ) -> "Order":
        """The venue reports the end of the order and the total executed quantity (None: it does not state the
        quantity). A total that says nothing (`_stating`) counts as not stated."""
        if executed_quantity is not None and executed_quantity > self.executed_quantity:
            executed_quantity = None if self._is_before_correction(at_ms) else executed_quantity
        stated = self if executed_quantity is None else self._stating(executed_quantity, at_ms, can_lower=True)
        is_restated = stated.stated_quantity != self.stated_quantity
        if self.is_closed:
            if not is_restated:
                return stated
            changed = stated.moved(self.status, now_ms)
            return changed if changed.missing_quantity > 0 else changed._closed_if_complete(now_ms)
        closing = self.closing or PendingClose(status, reason, at_ms)
        doubt = Doubt.UNANSWERED if executed_quantity is None else None
        if not is_restated and (closing, doubt) == (self.closing, self.doubt):
            return stated._closed_if_complete(now_ms)
        changed = stated.moved(self.status, now_ms, closing=closing, doubt=doubt)
        return changed._closed_if_complete(now_ms)

    def _stating(self, quantity: Decimal, at_ms: int, *, can_lower: bool) -> "Order":
        """The venue stated that this quantity was executed by `at_ms`. Executions that it took back later count no
        more. A larger quantity counts whatever its instant, because a fill may be missing; but one from before the
        correction of an execution says nothing, because that execution may have been larger then. A smaller quantity
        replaces an older one, where it `can_lower`."""
        if quantity > self.executed_quantity and self._is_before_correction(at_ms):
            return self
        counted = (each for each in self.executions if each.is_busted and each.executed_at_ms <= at_ms)
        taken_back = sum((each.quantity for each in counted if at_ms < (each.corrected_at_ms or 0)), ZERO)
        quantity = max(ZERO, quantity - taken_back)
        if quantity > self.stated_quantity or (can_lower and at_ms > self.quantity_stated_at_ms):
            return evolve(self, stated_quantity=quantity, quantity_stated_at_ms=at_ms)
        return self

    def _is_before_correction(self, at_ms: int) -> bool:
        """Whether an execution that counts was corrected after that instant, and happened before it."""
        counted = (each for each in self.executions if not each.is_busted)
        return any(each.executed_at_ms <= at_ms < (each.corrected_at_ms or 0) for each in counted)

    def _closed_if_complete(self, now_ms: int) -> "Order":
        """Close the order as the venue reported, but not before every fill that the venue counts is booked."""
        closing = self.closing
        if self.is_closed:
            return self if (closing, self.doubt) == (None, None) else evolve(self, closing=None, doubt=None)
        if closing is None or self.doubt is not None or self.missing_quantity > 0:
            return self
        return self.moved(
            closing.status,
            now_ms,
            closing=None,
            cancel_reason=closing.reason.value,
            closed_at_ms=closing.at_ms,
        )

    def moved(self, status: OrderStatus, now_ms: int, **changes: Any) -> "Order":
        """Return the next version of the order. The caller sees to it that it may come next."""
        updated_at_ms = max(self.updated_at_ms, now_ms)
        return evolve(self, status=status, updated_at_ms=updated_at_ms, version=self.version + 1, **changes)
