"""The methods of RPC, by name: each asks one use case, the same that its REST twin asks."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

from msgspec import UNSET

from cadenza.adapters.realtime import rpc_market_shapes as m
from cadenza.adapters.realtime import rpc_params as p
from cadenza.adapters.realtime import rpc_shapes as s
from cadenza.adapters.realtime.codes import NOT_AVAILABLE, Refusal
from cadenza.adapters.realtime.rpc_shapes import RpcData, paged
from cadenza.application.use_cases import UseCases
from cadenza.domain.accounts.credential import CredentialStatus
from cadenza.domain.errors import (
    CadenzaError,
    CredentialRejected,
    CredentialRevoked,
    InvalidRequest,
    OrderNotFound,
    TradingAccountNotFound,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import (
    CredentialId,
    OrderId,
    SubscriptionId,
    TradingAccountId,
)
from cadenza.domain.market.subscription import SubscriptionType
from cadenza.network.slices import in_slices
from cadenza.wire import enums as e
from cadenza.wire.credentials import ListTradingAccountCredentialsQuery
from cadenza.wire.system import ApiInfo, health_report
from cadenza.wire.venues import parse_optional_venue, parse_venue

T = TypeVar("T")
VERSION = version("cadenza")


@dataclass(frozen=True, slots=True)
class RpcCall:
    """What every method may use."""

    use_cases: UseCases
    actor: Actor


# --- the system


async def show_info(call: RpcCall, asked: p.NoParams) -> RpcData:
    call.actor.require(Scope.READ)
    return RpcData(
        data=ApiInfo(
            name="Cadenza",
            version=VERSION,
            description="Self-hosted trading platform: one REST and one WebSocket API over many venues",
            documentation="/docs",
        )
    )


async def check_health(call: RpcCall, asked: p.NoParams) -> RpcData:
    call.actor.require(Scope.READ)
    report = health_report(await call.use_cases.check_health(), VERSION)
    return RpcData(
        data=s.HealthCheck(
            status=report.status, timestamp=report.iso_date_time, version=report.version, checks=report.checks
        )
    )


async def refuse_to_save(call: RpcCall, asked: p.SaveParams) -> RpcData:
    """Refuse: what is stored comes from venues and from commands, and no caller may overwrite it."""
    call.actor.require(Scope.ADMIN)
    raise Refusal(NOT_AVAILABLE)


async def refuse_to_create(call: RpcCall, asked: p.NoParams) -> RpcData:
    """Refuse: the interface names the method, and says neither its parameters nor its answer."""
    call.actor.require(Scope.ADMIN)
    raise Refusal(NOT_AVAILABLE)


# --- orders


async def submit_order(call: RpcCall, asked: p.SubmitTradeOrderParams) -> RpcData:
    order = await call.use_cases.submit_order(call.actor, asked.to_request().to_command())
    return RpcData(data=s.trade_order(order))


async def cancel_order(call: RpcCall, asked: p.CancelTradeOrderParams) -> RpcData:
    order = await call.use_cases.cancel_order(
        call.actor, TradingAccountId(asked.trading_account_id), OrderId(asked.order_id())
    )
    return RpcData(data=s.trade_order(order))


async def get_order(call: RpcCall, asked: p.TradeOrderParams) -> RpcData:
    page = await call.use_cases.list_orders(call.actor, asked.to_query())
    if not page.items:
        raise OrderNotFound(f"there is no order {asked.trade_order_id}")
    return RpcData(data=s.trade_order(page.items[0]))


async def list_orders(call: RpcCall, asked: p.ListTradeOrdersParams) -> RpcData:
    page = await call.use_cases.list_orders(call.actor, asked.to_query())
    return paged(page, await in_slices(page.items, lambda orders: map(s.trade_order, orders)))


# --- trading accounts


async def connect_account(call: RpcCall, asked: p.OfTradingAccountParams) -> RpcData:
    account = asked.trading_account
    view = await call.use_cases.connect_account(
        call.actor, account.credential_ids(), account.external_id(), account.nickname
    )
    return RpcData(data=s.account_view(view))


async def create_account(call: RpcCall, asked: p.OfTradingAccountParams) -> RpcData:
    call.actor.require(Scope.ADMIN)
    return await connect_account(call, asked)


async def save_accounts(call: RpcCall, asked: p.SaveTradingAccountsParams) -> RpcData:
    """Connect the accounts that have no id yet, and give the others their nicknames."""
    call.actor.require(Scope.ADMIN)

    async def save(account: p.TradingAccountIn) -> s.RpcTradingAccount:
        if account.trading_account_id is None:
            view = await call.use_cases.connect_account(
                call.actor, account.credential_ids(), account.external_id(), account.nickname
            )
        else:
            account_id = TradingAccountId(account.trading_account_id)
            view = await call.use_cases.update_account(call.actor, account_id, account.nickname)
        return s.account_view(view)

    return await in_turn(asked.trading_accounts, save)


async def validate_account(call: RpcCall, asked: p.OfTradingAccountParams) -> RpcData:
    """Answer whether the credentials reach the account. A credential that the venue refuses reaches nothing."""
    wanted = asked.trading_account.external_id()
    try:
        views = await call.use_cases.verify_credentials(call.actor, asked.trading_account.credential_ids())
    except (CredentialRejected, CredentialRevoked):
        views = ()
    is_valid = any(view.account.external.external_id == wanted for view in views)
    return RpcData(data=s.ValidatedAccount(is_valid=is_valid))


async def disconnect_account(call: RpcCall, asked: p.TradingAccountParams) -> RpcData:
    view = await call.use_cases.disconnect_account(call.actor, TradingAccountId(asked.trading_account_id))
    return RpcData(data=s.account_view(view))


async def delete_account(call: RpcCall, asked: p.TradingAccountParams) -> RpcData:
    """Archive the account: nothing is ever deleted, and its history stays."""
    call.actor.require(Scope.ADMIN)
    return await disconnect_account(call, asked)


async def enable_account(call: RpcCall, asked: p.TradingAccountParams) -> RpcData:
    view = await call.use_cases.enable_account(call.actor, TradingAccountId(asked.trading_account_id))
    return RpcData(data=s.account_view(view))


async def disable_account(call: RpcCall, asked: p.TradingAccountParams) -> RpcData:
    view = await call.use_cases.disable_account(call.actor, TradingAccountId(asked.trading_account_id))
    return RpcData(data=s.account_view(view))


async def update_account(call: RpcCall, asked: p.OfTradingAccountParams) -> RpcData:
    account = asked.trading_account
    view = await call.use_cases.update_account(call.actor, TradingAccountId(account.id()), account.nickname)
    return RpcData(data=s.account_view(view))


async def list_accounts(call: RpcCall, asked: p.ListTradingAccountsParams) -> RpcData:
    page = await call.use_cases.list_accounts(call.actor, asked.to_query())
    return paged(page, [s.account_view(view) for view in page.items])


async def list_operations(call: RpcCall, asked: p.ListTradingAccountOperationsParams) -> RpcData:
    page = await call.use_cases.list_operations(call.actor, asked.to_query())
    return RpcData(data=[s.operation(operation) for operation in page.items])


async def subscribe_account(call: RpcCall, asked: p.SubscribeTradingAccountStreamParams) -> RpcData:
    require_type(asked.subscription_type, SubscriptionType.TRADING_ACCOUNT)
    account_id = TradingAccountId(asked.trading_account.id())
    return RpcData(data=m.subscription(await call.use_cases.subscribe_account(call.actor, account_id)))


async def unsubscribe_account(call: RpcCall, asked: p.UnsubscribeTradingAccountStreamParams) -> RpcData:
    named = None if asked.subscription_id is None else SubscriptionId(asked.subscription_id)
    ended = await call.use_cases.unsubscribe_account(call.actor, named, TradingAccountId(asked.trading_account_id))
    return RpcData(data=m.subscription(ended))


async def list_account_subscriptions(call: RpcCall, asked: p.ListTradingAccountSubscriptionsParams) -> RpcData:
    page = await call.use_cases.list_account_subscriptions(
        call.actor,
        TradingAccountId(asked.trading_account_id),
        asked.pagination.limit,
        asked.pagination.offset,
        asked.pagination.cursor,
    )
    wanted_type = e.SUBSCRIPTION_TYPE.read_optional("subscriptionType", asked.subscription_type or None)
    status = e.SUBSCRIPTION_STATUS.read_optional("status", asked.status or None)
    found = [each for each in page.items if wanted_type in (None, each.type) and status in (None, each.status)]
    return RpcData(data=[m.subscription(each) for each in found])


# --- credentials


async def create_credential(call: RpcCall, asked: p.CreateCredentialParams) -> RpcData:
    created = await call.use_cases.create_credential(
        call.actor,
        parse_venue(asked.venue),
        asked.nickname,
        e.CREDENTIAL_TYPE.read("credentialType", asked.credential_type),
        asked.api_key,
        asked.secret_key,
        asked.secret_passphrase,
    )
    return RpcData(data=s.credential(created))


async def list_credentials(call: RpcCall, asked: p.ListCredentialsParams) -> RpcData:
    statuses = ListTradingAccountCredentialsQuery(credential_status=asked.status or None).statuses()
    venue_id = parse_optional_venue(asked.venue)
    found = await call.use_cases.list_credentials(
        call.actor,
        e.CREDENTIAL_TYPE.read_optional("credentialType", asked.credential_type),
        _only(statuses),
        None if asked.credential_ids is None else tuple(CredentialId(id) for id in asked.credential_ids),
    )
    shown = [each for each in found if each.status in statuses and venue_id in (None, each.venue_id)]
    first = asked.pagination.offset
    return RpcData(data=[s.credential(each) for each in shown[first : first + asked.pagination.limit]])


async def verify_credentials(call: RpcCall, asked: p.VerifyCredentialParams) -> RpcData:
    views = await call.use_cases.verify_credentials(call.actor, asked.ids())
    return RpcData(data=s.ReachedAccounts(trading_accounts=[s.account_view(view) for view in views]))


async def revoke_credential(call: RpcCall, asked: p.CredentialParams) -> RpcData:
    revoked = await call.use_cases.revoke_credential(call.actor, CredentialId(asked.credential_id))
    return RpcData(data=s.credential(revoked))


async def rotate_credential(call: RpcCall, asked: p.RotateCredentialParams) -> RpcData:
    rotated = await call.use_cases.rotate_credential(
        call.actor,
        CredentialId(asked.credential_id),
        asked.api_key,
        asked.secret_key,
        asked.secret_passphrase,
        type=e.CREDENTIAL_TYPE.read_optional("credentialType", asked.credential_type),
    )
    return RpcData(data=s.credential(rotated))


# --- portfolios


async def get_portfolio(call: RpcCall, asked: p.TradingAccountParams) -> RpcData:
    query = p.ListPortfoliosParams(trading_account_id=asked.trading_account_id).to_query()
    page = await call.use_cases.list_portfolios(call.actor, query)
    if not page.items:
        raise TradingAccountNotFound(f"there is no trading account {asked.trading_account_id}")
    return RpcData(data=s.portfolio(page.items[0]))


async def list_portfolios(call: RpcCall, asked: p.ListPortfoliosParams) -> RpcData:
    page = await call.use_cases.list_portfolios(call.actor, asked.to_query())
    return paged(page, [s.portfolio(each) for each in page.items])


async def in_turn(items: Sequence[T], act: Callable[[T], Awaitable[Any]]) -> RpcData:
    """Do one after the other until one is refused; then answer what was done before, and where it stopped."""
    done: list[Any] = []
    for item in items:
        try:
            done.append(await act(item))
        except CadenzaError as error:
            left = len(items) - len(done) - 1
            where = f" (item {len(done) + 1} of {len(items)}; done before it: {len(done)}, not tried: {left})"
            return RpcData(data=done or UNSET, error=s.failure_of(error, where if len(items) > 1 else ""))
    return RpcData(data=done)


def require_type(text: str, wanted: SubscriptionType) -> None:
    """Raise unless the type of subscription is the one that the method makes."""
    if e.SUBSCRIPTION_TYPE.read("subscriptionType", text) is not wanted:
        raise InvalidRequest(f"subscriptionType: expected {wanted.value}", {"field": "subscriptionType"})


def _only(statuses: frozenset[CredentialStatus]) -> CredentialStatus | None:
    return next(iter(statuses)) if len(statuses) == 1 else None
