"""Payloads of BINANCE USD-M futures, as reports.

A conditional order (a stop, a take-profit, a trailing stop) lives in the algo service under an id of its own. When it
is triggered, the matching engine gets another order, with another client id and an id from another sequence. Here the
two are one order that gets a new id: `AlgoUpdate` says which. Ids of the algo service begin with `algo-`, so that they
never equal those of the matching engine.

A conditional order that closes a whole position has no quantity; it is not reported before it is triggered.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from cadenza.adapters.venues.binance import mapping
from cadenza.adapters.venues.binance.mapping import AlgoStanding, OrderNews
from cadenza.adapters.venues.binance.models import (
    BinanceEventName,
)
from cadenza.adapters.venues.binance.models_usdm import (
    AccountConfigUpdate,
    AccountUpdate,
    AlgoOrder,
    AlgoUpdate,
    AlgoUpdateEvent,
    ChangedPosition,
    OrderTradeUpdate,
    OrderUpdate,
    UsdmAccount,
    UsdmOrder,
    UsdmPosition,
    UsdmTrade,
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
    renamed,
    sane,
    status,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.enums import OrderType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    FillReport,
    PositionReport,
    RejectedReport,
    Report,
)

LIQUIDATION_PREFIXES = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
"""Client ids of orders by which the venue closes positions: liquidation, auto-deleveraging, settlement, delivery."""

_SILENT_EVENTS = frozenset(
    {
        "TRADE_LITE",  # the same execution comes with its fee in ORDER_TRADE_UPDATE
        "MARGIN_CALL",
        "STRATEGY_UPDATE",
        "GRID_UPDATE",
        "CONDITIONAL_ORDER_TRIGGER_REJECT",
    }
)

_CLOSING_EVENTS = frozenset({"listenKeyExpired", "serverShutdown"})

Leverages = Mapping[str, int]
"""The account's leverage by symbol, as the venue stated it last."""

NO_LEVERAGES: Leverages = MappingProxyType({})


def user_news(message: bytes | str, scope: AccountScope, leverages: Leverages = NO_LEVERAGES) -> UserNews:
    """Read one message of the user stream, which states no leverage of positions. Raises `UnreadablePayload`; a message
    of a kind that is not known is one."""
    name = decode(BinanceEventName, message).event
    if name == "ORDER_TRADE_UPDATE":
        return order_news(decode(OrderTradeUpdate, message), scope)
    if name == "ACCOUNT_UPDATE":
        return UserNews(reports=account_news(decode(AccountUpdate, message), scope, leverages), wants_margin=True)
    if name == "ALGO_UPDATE":
        return algo_news(decode(AlgoUpdateEvent, message), scope)
    if name == "ACCOUNT_CONFIG_UPDATE":
        return UserNews(wants_margin=True)
    if name in _CLOSING_EVENTS:
        return UserNews(is_stream_over=True)
    if name in _SILENT_EVENTS:
        return UserNews()
    raise UnknownMember("user event", name)


# --- orders of the matching engine


def order_news(event: OrderTradeUpdate, scope: AccountScope) -> UserNews:
    """Return what an `ORDER_TRADE_UPDATE` says. An open order holds margin."""
    order = event.order
    facts = facts_of_update(order, scope)
    follows = facts.venue_order_id if is_triggered(order) else None
    return UserNews(reports=_order_reports(order, facts), follows_algo=follows, wants_margin=True)


def is_triggered(order: OrderUpdate | UsdmOrder) -> bool:
    """Return whether a conditional order has become this one."""
    return order.original_type in mapping.CONDITIONAL_TYPES and order.type != order.original_type


def _order_reports(order: OrderUpdate, facts: OrderFacts) -> tuple[Report, ...]:
    match mapping.USDM_EXECUTION_TYPES.of(order.execution_type):
        case OrderNews.NEW:
            return (external(facts),)
        case OrderNews.TRADE | OrderNews.CALCULATED:
            return _trade_reports(order, facts)
        case OrderNews.EXPIRED if order.expiry_reason == mapping.POST_ONLY_FAILED and not facts.executed:
            return (rejected(facts, RejectReason.POST_ONLY_WOULD_TAKE),)
        case OrderNews.CANCELED | OrderNews.EXPIRED | OrderNews.PREVENTED:
            return (status(facts) if facts.is_working else ended(facts),)
        case OrderNews.AMENDED | OrderNews.REJECTED:
            return (status(facts),)


