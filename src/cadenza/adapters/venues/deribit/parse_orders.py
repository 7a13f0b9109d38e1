"""Payloads about orders and executions, as reports.

A trigger order (a stop, a take profit) lives under an id of its own. When it is triggered, the venue makes another
order, which names the trigger order that it was. Here the two are one order that gets a new id.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import OrderRow, PlacementResult, UserTrade, price_of
from cadenza.adapters.venues.deribit.parse import AccountScope
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
    renamed,
    sane,
    status,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, Report

DAY_MS, DAY_ENDS_MS = 86_400_000, 28_800_000
"""The venue's day ends at 08:00 UTC."""


def is_triggered(row: OrderRow) -> bool:
    """Whether the row is about a trigger order that has become another order."""
    return row.state == mapping.TRIGGERED


def order_facts(row: OrderRow, scope: AccountScope) -> OrderFacts:
    """Return the order as a push or an answer shows it. Raises `UnreadablePayload`."""
    type, time_in_force = _terms(row)
    quantity, executed = positive(row.amount), sane(row.filled)
    if not 0 <= executed <= quantity:
        raise UnreadablePayload("an order has executed more than its amount")
    standing = mapping.ORDER_STATES.of(row.state)
    if standing is Standing.FILLED and executed != quantity:
        raise UnreadablePayload("an order is filled, and not all of it is executed")
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=row.updated_ms,
        instrument_id=scope.instrument(row.instrument).id,
        sent_id=row.label or None,
        venue_order_id=row.id,
        former_venue_order_id=row.trigger_order_id or None,
        side=mapping.SIDES.of(row.direction),
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        executed=executed,
        executed_price=price_or_none(row.average_price or ZERO),
        limit_price=None if type in _WITHOUT_LIMIT else price_of(row.price),
        stop_price=None if row.trigger_price is None else price_or_none(row.trigger_price),
        expire_at_ms=_day_end(row.created_ms) if time_in_force is TimeInForce.GTD else None,
        placed_at_ms=row.created_ms,
        standing=standing,
        expiry=_reason(row, time_in_force) if standing is Standing.CANCELED else None,
        is_liquidation=row.is_liquidation,
    )


_WITHOUT_LIMIT = frozenset({OrderType.MARKET, OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})


def _terms(row: OrderRow) -> tuple[OrderType, TimeInForce]:
    type, time_in_force = mapping.ORDER_TYPES.of(row.type), mapping.TIMES_IN_FORCE.of(row.time_in_force)
    if type is OrderType.MARKET:
        return type, TimeInForce.IOC
    if type is OrderType.LIMIT and row.is_post_only and time_in_force is TimeInForce.GTC:
        return type, TimeInForce.GTX
    return type, time_in_force


def _reason(row: OrderRow, time_in_force: TimeInForce) -> CancelReason | None:
    """Why an order ended without being filled; None where its own time had come. The venue gives no reason for an order
    that its time in force ended."""
    if row.cancel_reason:
        return mapping.CANCEL_REASONS.of(row.cancel_reason)
    match time_in_force:
        case TimeInForce.IOC:
            return CancelReason.IOC_REMAINDER
        case TimeInForce.FOK:
            return CancelReason.FOK_NOT_FILLABLE
        case TimeInForce.GTD:
            return None
        case _:
            return CancelReason.VENUE


def _day_end(placed_ms: int) -> int:
    """Return when the venue's day ended that held an instant."""
    return ((placed_ms - DAY_ENDS_MS) // DAY_MS + 1) * DAY_MS + DAY_ENDS_MS


def fill_report(row: UserTrade, scope: AccountScope) -> FillReport:
    """Return an execution of the account. It is named by the venue's id of its order, because a label is not unique.
    Raises `UnreadablePayload`."""
    return FillReport(
        account_id=scope.account_id,
        at_ms=row.at_ms,
        instrument_id=scope.instrument(row.instrument).id,
        venue_order_id=row.order_id,
        trade_id=row.id,
        side=mapping.SIDES.of(row.direction),
        price=positive(row.price),
        quantity=positive(row.amount),
        fees=fees(row.fee_currency, sane(row.fee)),
        liquidity=mapping.LIQUIDITY.of(row.liquidity),
    )


def end_report(facts: OrderFacts) -> Report:
    """Return how an order that has ended did."""
    return status(facts) if facts.is_refused or facts.standing is Standing.FILLED else ended(facts)


def order_news(row: OrderRow, facts: OrderFacts, fills: Sequence[FillReport]) -> tuple[Report, ...]:
    """Return what a message says of an order with the executions that it brings, its rename first. The first execution
    is announced as the order that it is of."""
    executed = sum((fill.quantity for fill in fills), ZERO)
    before = max(facts.executed - executed, ZERO)
    rename = renamed(facts)
    if not fills:
        is_new = facts.is_working and not facts.executed and not row.is_replaced
        return (*rename, external(facts) if is_new else status(facts) if facts.is_working else end_report(facts))
    first = (external(facts, before),) if not before or facts.is_liquidation else ()
    last = () if facts.is_working else (end_report(facts),)
    return (*rename, *first, *fills, *last)


def placed_reports(result: msgspec.Raw, order: Order, scope: AccountScope) -> list[Report]:
    """Return the reply to our own new order: that the venue has it, its first executions, and its end if it has ended.
    Raises `UnreadablePayload` when the reply is about another order."""
    placed = decode(PlacementResult, result)
    facts = facts_of_ours(order_facts(decode(OrderRow, placed.order), scope), order)
    if facts.is_refused:
        return [status(facts)]
    fills = [fill_report(decode(UserTrade, trade), scope) for trade in placed.trades]
    if any(fill.venue_order_id != facts.venue_order_id for fill in fills):
        raise UnreadablePayload("the reply has an execution of another order")
    named = [replace(fill, order_id=order.id, sent_id=order.sent_id) for fill in fills]
    stated = sum((fill.quantity for fill in fills), ZERO)
    begun = accepted(replace(facts, executed=ZERO))
    if not facts.is_working:
        return [begun, *named, end_report(facts)]
    return [begun, *named] if stated == facts.executed else [begun, *named, status(facts)]
