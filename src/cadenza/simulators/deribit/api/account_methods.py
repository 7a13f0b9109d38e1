"""Questions about the account: summaries, positions and the transaction log."""

from __future__ import annotations

from cadenza.simulators.deribit.api.filters import read_currency, read_instrument, read_selection
from cadenza.simulators.deribit.api.payloads import (
    Payload,
    entry_payload,
    position_payload,
    summary_payload,
    user_payload,
)
from cadenza.simulators.deribit.market.instruments import CURRENCIES, SPOT
from cadenza.simulators.deribit.wire.errors import invalid_params
from cadenza.simulators.deribit.wire.gateway import MethodCall, RpcMethod


def get_account_summary(call: MethodCall) -> Payload:
    """private/get_account_summary: of one currency."""
    currency, is_extended = read_currency(call.params), call.params.flag("extended")
    call.params.done()
    if currency == "any":
        raise invalid_params("currency", "unknown currency")
    row = _summary(call, currency, is_extended=is_extended)
    return row | _user(call) if is_extended else row


def get_account_summaries(call: MethodCall) -> Payload:
    """private/get_account_summaries: of all currencies."""
    is_extended = call.params.flag("extended")
    call.params.done()
    summaries = {"summaries": [_summary(call, currency, is_extended=is_extended) for currency in CURRENCIES]}
    return (_user(call) if is_extended else {}) | summaries


def get_positions(call: MethodCall) -> list[Payload]:
    """private/get_positions."""
    selects = read_selection(call.params, read_currency(call.params, default="any"))
    call.params.done()
    exchange = call.venue.exchange
    return [
        position_payload(exchange, position)
        for position in exchange.ledger.positions(call.account)
        if selects(exchange.instruments[position.instrument])
    ]


def get_position(call: MethodCall) -> Payload:
    """private/get_position: one of size 0 where there is none."""
    exchange = call.venue.exchange
    instrument = read_instrument(call.params, exchange)
    call.params.done()
    if instrument.kind == SPOT:
        raise invalid_params("instrument_name", "there are no positions in spot")
    return position_payload(exchange, exchange.ledger.position(call.account, instrument.name))


def get_transaction_log(call: MethodCall) -> Payload:
    """private/get_transaction_log: movements of one currency, the latest first."""
    params, currency = call.params, read_currency(call.params)
    start_ms, end_ms = params.must_integer("start_timestamp"), params.must_integer("end_timestamp")
    count, until = params.count(100, 250), params.integer("continuation")
    params.done()
    found = [
        entry
        for entry in reversed(call.venue.exchange.ledger.entries)
        if entry.account == call.account
        and currency in ("any", entry.currency)
        and start_ms <= entry.at_ms <= end_ms
        and (until is None or entry.number <= until)
    ]
    following = found[count].number if len(found) > count else None
    return {
        "logs": [entry_payload(each, call.venue.user_id(call.account)) for each in found[:count]],
        "continuation": following,
    }


def get_subaccounts(call: MethodCall) -> list[Payload]:
    """private/get_subaccounts: the account itself; it has no others."""
    call.params.flag("with_portfolio")
    call.params.done()
    return [_user(call) | {"is_password": False, "receive_notifications": False, "security_keys_assignments": []}]


def _summary(call: MethodCall, currency: str, *, is_extended: bool) -> Payload:
    exchange = call.venue.exchange
    figures = exchange.ledger.figures(call.account, currency)
    return summary_payload(figures, exchange, call.venue.settings.limits, extended=is_extended)


def _user(call: MethodCall) -> Payload:
    return user_payload(call.venue.user_id(call.account), call.account)


_HANDLERS = {
    "get_account_summary": (get_account_summary, "account:read"),
    "get_account_summaries": (get_account_summaries, "account:read"),
    "get_positions": (get_positions, "trade:read"),
    "get_position": (get_position, "trade:read"),
    "get_transaction_log": (get_transaction_log, "account:read"),
    "get_subaccounts": (get_subaccounts, "account:read"),
}
ACCOUNT_METHODS = tuple(
    RpcMethod(name=f"private/{name}", handler=handler, scope=scope) for name, (handler, scope) in _HANDLERS.items()
)