def _trade_reports(order: OrderUpdate, facts: OrderFacts) -> tuple[Report, ...]:
    """An order that the venue placed is announced with each of its executions, because the announcement may have been
    the execution itself. An execution without a trade id is not booked: the order is stated, and its fills are asked
    for."""
    first = (external(facts, facts.executed - order.last_quantity),) if facts.is_liquidation else ()
    if order.trade_id <= 0:
        return *first, status(facts)
    fill = FillReport(
        **facts.named,
        trade_id=str(order.trade_id),
        side=facts.side,
        price=positive(order.last_price),
        quantity=positive(order.last_quantity),
        fees=fees(order.commission_asset, order.commission),
        liquidity=LiquiditySide.MAKER if order.is_maker else LiquiditySide.TAKER,
        position_side=_row(order.position_side),
    )
    return (*first, fill, status(facts)) if facts.standing is Standing.FILLED else (*first, fill)


def facts_of_update(order: OrderUpdate, scope: AccountScope) -> OrderFacts:
    """Return the order as an `ORDER_TRADE_UPDATE` shows it."""
    type, time_in_force = mapping.usdm_terms(order.type, order.time_in_force)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=order.trade_ms,
        instrument_id=scope.instrument_id(order.symbol),
        sent_id=order.client_order_id or None,
        venue_order_id=str(order.order_id),
        side=mapping.SIDES.of(order.side),
        type=type,
        time_in_force=time_in_force,
        quantity=sane(order.quantity),
        executed=sane(order.executed),
        executed_price=price_or_none(order.average_price),
        limit_price=price_or_none(order.price),
        stop_price=_stop_price(type, order.stop_price),
        expire_at_ms=order.good_till_ms or None,
        standing=mapping.USDM_ORDER_STATUSES.of(order.status),
        expiry=mapping.USDM_EXPIRY_REASONS.of(order.expiry_reason),
        is_liquidation=order.client_order_id.startswith(LIQUIDATION_PREFIXES),
    )


def submit_reports(reply: UsdmOrder, scope: AccountScope, order: Order) -> tuple[Report, ...]:
    """Return the reply to our own new order (RESULT). It states how much was executed, and no fills: those come over
    the stream, or are asked for because the statement exceeds what is booked."""
    facts = facts_of_ours(facts_of_order(reply, scope), order)
    if facts.standing is Standing.REJECTED:
        return (status(facts),)
    if facts.standing in (Standing.WORKING, Standing.FILLED):
        return (accepted(facts),)
    return accepted(facts), ended(facts)


def cancel_reports(reply: UsdmOrder, scope: AccountScope, order: Order) -> tuple[Report, ...]:
    """Return the reply to our cancel, with how much was executed."""
    facts = facts_of_ours(facts_of_order(reply, scope), order)
    return (status(facts),) if facts.standing in (Standing.WORKING, Standing.FILLED) else (ended(facts),)


def facts_of_order(reply: UsdmOrder, scope: AccountScope) -> OrderFacts:
    """Return the order as a reply shows it."""
    type, time_in_force = mapping.usdm_terms(reply.type, reply.time_in_force)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=reply.updated_ms,
        instrument_id=scope.instrument_id(reply.symbol),
        sent_id=reply.client_order_id or None,
        venue_order_id=str(reply.order_id),
        side=mapping.SIDES.of(reply.side),
        type=type,
        time_in_force=time_in_force,
        quantity=sane(reply.quantity),
        executed=sane(reply.executed),
        executed_price=price_or_none(reply.average_price),
        limit_price=price_or_none(reply.price),
        stop_price=_stop_price(type, reply.stop_price),
        expire_at_ms=reply.good_till_ms or None,
        placed_at_ms=reply.created_ms,
        standing=mapping.USDM_ORDER_STATUSES.of(reply.status),
        is_liquidation=reply.client_order_id.startswith(LIQUIDATION_PREFIXES),
    )


def fill_report(trade: UsdmTrade, scope: AccountScope) -> FillReport:
    """Return an execution of the account's history, which names its order by the venue's id only."""
    return FillReport(
        account_id=scope.account_id,
        at_ms=trade.time_ms,
        instrument_id=scope.instrument_id(trade.symbol),
        venue_order_id=str(trade.order_id),
        trade_id=str(trade.id),
        side=mapping.SIDES.of(trade.side),
        price=positive(trade.price),
        quantity=positive(trade.quantity),
        fees=fees(trade.commission_asset, trade.commission),
        liquidity=LiquiditySide.MAKER if trade.is_maker else LiquiditySide.TAKER,
        position_side=_row(trade.position_side),
    )


def _row(position_side: str) -> PositionSide | None:
    """The row of a hedged position; None where positions are netted, as there is one row only."""
    side = mapping.POSITION_SIDES.of(position_side)
    return None if side is PositionSide.NET else side


