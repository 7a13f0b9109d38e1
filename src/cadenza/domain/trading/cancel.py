"""The decision about a cancel."""

from dataclasses import dataclass

from cadenza.domain.errors import OrderAlreadyClosed, OrderNotFound
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.held import is_held
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.state import TradingState


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The order, and whether the venue must be asked. False when the order is canceled already, or was held here."""

    order: Order
    must_ask: bool


def decide_cancel(state: TradingState, account_id: TradingAccountId, order_id: OrderId) -> Cancellation:
    """Record the request to cancel. Idempotent: a canceled order is returned as it is. An order that closed in another
    way is refused (`OrderAlreadyClosed`). A disabled account may still cancel; an archived one may not. An order that
    the platform holds is canceled by this decision alone, because its venue does not know it.
    """
    account = state.account(account_id)
    order = state.order(order_id)
    if order is None or order.account_id != account_id:
        raise OrderNotFound("there is no such order in the trading account")
    if order.status is OrderStatus.CANCELED:
        return Cancellation(order, must_ask=False)
    if order.is_closed:
        raise OrderAlreadyClosed(f"the order is closed: {order.status.value}", {"order": order})
    account.require_connected()
    now_ms = state.world.now_ms
    if is_held(order):
        order = release(state, order.withdrawn(CancelReason.USER, now_ms, now_ms))
        state.put_order(order)
        return Cancellation(order, must_ask=False)
    if order.status is not OrderStatus.PENDING_CANCEL:
        order = order.cancel_requested(now_ms)
        state.put_order(order)
    return Cancellation(order, must_ask=True)
