"""Adopting an order that was placed elsewhere: by hand at the venue, by another program, by a liquidation."""

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import OrderStatus, QuantityType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport
from cadenza.domain.trading.reservation import reserve
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import FundsCheck


def adopt(state: TradingState, report: ExternalOrderReport) -> Order | None:
    """Make the order one of the account's; None when its instrument is not known or the venue gave it no id. It gets
    no `sent_id` if another order of the account has that one: a `sent_id` names one order. Raises
    `InstrumentNotTradable` when the account trades no such instruments."""
    instrument = state.world.instrument(report.instrument_id)
    if instrument is None or report.venue_order_id is None:
        return None
    account = state.account(report.account_id)
    state.require_traded(account, instrument)
    is_taken = report.sent_id is not None and state.order_by_sent_id(account.id, report.sent_id) is not None
    order = Order(
        id=OrderId(state.world.new_id()),
        tenant_id=account.tenant_id,
        account_id=account.id,
        venue_id=account.venue_id,
        instrument_id=instrument.id,
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        is_inverse=instrument.is_inverse,
        side=report.side,
        type=report.type,
        time_in_force=report.time_in_force,
        asked_quantity=report.quantity,
        quantity_type=QuantityType.BASE,
        rounding=Rounding.NONE,
        quantity=report.quantity,
        limit_price=report.limit_price,
        stop_price=report.stop_price,
        expire_at_ms=report.expire_at_ms,
        status=OrderStatus.ACCEPTED,
        sent_id=None if is_taken else report.sent_id,
        venue_order_id=report.venue_order_id,
        stated_quantity=report.executed_quantity,
        stated_at_ms=report.at_ms,
        trigger_stated_at_ms=0 if report.stop_price is None else report.at_ms,
        quantity_stated_at_ms=report.at_ms,
        is_external=True,
        is_liquidation=report.is_liquidation,
        created_at_ms=state.world.now_ms,
        updated_at_ms=state.world.now_ms,
    )
    order = _with_reservation(state, order, account, instrument)
    state.put_order(order)
    return order


def take_over_expiry(state: TradingState, account_id: TradingAccountId, former: Order) -> None:
    """Let the platform expire an order that the account has just adopted, as it had to expire `former`. That is the
    same order, in the same account of the venue, which was disconnected meanwhile: the order was REVOKED here, and
    works on at the venue, which does not know when it expires. Where others may give out our ids, an order that the
    venue has not named may be anybody's, and is left alone."""
    order = None if former.sent_id is None else state.order_by_sent_id(account_id, former.sent_id)
    if order is None or order.id not in state.changed.created or order.is_closed:
        return
    ids = (order.venue_order_id, *order.former_venue_order_ids)
    is_shared = state.spec_of(state.account(account_id)).sent_id.is_shared
    is_named = former.venue_order_id in ids or (former.venue_order_id is None and not is_shared)
    if is_named and order.instrument_id == former.instrument_id and order.expiry is None:
        state.put_order(order.expires_as(former, state.world.now_ms))


def _with_reservation(state: TradingState, order: Order, account: TradingAccount, instrument: Instrument) -> Order:
    """Lock what the order holds at its venue, as far as it is known. The order works there even if our ledger has too
    little."""
    if state.spec_of(account).funds_check is FundsCheck.AT_VENUE:
        return order
    try:
        reservation = reserve(order, account, instrument, state)
    except CadenzaError:
        return order
    state.change_balance(account.id, reservation.asset, locked=reservation.remaining)
    return evolve(order, reservation=reservation)
