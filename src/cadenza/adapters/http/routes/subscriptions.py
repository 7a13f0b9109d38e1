"""Subscriptions to accounts and to books."""

from cadenza.adapters.http.endpoint import HttpCall
from cadenza.domain.ids import InstrumentId, SubscriptionId, TradingAccountId
from cadenza.wire.accounts import (
    ListTradingAccountSubscriptionsQuery,
    SubscriptionModel,
    TradingAccountRequest,
    UnsubscribeRequest,
    subscription,
)
from cadenza.wire.envelope import Success
from cadenza.wire.market import InstrumentRequest, ListMarketOrderBookSubscriptionsQuery


async def subscribe_account(call: HttpCall, asked: TradingAccountRequest) -> Success[SubscriptionModel]:
    return Success(data=subscription(await call.use_cases.subscribe_account(call.actor, asked.account_id)))


async def unsubscribe_account(call: HttpCall, asked: UnsubscribeRequest) -> Success[SubscriptionModel]:
    account_id = None if asked.trading_account_id is None else TradingAccountId(asked.trading_account_id)
    ended = await call.use_cases.unsubscribe_account(call.actor, _named(asked), account_id)
    return Success(data=subscription(ended))


async def list_account_subscriptions(
    call: HttpCall, asked: ListTradingAccountSubscriptionsQuery
) -> Success[list[SubscriptionModel]]:
    account_id = None if asked.trading_account_id is None else TradingAccountId(asked.trading_account_id)
    page = await call.use_cases.list_account_subscriptions(
        call.actor, account_id, asked.limit, asked.offset, asked.cursor
    )
    return Success(data=[subscription(item) for item in page.items])


async def subscribe_order_book(call: HttpCall, asked: InstrumentRequest) -> Success[SubscriptionModel]:
    made = await call.use_cases.subscribe_order_book(call.actor, InstrumentId(asked.instrument_id))
    return Success(data=subscription(made))


async def unsubscribe_order_book(call: HttpCall, asked: UnsubscribeRequest) -> Success[SubscriptionModel]:
    instrument_id = None if asked.instrument_id is None else InstrumentId(asked.instrument_id)
    ended = await call.use_cases.unsubscribe_order_book(call.actor, _named(asked), instrument_id)
    return Success(data=subscription(ended))


async def list_order_book_subscriptions(
    call: HttpCall, asked: ListMarketOrderBookSubscriptionsQuery
) -> Success[list[SubscriptionModel]]:
    instrument_id = None if asked.instrument_id is None else InstrumentId(asked.instrument_id)
    found = await call.use_cases.list_order_book_subscriptions(call.actor, instrument_id)
    return Success(data=[subscription(item) for item in found])


def _named(asked: UnsubscribeRequest) -> SubscriptionId | None:
    return None if asked.subscription_id is None else SubscriptionId(asked.subscription_id)
