"""Which methods RPC has, and the table of docs/websocket.md that shows them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from cadenza.adapters.realtime import rpc_market_methods as market
from cadenza.adapters.realtime import rpc_market_params as mp
from cadenza.adapters.realtime import rpc_methods as do
from cadenza.adapters.realtime import rpc_params as p
from cadenza.adapters.realtime.rpc_methods import RpcCall
from cadenza.adapters.realtime.rpc_shapes import RpcData
from cadenza.domain.identity.actor import Scope
from cadenza.wire import operations as op
from cadenza.wire.base import Query, Request
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.own_operations import OWN_OPERATIONS

Respond = Callable[[RpcCall, Any], Awaitable[RpcData]]


@dataclass(frozen=True, slots=True)
class Method:
    """One row: the model of its parameters, what it does, the REST operation that does the same, and what differs.

    `is_internal` needs the scope admin, whatever the twin needs.
    """

    params: type[Request] | type[Query]
    respond: Respond
    twin: ApiOperation | None = None
    note: str = ""
    is_internal: bool = False

    @property
    def scope(self) -> Scope:
        """What the token needs."""
        if self.is_internal:
            return Scope.ADMIN
        return (None if self.twin is None else self.twin.scope) or Scope.READ


def _not_saved(why: str) -> Method:
    return Method(p.SaveParams, do.refuse_to_save, note=f"error 108: {why}", is_internal=True)


def _derived(own: OwnOperation) -> Method:
    """Return the RPC twin of an operation that the platform adds."""

    async def respond(call: RpcCall, asked: Any) -> RpcData:
        answer = await own.answer(call.use_cases, call.actor, asked)
        return RpcData(data=answer.data, pagination=getattr(answer, "pagination", UNSET))

    operation = own.operation
    return Method(operation.body or operation.query or p.NoParams, respond, operation, "the same objects as REST")


METHODS: Mapping[str, Method] = {
    "query.system.info": Method(p.NoParams, do.show_info, op.ROOT),
    "query.system.check": Method(p.NoParams, do.check_health, op.HEALTH),
    "command.trade_order.submit": Method(
        p.SubmitTradeOrderParams, do.submit_order, op.SUBMIT_ORDER, "answers one order, not a list"
    ),
    "command.trade_order.cancel": Method(
        p.CancelTradeOrderParams, do.cancel_order, op.CANCEL_ORDER, "by `tradeOrderId` only"
    ),
    "query.trade_order.get": Method(p.TradeOrderParams, do.get_order, op.LIST_ORDERS, "by `tradeOrderId` only"),
    "query.trade_order.get_by_id": Method(p.TradeOrderParams, do.get_order, op.LIST_ORDERS),
    "query.trade_order.list": Method(p.ListTradeOrdersParams, do.list_orders, op.LIST_ORDERS),
    "command.trade_order.save": _not_saved("an order changes by commands and by its venue's reports, by nothing else"),
    "command.trading_account.connect": Method(p.OfTradingAccountParams, do.connect_account, op.CONNECT_ACCOUNT),
    "command.trading_account.create": Method(
        p.OfTradingAccountParams, do.create_account, op.CONNECT_ACCOUNT, "connects", is_internal=True
    ),
    "command.trading_account.validate": Method(
        p.OfTradingAccountParams,
        do.validate_account,
        op.VERIFY_CREDENTIALS,
        "answers whether the credentials reach `externalAccountId`",
    ),
    "command.trading_account.update": Method(
        p.OfTradingAccountParams, do.update_account, op.UPDATE_ACCOUNT, "changes the nickname"
    ),
    "command.trading_account.disconnect": Method(p.TradingAccountParams, do.disconnect_account, op.DISCONNECT_ACCOUNT),
    "command.trading_account.delete": Method(
        p.TradingAccountParams, do.delete_account, op.DISCONNECT_ACCOUNT, "archives", is_internal=True
    ),
    "command.trading_account.enable": Method(p.TradingAccountParams, do.enable_account, op.ENABLE_ACCOUNT),
    "command.trading_account.disable": Method(p.TradingAccountParams, do.disable_account, op.DISABLE_ACCOUNT),
    "command.trading_account.save": Method(
        p.SaveTradingAccountsParams,
        do.save_accounts,
        op.UPDATE_ACCOUNT,
        "several, until one is refused: connects those without an id, changes the nickname of the others",
        is_internal=True,
    ),
    "query.trading_account.list": Method(p.ListTradingAccountsParams, do.list_accounts, op.LIST_ACCOUNTS),
    "query.trading_account.operation.list": Method(
        p.ListTradingAccountOperationsParams, do.list_operations, op.LIST_OPERATIONS
    ),
    "command.trading_account.subscribe": Method(
        p.SubscribeTradingAccountStreamParams, do.subscribe_account, op.SUBSCRIBE_ACCOUNT
    ),
    "command.trading_account.unsubscribe": Method(
        p.UnsubscribeTradingAccountStreamParams, do.unsubscribe_account, op.UNSUBSCRIBE_ACCOUNT
    ),
    "query.trading_account.subscription.list": Method(
        p.ListTradingAccountSubscriptionsParams, do.list_account_subscriptions, op.LIST_ACCOUNT_SUBSCRIPTIONS
    ),
    "command.credential.create": Method(
        p.CreateCredentialParams, do.create_credential, op.CREATE_CREDENTIAL, "`tradingAccountId` is ignored"
    ),
    "command.credential.verify": Method(p.VerifyCredentialParams, do.verify_credentials, op.VERIFY_CREDENTIALS),
    "command.credential.revoke": Method(p.CredentialParams, do.revoke_credential, op.REVOKE_CREDENTIAL),
    "command.credential.rotate": Method(
        p.RotateCredentialParams,
        do.rotate_credential,
        op.ROTATE_CREDENTIAL,
        "`apiKey` is needed; a `credentialType` that is not the credential's own is refused",
    ),
    "command.credential.save": _not_saved("it carries no secret to keep; `create` and `rotate` do"),
    "query.credential.list": Method(p.ListCredentialsParams, do.list_credentials, op.LIST_CREDENTIALS),
    "query.portfolio.get": Method(p.TradingAccountParams, do.get_portfolio, op.LIST_PORTFOLIOS),
    "query.portfolio.list": Method(p.ListPortfoliosParams, do.list_portfolios, op.LIST_PORTFOLIOS),
    "command.portfolio.save": _not_saved("a portfolio follows from fills and from what its venue holds"),
    "command.instrument.sync": Method(mp.SyncInstrumentsParams, market.sync_instruments, op.SYNC_INSTRUMENTS),
    "command.instrument.delete": Method(
        mp.InstrumentParams, market.delete_instrument, op.DELETE_INSTRUMENT, "answers what was deleted"
    ),
    "command.instrument.enable": Method(mp.InstrumentParams, market.enable_instrument, op.ENABLE_INSTRUMENT),
    "command.instrument.disable": Method(mp.InstrumentParams, market.disable_instrument, op.DISABLE_INSTRUMENT),
    "command.instrument.save": Method(
        mp.SaveInstrumentsParams,
        market.save_instruments,
        op.ENABLE_INSTRUMENT,
        "several, until one is refused: `status` ACTIVE enables, DISABLED disables; the rest is the venue's",
        is_internal=True,
    ),
    "query.instrument.list": Method(mp.ListInstrumentsParams, market.list_instruments, op.LIST_INSTRUMENTS),
    "command.security.sync": Method(
        mp.SyncSecuritiesParams, market.sync_securities, op.SYNC_SECURITIES, "answers the securities"
    ),
    "command.security.delete": Method(
        mp.DeleteSecuritiesParams, market.delete_securities, op.DELETE_SECURITY, "several, until one is refused"
    ),
    "command.security.save": _not_saved("a security is what its venue lists; `sync` reads it"),
    "query.security.list": Method(mp.ListSecuritiesParams, market.list_securities, op.LIST_SECURITIES),
    "query.venue.list": Method(p.NoParams, market.list_venues, op.LIST_VENUES, "answers the names"),
    "query.orderbook.get": Method(mp.OrderBookParams, market.get_order_book, op.GET_ORDER_BOOK),
    "query.orderbook.list": Method(mp.OrderBooksParams, market.list_order_books, op.LIST_ORDER_BOOKS),
    "command.orderbook.save": _not_saved("a book is its venue's; orders are sized and filled by it"),
    "query.ticker.list": Method(mp.InstrumentsParams, market.list_tickers, op.LIST_ORDER_BOOKS, "the top of each book"),
    "command.ticker.save": _not_saved("it is the top of a book, which is its venue's"),
    "query.kline.list": Method(
        mp.KlinesParams,
        market.list_klines,
        None,
        "of trades heard by this process since it started; `interval` 1m (default), 5m, 15m, 30m, 1h, 4h",
    ),
    "command.kline.save": _not_saved("it follows from the trades"),
    "command.market.subscription.orderbook.subscribe": Method(
        mp.InstrumentsParams, market.subscribe_order_books, op.SUBSCRIBE_ORDER_BOOK, "several, until one is refused"
    ),
    "command.market.subscription.orderbook.unsubscribe": Method(
        mp.UnsubscribeOrderBookParams, market.unsubscribe_order_book, op.UNSUBSCRIBE_ORDER_BOOK
    ),
    "query.market.subscription.orderbook.list": Method(
        mp.InstrumentsParams, market.list_order_book_subscriptions, op.LIST_ORDER_BOOK_SUBSCRIPTIONS
    ),
    "command.subscription.create": Method(
        mp.CreateSubscriptionParams,
        market.create_subscriptions,
        op.SUBSCRIBE_ORDER_BOOK,
        "order books only",
        is_internal=True,
    ),
    "query.subscription.list": Method(
        mp.ListSubscriptionsParams,
        market.list_subscriptions,
        op.LIST_ORDER_BOOK_SUBSCRIPTIONS,
        "of books and of accounts",
    ),
    "command.subscription.mc.create": Method(
        p.NoParams,
        do.refuse_to_create,
        note="error 108: the interface has neither parameters nor an answer for it, nor a twin",
        is_internal=True,
    ),
    **{own.method: _derived(own) for own in OWN_OPERATIONS},
}


def method_table() -> str:
    """Return the table of docs/websocket.md."""
    rows = ["| method | scope | REST twin | what differs |", "|---|---|---|---|"]
    for name, method in METHODS.items():
        twin = "" if method.twin is None else f"`{method.twin.method} {method.twin.path}`"
        rows.append(f"| `{name}` | {method.scope.value} | {twin} | {method.note} |")
    return "\n".join(rows) + "\n"
