"""Payloads about orders and executions, as reports.

An order of the algo service (a stop, a take profit) lives under an id of its own. When it is triggered, the matching
engine gets another order, which names the algo order that it was. Here the two are one order that gets a new id. Ids of
the algo service begin with `algo-`, so that they never equal those of the matching engine.

An algo order that closes a whole position has no quantity, and the size of one that buys for an amount is of the quote
asset. Neither is reported before it is triggered: how much they trade is not known until then.
"""

from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
    Standing,
    ended,
    external,
    fees,
    positive,
    price_or_none,
    renamed,
    status,
)
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.mapping import AlgoStanding
from cadenza.adapters.venues.okx.models import (
    OkxAlgoOrder,
    OkxFill,
    OkxOrder,
    OkxOrderRow,
    amount,
    instant,
    number,
)
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import AcceptedReport, FillReport, Report

# --- orders of the matching engine


def order_news(row: OkxOrder, scope: AccountScope) -> tuple[Report, ...]:
    """Return what a push of the `orders` channel says, its rename first. Its first execution is announced as the order
    that it is of, because a push of the acceptance alone may have been left out."""
    facts = facts_of_order(row, scope)
    fill = _fill_of_push(row, facts, scope)
    return (*renamed(facts), *(_news_without_fill(row, facts) if fill is None else _news_of_fill(row, facts, fill)))


def _news_of_fill(row: OkxOrder, facts: OrderFacts, fill: FillReport) -> tuple[Report, ...]:
    before = facts.executed - fill.quantity
    if _is_in_quote(row):  # the order is as large as what it has executed
        return external(facts, before), status(facts), fill
    first = (external(facts, before),) if before == 0 or facts.is_liquidation else ()
    if facts.is_working:
        return *first, fill
    return *first, fill, status(facts) if facts.standing is Standing.FILLED else ended(facts)


def _news_without_fill(row: OkxOrder, facts: OrderFacts) -> tuple[Report, ...]:
    if facts.is_working and not row.amend_result and not facts.executed:
        return (external(facts),) if facts.quantity else ()
    if facts.is_working or facts.is_refused or facts.standing is Standing.FILLED:
        return (status(facts),)
    return (ended(facts),)


def end_report(facts: OrderFacts) -> Report:
    """Return how an order that has ended did."""
    return status(facts) if facts.is_refused or facts.standing is Standing.FILLED else ended(facts)


def facts_of_order(row: OkxOrder, scope: AccountScope) -> OrderFacts:
    """Return the order as a push or an answer shows it. Raises `UnreadablePayload`."""
    size = scope.instrument(row.instrument).contract_size
    type, time_in_force = mapping.ORDER_TERMS.of(row.type)
    executed = amount(row.executed) * size
    quantity = executed if _is_in_quote(row) else amount(row.size) * size
    standing, reason = _end_of(row, executed, quantity, time_in_force)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=_at(row.updated),
        instrument_id=scope.instrument(row.instrument).id,
        sent_id=(row.algo_client_order_id if row.algo_id else row.client_order_id) or None,
        venue_order_id=row.order_id,
        former_venue_order_id=f"{mapping.ALGO_PREFIX}{row.algo_id}" if row.algo_id else None,
        side=mapping.SIDES.of(row.side),
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        executed=executed,
        executed_price=price_or_none(amount(row.average_price)),
        limit_price=None if type is OrderType.MARKET else price_or_none(amount(row.price)),
        placed_at_ms=_at(row.created),
        standing=standing,
        expiry=reason,
        rejection=RejectReason.POST_ONLY_WOULD_TAKE if standing is Standing.REJECTED else RejectReason.OTHER,
        is_liquidation=mapping.LIQUIDATIONS.of(row.category),
    )


def _end_of(
    row: OkxOrder, executed: Decimal, quantity: Decimal, time_in_force: TimeInForce
) -> tuple[Standing, CancelReason | None]:
    """How the order stands, and why it ended. A market order may end as `filled` with a rest that was not executed."""
    standing = mapping.ORDER_STATES.of(row.state)
    if standing is Standing.FILLED and executed < quantity:
        if time_in_force is not TimeInForce.IOC:
            raise UnreadablePayload("an order is filled, and not all of it is executed")
        return Standing.CANCELED, CancelReason.IOC_REMAINDER
    if standing is not Standing.CANCELED:
        return standing, None
    reason = mapping.CANCEL_SOURCES.of(row.cancel_source)
    if row.cancel_source == mapping.WOULD_TAKE and not executed:
        return Standing.REJECTED, None
    return standing, reason


def _is_in_quote(row: OkxOrder) -> bool:
    """Whether the size is an amount of the quote asset, as of a market order that buys for so much."""
    return row.type == mapping.MARKET and row.size_currency == mapping.IN_QUOTE


def _fill_of_push(row: OkxOrder, facts: OrderFacts, scope: AccountScope) -> FillReport | None:
    if not row.trade_id or not amount(row.fill_size):
        return None
    return FillReport(
        **replace(facts, at_ms=instant(row.fill_at) or facts.at_ms).named,
        trade_id=row.trade_id,
        side=facts.side,
        price=positive(amount(row.fill_price)),
        quantity=positive(amount(row.fill_size)) * scope.instrument(row.instrument).contract_size,
        fees=fees(row.fill_fee_asset, -amount(row.fill_fee)),
        liquidity=mapping.LIQUIDITY.of(row.liquidity),
        position_side=position_row(row.position_side),
    )


