"""What a venue says of an account's balances and positions.

Where the venue keeps the books (`Books.VENUE`) its word is taken as it is: the newest replaces the older, one with the
same `as_of` is the same fact, and a whole snapshot closes what it leaves out. There is no arithmetic between two words
of the venue, so nothing is counted twice. Where our ledger keeps them (`Books.OURS`) a word of the venue that differs
corrects the ledger, and the correction is a fact of the account's log. A report of the stream does so only where
balances follow fills (`may_take_over`). Elsewhere a snapshot is compared.
"""

from collections.abc import Sequence
from decimal import Decimal

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import PositionId, TradingAccountId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ZERO
from cadenza.domain.trading.events import BalanceCorrected, PositionCorrected
from cadenza.domain.trading.position import Position, PositionStatus, closed_unseen
from cadenza.domain.trading.reports import BalanceReport, PositionReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.unconfirmed import confirm_by_snapshot, confirm_by_word
from cadenza.domain.trading.venue_spec import Books

REPORTED = "the venue's report"

AHEAD_MS_MAX = 3_600_000
"""A word of the venue that is further ahead of both our clock and the venue's next words came from a clock that was
wrong."""


def may_take_over(state: TradingState, report: BalanceReport | PositionReport) -> bool:
    """Whether a report that came by itself may replace what is known. Where our ledger keeps the books, it may contain
    fills that are booked later, and would then be counted twice. Such a report is only a reason to compare."""
    account = state.account(report.account_id)
    return state.books_of(account) is Books.VENUE or state.spec_of(account).balances_follow_fills


def require_traded_position(state: TradingState, report: PositionReport) -> Instrument | None:
    """Return the instrument of the position, None when it is not in the catalogue. Raises `InstrumentNotTradable` when
    the account trades no such instruments."""
    instrument = state.world.instrument(report.instrument_id)
    if instrument is not None:
        state.require_traded(state.account(report.account_id), instrument)
    return instrument


def is_newer(state: TradingState, report: BalanceReport | PositionReport) -> bool:
    """Whether the report has a higher `as_of` than the newest word of the same balance or position. One with the same
    `as_of` is the same fact."""
    return report.as_of > _known_as_of(state, report)


def apply_balance(state: TradingState, report: BalanceReport) -> None:
    """Take a single word of the venue of one asset, if it `is_newer`."""
    if is_newer(state, report):
        _take_balance(state, report)


def apply_position(state: TradingState, report: PositionReport) -> None:
    """Take a single word of the venue of one position, if it `is_newer`."""
    if is_newer(state, report):
        _take_position(state, report)


def _take_balance(state: TradingState, report: BalanceReport) -> None:
    """Take the venue's word; where our ledger keeps the books, a change is a correction."""
    account = state.account(report.account_id)
    before = state.balance(account.id, report.asset)
    _put_balance(state, report)
    total = state.balance(account.id, report.asset).total
    if state.books_of(account) is Books.OURS and before.total != total:
        state.emit(
            account.id,
            BalanceCorrected(account=account, asset=report.asset, before=before.total, after=total, cause=REPORTED),
        )


def _take_position(state: TradingState, report: PositionReport) -> None:
    account = state.account(report.account_id)
    before = _quantity(state, report)
    _put_position(state, report)
    after = _quantity(state, report)
    if state.books_of(account) is Books.OURS and before != after:
        state.emit(
            account.id,
            PositionCorrected(
                account=account,
                instrument_id=report.instrument_id,
                side=report.side,
                before=before,
                after=after,
                cause=REPORTED,
            ),
        )


def apply_snapshot(
    state: TradingState,
    account_id: TradingAccountId,
    balances: Sequence[BalanceReport] | None,
    positions: Sequence[PositionReport] | None,
    *,
    as_of: int,
    at_ms: int,
    is_whole: bool = True,
) -> None:
    """Take a snapshot, also where it has the `as_of` of the newest word: it was read whole, and is right. Where it
    `is_whole`, what it leaves out is zero, unless newer news said otherwise. None: it says nothing."""
    if is_whole:
        has_balances, has_positions = balances is not None, positions is not None
        confirm_by_snapshot(state, account_id, at_ms, has_balances=has_balances, has_positions=has_positions)
        balances = _whole_balances(state, account_id, balances, as_of, at_ms)
        positions = _whole_positions(state, account_id, positions, as_of, at_ms)
    for balance in balances or ():
        _take_balance(state, balance)
    for position in positions or ():
        _take_position(state, position)


