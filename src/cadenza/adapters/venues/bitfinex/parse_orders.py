"""Payloads about orders and executions, as reports.

An order keeps its id when its trigger is reached; its type changes then. How much of an order was executed follows from
its amounts, and counts only if its status lists an execution, because the documents do not say whether an amendment
changes both amounts.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.bitfinex import mapping
from cadenza.adapters.venues.bitfinex.models import NotificationFields, OrderFields, TradeFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
    Standing,
    accepted,
    ended,
    external,
    facts_of_ours,
    fees,
    positive,
    price_or_none,
    sane,
    status,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, Report

NEW, CHANGED, ENDED = "on", "ou", "oc"
"""The events of the account's channel that bring an order."""


def order_facts(row: OrderFields, scope: AccountScope, *, is_past: bool = False) -> OrderFacts:
    """Return the order as a message or an answer shows it. `is_past`: it is listed among those that have ended, where
    PARTIALLY FILLED says how the order ended. Raises `UnreadablePayload`."""
    end = mapping.ORDER_STATUSES.of(mapping.status_words(row.status))
    standing, reason = end.standing, end.reason
    if is_past and standing is Standing.WORKING:
        if not mapping.lists_execution(row.status):
            raise UnreadablePayload(f"an order that has ended is {row.status[:64]!r}")
        standing = Standing.CANCELED
    type, time_in_force = _terms(row)
    quantity, executed = _amounts(row)
    if standing is Standing.FILLED and executed != quantity:
        raise UnreadablePayload("an order is executed, and not all of it")
    if standing is Standing.CANCELED and reason is None and time_in_force is TimeInForce.IOC:
        reason = CancelReason.IOC_REMAINDER
    is_refused = standing is Standing.CANCELED and end.rejection is not None and not executed
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=row.updated_ms,
        instrument_id=scope.instrument(row.symbol).id,
        sent_id=scope.sent_id(row.cid),
        venue_order_id=str(row.id),
        side=_side(row.amount),
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        executed=executed,
        executed_price=price_or_none(row.average_price or ZERO),
        limit_price=_limit(row, type),
        stop_price=price_or_none(row.price or ZERO) if type in _TRIGGERED else None,
        expire_at_ms=row.tif_ms or None,
        placed_at_ms=row.created_ms or None,
        standing=Standing.REJECTED if is_refused else standing,
        expiry=reason,
        rejection=end.rejection or RejectReason.OTHER,
        is_liquidation=end.is_liquidation,
    )


_TRIGGERED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


def _terms(row: OrderFields) -> tuple[OrderType, TimeInForce]:
    type, time_in_force = mapping.ORDER_TYPES.of(row.type.removeprefix(mapping.ON_EXCHANGE))
    if type is OrderType.LIMIT and time_in_force is TimeInForce.GTC:
        if (row.flags or 0) & mapping.POST_ONLY:
            return type, TimeInForce.GTX
        if row.tif_ms:
            return type, TimeInForce.GTD
    return type, time_in_force


def _amounts(row: OrderFields) -> tuple[Decimal, Decimal]:
    """Return the quantity and what is executed of it."""
    left, asked = abs(sane(row.left)), abs(sane(row.amount))
    if not mapping.lists_execution(row.status):
        return positive(left or asked), ZERO
    if left > asked:
        raise UnreadablePayload("an order has more left than was asked for")
    return positive(asked), asked - left


def _limit(row: OrderFields, type: OrderType) -> Decimal | None:
    match type:
        case OrderType.LIMIT:
            return price_or_none(row.price or ZERO)
        case OrderType.STOP_LIMIT:
            return price_or_none(row.aux_limit or ZERO)
        case _:
            return None


def _side(amount: Decimal) -> Side:
    if not amount:
        raise UnreadablePayload("an order or execution has no amount")
    return Side.BUY if amount > 0 else Side.SELL


def order_news(event: str, row: OrderFields, scope: AccountScope) -> Report:
    """Return what a message about an order says. Its executions have messages of their own. Raises
    `UnreadablePayload`, also when event and status contradict each other."""
    facts = order_facts(row, scope)
    if facts.is_working is (event == ENDED):
        raise UnreadablePayload(f"a message {event} says that the order is {row.status[:64]!r}")
    if event == NEW:
        return external(facts)
    return status(facts) if facts.is_working else end_report(facts)


def end_report(facts: OrderFacts) -> Report:
    """Return how an order that has ended did."""
    return status(facts) if facts.is_refused or facts.standing is Standing.FILLED else ended(facts)


def fill_report(row: TradeFields, scope: AccountScope) -> FillReport:
    """Return an execution. Raises `UnreadablePayload`."""
    fee = sane(row.fee or ZERO)
    return FillReport(
        account_id=scope.account_id,
        at_ms=row.at_ms,
        instrument_id=scope.instrument(row.symbol).id,
        sent_id=scope.sent_id(row.cid),
        venue_order_id=str(row.order_id),
        trade_id=str(row.id),
        side=_side(row.amount),
        price=positive(row.price),
        quantity=positive(abs(row.amount)),
        fees=fees(row.fee_currency and scope.asset(row.fee_currency), -fee),
        liquidity=mapping.LIQUIDITY.of(str(row.maker)),
    )


def own_fill(row: TradeFields, scope: AccountScope) -> FillReport | None:
    """Return an execution of any account; None when it is not of ours. Raises `UnreadablePayload`."""
    if row.order_type is None:
        raise UnreadablePayload("an execution does not say of which type its order is")
    return fill_report(row, scope) if scope.covers_order(row.symbol, row.order_type) else None


def placed_reports(body: bytes, order: Order, scope: AccountScope) -> list[Report]:
    """Return the reply to our own new order: that the venue has it, and its end if it has ended. Executions come over
    the stream. Raises `UnreadablePayload` when the reply is about another order, or about more than one."""
    rows = notified_orders(decode(NotificationFields, body))
    if len(rows) != 1:
        raise UnreadablePayload(f"the reply is about {len(rows)} orders")
    facts = facts_of_ours(order_facts(rows[0], scope), order)
    if facts.is_refused:
        return [status(facts)]
    return [accepted(facts)] if facts.is_working else [accepted(facts), end_report(facts)]


def notified_orders(notification: NotificationFields) -> Sequence[OrderFields]:
    """Return the orders that a notification is about: a list of them, or one by itself. Raises `UnreadablePayload`."""
    parts = decode(list[msgspec.Raw], notification.data)
    if parts and bytes(parts[0]).lstrip().startswith(b"["):
        return [decode(OrderFields, part) for part in parts]
    return [decode(OrderFields, notification.data)]
