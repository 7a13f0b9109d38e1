"""Orders: placing, editing and canceling them."""

from __future__ import annotations

from collections.abc import Iterable

from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.api.filters import (
    read_currencies,
    read_currency,
    read_instrument,
    read_order_filter,
    read_selection,
)
from cadenza.simulators.deribit.api.lookup_methods import is_hidden
from cadenza.simulators.deribit.api.payloads import Payload, order_payload, user_trade
from cadenza.simulators.deribit.trading.desk import CANCELABLE_STATES, USER_REQUEST
from cadenza.simulators.deribit.trading.order_request import DeribitOrderRequest, read_change, read_order
from cadenza.simulators.deribit.trading.records import TRIGGER_TYPES, DeribitOrder
from cadenza.simulators.deribit.wire.credits import CreditPool
from cadenza.simulators.deribit.wire.errors import non_unique_label, order_not_found, other_reject
from cadenza.simulators.deribit.wire.gateway import MethodCall, RpcMethod


def buy(call: MethodCall) -> Payload:
    """private/buy."""
    return _place(call, Side.BUY)


def sell(call: MethodCall) -> Payload:
    """private/sell."""
    return _place(call, Side.SELL)


def close_position(call: MethodCall) -> Payload:
    """private/close_position: a reduce-only order for the whole position."""
    venue, params = call.venue, call.params
    instrument = venue.exchange.instrument(params.must_text("instrument_name"))
    type, price = params.choice("type", ("limit", "market")) or "market", params.number("price")
    params.done()
    size = venue.exchange.ledger.position(call.account, instrument.name).size
    if not size:
        raise other_reject("already_closed")
    request = DeribitOrderRequest(
        instrument=instrument.name,
        side=Side.SELL if size > 0 else Side.BUY,
        type=type,
        amount=abs(size),
        price=price if type == "limit" else None,
        is_reduce_only=True,
    )
    return _placed(call, request)


def edit(call: MethodCall) -> Payload:
    """private/edit."""
    return _edited(call, _find(call))


def edit_by_label(call: MethodCall) -> Payload:
    """private/edit_by_label: of the one open order that has the label in an instrument."""
    label = call.params.must_text("label")
    instrument = read_instrument(call.params, call.venue.exchange)
    found = [
        order
        for order in call.venue.exchange.orders.labelled(call.account, label)
        if order.is_open and order.instrument == instrument.name
    ]
    if not found:
        raise order_not_found()
    if len(found) > 1:
        raise non_unique_label()
    return _edited(call, found[0])


def cancel(call: MethodCall) -> Payload:
    """private/cancel."""
    order = _find(call)
    call.params.done()
    return _shown(call, call.venue.desk.cancel(order, call.now_ms))


def cancel_all(call: MethodCall) -> object:
    """private/cancel_all."""
    return _cancel_many(call, _open_orders(call))


def cancel_all_by_instrument(call: MethodCall) -> object:
    """private/cancel_all_by_instrument."""
    instrument, is_wanted = read_instrument(call.params, call.venue.exchange), read_order_filter(call.params)
    call.params.flag("include_combos")
    return _cancel_many(
        call, [each for each in _open_orders(call) if each.instrument == instrument.name and is_wanted(each)]
    )


def cancel_all_by_currency(call: MethodCall) -> object:
    """private/cancel_all_by_currency."""
    return _cancel_of(call, [read_currency(call.params)])


def cancel_all_by_kind_or_type(call: MethodCall) -> object:
    """private/cancel_all_by_kind_or_type: also of several currencies."""
    return _cancel_of(call, read_currencies(call.params))


def cancel_by_label(call: MethodCall) -> int:
    """private/cancel_by_label: all open orders that have the label, in one currency or in all."""
    label, currency = call.params.must_text("label"), read_currency(call.params, default="any")
    call.params.done()
    instruments = call.venue.exchange.instruments
    found = [
        each for each in _open_orders(call) if each.label == label and instruments[each.instrument].is_of(currency)
    ]
    return len(_canceled(call, found))


