"""Between the application's orders and reports and the venue's records."""

from uuid import UUID

from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus
from cadenza.domain.matching.records import BalanceFact, Fact, FactKind, OrderFact, VenueAccount, VenueOrder
from cadenza.domain.money import ZERO, is_multiple
from cadenza.domain.trading.checks import LIMIT_TYPES, STOP_TYPES
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import PositionSide, side_of_fill
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    RejectedReport,
    Report,
    TriggerMovedReport,
)

_EXPIRING = frozenset({TimeInForce.GTD, TimeInForce.DAY})


def venue_order_id(prefix: str, order_id: OrderId) -> str:
    """The venue's id of an order: the prefix and the hexadecimal digits of ours."""
    return f"{prefix}{order_id.hex}"


def to_venue_order(
    order: Order, prefix: str, account: VenueAccount, at_ms: int, script: str | None = None
) -> VenueOrder:
    """An order as it arrives. With hedged positions an order that names a position closes it, by its side's reverse."""
    is_hedged = account.is_margined and account.position_mode is PositionMode.HEDGE
    is_closing = is_hedged and order.position_id is not None
    return VenueOrder(
        venue_order_id=venue_order_id(prefix, order.id),
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
    """Why an order cannot work here whatever the market is; None when it can."""
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
        and 1 <= (order.leverage or 1) <= account.max_leverage
    )
    return None if is_sound else RejectReason.INVALID_ORDER


def reports_of(fact: Fact, account_id: TradingAccountId) -> list[Report]:
    """What a session of the trading account is told of a fact. Orders that it did not place are external to it."""
    if isinstance(fact, BalanceFact):
        return [balance_report(fact, account_id)]
    is_own = fact.order.account_id == account_id
    order_id = OrderId(fact.order.order_id) if is_own and isinstance(fact.order.order_id, UUID) else None
    report = _order_report(fact, account_id, order_id)
    return [] if report is None else [report]


def balance_report(fact: BalanceFact, account_id: TradingAccountId) -> BalanceReport:
    return BalanceReport(
        account_id=account_id,
        order_id=None,
        venue_order_id=None,
        at_ms=fact.at_ms,
        asset=fact.asset,
        total=fact.total,
        borrowed=ZERO,
    )


def external_order_report(
    order: VenueOrder, account_id: TradingAccountId, order_id: OrderId | None
) -> ExternalOrderReport:
    return ExternalOrderReport(
        account_id=account_id,
        order_id=order_id,
        venue_order_id=order.venue_order_id,
        at_ms=order.created_at_ms,
        instrument_id=order.instrument_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        is_liquidation=order.is_liquidation,
    )


def _order_report(fact: OrderFact, account_id: TradingAccountId, order_id: OrderId | None) -> Report | None:
    order, at_ms, venue_id = fact.order, fact.at_ms, fact.order.venue_order_id
    match fact.kind:
        case FactKind.ACCEPTED if order_id is None:
            return external_order_report(order, account_id, None)
        case FactKind.ACCEPTED:
            return AcceptedReport(account_id=account_id, order_id=order_id, venue_order_id=venue_id, at_ms=at_ms)
        case FactKind.REJECTED | FactKind.CANCEL_REFUSED if order_id is None:
            return None  # nobody else has heard of it
        case FactKind.REJECTED:
            reason = order.reason or RejectReason.OTHER.value
            return RejectedReport(
                account_id=account_id, order_id=order_id, venue_order_id=venue_id, at_ms=at_ms, reason=reason
            )
        case FactKind.CANCEL_REFUSED:
            reason = fact.reason or RejectReason.OTHER.value
            return CancelRefusedReport(
                account_id=account_id, order_id=order_id, venue_order_id=venue_id, at_ms=at_ms, reason=reason
            )
        case FactKind.TRIGGER_MOVED:
            assert order.stop_price is not None
            return TriggerMovedReport(
                account_id=account_id,
                order_id=order_id,
                venue_order_id=venue_id,
                at_ms=at_ms,
                stop_price=order.stop_price,
            )
        case FactKind.CLOSED if order.status is OrderStatus.EXPIRED:
            return ExpiredReport(account_id=account_id, order_id=order_id, venue_order_id=venue_id, at_ms=at_ms)
        case FactKind.CLOSED:
            reason = CancelReason(order.reason or CancelReason.VENUE)
            return CanceledReport(
                account_id=account_id, order_id=order_id, venue_order_id=venue_id, at_ms=at_ms, reason=reason
            )
        case FactKind.FILLED:
            return _fill_report(fact, account_id, order_id)


def _fill_report(fact: OrderFact, account_id: TradingAccountId, order_id: OrderId | None) -> FillReport:
    fill = fact.fill
    assert fill is not None
    return FillReport(
        account_id=account_id,
        order_id=order_id,
        venue_order_id=fill.venue_order_id,
        at_ms=fill.at_ms,
        trade_id=fill.trade_id,
        instrument_id=fact.order.instrument_id,
        side=fact.order.side,
        price=fill.price,
        quantity=fill.quantity,
        fees=fill.fees,
        liquidity=fill.liquidity,
        position_side=fill.position_side,
    )
