"""Translates between the application's orders and reports and the exchange's records."""

from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus
from cadenza.domain.money import ZERO, is_multiple, to_plain
from cadenza.domain.trading.checks import IMMEDIATE, LIMIT_TYPES, STOP_TYPES
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, side_of_fill
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    PositionReport,
    RejectedReport,
    Report,
    TriggerMovedReport,
)
from cadenza.exchange.records import BalanceFact, Fact, FactKind, OrderFact, VenueAccount, VenueOrder

CANCEL_REFUSALS = {
    "REFUSED_BY_SCRIPT": CancelRefusal.WORKS_ON,
    "ALREADY_CLOSED": CancelRefusal.TOO_LATE,
    "UNKNOWN_ORDER": CancelRefusal.UNKNOWN_ORDER,
}
_EXPIRING = frozenset({TimeInForce.GTD, TimeInForce.DAY})


def id_at_venue(order: Order) -> str:
    """Return the venue's id of an order: our id at the venue, or, of an order placed elsewhere, what it came with."""
    id = order.venue_order_id if order.is_external else order.sent_id
    assert id is not None  # every order has the one or the other
    return id


def to_venue_order(order: Order, account: VenueAccount, at_ms: int, script: str | None = None) -> VenueOrder:
    """Return the order as it arrives at the exchange. With hedged positions an order that names a position closes it:
    BUY closes short, SELL closes long."""
    is_hedged = account.is_margined and account.position_mode is PositionMode.HEDGE
    is_closing = is_hedged and order.position_id is not None
    return VenueOrder(
        venue_order_id=id_at_venue(order),
        external_id=account.external_id,
        order_id=order.id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        remaining=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        expire_at_ms=order.expire_at_ms,
        leverage=order.leverage,
        position_side=_row(account, order.side, is_closing),
        is_closing=is_closing,
        script=script,
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
    )


def _row(account: VenueAccount, side: Side, is_closing: bool) -> PositionSide | None:
    if not account.is_margined:
        return None
    return side_of_fill(account.position_mode, side.opposite if is_closing else side, None)


def refusal(order: VenueOrder, instrument: Instrument | None, account: VenueAccount) -> RejectReason | None:
    """Return why the venue cannot take the order, whatever the market is; None when it can."""
    if instrument is None or instrument.status is not InstrumentStatus.ACTIVE:
        return RejectReason.INSTRUMENT_NOT_TRADABLE
    prices = [price for price in (order.limit_price, order.stop_price) if price is not None]
    is_sound = (
        instrument.min_quantity <= order.quantity <= instrument.max_quantity
        and is_multiple(order.quantity, instrument.lot_size)
        and all(price > 0 and is_multiple(price, instrument.pip_size) for price in prices)
        and (order.limit_price is None or order.limit_price * order.quantity >= instrument.min_notional)
        and (order.limit_price is not None) is (order.type in LIMIT_TYPES)
        and (order.stop_price is not None) is (order.type in STOP_TYPES)
        and (order.expire_at_ms is not None) is (order.time_in_force in _EXPIRING)
        and order.type in instrument.order_types
        and order.time_in_force in instrument.time_in_force_options
        and 1 <= (order.leverage or 1) <= min(account.max_leverage, instrument.leverage_max or account.max_leverage)
    )
    return None if is_sound else RejectReason.INVALID_ORDER


def refusal_by_limits(order: VenueOrder, instrument: Instrument, mark: Decimal | None, open_orders: int) -> str | None:
    """Return why the market that all accounts share does not take the order; None when it does. `open_orders` is how
    many the account has open in the instrument. Without a mark there is no band."""
    band, most = instrument.price_band, instrument.max_open_orders
    if band is not None and mark is not None and order.limit_price is not None:
        lowest, highest = band.around(mark, order.side)
        if not lowest <= order.limit_price <= highest:
            price, low, high = (to_plain(value) for value in (order.limit_price, lowest, highest))
            return f"{RejectReason.INVALID_ORDER.value}: the limit price {price} is outside of {low} to {high}"
    may_rest = order.time_in_force not in IMMEDIATE or order.stop_price is not None or order.script is not None
    if most is not None and may_rest and open_orders >= most:
        return f"{RejectReason.RATE_LIMITED.value}: the account has {open_orders} open orders of {instrument.id}"
    return None


