"""Trading accounts, their operations, and subscriptions."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.accounts.list_accounts import AccountQuery, OperationQuery
from cadenza.application.accounts.views import AccountView
from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.operation import Operation
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import TradingAccountId, UserId
from cadenza.domain.market.subscription import Subscription
from cadenza.wire import enums as e
from cadenza.wire.base import (
    IDS_MAX,
    PAGE_ITEMS_DEFAULT,
    Cursor,
    DateTime,
    ExternalId,
    Instant,
    InstrumentIdText,
    Limit,
    NicknameOrEmpty,
    Offset,
    Query,
    Request,
    Response,
    absent_when_empty,
)
from cadenza.wire.credentials import TradingAccountCredential, trading_account_credential
from cadenza.wire.orders import check_range
from cadenza.wire.values import optional, rfc3339
from cadenza.wire.venues import VenueFilter, VenueOut, parse_optional_venue


class ConnectTradingAccountRequest(Request, kw_only=True, frozen=True):
    """An account at a venue, as `credential/verify` showed it. Connecting it again answers the existing one."""

    credential_ids: Annotated[list[UUID], Meta(min_length=1, max_length=IDS_MAX)]
    external_trading_account_id: ExternalId
    nickname: NicknameOrEmpty | None = None

    def __post_init__(self) -> None:
        absent_when_empty(self, "nickname")


class TradingAccountRequest(Request, kw_only=True, frozen=True):
    """One trading account."""

    trading_account_id: UUID

    @property
    def account_id(self) -> TradingAccountId:
        return TradingAccountId(self.trading_account_id)


class UpdateTradingAccountRequest(Request, kw_only=True, frozen=True):
    """What to change of a trading account."""

    trading_account_id: UUID
    nickname: NicknameOrEmpty | None = None

    def __post_init__(self) -> None:
        absent_when_empty(self, "nickname")


class UnsubscribeRequest(Request, kw_only=True, frozen=True):
    """The subscription to end: by its id, or else by the account or instrument that it is for."""

    subscription_id: UUID | None = None
    trading_account_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None


class ListTradingAccountsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    venue: VenueFilter | None = None
    account_status: e.AccountStatusIn | None = None
    user_id: Annotated[UUID, Meta(description="Needs the scope admin")] | None = None
    tenant_id: (
        Annotated[
            str, Meta(max_length=100, description="Needs the scope admin; only an operator may name another tenant")
        ]
        | None
    ) = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0

    def to_query(self) -> AccountQuery:
        return AccountQuery(
            account_id=None if self.trading_account_id is None else TradingAccountId(self.trading_account_id),
            venue_id=parse_optional_venue(self.venue),
            status=e.ACCOUNT_STATUS.read_optional("accountStatus", self.account_status),
            user_id=None if self.user_id is None else UserId(self.user_id),
            tenant_id=self.tenant_id,
            limit=self.limit,
            offset=self.offset,
        )


class ListTradingAccountOperationsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    operation_type: e.OperationTypeIn | None = None
    start_time: Instant | None = None
    end_time: Instant | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0
    cursor: Cursor | None = None

    def to_query(self) -> OperationQuery:
        check_range(self.start_time, self.end_time)
        return OperationQuery(
            account_id=None if self.trading_account_id is None else TradingAccountId(self.trading_account_id),
            type=e.OPERATION_TYPE.read_optional("operationType", self.operation_type),
            start_ms=self.start_time,
            end_ms=self.end_time,
            limit=self.limit,
            offset=self.offset,
            cursor=self.cursor,
        )


class ListTradingAccountSubscriptionsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0
    cursor: Cursor | None = None


class TradingAccountModel(Response, kw_only=True, frozen=True):
    """A tenant's account at a venue."""

    trading_account_id: UUID
    external_trading_account_id: str
    venue: VenueOut
    nickname: str
    account_type: e.AccountTypeOut
    external_account_type: str
    position_mode: e.PositionModeOut | UnsetType = UNSET
    collateral_mode: e.CollateralModeOut | UnsetType = UNSET
    margin_mode: e.MarginModeOut | UnsetType = UNSET
    credentials: list[TradingAccountCredential]
    status: e.AccountStatusOut
    created_at: Instant
    created_at_date_time: DateTime
    updated_at: Instant
    updated_at_date_time: DateTime


class AccountOperation(Response, kw_only=True, frozen=True):
    """A user's durable request on an account."""

    operation_id: UUID
    trading_account_id: UUID
    operation_type: e.OperationTypeOut
    status: e.OperationStatusOut
    created_at: Instant
    created_at_date_time: DateTime


class SubscriptionModel(Response, kw_only=True, frozen=True):
    """A tenant's durable subscription to a book, to trades or to an account's events."""

    subscription_id: UUID
    venue: VenueOut
    trading_account_id: UUID | UnsetType = UNSET
    instrument_id: InstrumentIdText | UnsetType = UNSET
    subscription_type: e.SubscriptionTypeOut
    status: e.SubscriptionStatusOut
    created_at: Instant
    created_at_date_time: DateTime
    updated_at: Instant
    updated_at_date_time: DateTime
    last_event_timestamp: Instant | UnsetType = UNSET


def trading_account(account: TradingAccount, credentials: Sequence[Credential]) -> TradingAccountModel:
    external = account.external
    return TradingAccountModel(
        trading_account_id=account.id,
        external_trading_account_id=external.external_id,
        venue=str(account.venue_id),
        nickname=account.nickname,
        account_type=e.ACCOUNT_TYPE.write(external.type),
        external_account_type=external.external_type,
        position_mode=UNSET if external.position_mode is None else e.POSITION_MODE.write(external.position_mode),
        collateral_mode=UNSET
        if external.collateral_mode is None
        else e.COLLATERAL_MODE.write(external.collateral_mode),
        margin_mode=UNSET if external.margin_mode is None else e.MARGIN_MODE.write(external.margin_mode),
        credentials=[trading_account_credential(credential) for credential in credentials],
        status=e.ACCOUNT_STATUS.write(account.status),
        created_at=account.created_at_ms,
        created_at_date_time=rfc3339(account.created_at_ms),
        updated_at=account.updated_at_ms,
        updated_at_date_time=rfc3339(account.updated_at_ms),
    )


def account_view(view: AccountView) -> TradingAccountModel:
    return trading_account(view.account, view.credentials)


def account_operation(operation: Operation) -> AccountOperation:
    return AccountOperation(
        operation_id=operation.id,
        trading_account_id=operation.account_id,
        operation_type=e.OPERATION_TYPE.write(operation.type),
        status=e.OPERATION_STATUS.write(operation.status),
        created_at=operation.created_at_ms,
        created_at_date_time=rfc3339(operation.created_at_ms),
    )


def subscription(subscription: Subscription) -> SubscriptionModel:
    return SubscriptionModel(
        subscription_id=subscription.id,
        venue=str(subscription.venue_id),
        trading_account_id=UNSET if subscription.account_id is None else subscription.account_id,
        instrument_id=UNSET if subscription.instrument_id is None else subscription.instrument_id,
        subscription_type=e.SUBSCRIPTION_TYPE.write(subscription.type),
        status=e.SUBSCRIPTION_STATUS.write(subscription.status),
        created_at=subscription.created_at_ms,
        created_at_date_time=rfc3339(subscription.created_at_ms),
        updated_at=subscription.updated_at_ms,
        updated_at_date_time=rfc3339(subscription.updated_at_ms),
        last_event_timestamp=optional(subscription.last_event_at_ms),
    )
