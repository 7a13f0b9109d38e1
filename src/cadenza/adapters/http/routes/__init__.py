"""The routes, by noun. Each is one function: the request's model in, the reply's model out."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cadenza.adapters.http.endpoint import HttpCall, Respond
from cadenza.adapters.http.routes import accounts, auth, credentials, market, orders, subscriptions, system
from cadenza.wire import operations as op
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.own_operations import OWN_OPERATIONS


def _respond_to(own: OwnOperation) -> Respond:
    async def respond(call: HttpCall, asked: Any) -> Struct:
        return await own.answer(call.use_cases, call.actor, asked)

    return respond


RESPONDERS: Mapping[ApiOperation, Respond] = {
    op.ROOT: system.show_root,
    op.HEALTH: system.show_health,
    op.SIGNUP: auth.sign_up,
    op.LOGIN: auth.log_in,
    op.LOGOUT: auth.log_out,
    op.REFRESH: auth.refresh,
    op.GET_USER: auth.get_user,
    op.UPDATE_USER: auth.update_user,
    op.RECOVER: auth.recover,
    op.SUBMIT_ORDER: orders.submit,
    op.CANCEL_ORDER: orders.cancel,
    op.LIST_ORDERS: orders.list_orders,
    op.LIST_CREDENTIALS: credentials.list_credentials,
    op.CREATE_CREDENTIAL: credentials.create,
    op.REVOKE_CREDENTIAL: credentials.revoke,
    op.ROTATE_CREDENTIAL: credentials.rotate,
    op.VERIFY_CREDENTIALS: credentials.verify,
    op.CONNECT_ACCOUNT: accounts.connect,
    op.DISCONNECT_ACCOUNT: accounts.disconnect,
    op.UPDATE_ACCOUNT: accounts.update,
    op.LIST_ACCOUNTS: accounts.list_accounts,
    op.DISABLE_ACCOUNT: accounts.disable,
    op.ENABLE_ACCOUNT: accounts.enable,
    op.LIST_OPERATIONS: accounts.list_operations,
    op.LIST_PORTFOLIOS: accounts.list_portfolios,
    op.SUBSCRIBE_ACCOUNT: subscriptions.subscribe_account,
    op.UNSUBSCRIBE_ACCOUNT: subscriptions.unsubscribe_account,
    op.LIST_ACCOUNT_SUBSCRIPTIONS: subscriptions.list_account_subscriptions,
    op.SUBSCRIBE_ORDER_BOOK: subscriptions.subscribe_order_book,
    op.UNSUBSCRIBE_ORDER_BOOK: subscriptions.unsubscribe_order_book,
    op.LIST_ORDER_BOOK_SUBSCRIPTIONS: subscriptions.list_order_book_subscriptions,
    op.LIST_VENUES: market.list_venues,
    op.SYNC_INSTRUMENTS: market.sync_instruments,
    op.DELETE_INSTRUMENT: market.delete_instrument,
    op.ENABLE_INSTRUMENT: market.enable_instrument,
    op.DISABLE_INSTRUMENT: market.disable_instrument,
    op.LIST_INSTRUMENTS: market.list_instruments,
    op.SYNC_SECURITIES: market.sync_securities,
    op.DELETE_SECURITY: market.delete_security,
    op.LIST_SECURITIES: market.list_securities,
    op.GET_ORDER_BOOK: market.get_order_book,
    op.LIST_ORDER_BOOKS: market.list_order_books,
    **{own.operation: _respond_to(own) for own in OWN_OPERATIONS},
}