def reports_of(fact: Fact, account_id: TradingAccountId) -> list[Report]:
    """Return the reports of a fact for a session of the trading account. An order that the account did not place is
    reported as external."""
    if isinstance(fact, BalanceFact):
        return [balance_report(fact, account_id)]
    is_own = fact.order.account_id == account_id
    order_id = OrderId(fact.order.order_id) if is_own and isinstance(fact.order.order_id, UUID) else None
    report = _order_report(fact, account_id, order_id)
    return [] if report is None else [report]


def balance_report(fact: BalanceFact, account_id: TradingAccountId, locked: Decimal = ZERO) -> BalanceReport:
    return BalanceReport(
        account_id=account_id,
        at_ms=fact.at_ms,
        asset=fact.asset,
        total=fact.total,
        locked=locked,
        borrowed=ZERO,
        as_of=fact.as_of,
    )


def position_report(
    position: Position, instrument: Instrument, account_id: TradingAccountId, at_ms: int, as_of: int
) -> PositionReport:
    return PositionReport(
        account_id=account_id,
        at_ms=at_ms,
        instrument_id=position.instrument_id,
        side=position.side,
        quantity=position.quantity,
        entry_price=position.entry_price(instrument),
        entry_cost=position.entry_cost,
        leverage=position.leverage,
        as_of=as_of,
    )


def external_order_report(
    order: VenueOrder, account_id: TradingAccountId, order_id: OrderId | None
) -> ExternalOrderReport:
    """Return what the order is. `order_id` is given when the account placed it: the venue names it by our sent id."""
    return ExternalOrderReport(
        account_id=account_id,
        instrument_id=order.instrument_id,
        order_id=order_id,
        sent_id=None if order_id is None else order.venue_order_id,
        venue_order_id=order.venue_order_id,
        at_ms=order.created_at_ms,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        executed_quantity=order.quantity - order.remaining,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        expire_at_ms=order.expire_at_ms,
        is_liquidation=order.is_liquidation,
    )


def _order_report(fact: OrderFact, account_id: TradingAccountId, order_id: OrderId | None) -> Report | None:
    order = fact.order
    executed = order.quantity - order.remaining
    named: _Named = {
        "account_id": account_id,
        "instrument_id": order.instrument_id,
        "order_id": order_id,
        "venue_order_id": order.venue_order_id,
        "at_ms": fact.at_ms,
    }
    match fact.kind:
        case FactKind.ACCEPTED if order_id is None:
            return external_order_report(order, account_id, None)
        case FactKind.ACCEPTED:
            return AcceptedReport(
                **named, side=order.side, type=order.type, quantity=order.quantity, executed_quantity=executed
            )
        case FactKind.REJECTED | FactKind.CANCEL_REFUSED if order_id is None:
            return None  # no other account knows this order
        case FactKind.REJECTED:
            return RejectedReport(**named, reason=order.reason or RejectReason.OTHER.value)
        case FactKind.CANCEL_REFUSED:
            assert fact.reason is not None
            return CancelRefusedReport(**named, refusal=CANCEL_REFUSALS[fact.reason], reason=fact.reason)
        case FactKind.TRIGGER_MOVED:
            assert order.stop_price is not None
            return TriggerMovedReport(**named, stop_price=order.stop_price)
        case FactKind.CLOSED if order.status is OrderStatus.EXPIRED:
            return ExpiredReport(**named, executed_quantity=executed)
        case FactKind.CLOSED:
            reason = CancelReason(order.reason or CancelReason.VENUE)
            return CanceledReport(**named, reason=reason, executed_quantity=executed)
        case FactKind.FILLED:
            return _fill_report(fact, named)


def _fill_report(fact: OrderFact, named: "_Named") -> FillReport:
    fill = fact.fill
    assert fill is not None
    return FillReport(
        **named,
        trade_id=fill.trade_id,
        side=fact.order.side,
        price=fill.price,
        quantity=fill.quantity,
        fees=fill.fees,
        liquidity=fill.liquidity,
        position_side=fill.position_side,
        leverage=fill.leverage,
    )


class _Named(TypedDict):
    """What every report about an order says first."""

    account_id: TradingAccountId
    instrument_id: InstrumentId
    order_id: OrderId | None
    venue_order_id: str
    at_ms: int