def _stop_price(type: OrderType, stop_price: Decimal) -> Decimal | None:
    """The venue documents the stop price of a trailing stop as meaningless."""
    return None if type is OrderType.TRAILING_STOP else price_or_none(stop_price)


# --- conditional orders


def algo_news(event: AlgoUpdateEvent, scope: AccountScope) -> UserNews:
    """Return what an `ALGO_UPDATE` says."""
    algo = event.order
    standing = mapping.ALGO_STATUSES.of(algo.status)
    triggered = algo.actual_order_id or None
    if algo.closes_position and not algo.quantity:
        return UserNews(triggered=triggered)
    facts = _facts_of_algo_update(algo, event.transaction_ms, standing, scope)
    match standing:
        case AlgoStanding.NEW:
            return UserNews(reports=(external(facts),))
        case AlgoStanding.CANCELED | AlgoStanding.EXPIRED:
            return UserNews(reports=(*renamed(facts), ended(facts)), triggered=triggered)
        case AlgoStanding.REJECTED:
            return UserNews(reports=(*renamed(facts), _refused(facts, algo.failure or "")), triggered=triggered)
        case AlgoStanding.TRIGGERING | AlgoStanding.TRIGGERED | AlgoStanding.FINISHED:
            if triggered is None:
                return UserNews()
            return UserNews(reports=(accepted(facts),), triggered=triggered)


def algo_reports(reply: AlgoOrder, scope: AccountScope, order: Order) -> tuple[Report, ...]:
    """Return how our conditional order stands, as the reply to its submission shows it. Once it was
    triggered the reply does not say how much was executed; the order that it became (`AlgoOrder.actual_order_id`) has
    to be asked for."""
    facts = facts_of_ours(facts_of_algo(reply, scope), order)
    match mapping.ALGO_STATUSES.of(reply.status):
        case AlgoStanding.NEW:
            return (accepted(facts),)
        case AlgoStanding.CANCELED | AlgoStanding.EXPIRED:
            return *renamed(facts), ended(facts)
        case AlgoStanding.REJECTED:
            return *renamed(facts), _refused(facts, "")
        case AlgoStanding.TRIGGERING | AlgoStanding.TRIGGERED | AlgoStanding.FINISHED:
            return (accepted(facts),) if reply.actual_order_id else ()


def link_of(algo: AlgoOrder, scope: AccountScope) -> AcceptedReport | None:
    """Return the report that gives a conditional order the id of what it has become; None when it has not been
    triggered, or closes a whole position, which is not reported before it is triggered."""
    if not algo.actual_order_id or not algo.quantity:
        return None
    return accepted(facts_of_algo(algo, scope))


def _refused(facts: OrderFacts, failure: str) -> RejectedReport:
    """The matching engine did not take the order that a conditional one became."""
    reason = RejectReason.INSUFFICIENT_MARGIN if "margin" in failure.lower() else RejectReason.OTHER
    return rejected(facts, reason, failure)


def _facts_of_algo_update(algo: AlgoUpdate, at_ms: int, standing: AlgoStanding, scope: AccountScope) -> OrderFacts:
    type, time_in_force = mapping.usdm_terms(algo.type, algo.time_in_force)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=at_ms,
        instrument_id=scope.instrument_id(algo.symbol),
        sent_id=algo.client_algo_id or None,
        venue_order_id=algo.actual_order_id or _algo_id(algo.algo_id),
        former_venue_order_id=_algo_id(algo.algo_id) if algo.actual_order_id else None,
        side=mapping.SIDES.of(algo.side),
        type=type,
        time_in_force=time_in_force,
        quantity=sane(algo.quantity),
        executed=sane(algo.executed),
        limit_price=price_or_none(algo.price),
        stop_price=_stop_price(type, algo.trigger_price),
        expire_at_ms=algo.good_till_ms or None,
        standing=_STANDINGS[standing],
        expiry=_ALGO_EXPIRY[standing] if algo.good_till_ms == 0 else None,
    )


def facts_of_algo(reply: AlgoOrder, scope: AccountScope) -> OrderFacts:
    """Return a conditional order as a reply shows it; one that was triggered works, under its new number."""
    type, time_in_force = mapping.usdm_terms(reply.type, reply.time_in_force)
    standing = mapping.ALGO_STATUSES.of(reply.status)
    return OrderFacts(
        account_id=scope.account_id,
        at_ms=reply.updated_ms,
        instrument_id=scope.instrument_id(reply.symbol),
        sent_id=reply.client_algo_id or None,
        venue_order_id=reply.actual_order_id or _algo_id(reply.algo_id),
        former_venue_order_id=_algo_id(reply.algo_id) if reply.actual_order_id else None,
        side=mapping.SIDES.of(reply.side),
        type=type,
        time_in_force=time_in_force,
        quantity=sane(reply.quantity),
        executed=ZERO,
        limit_price=price_or_none(reply.price),
        stop_price=_stop_price(type, reply.trigger_price),
        expire_at_ms=reply.good_till_ms or None,
        standing=_STANDINGS[standing],
        expiry=_ALGO_EXPIRY[standing] if reply.good_till_ms == 0 else None,
    )