def adopt_snapshot(
    state: TradingState,
    account_id: TradingAccountId,
    balances: Sequence[BalanceReport] | None,
    positions: Sequence[PositionReport] | None,
    *,
    as_of: int,
    at_ms: int,
    is_whole: bool = True,
) -> None:
    """Go on from a snapshot: as `apply_snapshot`, but what was here before was of another time, so nothing is a
    correction."""
    if is_whole:
        has_balances, has_positions = balances is not None, positions is not None
        confirm_by_snapshot(state, account_id, at_ms, has_balances=has_balances, has_positions=has_positions)
        balances = _whole_balances(state, account_id, balances, as_of, at_ms)
        positions = _whole_positions(state, account_id, positions, as_of, at_ms)
    for balance in balances or ():
        _put_balance(state, balance)
    for position in positions or ():
        _put_position(state, position)


def without_untraded(
    state: TradingState, account_id: TradingAccountId, positions: Sequence[PositionReport] | None
) -> tuple[PositionReport, ...] | None:
    """Return the positions of a snapshot without those in instruments of a type that the account does not trade. None
    stays None."""
    if positions is None:
        return None
    untraded = untraded_of(state, account_id, positions)
    return tuple(position for position in positions if position not in untraded)


def untraded_of(
    state: TradingState, account_id: TradingAccountId, positions: Sequence[PositionReport]
) -> tuple[PositionReport, ...]:
    """Return the positions in instruments of a type that the account does not trade: they would be refused."""
    account = state.account(account_id)
    spec, type = state.spec_of(account), account.external.type
    known = [(position, state.world.instrument(position.instrument_id)) for position in positions]
    return tuple(p for p, instrument in known if instrument is not None and not spec.trades(type, instrument.type))


