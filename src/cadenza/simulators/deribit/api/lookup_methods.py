"""Questions about orders and trades. The venue forgets: of orders that ended it knows those of the last 30 minutes, of
trades those of the last 24 hours; what is older is asked for with `historical`, and then nothing else is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cadenza.simulators.deribit.api.filters import (
    read_currency,
    read_instrument,
    read_order_filter,
    read_page,
    read_selection,
)
from cadenza.simulators.deribit.api.payloads import Payload, order_payload, trigger_end_payload, user_trade
from cadenza.simulators.deribit.market.instruments import DeribitInstrument
from cadenza.simulators.deribit.trading.records import DeribitOrder, DeribitTrade
from cadenza.simulators.deribit.wire.errors import invalid_params, order_not_found
from cadenza.simulators.deribit.wire.gateway import MethodCall, RpcMethod

RECENT_ORDERS_MS = 30 * 60 * 1000
RECENT_TRADES_MS = 24 * 60 * 60 * 1000
OLD_MS = 2 * 24 * 60 * 60 * 1000
"""Orders older than this are left out of histories, unless `include_old` asks for them."""


def get_order_state(call: MethodCall) -> Payload:
    """private/get_order_state."""
    order = call.venue.exchange.orders.find(call.account, call.params.must_text("order_id"))
    is_historical = call.params.flag("historical")
    call.params.done()
    if order is None or not _is_kept(order, call, is_historical=is_historical):
        raise order_not_found()
    return _order(call, order)


def get_order_state_by_label(call: MethodCall) -> list[Payload]:
    """private/get_order_state_by_label: all orders that have the label, the latest first."""
    label, currency = call.params.must_text("label"), read_currency(call.params)
    is_historical = call.params.flag("historical")
    call.params.done()
    found = call.venue.exchange.orders.labelled(call.account, label)
    kept = [order for order in reversed(found) if _is_kept(order, call, is_historical=is_historical)]
    return [_order(call, order) for order in kept if _is_of(call, order, currency)]


def get_open_orders(call: MethodCall) -> list[Payload]:
    """private/get_open_orders, and get_open_orders_by_currency."""
    selects = read_selection(call.params, read_currency(call.params, default="any"))
    is_wanted = read_order_filter(call.params)
    return _open_orders(call, lambda order: is_wanted(order) and selects(_listed(call, order)))


def get_open_orders_by_instrument(call: MethodCall) -> list[Payload]:
    """private/get_open_orders_by_instrument."""
    name, is_wanted = read_instrument(call.params, call.venue.exchange).name, read_order_filter(call.params)
    return _open_orders(call, lambda order: is_wanted(order) and order.instrument == name)


def get_open_orders_by_label(call: MethodCall) -> list[Payload]:
    """private/get_open_orders_by_label."""
    currency, label = read_currency(call.params), call.params.text("label")
    return _open_orders(call, lambda order: label in (None, order.label) and _is_of(call, order, currency))


def get_order_history_by_currency(call: MethodCall) -> object:
    """private/get_order_history_by_currency."""
    selects = read_selection(call.params, read_currency(call.params))
    return _history(call, lambda order: selects(_listed(call, order)))


def get_order_history_by_instrument(call: MethodCall) -> object:
    """private/get_order_history_by_instrument."""
    name = read_instrument(call.params, call.venue.exchange).name
    return _history(call, lambda order: order.instrument == name)


def get_trigger_order_history(call: MethodCall) -> Payload:
    """private/get_trigger_order_history."""
    currency = read_currency(call.params)
    name, count = call.params.text("instrument_name"), call.params.count(20, 1_000)
    start = _continued(call)
    call.params.done()
    ends = [
        end
        for end in call.venue.triggers.ends(call.account)
        if name in (None, end.order.instrument) and _is_of(call, end.order, currency)
    ]
    entries = [trigger_end_payload(end) for end in ends[start : start + count]]
    return {"entries": entries, "continuation": _continuation(start + count, len(ends))}


def get_user_trades_by_currency(call: MethodCall) -> Payload:
    """private/get_user_trades_by_currency."""
    return _trades_by_currency(call, needs_times=False)


def get_user_trades_by_currency_and_time(call: MethodCall) -> Payload:
    """private/get_user_trades_by_currency_and_time."""
    return _trades_by_currency(call, needs_times=True)


def get_user_trades_by_instrument(call: MethodCall) -> Payload:
    """private/get_user_trades_by_instrument."""
    return _trades_by_instrument(call, needs_times=False)


def get_user_trades_by_instrument_and_time(call: MethodCall) -> Payload:
    """private/get_user_trades_by_instrument_and_time."""
    return _trades_by_instrument(call, needs_times=True)


def get_user_trades_by_order(call: MethodCall) -> list[Payload]:
    """private/get_user_trades_by_order."""
    order_id = call.params.must_text("order_id")
    is_ascending = call.params.choice("sorting", ("asc", "desc", "default")) != "desc"
    kept = _kept_trades(call, call.venue.exchange.orders.trades_of(order_id))
    call.params.done()
    own = [trade for trade in kept if trade.account == call.account]
    return [_trade(call, trade) for trade in (own if is_ascending else reversed(own))]


def is_hidden(order: DeribitOrder, call: MethodCall) -> bool:
    """Whether the matching engine has forgotten an order that ended."""
    return not order.is_open and call.now_ms - order.updated_ms > RECENT_ORDERS_MS


def _is_kept(order: DeribitOrder, call: MethodCall, *, is_historical: bool) -> bool:
    """Whether a store has an order: open ones and those that ended recently are in the recent one, all others in the
    historical one. With a lookup lag a new order is in none yet."""
    if call.now_ms - order.created_ms < call.venue.faults.lookup_lag_ms:
        return False
    return is_hidden(order, call) is is_historical


def _kept_trades(call: MethodCall, trades: Sequence[DeribitTrade]) -> list[DeribitTrade]:
    is_historical, lag_ms = call.params.flag("historical"), call.venue.faults.lookup_lag_ms
    return [
        trade
        for trade in trades
        if (call.now_ms - trade.at_ms > RECENT_TRADES_MS) is is_historical and call.now_ms - trade.at_ms >= lag_ms
    ]


def _open_orders(call: MethodCall, is_wanted: Callable[[DeribitOrder], bool]) -> list[Payload]:
    call.params.done()
    orders = call.venue.exchange.orders.open_orders(call.account)
    return [_order(call, each) for each in orders if is_wanted(each) and _is_kept(each, call, is_historical=False)]


def _history(call: MethodCall, is_wanted: Callable[[DeribitOrder], bool]) -> object:
    """Return orders that ended, the latest first: those without an execution only on demand."""
    params = call.params
    has_unfilled, has_old = params.flag("include_unfilled"), params.flag("include_old")
    is_historical, with_continuation = params.flag("historical"), params.flag("with_continuation")
    count, offset = params.count(20, 1_000), params.integer("offset") or 0
    start = offset + _continued(call)
    params.done()
    found = [
        order
        for order in call.venue.exchange.orders.newest_first(call.account)
        if not order.is_open
        and is_wanted(order)
        and (order.filled or has_unfilled)
        and (has_old or is_historical or call.now_ms - order.updated_ms <= OLD_MS)
        and _is_kept(order, call, is_historical=is_historical)
    ]
    page = [_order(call, order) for order in found[start : start + count]]
    if not with_continuation:
        return page
    return {"orders": page, "continuation": _continuation(start + count, len(found))}


def _continued(call: MethodCall) -> int:
    """Return where a page begins: the token that the former page was answered with."""
    token = call.params.text("continuation")
    if token is None:
        return 0
    if not token.isdecimal():
        raise invalid_params("continuation", "invalid continuation token")
    return int(token)


def _continuation(end: int, total: int) -> str | None:
    return str(end) if end < total else None


def _trades_by_currency(call: MethodCall, *, needs_times: bool) -> Payload:
    selects = read_selection(call.params, read_currency(call.params))
    first, last = call.params.text("start_id"), call.params.text("end_id")
    trades = [each for each in _own_trades(call) if selects(call.venue.exchange.instruments[each.instrument])]
    ids = [trade.id for trade in trades]
    start = ids.index(first) if first in ids else 0
    end = ids.index(last) + 1 if last in ids else len(ids)
    return _trade_page(call, trades[start:end], needs_times=needs_times)


def _trades_by_instrument(call: MethodCall, *, needs_times: bool) -> Payload:
    name = read_instrument(call.params, call.venue.exchange).name
    first, last = call.params.integer("start_seq"), call.params.integer("end_seq")
    trades = [
        each
        for each in _own_trades(call)
        if each.instrument == name and (first is None or each.seq >= first) and (last is None or each.seq <= last)
    ]
    return _trade_page(call, trades, needs_times=needs_times)


def _own_trades(call: MethodCall) -> list[DeribitTrade]:
    return _kept_trades(call, call.venue.exchange.orders.trades(call.account))


def _trade_page(call: MethodCall, trades: list[DeribitTrade], *, needs_times: bool) -> Payload:
    page = read_page(call.params, needs_times=needs_times)
    call.params.done()
    shown, has_more = page.cut(trades)
    return {"trades": [_trade(call, trade) for trade in shown], "has_more": has_more}


def _order(call: MethodCall, order: DeribitOrder) -> Payload:
    return order_payload(order, call.venue.exchange.instruments[order.instrument], call.venue.user_id(call.account))


def _trade(call: MethodCall, trade: DeribitTrade) -> Payload:
    return user_trade(trade, call.venue.exchange.instruments[trade.instrument])


def _listed(call: MethodCall, order: DeribitOrder) -> DeribitInstrument:
    return call.venue.exchange.instruments[order.instrument]


def _is_of(call: MethodCall, order: DeribitOrder, currency: str) -> bool:
    return call.venue.exchange.instruments[order.instrument].is_of(currency)


_HANDLERS = {
    "get_order_state": get_order_state,
    "get_order_state_by_label": get_order_state_by_label,
    "get_open_orders": get_open_orders,
    "get_open_orders_by_currency": get_open_orders,
    "get_open_orders_by_instrument": get_open_orders_by_instrument,
    "get_open_orders_by_label": get_open_orders_by_label,
    "get_order_history_by_currency": get_order_history_by_currency,
    "get_order_history_by_instrument": get_order_history_by_instrument,
    "get_trigger_order_history": get_trigger_order_history,
    "get_user_trades_by_currency": get_user_trades_by_currency,
    "get_user_trades_by_currency_and_time": get_user_trades_by_currency_and_time,
    "get_user_trades_by_instrument": get_user_trades_by_instrument,
    "get_user_trades_by_instrument_and_time": get_user_trades_by_instrument_and_time,
    "get_user_trades_by_order": get_user_trades_by_order,
}
LOOKUP_METHODS = tuple(
    RpcMethod(name=f"private/{name}", handler=handler, scope="trade:read") for name, handler in _HANDLERS.items()
)