_STANDINGS = {
    AlgoStanding.NEW: Standing.WORKING,
    AlgoStanding.TRIGGERING: Standing.WORKING,
    AlgoStanding.TRIGGERED: Standing.WORKING,
    AlgoStanding.FINISHED: Standing.WORKING,  # how it ended, the order that it became says
    AlgoStanding.CANCELED: Standing.CANCELED,
    AlgoStanding.EXPIRED: Standing.EXPIRED,
    AlgoStanding.REJECTED: Standing.REJECTED,
}
_ALGO_EXPIRY: dict[AlgoStanding, CancelReason | None] = {
    **dict.fromkeys(AlgoStanding, None),
    AlgoStanding.EXPIRED: CancelReason.VENUE,  # without a time of its own the system ended it
}


def _algo_id(algo_id: int) -> str:
    return f"{mapping.ALGO_PREFIX}{algo_id}"


# --- money


def account_news(event: AccountUpdate, scope: AccountScope, leverages: Leverages) -> tuple[Report, ...]:
    """Return the balances and positions that an `ACCOUNT_UPDATE` states: no locked amounts and no margins. A position
    of an instrument that is not in the catalogue raises `UnknownMember`, like an order of it."""
    at_ms = event.transaction_ms
    balances = (_balance(scope, each.asset, each.wallet, None, at_ms) for each in event.change.balances)
    positions = (_position(scope, each, leverages, None, at_ms) for each in event.change.positions)
    return *balances, *positions


def leverage_news(message: bytes | str) -> dict[str, int]:
    """Return the leverage that a message of the user stream changes, by symbol."""
    if decode(BinanceEventName, message).event != "ACCOUNT_CONFIG_UPDATE":
        return {}
    changed = decode(AccountConfigUpdate, message).leverage
    return {} if changed is None else {changed.symbol: changed.leverage}


def usdm_balances(account: UsdmAccount, scope: AccountScope, as_of: int) -> tuple[BalanceReport, ...]:
    """Return the balances of the account, but those of nothing. What is not available is locked: margins of positions
    and open orders, and the losses of positions. The profit of positions may make more available than the wallet holds;
    it is no part of the balance, so all of the wallet is free then."""
    held = (each for each in account.assets if each.wallet or each.cross_wallet)
    return tuple(
        _balance(scope, each.asset, each.wallet, max(ZERO, sane(each.wallet) - sane(each.available)), as_of)
        for each in held
    )


def usdm_positions(
    positions: list[UsdmPosition], scope: AccountScope, as_of: int, leverages: Leverages = NO_LEVERAGES
) -> tuple[PositionReport, ...]:
    """Return the open positions of the account. The venue lists instruments that only have orders as well."""
    held = (each for each in positions if each.quantity)
    return tuple(_position(scope, each, leverages, sane(each.maintenance_margin), as_of) for each in held)


def _balance(scope: AccountScope, asset: str, wallet: Decimal, locked: Decimal | None, as_of: int) -> BalanceReport:
    return BalanceReport(
        account_id=scope.account_id,
        at_ms=as_of,
        asset=asset,
        total=sane(wallet),
        locked=locked,
        borrowed=ZERO,
        as_of=as_of,
    )


def _position(
    scope: AccountScope,
    stated: ChangedPosition | UsdmPosition,
    leverages: Leverages,
    maintenance_margin: Decimal | None,
    as_of: int,
) -> PositionReport:
    side, quantity = mapping.POSITION_SIDES.of(stated.position_side), stated.quantity
    is_wrong = (side is PositionSide.LONG and quantity < 0) or (side is PositionSide.SHORT and quantity > 0)
    if is_wrong:
        raise UnreadablePayload(f"a {side.value} position has the sign of the other side")
    return PositionReport(
        account_id=scope.account_id,
        at_ms=as_of,
        instrument_id=scope.instrument_id(stated.symbol),
        side=side,
        quantity=sane(quantity),
        entry_price=sane(stated.entry_price),
        leverage=leverages.get(stated.symbol),
        maintenance_margin=maintenance_margin,
        as_of=as_of,
    )