def fill_report(row: OkxFill, scope: AccountScope) -> FillReport:
    """Return an execution of the account's history. It is named by the number of its order, because our id may have
    been taken again."""
    instrument = scope.instrument(row.instrument)
    return FillReport(
        account_id=scope.account_id,
        at_ms=instant(row.filled) or _at(row.at),
        instrument_id=instrument.id,
        venue_order_id=row.order_id,
        trade_id=row.trade_id,
        side=mapping.SIDES.of(row.side),
        price=positive(amount(row.price)),
        quantity=positive(amount(row.size)) * instrument.contract_size,
        fees=fees(row.fee_asset, -amount(row.fee)),
        liquidity=mapping.LIQUIDITY.of(row.liquidity),
        position_side=position_row(row.position_side),
    )


def position_row(text: str) -> PositionSide | None:
    """The row of a hedged position; None where positions are netted, as there is one row only."""
    side = mapping.POSITION_SIDES.of(text)
    return None if side is PositionSide.NET else side


def accepted_report(row: OkxOrderRow, order: Order, at_ms: int) -> AcceptedReport:
    """Return the reply to our own new order, which says that the venue has it, and no more. Raises `UnreadablePayload`
    when the reply is about another order."""
    stated = row.algo_client_order_id if row.algo_id else row.client_order_id
    if not (row.order_id or row.algo_id) or stated not in ("", order.sent_id):
        raise UnreadablePayload("the reply is about another order, or names none")
    return AcceptedReport(
        **names_of(order),
        at_ms=instant(row.at) or at_ms,
        venue_order_id=f"{mapping.ALGO_PREFIX}{row.algo_id}" if row.algo_id else row.order_id,
        executed_quantity=ZERO,
    )


# --- orders of the algo service


def algo_news(row: OkxAlgoOrder, scope: AccountScope) -> tuple[Report, ...]:
    """Return what a push of an algo channel says. What the order has become has news of its own."""
    facts = facts_of_algo(row, scope)
    if facts is None:
        return ()
    match mapping.ALGO_STATES.of(row.state):
        case AlgoStanding.WORKING:
            return (external(facts),)
        case AlgoStanding.EFFECTIVE:
            return renamed(facts)
        case AlgoStanding.CANCELED:
            return (ended(facts),)
        case AlgoStanding.FAILED:
            return (status(facts),)


def became(row: OkxAlgoOrder) -> str | None:
    """Return the number of the order that an algo order has become; None when it was not triggered."""
    numbers = [row.order_id, *row.order_ids]
    return next((each for each in numbers if each not in ("", "0")), None)


def facts_of_algo(row: OkxAlgoOrder, scope: AccountScope) -> OrderFacts | None:
    """Return an algo order as a push or an answer shows it; None for one without a quantity in our units. One that was
    triggered works, under its new number, as far as this payload says."""
    size = scope.instrument(row.instrument).contract_size
    quantity = number(row.size)
    if not quantity:
        return None
    standing = mapping.ALGO_STATES.of(row.state)
    type, trigger, limit = _terms_of_algo(row)
    if limit is None and row.size_currency == mapping.IN_QUOTE:
        return None
    number_now, own_number = became(row), f"{mapping.ALGO_PREFIX}{row.algo_id}"
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=instant(row.updated) or _at(row.created),
        instrument_id=scope.instrument(row.instrument).id,
        sent_id=row.algo_client_order_id or None,
        venue_order_id=own_number if number_now is None else number_now,
        former_venue_order_id=None if number_now is None else own_number,
        side=mapping.SIDES.of(row.side),
        type=type,
        time_in_force=TimeInForce.GTC,
        quantity=quantity * size,
        executed=ZERO,
        limit_price=limit,
        stop_price=trigger,
        placed_at_ms=_at(row.created),
        standing=_STANDINGS[standing],
    )


_STANDINGS = {
    AlgoStanding.WORKING: Standing.WORKING,
    AlgoStanding.EFFECTIVE: Standing.WORKING,
    AlgoStanding.CANCELED: Standing.CANCELED,
    AlgoStanding.FAILED: Standing.REJECTED,
}


def _terms_of_algo(row: OkxAlgoOrder) -> tuple[OrderType, Decimal | None, Decimal | None]:
    """Our type, the trigger and the limit price. Raises `UnreadablePayload` for what is not one order."""
    match row.type:
        case mapping.TRIGGER:
            limit = _limit(row.order_price)
            type = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
            return type, positive(amount(row.trigger_price)), limit
        case mapping.CONDITIONAL if bool(row.stop_trigger) is not bool(row.profit_trigger):
            is_stop = bool(row.stop_trigger)
            limit = _limit(row.stop_price if is_stop else row.profit_price)
            types = _STOP_LOSSES if is_stop else _TAKE_PROFITS
            return types[limit is not None], positive(amount(row.stop_trigger or row.profit_trigger)), limit
        case mapping.TRAILING:
            return OrderType.TRAILING_STOP, price_or_none(amount(row.moving_trigger)), None
        case _:
            raise UnreadablePayload(f"an algo order of type {row.type[:32]!r} is not one order")


_STOP_LOSSES = {False: OrderType.STOP_LOSS, True: OrderType.STOP_LOSS_LIMIT}
_TAKE_PROFITS = {False: OrderType.TAKE_PROFIT, True: OrderType.TAKE_PROFIT_LIMIT}


def _limit(text: str) -> Decimal | None:
    return None if text in ("", mapping.AT_MARKET) else positive(amount(text))


def _at(text: str) -> int:
    found = instant(text)
    if found is None:
        raise UnreadablePayload("a payload has no instant")
    return found
