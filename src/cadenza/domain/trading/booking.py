"""What an execution moves in an account whose books are ours: its balances, its positions.

Where the venue keeps the books (`Books.VENUE`) an execution moves nothing: the venue reports what it came to.
"""

from dataclasses import replace

from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount
from cadenza.domain.errors import InternalError
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import PositionId
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, PositionStatus, increase, reduce, side_of_fill, split_fill
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Books


def row_of_fill(state: TradingState, order: Order, said: PositionSide | None) -> PositionSide | None:
    """Return the row of the position that a fill of the order changes; None in an account without positions. `said` is
    the row that the venue stated, if it stated one."""
    account = state.account(order.account_id)
    if said is not None or not account.is_margined:
        return said
    targeted = (position.side for position in state.positions(account.id) if position.id == order.position_id)
    return side_of_fill(account.position_mode, order.side, next(targeted, None))


def book(state: TradingState, order: Order, execution: Execution, leverage: int | None = None) -> Order:
    """Move what the execution moves, and return the order, which then names the position that it opened.

    `leverage` is that of the position afterwards, where the venue says it. Otherwise what opens takes the order's
    leverage.
    """
    account = state.account(order.account_id)
    if not _moves_money(state, account, execution):
        return order
    if account.is_margined:
        order = _book_position(state, account, order, execution, leverage or order.leverage)
    else:
        sign = execution.side.sign
        state.change_balance(account.id, order.base_asset, total=sign * execution.quantity)
        state.change_balance(account.id, order.quote_asset, total=-sign * execution.cost)
    _move_fees(state, execution, sign=-1)
    return order


def rebook(state: TradingState, order: Order, before: Execution, after: Execution) -> Order:
    """Move what a correction of an execution changes: its fees alone, or all of it."""
    account = state.account(order.account_id)
    moves_money = _moves_money(state, account, after)
    if moves_money is _moves_money(state, account, before) and _terms(before) == _terms(after):
        is_charged = before.fees != after.fees and not after.is_busted
        if is_charged and moves_money:
            _move_fees(state, before, sign=1)
            _move_fees(state, after, sign=-1)
        return order
    if not before.is_busted:
        _unbook(state, order, before)
    return order if after.is_busted else book(state, order, after)


def _terms(execution: Execution) -> tuple[object, ...]:
    """What an execution moves, but for its fees."""
    return execution.price, execution.quantity, execution.is_busted, execution.position_side


def _unbook(state: TradingState, order: Order, execution: Execution) -> None:
    """Take back what the execution moved.

    A position is moved by the opposite of the execution at its price. Balance and position together are then worth at
    every market price what they would be worth without the execution, though a part may count as realised.
    """
    mirrored = replace(
        execution,
        side=execution.side.opposite,
        fees=tuple(replace(fee, quantity=-fee.quantity) for fee in execution.fees),
    )
    book(state, order, mirrored)


def _move_fees(state: TradingState, execution: Execution, *, sign: int) -> None:
    for fee in execution.fees:
        state.change_balance(execution.account_id, fee.asset, total=sign * fee.quantity)


def _moves_money(state: TradingState, account: TradingAccount, execution: Execution) -> bool:
    """Our ledger goes on from a snapshot, which has the earlier executions already."""
    if state.books_of(account) is Books.VENUE:
        return False
    return account.adopted_at_ms is None or execution.executed_at_ms > account.adopted_at_ms


def _book_position(
    state: TradingState, account: TradingAccount, order: Order, fill: Execution, leverage: int | None
) -> Order:
    """Close what the fill closes, open the rest; a flip in netting mode closes the row and opens a new one."""
    instrument = state.known_instrument(order.instrument_id)
    row = fill.position_side
    if row is None:
        raise InternalError("an execution of a margined account has no row of a position")
    position = state.position(account.id, order.instrument_id, row)
    closing, opening = split_fill(position, fill.side, fill.quantity)
    if position is not None and closing > 0:
        change = reduce(position, instrument, closing, fill.price, fill.executed_at_ms)
        position = change.position
        if order.is_liquidation and position.status is PositionStatus.CLOSED:
            position = evolve(position, status=PositionStatus.LIQUIDATED)
        state.put_position(position)
        state.change_balance(account.id, instrument.settled_in, total=change.realized_pnl)
        position = position if position.status is PositionStatus.OPEN else None
    if opening > 0:
        if position is None:
            position = _new_position(state, order, row, fill.executed_at_ms)
        position = increase(position, instrument, fill.side, opening, fill.price, fill.executed_at_ms).position
        if leverage is not None:
            position = evolve(position, leverage=leverage)
        state.put_position(position)
    return order if position is None or order.position_id else evolve(order, position_id=position.id)


def _new_position(state: TradingState, order: Order, side: PositionSide, at_ms: int) -> Position:
    return Position(
        id=PositionId(state.world.new_id()),
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=side,
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
    )
