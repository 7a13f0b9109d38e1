"""Applying a venue's report: the one way in which news changes an order, a position or a balance.

Every report may come twice, late or before the reply to the request; applying it again changes nothing.
"""

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, InternalError
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import ExecutionId, OrderId, PositionId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import OrderStatus, QuantityType
from cadenza.domain.trading.order import Execution, Order
from cadenza.domain.trading.position import (
    Position,
    PositionSide,
    PositionStatus,
    increase,
    reduce,
    side_of_fill,
    split_fill,
)
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
    UnknownOutcomeReport,
)
from cadenza.domain.trading.reservation import release, reserve
from cadenza.domain.trading.state import TradingState


def apply_report(state: TradingState, report: Report) -> Order | None:
    """Apply one report; return the order it was about, None when it fits none (then it is kept) or is not about one.

    While the account has no snapshot to go on from, nothing is applied: the snapshot has it, or reconciling brings it.
    """
    if state.account(report.account_id).adopted_at_ms is None:
        return None
    if isinstance(report, BalanceReport):
        _apply_balance(state, report)
        return None
    if isinstance(report, ExternalOrderReport):
        return _adopt(state, report)
    order = state.order_of(report)
    if order is None:
        state.keep_unmatched(report)
        return None
    changed = _changed(state, order, report)
    if changed is order:
        return order
    has_learnt_id = order.venue_order_id is None and (changed.venue_order_id or report.venue_order_id) is not None
    if has_learnt_id:
        changed = evolve(changed, venue_order_id=changed.venue_order_id or report.venue_order_id)
    changed = release(state, changed)
    state.put_order(changed)
    return _with_kept(state, changed) if has_learnt_id else changed


def _with_kept(state: TradingState, order: Order) -> Order:
    """Apply what came before it was known whose the venue's id is."""
    for kept in state.take_unmatched(order):
        order = apply_report(state, kept) or order
    return order


def _changed(state: TradingState, order: Order, report: Report) -> Order:
    match report:
        case FillReport():
            return _fill(state, order, report)
        case AcceptedReport():
            return order.accepted(report.venue_order_id or order.venue_order_id or "", report.at_ms)
        case RejectedReport():
            return order.rejected(report.reason, report.at_ms)
        case CanceledReport():
            return order.canceled(report.reason, report.at_ms)
        case ExpiredReport():
            return order.expired(report.at_ms)
        case CancelRefusedReport():
            return order.cancel_refused(report.venue_order_id, report.at_ms)
        case TriggerMovedReport():
            return order.trigger_moved(report.stop_price, report.at_ms)
        case UnknownOutcomeReport():
            return order  # the state says so already: SUBMITTED, or PENDING_CANCEL
        case _:
            raise InternalError(f"no rule for {type(report).__name__}")


def _apply_balance(state: TradingState, report: BalanceReport) -> None:
    balance = state.balance(report.account_id, report.asset)
    if (balance.total, balance.borrowed) != (report.total, report.borrowed):
        state.put_balance(
            evolve(balance, total=report.total, borrowed=report.borrowed, updated_at_ms=state.world.now_ms)
        )


def _fill(state: TradingState, order: Order, report: FillReport) -> Order:
    if any(execution.trade_id == report.trade_id for execution in order.executions):
        return order
    execution = Execution(
        id=ExecutionId(state.world.new_id()),
        order_id=order.id,
        account_id=order.account_id,
        venue_id=order.venue_id,
        instrument_id=order.instrument_id,
        trade_id=report.trade_id,
        side=order.side,
        price=report.price,
        quantity=report.quantity,
        fees=report.fees,
        liquidity=report.liquidity,
        executed_at_ms=report.at_ms,
    )
    state.add_execution(execution)
    account = state.account(order.account_id)
    if account.adopted_at_ms is not None and execution.executed_at_ms <= account.adopted_at_ms:
        return order.filled(execution)  # the snapshot that the account goes on from has the money already
    if account.is_margined:
        order = _fill_position(state, account, order, execution, report.position_side)
    else:
        sign = order.side.sign
        state.change_balance(account.id, order.base_asset, total=sign * execution.quantity)
        state.change_balance(account.id, order.quote_asset, total=-sign * execution.cost)
    for fee in execution.fees:
        state.change_balance(account.id, fee.asset, total=-fee.quantity)
    return order.filled(execution)


def _fill_position(
    state: TradingState, account: TradingAccount, order: Order, fill: Execution, side: PositionSide | None
) -> Order:
    """Close what the fill closes, open the rest; a flip in netting mode closes the row and opens a new one."""
    row = side or _row_of(state, account, order)
    position = state.position(account.id, order.instrument_id, row)
    closing, opening = split_fill(position, order.side, fill.quantity)
    if position is not None and closing > 0:
        change = reduce(position, closing, fill.price, fill.executed_at_ms)
        position = change.position
        if order.is_liquidation and position.status is PositionStatus.CLOSED:
            position = evolve(position, status=PositionStatus.LIQUIDATED)
        state.put_position(position)
        state.change_balance(account.id, order.quote_asset, total=change.realized_pnl)
        position = position if position.status is PositionStatus.OPEN else None
    if opening > 0:
        if position is None:
            position = _new_position(state, order, row, fill.executed_at_ms)
        position = increase(position, order.side, opening, fill.price, fill.executed_at_ms).position
        if order.leverage is not None:
            position = evolve(position, leverage=order.leverage)
        state.put_position(position)
    return order if position is None or order.position_id else evolve(order, position_id=position.id)


def _row_of(state: TradingState, account: TradingAccount, order: Order) -> PositionSide:
    targeted = None
    for position in state.positions(account.id):
        if position.id == order.position_id:
            targeted = position.side
    return side_of_fill(account.position_mode, order.side, targeted)


def _new_position(state: TradingState, order: Order, side: PositionSide, at_ms: int) -> Position:
    return Position(
        id=PositionId(state.world.new_id()),
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=side,
        leverage=order.leverage or 1,
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
    )


def _adopt(state: TradingState, report: ExternalOrderReport) -> Order | None:
    """Take in an order that was placed elsewhere; then the fills that were kept for it."""
    known = state.order_of(report)
    if known is not None:
        return known
    instrument = state.world.instrument(report.instrument_id)
    if instrument is None or report.venue_order_id is None:
        state.keep_unmatched(report)
        return None
    account = state.account(report.account_id)
    order = Order(
        id=OrderId(state.world.new_id()),
        tenant_id=account.tenant_id,
        account_id=account.id,
        venue_id=account.venue_id,
        instrument_id=instrument.id,
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        side=report.side,
        type=report.type,
        time_in_force=report.time_in_force,
        asked_quantity=report.quantity,
        quantity_type=QuantityType.BASE,
        rounding=Rounding.NONE,
        quantity=report.quantity,
        limit_price=report.limit_price,
        stop_price=report.stop_price,
        status=OrderStatus.ACCEPTED,
        venue_order_id=report.venue_order_id,
        is_external=True,
        is_liquidation=report.is_liquidation,
        created_at_ms=report.at_ms,
        updated_at_ms=report.at_ms,
    )
    order = _with_reservation(state, order, account, instrument)
    state.put_order(order)
    return _with_kept(state, order)


def _with_reservation(state: TradingState, order: Order, account: TradingAccount, instrument: Instrument) -> Order:
    """Lock what the order holds at its venue, as far as we can tell: it works there whether we find money or not."""
    try:
        reservation = reserve(order, account, instrument, state)
    except CadenzaError:
        return order
    state.change_balance(account.id, reservation.asset, locked=reservation.remaining)
    return evolve(order, reservation=reservation)