def differences(
    state: TradingState,
    account_id: TradingAccountId,
    balances: Sequence[BalanceReport] | None,
    positions: Sequence[PositionReport] | None,
    *,
    is_whole: bool = True,
) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Return (what, ours, the venue's) for each total and each position that a snapshot shows otherwise than we do.
    Where it `is_whole`, it shows zero for what it leaves out."""
    ours: dict[str, Decimal] = {}
    theirs: dict[str, Decimal] = {}
    if balances is not None:
        ours |= {balance.asset: balance.total for balance in state.balances(account_id)}
        theirs |= {report.asset: report.total for report in balances}
    if positions is not None:
        ours |= {f"{p.instrument_id} {p.side}": p.quantity for p in state.positions(account_id)}
        theirs |= {f"{p.instrument_id} {p.side}": p.quantity for p in positions}
    shown = {*ours, *theirs} if is_whole else theirs.keys()
    pairs = ((what, ours.get(what, ZERO), theirs.get(what, ZERO)) for what in sorted(shown))
    return tuple(pair for pair in pairs if pair[1] != pair[2])


def _known_as_of(state: TradingState, report: BalanceReport | PositionReport) -> int:
    """Return the `as_of` of the newest word of the same balance or position. A word from a venue's clock that was far
    ahead, and was set back, does not count: nothing that the venue says would be newer until that instant is there."""
    known: Balance | Position | None
    if isinstance(report, BalanceReport):
        known = state.balance(report.account_id, report.asset)
    else:
        known = state.newest_word(report.account_id, report.instrument_id, report.side)
    if known is None or known.updated_at_ms - max(state.world.now_ms, report.at_ms) > AHEAD_MS_MAX:
        return 0
    return known.as_of


def _put_balance(state: TradingState, report: BalanceReport) -> None:
    """Replace the balance, unless the report is older than the newest word."""
    account = state.account(report.account_id)
    balance = state.balance(account.id, report.asset)
    if report.as_of < _known_as_of(state, report):
        return
    confirm_by_word(state, report)
    is_ours = state.books_of(account) is Books.OURS
    if is_ours and (balance.total, balance.borrowed) == (report.total, report.borrowed):
        return
    changed = evolve(
        balance,
        total=report.total,
        borrowed=report.borrowed,
        locked=balance.locked if is_ours or report.locked is None else report.locked,
        as_of=report.as_of,
        updated_at_ms=report.at_ms,
    )
    state.put_balance(changed)


def _put_position(state: TradingState, report: PositionReport) -> None:
    """Replace the position, unless the report is older than the newest word."""
    instrument = require_traded_position(state, report)
    known = state.position(report.account_id, report.instrument_id, report.side)
    if report.as_of < _known_as_of(state, report):
        return
    confirm_by_word(state, report)
    if known is not None and report.quantity * known.quantity <= 0:
        state.put_position(evolve(closed_unseen(known, report.at_ms), as_of=report.as_of))
        known = None
    if report.quantity != 0:
        state.put_position(_as_reported(known or _opened(state, report), report, instrument))


def _quantity(state: TradingState, report: PositionReport) -> Decimal:
    position = state.position(report.account_id, report.instrument_id, report.side)
    return ZERO if position is None else position.quantity


def _whole_balances(
    state: TradingState,
    account_id: TradingAccountId,
    reports: Sequence[BalanceReport] | None,
    as_of: int,
    at_ms: int,
) -> list[BalanceReport]:
    """The reports, and one of zero for each asset that they leave out."""
    if reports is None:
        return []
    shown = {report.asset for report in reports}
    held = state.balances(account_id)
    missing = [b.asset for b in held if b.asset not in shown and any((b.total, b.locked, b.borrowed))]
    return [*reports, *(_none_of(account_id, asset, as_of, at_ms) for asset in missing)]


def _whole_positions(
    state: TradingState,
    account_id: TradingAccountId,
    reports: Sequence[PositionReport] | None,
    as_of: int,
    at_ms: int,
) -> list[PositionReport]:
    """The reports, and one of zero for each open position that they leave out."""
    if reports is None:
        return []
    shown = {(report.instrument_id, report.side) for report in reports}
    missing = [p for p in state.positions(account_id) if (p.instrument_id, p.side) not in shown]
    return [*reports, *(_no_position(position, as_of, at_ms) for position in missing)]


def _none_of(account_id: TradingAccountId, asset: str, as_of: int, at_ms: int) -> BalanceReport:
    return BalanceReport(
        account_id=account_id, at_ms=at_ms, asset=asset, total=ZERO, locked=ZERO, borrowed=ZERO, as_of=as_of
    )


def _no_position(position: Position, as_of: int, at_ms: int) -> PositionReport:
    return PositionReport(
        account_id=position.account_id,
        at_ms=at_ms,
        instrument_id=position.instrument_id,
        side=position.side,
        quantity=ZERO,
        entry_price=ZERO,
        as_of=as_of,
    )


def _opened(state: TradingState, report: PositionReport) -> Position:
    return Position(
        id=PositionId(state.world.new_id()),
        account_id=report.account_id,
        instrument_id=report.instrument_id,
        side=report.side,
        status=PositionStatus.OPEN,
        realized_pnl=None,
        leverage=None,
        created_at_ms=report.at_ms,
        updated_at_ms=report.at_ms,
    )


def _as_reported(position: Position, report: PositionReport, instrument: Instrument | None) -> Position:
    """A position of an instrument that is not in the catalogue is kept as linear, and not valued before it is there."""
    cost, margin = report.entry_cost, report.maintenance_margin
    if cost is None:
        linear = report.quantity * report.entry_price
        cost = linear if instrument is None else instrument.cost(report.quantity, report.entry_price)
    return evolve(
        position,
        quantity=report.quantity,
        entry_cost=cost,
        leverage=position.leverage if report.leverage is None else report.leverage,
        maintenance_margin=position.maintenance_margin if margin is None else margin,
        settled_cost=report.settled_cost,
        as_of=report.as_of,
        updated_at_ms=report.at_ms,
    )
