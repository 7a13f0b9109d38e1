"""Applying a venue's report: the one way in which news changes an order, a position or a balance.

Every report may come twice, late or before the reply to the request; applying it again changes nothing.
"""

from dataclasses import replace

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import CadenzaError, InternalError
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import ExecutionId
from cadenza.domain.money import ZERO
from cadenza.domain.trading.adopt import adopt
from cadenza.domain.trading.booking import book, rebook, row_of_fill
from cadenza.domain.trading.contradictions import contradiction_of, execution_of
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.held import as_sent
from cadenza.domain.trading.kept import ABOUT_ANOTHER, KeepReason
from cadenza.domain.trading.not_known import NotKnown, meaning_of_not_known
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    FoundFillReport,
    NotSentReport,
    OrderReport,
    OrderStatusReport,
    OrderTermsReport,
    OwnReport,
    PositionReport,
    RejectedReport,
    Report,
    TriggerMovedReport,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
    UnreadableReport,
    VenueOrderStatus,
    WithdrawnReport,
)
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.same_trade import restated
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trailing import met_at_venue, not_sent
from cadenza.domain.trading.unconfirmed import note_fill
from cadenza.domain.trading.venue_books import (
    apply_balance,
    apply_position,
    may_take_over,
    require_traded_position,
)

_WORKING = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


def apply_report(state: TradingState, report: Report) -> Order | None:
    """Apply one report; return the order it was about. None when it is about none, or fits none and was kept.

    While the account has no snapshot to go on from, nothing is applied: the snapshot has it, or reconciling brings it.
    A report that cannot be read is kept even then.
    """
    if isinstance(report, UnreadableReport):
        state.keep(report, KeepReason.UNREADABLE, report.why)
        return None
    if state.account(report.account_id).adopted_at_ms is None:
        return None
    match report:
        case BalanceReport():
            if may_take_over(state, report):
                apply_balance(state, report)
            return None
        case PositionReport():
            require_traded_position(state, report)
            if may_take_over(state, report):
                apply_position(state, report)
            return None
        case OrderReport():
            return _apply_to_order(state, report)
        case _:
            raise InternalError(f"no rule for {type(report).__name__}")


def _canceled_if_halted(state: TradingState, before: Order, after: Order) -> Order:
    """Return the order with its cancel requested if it was on its way when trading was halted, and works now. An order
    that the platform held until its trigger was resting then, and stays."""
    is_news = before.status is OrderStatus.SUBMITTED and after.status in _WORKING and after.trail is None
    if not is_news or state.account(after.account_id).effective_trading_mode is not TradingMode.HALTED:
        return after
    return after.cancel_requested(state.world.now_ms)


def apply_or_keep(state: TradingState, report: Report) -> Order | None:
    """Apply one report as a unit of its own; return the order it was about. A refused report leaves the state as it
    was, and is kept with the refusal. Raises `TradingAccountNotFound`."""
    state.account(report.account_id)
    savepoint = state.savepoint()
    try:
        return apply_report(state, report)
    except CadenzaError as refusal:
        state.roll_back(savepoint)
        state.keep(report, KeepReason.REFUSED, f"{type(refusal).__name__}: {refusal}")
        return None


def _apply_to_order(state: TradingState, report: OrderReport) -> Order | None:
    order = state.order_of(report)
    if order is None:
        if state.is_awaited(report):
            state.keep(report, KeepReason.NO_ORDER)
            return None
        if isinstance(report, ExternalOrderReport) and (adopted := adopt(state, report)) is not None:
            return _with_kept(state, adopted)
        state.keep(report, KeepReason.NO_ORDER if _may_be_adopted(state, report) else KeepReason.NOT_TRADED)
        return None
    now_ms = state.world.now_ms
    met = met_at_venue(order, report, now_ms)
    if met is None:
        return order
    contradiction = contradiction_of(met, report)
    if contradiction is not None:
        state.keep(_as_kept(order, report, contradiction.reason), contradiction.reason, contradiction.detail)
        return _refused_as_duplicate(state, order, report, contradiction.reason)
    holder = _holder_of_new_name(state, met, report)
    if holder is not None:
        return _not_renamed(state, met, report, holder)
    other = state.other_with_id_of(met, report)
    if other is not None and other.is_external and _is_shared_id(state, order):
        return _left_to_adopted(state, order, other, report)
    if other is not None:
        _set_aside(state, order, other, report)
        return order
    named = _named(met, report, now_ms)
    changed = _changed(state, named, report)
    if changed is order:
        return order
    if changed.version == order.version:  # only a newer instant of the same terms
        state.note_order(changed)
        return changed
    changed = release(state, _canceled_if_halted(state, order, changed))
    state.put_order(changed)
    is_explaining = (
        named is not order or changed.quantity != order.quantity or changed.executions is not order.executions
    )
    return _with_kept(state, changed) if is_explaining else changed


