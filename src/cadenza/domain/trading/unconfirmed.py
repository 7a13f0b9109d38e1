"""Fills that the venue's word of the balance or position does not contain yet, where the venue keeps the books.

Until that word arrives, such a fill counts like an open order's claim: it may have been executed beside what is held.
So the limits never lose sight of an order between its fill and the venue's word. A word contains every fill up to its
instant (`at_ms`), and confirms those. Only the instants decide, so a fill may come before its word, after it, or twice.

Two cases stay inexact. A word confirms every fill of its own millisecond, even a fill that it does not contain because
the next word does. A fill that arrives after a whole snapshot that left its asset out counts until the next word.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount, UnconfirmedFill
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import side_of_fill
from cadenza.domain.trading.reports import BalanceReport, PositionReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Books

ROW_FILLS_MAX = 20
"""Unconfirmed fills of one side of a row that are kept apart. Of more, the two oldest become one, which is confirmed
with the later of them."""


def note_fill(state: TradingState, order: Order, execution: Execution) -> None:
    """Note a new execution in an account whose books the venue keeps, unless the venue's newest word contains it."""
    account = state.account(order.account_id)
    if state.books_of(account) is not Books.VENUE:
        return
    fill = UnconfirmedFill(
        instrument_id=order.instrument_id,
        base_asset=order.base_asset,
        side=execution.side,
        position_side=execution.position_side,
        quantity=execution.quantity,
        executed_at_ms=execution.executed_at_ms,
    )
    if fill.executed_at_ms > _newest_word_ms(state, account, fill):
        _put(state, account, _limited((*account.unconfirmed, fill), fill))


def confirm_by_word(state: TradingState, report: BalanceReport | PositionReport) -> None:
    """Forget the fills that this word of the venue contains."""
    account = state.account(report.account_id)
    if not account.unconfirmed:
        return
    has_positions = makes_positions(account, state)
    if isinstance(report, PositionReport):
        row = (report.instrument_id, report.side)
        _forget(state, account, report.at_ms, lambda fill: has_positions and _row(account, fill) == row)
    else:
        _forget(state, account, report.at_ms, lambda fill: not has_positions and fill.base_asset == report.asset)


def confirm_by_snapshot(
    state: TradingState, account_id: TradingAccountId, at_ms: int, *, has_balances: bool, has_positions: bool
) -> None:
    """Forget the fills that a whole snapshot contains; it says zero of what it leaves out."""
    account = state.account(account_id)
    if account.unconfirmed and (has_positions if makes_positions(account, state) else has_balances):
        _forget(state, account, at_ms, lambda fill: True)


def unconfirmed_of_row(account: TradingAccount, instrument_id: InstrumentId, side: Side, row: PositionSide) -> Decimal:
    """Return how much was bought or sold in a row of an instrument without a word of the venue yet."""
    fills = (f for f in account.unconfirmed if f.side is side and _row(account, f) == (instrument_id, row))
    return sum((fill.quantity for fill in fills), ZERO)


def unconfirmed_of_asset(account: TradingAccount, asset: str, side: Side) -> Decimal:
    """Return how much of an asset was bought or sold without a word of the venue yet."""
    fills = (fill for fill in account.unconfirmed if fill.side is side and fill.base_asset == asset)
    return sum((fill.quantity for fill in fills), ZERO)


def makes_positions(account: TradingAccount, state: TradingState) -> bool:
    """Return whether the account's fills make positions, and do not merely move assets."""
    return account.is_margined and account.external.type not in state.spec_of(account).holds_assets


def _newest_word_ms(state: TradingState, account: TradingAccount, fill: UnconfirmedFill) -> int:
    """Return the venue's instant of what it said last of the balance or position that the fill changed; 0 if it said
    nothing."""
    if makes_positions(account, state):
        position = state.newest_word(account.id, *_row(account, fill))
        return 0 if position is None else position.updated_at_ms
    balance = state.balance(account.id, fill.base_asset)
    return balance.updated_at_ms if balance.as_of else 0


def _row(account: TradingAccount, fill: UnconfirmedFill) -> tuple[InstrumentId, PositionSide]:
    return fill.instrument_id, fill.position_side or side_of_fill(account.position_mode, fill.side, None)


def _limited(fills: tuple[UnconfirmedFill, ...], added: UnconfirmedFill) -> tuple[UnconfirmedFill, ...]:
    def is_alike(fill: UnconfirmedFill) -> bool:
        return (fill.instrument_id, fill.side, fill.position_side) == (
            added.instrument_id,
            added.side,
            added.position_side,
        )

    alike = sorted((fill for fill in fills if is_alike(fill)), key=lambda fill: fill.executed_at_ms)
    if len(alike) <= ROW_FILLS_MAX:
        return fills
    first, second, *others = alike
    joined = replace(second, quantity=first.quantity + second.quantity)
    return (*(fill for fill in fills if not is_alike(fill)), joined, *others)


def _forget(
    state: TradingState, account: TradingAccount, at_ms: int, is_about: Callable[[UnconfirmedFill], bool]
) -> None:
    left = tuple(fill for fill in account.unconfirmed if fill.executed_at_ms > at_ms or not is_about(fill))
    if len(left) < len(account.unconfirmed):
        _put(state, account, left)


def _put(state: TradingState, account: TradingAccount, fills: tuple[UnconfirmedFill, ...]) -> None:
    state.put_account(evolve(account, unconfirmed=fills))
