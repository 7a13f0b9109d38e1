"""Payloads of BINANCE spot and cross margin, as reports.

An event of the user stream names an order by `c`, but a canceled or amended one by `C`: `c` is then the id of the
cancel. An execution without a counterparty on the book has no trade id; its allocation id stands in.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from cadenza.adapters.venues.binance import mapping
from cadenza.adapters.venues.binance.mapping import OrderNews
from cadenza.adapters.venues.binance.models import (
    NO_TRADE,
    AccountPositionEvent,
    BinanceEventName,
    BinanceMarginAccount,
    BinanceSpotAccount,
    BinanceSpotFill,
    BinanceSpotOrder,
    BinanceSpotTrade,
    BinanceUserFrame,
    ExecutionReport,
)
from cadenza.adapters.venues.binance.parse import AccountScope, UserNews
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
    rejected,
    sane,
    status,
)
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, average_price
from cadenza.domain.trading.enums import LiquiditySide
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import BalanceReport, FillReport, Report

ALLOCATION_PREFIX = "allocation-"
"""Trade ids of executions that have an allocation id only begin so: the two count separately."""

_SILENT_EVENTS = frozenset({"listStatus"})
"""Events that say nothing of their own: each order of a list has its own reports."""

_DELTA_EVENTS = frozenset({"balanceUpdate", "externalLockUpdate"})
"""Events that state a difference. There is no arithmetic between two words of the venue, so the account is read."""

_CLOSING_EVENTS = frozenset({"eventStreamTerminated", "serverShutdown"})


# --- the user stream


def user_news(frame: bytes | str, scope: AccountScope, account: AccountType) -> UserNews:
    """Read one message of the user stream. Raises `UnreadablePayload`; a message of a kind that is not known is one."""
    wrapped = decode(BinanceUserFrame, frame).event
    event = wrapped if bytes(wrapped) else frame
    name = decode(BinanceEventName, event).event
    if name == "executionReport":
        return UserNews(reports=order_news(decode(ExecutionReport, event), scope))
    if name == "outboundAccountPosition":
        return _balance_news(decode(AccountPositionEvent, event), scope, account)
    if name in _DELTA_EVENTS:
        return UserNews(wants_snapshot=True)
    if name in _CLOSING_EVENTS:
        return UserNews(is_stream_over=True)
    if name in _SILENT_EVENTS:
        return UserNews()
    raise UnknownMember("user event", name)


def order_news(event: ExecutionReport, scope: AccountScope) -> tuple[Report, ...]:
    """Return what an `executionReport` says. A filled order is stated whole after its last fill, so that a fill which
    was missed before is noticed."""
    facts = facts_of_event(event, scope)
    match mapping.SPOT_EXECUTION_TYPES.of(event.execution_type):
        case OrderNews.NEW:
            return (external(facts),) if facts.quantity else ()
        case OrderNews.TRADE:
            return _trade_news(event, facts)
        case OrderNews.CANCELED | OrderNews.EXPIRED:
            return (ended(facts),)
        case OrderNews.PREVENTED:
            return (status(facts) if facts.is_working else ended(facts),)
        case OrderNews.REJECTED:
            return (rejected(facts, mapping.SPOT_REJECT_REASONS.of(event.reject_reason)),)
        case OrderNews.AMENDED | OrderNews.CALCULATED:
            return (status(facts),)


def _trade_news(event: ExecutionReport, facts: OrderFacts) -> tuple[Report, ...]:
    fill = FillReport(
        **facts.named,
        trade_id=_trade_id(event.trade_id, event.allocation_id),
        side=facts.side,
        price=positive(event.last_price),
        quantity=positive(event.last_quantity),
        fees=fees(event.commission_asset, event.commission),
        liquidity=LiquiditySide.MAKER if event.is_maker else LiquiditySide.TAKER,
    )
    if not event.quantity:
        # A quantity in quote units only: the order is as large as what it has executed.
        return external(facts, facts.executed - fill.quantity), status(facts), fill
    return (fill, status(facts)) if facts.standing is Standing.FILLED else (fill,)


def _balance_news(event: AccountPositionEvent, scope: AccountScope, account: AccountType) -> UserNews:
    """The event does not state what is borrowed, so a margin account has to be read after it."""
    changed = tuple(
        _balance(scope, each.asset, each.free, each.locked, ZERO, event.updated_ms) for each in event.balances
    )
    if account is AccountType.SPOT:
        return UserNews(reports=changed)
    return UserNews(stated=changed, wants_margin=True)


def facts_of_event(event: ExecutionReport, scope: AccountScope) -> OrderFacts:
    """Return the order as an `executionReport` shows it."""
    type, time_in_force = mapping.spot_terms(
        event.type, event.time_in_force, is_trailing=event.trailing_delta is not None
    )
    news = mapping.SPOT_EXECUTION_TYPES.of(event.execution_type)
    is_renamed = news in (OrderNews.CANCELED, OrderNews.AMENDED) and event.original_client_order_id
    standing = mapping.SPOT_ORDER_STATUSES.of(event.status)
    quantity = sane(event.quantity) or sane(event.executed)
    if standing is Standing.WORKING:
        quantity -= sane(event.prevented)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=event.transaction_ms,
        instrument_id=scope.instrument_id(event.symbol),
        sent_id=(event.original_client_order_id if is_renamed else event.client_order_id) or None,
        venue_order_id=str(event.order_id),
        side=mapping.SIDES.of(event.side),
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        executed=sane(event.executed),
        executed_price=_average(event.executed_cost, event.executed),
        limit_price=price_or_none(event.price),
        stop_price=price_or_none(event.stop_price),
        standing=standing,
        expiry=None if event.expiry_reason is None else mapping.SPOT_EXPIRY_REASONS.of(event.expiry_reason),
    )


# --- replies


def submit_reports(reply: BinanceSpotOrder, scope: AccountScope, order: Order) -> tuple[Report, ...]:
    """Return the reply to our own new order (FULL): accepted, its fills, and its end if it has ended."""
    facts = _facts_of_ours(reply, scope, order)
    if facts.standing is Standing.REJECTED:
        return (rejected(facts, mapping.SPOT_REJECT_REASONS.of("NONE")),)
    fills = tuple(_fill_of_reply(fill, facts) for fill in reply.fills)
    if facts.standing in (Standing.WORKING, Standing.FILLED):
        return accepted(facts), *fills
    return accepted(facts), *fills, ended(facts)


def cancel_reports(reply: BinanceSpotOrder, scope: AccountScope, order: Order) -> tuple[Report, ...]:
    """Return the reply to our cancel, with how much was executed."""
    facts = _facts_of_ours(reply, scope, order)
    return (status(facts),) if facts.standing in (Standing.WORKING, Standing.FILLED) else (ended(facts),)


def cancel_all_reports(body: bytes, scope: AccountScope, orders: Sequence[Order]) -> tuple[Report, ...]:
    """Return what the list says of these orders. Other lines are about orders that were placed elsewhere, which the
    stream reports, or are lists of orders, which we do not place."""
    ours = {order.venue_order_id: order for order in orders}
    reports: list[Report] = []
    for line in decode_list(msgspec.Raw, body):
        try:
            reply = decode(BinanceSpotOrder, line)
            order = ours.get(str(reply.order_id))
            reports += () if order is None else cancel_reports(reply, scope, order)
        except UnreadablePayload:
            continue  # its order stays PENDING_CANCEL, and is asked about
    return tuple(reports)


def fill_report(trade: BinanceSpotTrade, scope: AccountScope) -> FillReport:
    """Return an execution of the account's history, which names its order by the venue's id only."""
    return FillReport(
        account_id=scope.account_id,
        at_ms=trade.time_ms,
        instrument_id=scope.instrument_id(trade.symbol),
        venue_order_id=str(trade.order_id),
        trade_id=_trade_id(trade.id, trade.allocation_id),
        side=Side.BUY if trade.is_buyer else Side.SELL,
        price=positive(trade.price),
        quantity=positive(trade.quantity),
        fees=fees(trade.commission_asset, trade.commission),
        liquidity=LiquiditySide.MAKER if trade.is_maker else LiquiditySide.TAKER,
    )


def spot_balances(account: BinanceSpotAccount, scope: AccountScope, as_of: int) -> tuple[BalanceReport, ...]:
    """Return the balances of a spot account, but those of nothing; a venue lists hundreds of them."""
    held = (each for each in account.balances if each.free or each.locked)
    return tuple(_balance(scope, each.asset, each.free, each.locked, ZERO, as_of) for each in held)


def margin_balances(account: BinanceMarginAccount, scope: AccountScope, as_of: int) -> tuple[BalanceReport, ...]:
    """Return the balances of the cross margin account, but those of nothing. Interest is owed like the loan."""
    held = (each for each in account.balances if each.free or each.locked or each.borrowed or each.interest)
    return tuple(
        _balance(scope, each.asset, each.free, each.locked, sane(each.borrowed) + sane(each.interest), as_of)
        for each in held
    )


def facts_of_order(reply: BinanceSpotOrder, scope: AccountScope) -> OrderFacts:
    """Return the order as a reply shows it. Raises `UnreadablePayload` for one without an instant."""
    at_ms = next((at for at in (reply.transact_ms, reply.updated_ms, reply.created_ms) if at is not None), None)
    if at_ms is None:
        raise UnreadablePayload("an order has no instant")
    type, time_in_force = mapping.spot_terms(
        reply.type, reply.time_in_force, is_trailing=reply.trailing_delta is not None
    )
    standing = mapping.SPOT_ORDER_STATUSES.of(reply.status)
    quantity = sane(reply.quantity) or sane(reply.executed)
    if standing is Standing.WORKING:
        quantity -= sane(reply.prevented)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=at_ms,
        instrument_id=scope.instrument_id(reply.symbol),
        sent_id=reply.original_client_order_id or reply.client_order_id or None,
        venue_order_id=str(reply.order_id),
        side=mapping.SIDES.of(reply.side),
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        executed=sane(reply.executed),
        executed_price=_average(reply.executed_cost, reply.executed),
        limit_price=price_or_none(reply.price),
        stop_price=price_or_none(reply.stop_price),
        standing=standing,
        expiry=None if reply.expiry_reason is None else mapping.SPOT_EXPIRY_REASONS.of(reply.expiry_reason),
    )


def _facts_of_ours(reply: BinanceSpotOrder, scope: AccountScope, order: Order) -> OrderFacts:
    """Raises `UnreadablePayload` when the reply is about another order."""
    return facts_of_ours(facts_of_order(reply, scope), order)


def _fill_of_reply(fill: BinanceSpotFill, facts: OrderFacts) -> FillReport:
    """What a new order executes at once, it takes."""
    return FillReport(
        **facts.named,
        trade_id=_trade_id(fill.trade_id, fill.allocation_id),
        side=facts.side,
        price=positive(fill.price),
        quantity=positive(fill.quantity),
        fees=fees(fill.commission_asset, fill.commission),
        liquidity=LiquiditySide.TAKER,
    )


def _trade_id(trade_id: int, allocation_id: int | None) -> str:
    if trade_id != NO_TRADE:
        return str(trade_id)
    if allocation_id is None:
        raise UnreadablePayload("an execution has neither a trade id nor an allocation id")
    return f"{ALLOCATION_PREFIX}{allocation_id}"


def _average(cost: Decimal, quantity: Decimal) -> Decimal | None:
    """A negative cost says that the venue does not know it (any more)."""
    return average_price(sane(cost), quantity) if quantity and cost > 0 else None


def _balance(
    scope: AccountScope, asset: str, free: Decimal, locked: Decimal, borrowed: Decimal, as_of: int
) -> BalanceReport:
    return BalanceReport(
        account_id=scope.account_id,
        at_ms=as_of,
        asset=asset,
        total=sane(free) + sane(locked),
        locked=locked,
        borrowed=borrowed,
        as_of=as_of,
    )