def _set_aside(state: TradingState, order: Order, other: Order, report: OrderReport) -> None:
    """Keep the report, which gives the order the venue's id of another one, and halt the account: its venue counts from
    the beginning again, or the account is another one, and no news of it can be trusted. The order stays in doubt."""
    detail = f"the venue calls it {report.venue_order_id}, as it calls order {other.id}, which is {other.status.value}"
    state.keep(replace(report, order_id=order.id), KeepReason.ID_TAKEN, detail)
    account = state.account(order.account_id)
    if account.trading_mode is not TradingMode.HALTED:
        halted = evolve(account, trading_mode=TradingMode.HALTED, updated_at_ms=state.world.now_ms)
        state.put_account(halted)
        state.emit(halted.id, AccountUpdated(halted))


def _is_shared_id(state: TradingState, order: Order) -> bool:
    return state.spec_of(state.account(order.account_id)).sent_id.is_shared


def _left_to_adopted(state: TradingState, order: Order, adopted: Order, report: OrderReport) -> Order:
    """Apply to an adopted order what the venue says of it, although the report names ours; return ours. The order was
    adopted because it had our id and other terms. Now it has our terms as well. Either somebody amended our order and
    then changed it back, or somebody gave our terms to an order that is not ours. The two cases look the same, so the
    order stays adopted. Ours stays in doubt until it can no longer arrive, or until the reply to our request names the
    adopted order; then an operator resolves it."""
    _apply_to_order(state, replace(report, order_id=adopted.id, sent_id=adopted.sent_id))
    spec = state.spec_of(state.account(order.account_id))
    is_decided = isinstance(report, AcceptedReport) or (
        isinstance(report, OrderTermsReport) and spec.is_past_fence(order.send_before_ms, state.world.now_ms)
    )
    return _not_renamed(state, order, report, adopted) if is_decided else order


def _may_be_adopted(state: TradingState, report: OrderReport) -> bool:
    """Whether the order of the report, which is not known, can become known. An order that was placed elsewhere is not
    adopted when the account does not trade its instrument; one of ours always is of such an instrument."""
    account, instrument = state.account(report.account_id), state.world.instrument(report.instrument_id)
    return instrument is None or state.spec_of(account).trades(account.external.type, instrument.type)


def _named(order: Order, report: OrderReport, now_ms: int) -> Order:
    """Record what the venue calls the order. A venue that does not know the order gives it no name, and neither does a
    report of our own."""
    if isinstance(report, OwnReport) or _is_unknown_to_venue(report):
        return order
    named = order.known_as(report.venue_order_id, now_ms)
    return named.once_known_as(report.former_venue_order_id, now_ms) if isinstance(report, AcceptedReport) else named


def _holder_of_new_name(state: TradingState, order: Order, report: OrderReport) -> Order | None:
    """Return another order that already has the name which a rename gives to this one: it was reported under that name
    before the rename was, so it was adopted as an order of its own."""
    is_rename = isinstance(report, AcceptedReport) and report.former_venue_order_id is not None
    if not is_rename or report.venue_order_id is None:
        return None
    holder = state.order_by_venue_id(order, report.venue_order_id)
    return holder if holder is not None and holder.id != order.id else None


def _not_renamed(state: TradingState, order: Order, report: OrderReport, holder: Order) -> Order:
    """A name is that of one order, and what the holder executed is booked and published as its own. So nothing can show
    any more how this order stands: an operator resolves it."""
    state.keep(report, KeepReason.OTHER_ORDER, f"{report.venue_order_id} is recorded here as order {holder.id}")
    changed = order.undetermined(state.world.now_ms)
    if changed is not order:
        state.put_order(changed)
    return changed


def _as_kept(order: Order, report: OrderReport, reason: KeepReason) -> OrderReport:
    """Return the report as it is kept. What contradicts a booked execution is the same fact, whichever way it came."""
    if reason is not KeepReason.OTHER_EXECUTION or not isinstance(report, FillReport):
        return report
    return replace(
        report,
        order_id=order.id,
        sent_id=None,
        venue_order_id=None,
        liquidity=None,
        position_side=None,
        leverage=None,
    )


def _is_unknown_to_venue(report: OrderReport) -> bool:
    return isinstance(report, RejectedReport) and report.reason == RejectReason.NOT_FOUND_AT_VENUE.value


def _with_kept(state: TradingState, order: Order) -> Order:
    """Apply what came before it was clear which order, or which execution, it was about."""
    for kept in state.take_kept(order):
        order = apply_or_keep(state, kept) or order
    return order