def _cancel_of(call: MethodCall, currencies: list[str]) -> object:
    selects = read_selection(call.params, *currencies)
    is_wanted, instruments = read_order_filter(call.params), call.venue.exchange.instruments
    return _cancel_many(
        call, [each for each in _open_orders(call) if selects(instruments[each.instrument]) and is_wanted(each)]
    )


def _place(call: MethodCall, side: Side) -> Payload:
    instrument = call.venue.exchange.instrument(call.params.must_text("instrument_name"))
    request = read_order(call.params, instrument, side)
    call.params.done()
    return _placed(call, request)


def _placed(call: MethodCall, request: DeribitOrderRequest) -> Payload:
    venue = call.venue
    connection = None if call.connection is None else call.connection.id
    desk = venue.triggers if request.type in TRIGGER_TYPES else venue.desk
    order = desk.place(call.account, request, call.now_ms, connection=connection)
    return _with_trades(call, order, 0)


def _edited(call: MethodCall, order: DeribitOrder) -> Payload:
    venue = call.venue
    change = read_change(call.params, venue.exchange.instruments[order.instrument])
    call.params.done()
    before = len(venue.exchange.orders.trades_of(order.id))
    desk = venue.triggers if order.is_waiting else venue.desk
    return _with_trades(call, desk.edit(order, change, call.now_ms), before)


def _with_trades(call: MethodCall, order: DeribitOrder, before: int) -> Payload:
    """Return an order with the trades that it made after the first so many."""
    exchange = call.venue.exchange
    trades = exchange.orders.trades_of(order.id)[before:]
    instrument = exchange.instruments[order.instrument]
    return {"order": _shown(call, order), "trades": [user_trade(trade, instrument) for trade in trades]}


def _shown(call: MethodCall, order: DeribitOrder) -> Payload:
    return order_payload(order, call.venue.exchange.instruments[order.instrument], call.venue.user_id(call.account))


def _find(call: MethodCall) -> DeribitOrder:
    order = call.venue.exchange.orders.find(call.account, call.params.must_text("order_id"))
    if order is None or is_hidden(order, call):
        raise order_not_found()
    return order


def _open_orders(call: MethodCall) -> list[DeribitOrder]:
    return call.venue.exchange.orders.open_orders(call.account)


def _cancel_many(call: MethodCall, orders: Iterable[DeribitOrder]) -> object:
    """Cancel orders, and return how many; with `detailed` the orders, instrument by instrument."""
    is_detailed = call.params.flag("detailed")
    call.params.flag("freeze_quotes")
    call.params.done()
    canceled = _canceled(call, orders)
    if not is_detailed:
        return len(canceled)
    instruments = call.venue.exchange.instruments
    return [
        {
            "type": "limit" if orders_of[0].trigger is None else "trigger",
            "currency": instruments[name].id_currency,
            "instrument_name": name,
            "result": [_shown(call, order) for order in orders_of],
        }
        for name in dict.fromkeys(order.instrument for order in canceled)
        for is_trigger in (False, True)
        if (
            orders_of := [
                order for order in canceled if order.instrument == name and (order.trigger is not None) is is_trigger
            ]
        )
    ]


def _canceled(call: MethodCall, orders: Iterable[DeribitOrder]) -> list[DeribitOrder]:
    """Cancel those whose books allow it."""
    exchange = call.venue.exchange
    return [
        exchange.close(order, USER_REQUEST, call.now_ms)
        for order in orders
        if exchange.state(order.instrument) in CANCELABLE_STATES
    ]


_HANDLERS = {
    "buy": buy,
    "sell": sell,
    "close_position": close_position,
    "edit": edit,
    "edit_by_label": edit_by_label,
    "cancel": cancel,
    "cancel_all": cancel_all,
    "cancel_all_by_instrument": cancel_all_by_instrument,
    "cancel_all_by_currency": cancel_all_by_currency,
    "cancel_all_by_kind_or_type": cancel_all_by_kind_or_type,
    "cancel_by_label": cancel_by_label,
}
TRADING_METHODS = tuple(
    RpcMethod(
        name=f"private/{name}",
        handler=handler,
        scope="trade:read_write",
        pool=CreditPool.MATCHING,
        is_trade=True,
    )
    for name, handler in _HANDLERS.items()
)
