"""Trailing stops that the platform holds, because their venue has none in our sense.

The rule is that of the simulated exchange (docs/concepts/matching.md). The distance is |reference - trigger| at
acceptance. The reference is the last public trade; before any, it is the best price of the other side. A public trade
that is farther from the trigger than the distance moves the trigger: up for SELL, down for BUY, never back. A public
trade at the trigger or through it releases the order, which is then sent as a MARKET order.

A held order is ACCEPTED, and its venue does not know it. So the venue is not asked about it, and its end is decided
here. Once it is released it is SUBMITTED and in doubt, like every order that is about to be sent.
"""

from decimal import Decimal

from cadenza.domain.errors import NoMarketPrice
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.held import is_held
from cadenza.domain.trading.order import Doubt, Expiry, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    NotSentReport,
    OrderReport,
    OrderStatusReport,
    RejectedReport,
    UndeterminedOutcomeReport,
)
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trail import Trail, is_reached, reference_of

_SHOWING = (AcceptedReport, ExternalOrderReport, OrderStatusReport, FillReport, CanceledReport, ExpiredReport)
"""Reports that show that an order arrived at its venue."""


def hold(order: Order, state: TradingState) -> Order:
    """Return a new order as held, or as REJECTED when its trigger is reached already. Raises `NoMarketPrice` when there
    is no fresh price to measure its distance by."""
    price, now_ms = reference_of(state.world.top(order.instrument_id), order.side), state.world.now_ms
    if price is None:
        raise NoMarketPrice(f"there is no fresh price of {order.instrument_id} to measure the stop's distance by")
    assert order.stop_price is not None  # a trailing stop has one
    if is_reached(order.side, order.stop_price, price):
        return order.rejected(RejectReason.STOP_WOULD_TRIGGER.value, now_ms)
    trail = Trail(distance=abs(price - order.stop_price))
    return order.moved(OrderStatus.ACCEPTED, now_ms, trail=trail)


def decide_move(state: TradingState, order_id: OrderId, trigger: Decimal) -> bool:
    """Record a moved trigger. Return whether the order is still held. A trigger never moves back."""
    order = state.order(order_id)
    if order is None or not is_held(order):
        return False
    better = _with_trigger(order, trigger)
    if better is not order:
        state.put_order(better.moved(better.status, state.world.now_ms))
    return True


def decide_release(state: TradingState, order_id: OrderId, trigger: Decimal, released_at_ms: int) -> Order | None:
    """Record that the order is about to be sent, with the trigger that was reached. None when it is not held any more:
    it was canceled, it expired, or it was released before. Then nothing may be sent.

    `released_at_ms` (our clock) names the release. The caller chooses it before it commits, another one for each
    release, and sends the order once. So if this very release is recorded and the order still waits to be sent, the
    reply to an earlier commit was lost, and the order is returned."""
    order = state.order(order_id)
    if order is None or not is_held(order):
        return order if order is not None and _waits_to_be_sent(order, released_at_ms) else None
    account, now_ms = state.account(order.account_id), state.world.now_ms
    account.require_connected()
    send_before_ms = now_ms + state.spec_of(account).send_within_ms
    if order.expire_at_ms is not None:
        send_before_ms = min(send_before_ms, order.expire_at_ms)
    assert order.trail is not None
    released = _with_trigger(order, trigger).moved(
        OrderStatus.SUBMITTED,
        now_ms,
        doubt=Doubt.UNANSWERED,
        send_before_ms=send_before_ms,
        expiry=None,
        trail=Trail(distance=order.trail.distance, released_at_ms=released_at_ms),
    )
    state.put_order(released)
    return released


def expire_held(state: TradingState, order: Order) -> None:
    """End a held order whose time is over. The venue has nothing to cancel."""
    now_ms = state.world.now_ms
    state.put_order(release(state, order.withdrawn(CancelReason.EXPIRED, now_ms, now_ms)))


def not_sent(order: Order, cause: str, now_ms: int) -> Order:
    """It is proved that the order was not sent and will not be; `cause` says why. A released order is held again, any
    other one is REJECTED, and so is one that is being canceled."""
    trail = order.trail
    if trail is None or trail.released_at_ms is None or order.status is not OrderStatus.SUBMITTED:
        reason = RejectReason.NOT_SENT.value
        return order.rejected(f"{reason}: {cause}" if cause else reason, now_ms)
    return order.moved(
        OrderStatus.ACCEPTED,
        now_ms,
        doubt=None,
        send_before_ms=None,
        expiry=None if order.expire_at_ms is None else Expiry.HERE,
        trail=Trail(distance=trail.distance),
    )


def met_at_venue(order: Order, report: OrderReport, now_ms: int) -> Order | None:
    """Return the order as a report about it finds it. A held order that its venue shows was released before, which a
    restored backup does not know. None when the report says nothing about the order: it is held, or the report is about
    an earlier release."""
    if _is_about_another_release(order, report):
        return None
    if not is_held(order):
        return order
    if not isinstance(report, _SHOWING):
        return None
    assert order.trail is not None
    trail = Trail(distance=order.trail.distance, released_at_ms=now_ms)
    return order.moved(order.status, now_ms, expiry=None, trail=trail)


def _waits_to_be_sent(order: Order, released_at_ms: int) -> bool:
    is_this = order.trail is not None and order.trail.released_at_ms == released_at_ms
    is_untouched = order.status is OrderStatus.SUBMITTED and order.doubt is Doubt.UNANSWERED
    return is_this and is_untouched and not order.is_acknowledged


def _is_about_another_release(order: Order, report: OrderReport) -> bool:
    if order.trail is None:
        return False
    match report:
        case NotSentReport(recorded_at_ms=at_ms):
            return at_ms != order.trail.released_at_ms
        case RejectedReport(recorded_at_ms=at_ms) | UndeterminedOutcomeReport(recorded_at_ms=at_ms):
            return at_ms is not None and at_ms != order.trail.released_at_ms
        case _:
            return False


def _with_trigger(order: Order, trigger: Decimal) -> Order:
    assert order.stop_price is not None
    is_better = trigger < order.stop_price if order.side is Side.BUY else trigger > order.stop_price
    return evolve(order, stop_price=trigger) if is_better else order