def _refused_as_duplicate(state: TradingState, order: Order, report: OrderReport, reason: KeepReason) -> Order:
    """The venue refused our request because it has an order under this id, and now shows that this is another order. So
    ours does not work there. Return the order; it is rejected if that is proved."""
    is_shown = isinstance(report, OrderTermsReport) and reason in ABOUT_ANOTHER
    if not is_shown or order.doubt is not Doubt.DUPLICATE or order.is_acknowledged:
        return order
    rejected = release(state, order.rejected(RejectReason.DUPLICATE_SENT_ID.value, state.world.now_ms))
    state.put_order(rejected)
    return rejected


def _changed(state: TradingState, order: Order, report: OrderReport) -> Order:
    now_ms = state.world.now_ms
    match report:
        case FillReport():
            return _fill(state, order, report)
        case FillBustedReport() | FeeReport():
            return _correct(state, order, report)
        case AcceptedReport() | ExternalOrderReport():
            return _accepted(state, order, report)
        case RejectedReport():
            return _rejected(state, order, report)
        case NotSentReport():
            return not_sent(order, report.cause, now_ms)
        case WithdrawnReport():
            return order.withdrawn(CancelReason.USER, report.at_ms, now_ms)
        case CanceledReport():
            return order.canceled(report.reason, report.executed_quantity, report.at_ms, now_ms)
        case ExpiredReport():
            return order.expired(report.executed_quantity, report.at_ms, now_ms)
        case OrderStatusReport():
            return _status(state, order, report)
        case CancelRefusedReport():
            return _cancel_refused(state, order, report)
        case TriggerMovedReport():
            return order.trigger_moved(report.stop_price, report.at_ms, now_ms)
        case UnknownOutcomeReport():
            if report.is_not_found:
                return _not_found_yet(order, now_ms)
            return order.refused_as_duplicate(now_ms) if report.is_duplicate else order  # its doubt says so already
        case UndeterminedOutcomeReport():
            return _undetermined(state, order)
        case _:
            raise InternalError(f"no rule for {type(report).__name__}")


def _rejected(state: TradingState, order: Order, report: RejectedReport) -> Order:
    """A refusal as duplicate alone proves nothing. What it means that the venue does not know an order depends on the
    order and on the venue's memory. That the fence is past was decided when the venue was asked."""
    now_ms = state.world.now_ms
    if report.reason == RejectReason.DUPLICATE_SENT_ID.value:
        return order.refused_as_duplicate(now_ms)
    if _is_unknown_to_venue(report):
        account = state.account(order.account_id)
        match meaning_of_not_known(state.spec_of(account), account.external.type, as_sent(order), now_ms):
            case NotKnown.FORGOTTEN | NotKnown.MAY_ARRIVE:
                return order.undetermined(now_ms)
            case NotKnown.ENDED_UNFILLED:
                return order.canceled(CancelReason.VENUE, ZERO, report.at_ms, now_ms)
            case NotKnown.TOO_EARLY if order.is_acknowledged:  # its acknowledgement came after the question
                return _not_found_yet(order, now_ms)
            case NotKnown.DEAD | NotKnown.TOO_EARLY:
                pass
    return order.rejected(report.reason, now_ms)


def _not_found_yet(order: Order, now_ms: int) -> Order:
    """The venue does not know the order, and its answer may be older than the last news of the order."""
    is_certain = order.is_acknowledged and not (order.is_closed or order.is_in_doubt)
    return order.doubted(now_ms) if is_certain else order


def _undetermined(state: TradingState, order: Order) -> Order:
    """A venue without a lookup was not asked, so an order that is not in doubt stays as it is."""
    if not order.is_in_doubt and not _has_lookup(state, order):
        return order
    return order.undetermined(state.world.now_ms)


def _cancel_refused(state: TradingState, order: Order, report: CancelRefusedReport) -> Order:
    """After TOO_LATE and UNKNOWN_ORDER the venue is asked how the order stands, because its cancel waits. A venue
    without a lookup cannot answer that. Of an open order there, the refusal is all that the venue says about its end,
    so the order is in doubt. The next inquiry finds that asking does not help, unless the end is reported before.

    A refusal that is not newer than the last one repeats it. It says nothing about a later cancel, and nothing new
    about an order that an operator has resolved since."""
    if order.is_closed or report.at_ms <= order.cancel_refused_at_ms:
        return order
    now_ms = state.world.now_ms
    order = evolve(order, cancel_refused_at_ms=report.at_ms)
    if report.refusal is CancelRefusal.WORKS_ON:
        return order.cancel_refused(now_ms)
    if order.is_in_doubt or _has_lookup(state, order):
        return order
    return order.doubted(now_ms)


