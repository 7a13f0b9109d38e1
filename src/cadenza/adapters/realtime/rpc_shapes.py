"""What RPC methods answer with: the interface's RPC objects. Instants are RFC 3339; what has no value is left out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from cadenza.application.accounts.views import AccountView
from cadenza.application.paging import Page
from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, TooManyRequests, Unavailable, VenueUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.money import to_plain
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.portfolio import HeldBalance, MarkedPosition, Portfolio, Summary
from cadenza.wire import enums as e
from cadenza.wire.base import Response
from cadenza.wire.envelope import Pagination, pagination_of
from cadenza.wire.errno import errno_of
from cadenza.wire.system import HealthChecks
from cadenza.wire.values import optional_plain, optional_rfc3339, rfc3339


class RpcFailure(Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """A cause: `code` is its number in the registry of errors; a `temporary` one may be tried again."""

    code: int
    message: str
    temporary: bool = False


class RpcData(Struct, kw_only=True, frozen=True, gc=False):
    """What stands in `rpc.data`: `data` when a method succeeds, `error` when the platform refuses. Both are there when
    several things were to be done and one was refused: then `data` is what was done before."""

    data: Any | UnsetType = UNSET
    pagination: Pagination | UnsetType = UNSET
    error: RpcFailure | UnsetType = UNSET


def failure_of(error: CadenzaError, where: str = "") -> RpcFailure:
    is_temporary = isinstance(error, (Unavailable, TooManyRequests, VenueUnavailable))
    return RpcFailure(code=errno_of(error), message=error.message + where, temporary=is_temporary)


class RpcSecurityQuantity(Response, kw_only=True, frozen=True):
    asset: str
    quantity: str


class RpcTradeOrder(Response, kw_only=True, frozen=True):
    trade_order_id: UUID
    client_order_id: str | UnsetType = UNSET
    external_order_id: str | UnsetType = UNSET
    idempotency_key: str | UnsetType = UNSET
    venue: str
    trading_account_id: UUID
    instrument_id: str
    base_asset: str
    quote_asset: str
    order_type: str
    order_side: str
    quantity_type: str
    quantity: str
    quantity_rounding: str
    limit_price: str | UnsetType = UNSET
    stop_price: str | UnsetType = UNSET
    time_in_force: str
    status: str
    executed_price: str
    executed_quantity: str
    executed_cost: str
    fees: list[RpcSecurityQuantity]
    cancel_reason: str | UnsetType = UNSET
    reject_reason: str | UnsetType = UNSET
    created_at: str
    updated_at: str
    expire_at: str | UnsetType = UNSET
    last_execution_at: str | UnsetType = UNSET
    canceled_at: str | UnsetType = UNSET


class RpcTradingAccountCredential(Response, kw_only=True, frozen=True):
    credential_id: UUID
    nickname: str
    credential_type: str
    status: str
    venue: str
    created_at: str
    updated_at: str
    revoked_at: str | UnsetType = UNSET


class RpcTradingAccount(Response, kw_only=True, frozen=True):
    trading_account_id: UUID
    user_id: UUID
    tenant_id: str
    nickname: str
    external_account_id: str
    venue: str
    status: str
    account_type: str
    external_account_type: str
    position_mode: str | UnsetType = UNSET
    collateral_mode: str | UnsetType = UNSET
    margin_mode: str | UnsetType = UNSET
    credentials: list[RpcTradingAccountCredential] | UnsetType = UNSET
    created_at: str
    updated_at: str


class OperationHistory(Response, kw_only=True, frozen=True):
    """`operationType` is there when the interface has a word for it; `tags` are our type and the status."""

    trading_account_history_id: UUID
    trading_account_id: UUID
    timestamp: str
    operation_type: str | UnsetType = UNSET
    tags: list[str]


class RpcBalanceEntry(Response, kw_only=True, frozen=True):
    trading_account_id: UUID
    security_symbol: str
    security_type: str
    status: str
    free: str
    locked: str
    borrowed: str
    total: str
    net: str
    updated_at: str


class RpcPositionEntry(Response, kw_only=True, frozen=True):
    position_id: UUID
    trading_account_id: UUID
    security_symbol: str
    instrument_id: str
    security_type: str
    status: str
    quantity: str
    entry_price: str | UnsetType = UNSET
    exit_price: str | UnsetType = UNSET
    current_price: str | UnsetType = UNSET
    unrealized_pnl: str | UnsetType = UNSET
    realized_pnl: str | UnsetType = UNSET
    created_at: str
    updated_at: str


class RpcPortfolioSummary(Response, kw_only=True, frozen=True):
    """A figure that lacks a position is left out, which the socket's messages may do, and REST's may not."""

    trading_account_id: UUID
    currency: str
    leverage: int | UnsetType = UNSET
    equity: str | UnsetType = UNSET
    margin: str | UnsetType = UNSET
    margin_loan: str
    margin_usage: str | UnsetType = UNSET
    margin_requirement: str | UnsetType = UNSET
    margin_level: str | UnsetType = UNSET
    credit: str
    risk_exposure: str | UnsetType = UNSET
    risk_exposure_rate: str | UnsetType = UNSET


class RpcPortfolio(Response, kw_only=True, frozen=True):
    trading_account_id: UUID
    account_info: RpcTradingAccount
    balances: list[RpcBalanceEntry]
    positions: list[RpcPositionEntry]
    summary: RpcPortfolioSummary
    update_mode: str
    updated_at: str


class ValidatedAccount(Response, kw_only=True, frozen=True):
    is_valid: bool


class ReachedAccounts(Response, kw_only=True, frozen=True):
    trading_accounts: list[RpcTradingAccount]


class HealthCheck(Response, kw_only=True, frozen=True):
    status: str
    timestamp: str
    version: str
    checks: HealthChecks


def paged(page: Page[Any], data: Sequence[Struct]) -> RpcData:
    return RpcData(data=data, pagination=pagination_of(page))


def trade_order(order: Order) -> RpcTradeOrder:
    last_at_ms = max((execution.executed_at_ms for execution in order.executions), default=None)
    return RpcTradeOrder(
        trade_order_id=order.id,
        client_order_id=_or_unset(order.client_order_id),
        external_order_id=_or_unset(order.venue_order_id),
        idempotency_key=_or_unset(order.idempotency_key),
        venue=str(order.venue_id),
        trading_account_id=order.account_id,
        instrument_id=order.instrument_id,
        base_asset=order.base_asset,
        quote_asset=order.quote_asset,
        order_type=e.ORDER_TYPE.write(order.type),
        order_side=e.SIDE.write(order.side),
        quantity_type=e.QUANTITY_TYPE.write(order.quantity_type),
        quantity=to_plain(order.asked_quantity),
        quantity_rounding=e.ROUNDING.write(order.rounding),
        limit_price=optional_plain(order.limit_price),
        stop_price=optional_plain(order.stop_price),
        time_in_force=e.TIME_IN_FORCE.write(order.time_in_force),
        status=e.ORDER_STATUS.write(order.status),
        executed_price=to_plain(order.executed_price),
        executed_quantity=to_plain(order.executed_quantity),
        executed_cost=to_plain(order.executed_cost),
        fees=[RpcSecurityQuantity(asset=fee.asset, quantity=to_plain(fee.quantity)) for fee in order.fees],
        cancel_reason=_or_unset(order.cancel_reason),
        reject_reason=_or_unset(order.reject_reason),
        created_at=rfc3339(order.created_at_ms),
        updated_at=rfc3339(order.updated_at_ms),
        expire_at=optional_rfc3339(order.expire_at_ms),
        last_execution_at=optional_rfc3339(last_at_ms),
        canceled_at=optional_rfc3339(order.closed_at_ms),
    )


def credential(credential: Credential) -> RpcTradingAccountCredential:
    return RpcTradingAccountCredential(
        credential_id=credential.id,
        nickname=credential.nickname,
        credential_type=e.CREDENTIAL_TYPE.write(credential.type),
        status=e.CREDENTIAL_STATUS.write(credential.status),
        venue=str(credential.venue_id),
        created_at=rfc3339(credential.created_at_ms),
        updated_at=rfc3339(credential.updated_at_ms),
        revoked_at=optional_rfc3339(credential.revoked_at_ms),
    )


def account_view(view: AccountView) -> RpcTradingAccount:
    return _account(view.account, [credential(each) for each in view.credentials])


def _account(
    account: TradingAccount, credentials: list[RpcTradingAccountCredential] | UnsetType = UNSET
) -> RpcTradingAccount:
    external = account.external
    return RpcTradingAccount(
        trading_account_id=account.id,
        user_id=account.user_id,
        tenant_id=str(account.tenant_id),
        nickname=account.nickname,
        external_account_id=external.external_id,
        venue=str(account.venue_id),
        status=e.ACCOUNT_STATUS.write(account.status),
        account_type=e.ACCOUNT_TYPE.write(external.type),
        external_account_type=external.external_type,
        position_mode=UNSET if external.position_mode is None else e.POSITION_MODE.write(external.position_mode),
        collateral_mode=UNSET
        if external.collateral_mode is None
        else e.COLLATERAL_MODE.write(external.collateral_mode),
        margin_mode=UNSET if external.margin_mode is None else e.MARGIN_MODE.write(external.margin_mode),
        credentials=credentials,
        created_at=rfc3339(account.created_at_ms),
        updated_at=rfc3339(account.updated_at_ms),
    )


_OPERATIONS_WITH_A_WORD = frozenset(
    {OperationType.CONNECT, OperationType.DISCONNECT, OperationType.ENABLE, OperationType.DISABLE}
)


def operation(operation: Operation) -> OperationHistory:
    word = e.OPERATION_TYPE.write(operation.type)
    return OperationHistory(
        trading_account_history_id=operation.id,
        trading_account_id=operation.account_id,
        timestamp=rfc3339(operation.created_at_ms),
        operation_type=word if operation.type in _OPERATIONS_WITH_A_WORD else UNSET,
        tags=[word, e.OPERATION_STATUS.write(operation.status)],
    )


def portfolio(portfolio: Portfolio) -> RpcPortfolio:
    return RpcPortfolio(
        trading_account_id=portfolio.account.id,
        account_info=_account(portfolio.account),
        balances=[_balance(held) for held in portfolio.balances],
        positions=[_position(marked) for marked in portfolio.positions],
        summary=_summary(portfolio.account.id, portfolio.summary),
        update_mode="SNAPSHOT",
        updated_at=rfc3339(portfolio.updated_at_ms),
    )


def _balance(held: HeldBalance) -> RpcBalanceEntry:
    balance = held.balance
    return RpcBalanceEntry(
        trading_account_id=balance.account_id,
        security_symbol=balance.asset,
        security_type=e.SECURITY_TYPE.write(held.security_type),
        status=e.BALANCE_STATUS.write(balance.status),
        free=to_plain(balance.free),
        locked=to_plain(balance.locked),
        borrowed=to_plain(balance.borrowed),
        total=to_plain(balance.total),
        net=to_plain(balance.net),
        updated_at=rfc3339(balance.updated_at_ms),
    )


def _position(marked: MarkedPosition) -> RpcPositionEntry:
    position, mark = marked.position, marked.mark
    return RpcPositionEntry(
        position_id=position.id,
        trading_account_id=position.account_id,
        security_symbol=marked.symbol,
        instrument_id=position.instrument_id,
        security_type=e.SECURITY_TYPE.write(marked.security_type),
        status=e.POSITION_STATUS.write(position.status),
        quantity=to_plain(position.quantity),
        entry_price=optional_plain(marked.entry_price),
        exit_price=optional_plain(marked.exit_price),
        current_price=optional_plain(mark),
        unrealized_pnl=optional_plain(marked.unrealized_pnl),
        realized_pnl=optional_plain(position.realized_pnl),
        created_at=rfc3339(position.created_at_ms),
        updated_at=rfc3339(position.updated_at_ms),
    )


def _summary(account_id: TradingAccountId, summary: Summary) -> RpcPortfolioSummary:
    return RpcPortfolioSummary(
        trading_account_id=account_id,
        currency=summary.currency,
        leverage=UNSET if summary.leverage is None else summary.leverage,
        equity=UNSET if summary.unmarked else to_plain(summary.equity),
        margin=UNSET if summary.unmargined else to_plain(summary.margin),
        margin_loan=to_plain(summary.margin_loan),
        margin_usage=optional_plain(summary.margin_usage),
        margin_requirement=UNSET if summary.unrequired else to_plain(summary.margin_requirement),
        margin_level=optional_plain(summary.margin_level),
        credit=to_plain(summary.credit),
        risk_exposure=UNSET if summary.unmarked else to_plain(summary.risk_exposure),
        risk_exposure_rate=optional_plain(summary.risk_exposure_rate),
    )


def _or_unset(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text