def _accepted(state: TradingState, order: Order, report: OrderTermsReport, *, can_lower: bool = False) -> Order:
    """The order arrived at the venue, and worked there at `report.at_ms`. Where the venue has no lookup, the refusal of
    a cancel that still waits says more than a statement from before it: then the doubt stays. A venue with a lookup may
    answer with the instant of the order's last change, however old that is."""
    is_superseded = (
        order.status is OrderStatus.PENDING_CANCEL
        and report.at_ms < order.cancel_refused_at_ms
        and not _has_lookup(state, order)
    )
    return order.accepted(
        report.executed_quantity,
        report.at_ms,
        state.world.now_ms,
        can_lower=can_lower,
        ends_doubt=not is_superseded,
    )


def _has_lookup(state: TradingState, order: Order) -> bool:
    return state.spec_of(state.account(order.account_id)).lookup is not None


def _status(state: TradingState, order: Order, report: OrderStatusReport) -> Order:
    now_ms = state.world.now_ms
    if report.stop_price is not None:
        order = order.trigger_moved(report.stop_price, report.at_ms, now_ms)
    order = order.amended(
        quantity=report.quantity,
        limit_price=report.limit_price,
        at_ms=report.at_ms,
        now_ms=now_ms,
        has_ended=report.status in (VenueOrderStatus.CANCELED, VenueOrderStatus.EXPIRED),
    )
    match report.status:
        case VenueOrderStatus.WORKING:
            # Nothing that has ended works, so such a status is late, or says nothing of the total.
            can_lower = not order.is_closed and order.closing is None
            return _accepted(state, order, report, can_lower=can_lower)
        case VenueOrderStatus.FILLED:
            return order.accepted(report.quantity, report.at_ms, now_ms, can_lower=True)
        case VenueOrderStatus.CANCELED:
            return order.canceled(report.cancel_reason, report.executed_quantity, report.at_ms, now_ms)
        case VenueOrderStatus.EXPIRED:
            return order.expired(report.executed_quantity, report.at_ms, now_ms)


def _fill(state: TradingState, order: Order, report: FillReport) -> Order:
    known = execution_of(order, report.trade_id)
    if known is not None:
        if isinstance(report, FillCorrectedReport):
            return _correct(state, order, report)
        return _replaced(state, order, known, restated(known, report))
    corrected_at_ms = report.at_ms if isinstance(report, FillCorrectedReport) else None
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
        corrected_at_ms=corrected_at_ms,
        fees_at_ms=corrected_at_ms if report.fees else None,
        position_side=row_of_fill(state, order, report.position_side),
        is_by_operator=isinstance(report, FoundFillReport),
        is_inverse=order.is_inverse,
    )
    order = book(state, order, execution, report.leverage)
    note_fill(state, order, execution)
    state.put_execution(execution)  # after what can raise: a refused report leaves the state as it was
    order = order.filled(execution, state.world.now_ms)
    if order.doubt is Doubt.UNDETERMINED and _has_lookup(state, order):  # it knows the order after all
        return order.doubted(state.world.now_ms)
    return order


def _correct(state: TradingState, order: Order, report: FillCorrectedReport | FillBustedReport | FeeReport) -> Order:
    """Replace an execution by what the venue says it is now."""
    known = execution_of(order, report.trade_id)
    if known is None:  # its fill comes later
        state.keep(report, KeepReason.NO_EXECUTION)
        return order
    return _replaced(state, order, known, _corrected(known, report))


def _replaced(state: TradingState, order: Order, known: Execution, now: Execution) -> Order:
    """Replace an execution. The money is moved by the difference."""
    if now == known:
        return order
    order = rebook(state, order, known, now)
    state.put_execution(now)
    return order.with_execution(now, state.world.now_ms)


def _corrected(known: Execution, report: FillCorrectedReport | FillBustedReport | FeeReport) -> Execution:
    """An older claim changes nothing, and nothing revives an execution that was busted later. Fees have an instant of
    their own."""
    if isinstance(report, FeeReport):
        return _charged(known, report)
    is_older = report.at_ms < (known.corrected_at_ms or 0)
    if isinstance(report, FillBustedReport):
        if is_older:
            return known
        return replace(known, corrected_at_ms=report.at_ms, is_busted=True, is_by_operator=False)
    if report.fees:
        known = _charged(known, report)
    if is_older:
        return known
    return replace(
        known,
        price=report.price,
        quantity=report.quantity,
        corrected_at_ms=report.at_ms,
        is_busted=False,
        is_by_operator=False,
        position_side=report.position_side or known.position_side,
    )


def _charged(known: Execution, report: FillCorrectedReport | FeeReport) -> Execution:
    if report.at_ms < (known.fees_at_ms or 0):
        return known
    return replace(known, fees=report.fees, fees_at_ms=report.at_ms)
