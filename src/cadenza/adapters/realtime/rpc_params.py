"""What RPC methods are asked with.

Each turns into the REST request of the same name, so that both ways are validated alike. Fields of an object that only
the server fills are taken and ignored; a field that the interface does not list is refused, as on REST.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from cadenza.application.accounts.list_accounts import AccountQuery, OperationQuery
from cadenza.application.accounts.list_portfolios import PortfolioQuery
from cadenza.application.orders.list import OrderQuery
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.ids import CredentialId
from cadenza.wire import accounts, orders, portfolios
from cadenza.wire import enums as e
from cadenza.wire.base import (
    IDS_MAX,
    INSTANT_MS_MAX,
    PAGE_ITEMS_DEFAULT,
    Cursor,
    DecimalIn,
    ExternalId,
    InstrumentIdText,
    Key,
    Limit,
    Nickname,
    Offset,
    Request,
    Secret,
    Symbol,
)
from cadenza.wire.venues import VenueFilter, VenueIn

DateTimeIn = Annotated[str, Meta(max_length=40)]
CurrencyText = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9_.-]*$")]
Ignored = Any
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
Ids = Annotated[tuple[UUID, ...], Meta(max_length=IDS_MAX)]
Symbols = Annotated[tuple[Symbol, ...], Meta(max_length=IDS_MAX)]
InstrumentIds = Annotated[tuple[InstrumentIdText, ...], Meta(max_length=IDS_MAX)]


class NoParams(Request, kw_only=True, frozen=True):
    """Nothing is asked."""


class RpcPagination(Request, kw_only=True, frozen=True):
    """Which page. `total` and `hasNext` are the server's."""

    offset: Offset = 0
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Cursor | None = None
    total: Ignored = None
    has_next: Ignored = None


FIRST_PAGE = RpcPagination()


# --- orders


class TradeOrderIn(Request, kw_only=True, frozen=True):
    """An order to submit."""

    instrument_id: InstrumentIdText
    order_side: e.SideIn
    order_type: e.OrderTypeIn
    quantity: DecimalIn | None = None
    quote_currency_quantity: DecimalIn | None = None
    position_percentage: DecimalIn | None = None
    quantity_type: e.QuantityTypeIn | None = None
    quantity_rounding: e.RoundingIn = ""
    limit_price: DecimalIn | None = None
    stop_price: DecimalIn | None = None
    time_in_force: e.TimeInForceIn | None = None
    expire_at: DateTimeIn | None = None
    client_order_id: Key | None = None
    idempotency_key: Key | None = None
    trading_account_id: UUID | None = None
    trade_order_id: Ignored = None
    original_client_order_id: Ignored = None
    external_order_id: Ignored = None
    venue: Ignored = None
    external_trading_account_id: Ignored = None
    external_symbol: Ignored = None
    base_asset: Ignored = None
    quote_asset: Ignored = None
    status: Ignored = None
    executed_price: Ignored = None
    executed_percentage: Ignored = None
    executed_quantity: Ignored = None
    executed_cost: Ignored = None
    fees: Ignored = None
    cancel_reason: Ignored = None
    reject_reason: Ignored = None
    created_at: Ignored = None
    updated_at: Ignored = None
    last_execution_at: Ignored = None
    canceled_at: Ignored = None

    def amount(self) -> tuple[str, str | None]:
        """Return the quantity and its type: in RPC there is a field for each kind, too."""
        given = [
            (self.quantity, self.quantity_type),
            (self.quote_currency_quantity, "QUOTE"),
            (self.position_percentage, "POSITION_PERCENTAGE"),
        ]
        said = [(text, kind) for text, kind in given if text is not None]
        if len(said) != 1:
            raise InvalidRequest(
                "tradeOrder.quantity: give one of quantity, quoteCurrencyQuantity and positionPercentage",
                {"field": "tradeOrder.quantity"},
            )
        text, kind = said[0]
        if self.quantity is None and self.quantity_type not in (None, kind):
            raise InvalidRequest(
                f"tradeOrder.quantityType: the quantity given is a {kind}", {"field": "tradeOrder.quantityType"}
            )
        return text, kind


class SubmitTradeOrderParams(Request, kw_only=True, frozen=True):
    trade_order: TradeOrderIn
    trading_account_id: UUID
    idempotency_key: Key | None = None
    await_closed: bool = False

    def to_request(self) -> orders.SubmitTradeOrderRequest:
        order = self.trade_order
        if order.trading_account_id not in (None, self.trading_account_id):
            raise InvalidRequest("tradingAccountId: differs from tradeOrder's", {"field": "tradingAccountId"})
        if order.idempotency_key not in (None, self.idempotency_key) and self.idempotency_key is not None:
            raise InvalidRequest("idempotencyKey: differs from tradeOrder's", {"field": "idempotencyKey"})
        quantity, quantity_type = order.amount()
        return orders.SubmitTradeOrderRequest(
            trading_account_id=self.trading_account_id,
            instrument_id=order.instrument_id,
            idempotency_key=self.idempotency_key or order.idempotency_key,
            client_order_id=order.client_order_id,
            order_side=order.order_side,
            order_type=order.order_type,
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            quantity=quantity,
            quantity_type=quantity_type,
            quantity_rounding=order.quantity_rounding,
            time_in_force=order.time_in_force,
            expire_at=instant("tradeOrder.expireAt", order.expire_at),
            await_closed=self.await_closed,
        )


class TradeOrderParams(Request, kw_only=True, frozen=True):
    """One order, by its id; the other names of an order cannot be looked up and are refused."""

    trade_order_id: UUID | None = None
    trading_account_id: UUID | None = None
    client_order_id: Key | None = None
    external_order_id: ExternalId | None = None

    def order_id(self) -> UUID:
        if self.trade_order_id is None or self.client_order_id is not None or self.external_order_id is not None:
            raise InvalidRequest("tradeOrderId: needed, and it alone names the order", {"field": "tradeOrderId"})
        return self.trade_order_id

    def to_query(self) -> OrderQuery:
        return orders.ListTradeOrdersQuery(
            trade_order_id=self.order_id(), trading_account_id=self.trading_account_id, limit=1
        ).to_query()


class CancelTradeOrderParams(TradeOrderParams, kw_only=True, frozen=True):
    trading_account_id: UUID


class ListTradeOrdersParams(Request, kw_only=True, frozen=True):
    trade_order_id: UUID | None = None
    trading_account_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None
    side: e.SideIn | None = None
    order_type: e.OrderTypeFilter | None = None
    status: e.OrderStatusIn | None = None
    start_time: DateTimeIn | None = None
    end_time: DateTimeIn | None = None
    pagination: RpcPagination = FIRST_PAGE

    def to_query(self) -> OrderQuery:
        return orders.ListTradeOrdersQuery(
            trade_order_id=self.trade_order_id,
            order_status=self.status,
            order_side=self.side,
            order_type=self.order_type,
            trading_account_id=self.trading_account_id,
            instrument_id=self.instrument_id,
            start_time=instant("startTime", self.start_time),
            end_time=instant("endTime", self.end_time),
            limit=self.pagination.limit,
            offset=self.pagination.offset,
            cursor=self.pagination.cursor,
        ).to_query()


class SaveParams(Request, kw_only=True, frozen=True):
    """Objects that the interface lets a client store. This server makes them itself, so it ignores them."""

    trade_order: Ignored = None
    credential: Ignored = None
    portfolio: Ignored = None
    securities: Ignored = None
    order_books: Ignored = None
    klines: Ignored = None
    tickers: Ignored = None


# --- accounts and credentials


class CredentialIn(Request, kw_only=True, frozen=True):
    """A credential that is named by its id."""

    credential_id: UUID
    nickname: Ignored = None
    credential_type: Ignored = None
    status: Ignored = None
    venue: Ignored = None
    api_key: Ignored = None
    created_at: Ignored = None
    updated_at: Ignored = None
    revoked_at: Ignored = None
    with_info: Ignored = None
    with_secret: Ignored = None


class TradingAccountIn(Request, kw_only=True, frozen=True):
    """An account that is named by its id, or at the venue by credentials and the venue's id."""

    trading_account_id: UUID | None = None
    external_account_id: ExternalId | None = None
    nickname: Nickname | None = None
    credentials: Annotated[tuple[CredentialIn, ...], Meta(max_length=IDS_MAX)] = ()
    user_id: Ignored = None
    tenant_id: Ignored = None
    venue: Ignored = None
    status: Ignored = None
    account_type: Ignored = None
    external_account_type: Ignored = None
    position_mode: Ignored = None
    collateral_mode: Ignored = None
    margin_mode: Ignored = None
    config: Ignored = None
    created_at: Ignored = None
    updated_at: Ignored = None

    def id(self) -> UUID:
        if self.trading_account_id is None:
            raise InvalidRequest("tradingAccount.tradingAccountId: needed", {"field": "tradingAccount"})
        return self.trading_account_id

    def external_id(self) -> str:
        if self.external_account_id is None:
            raise InvalidRequest("tradingAccount.externalAccountId: needed", {"field": "tradingAccount"})
        return self.external_account_id

    def credential_ids(self) -> tuple[CredentialId, ...]:
        if not self.credentials:
            raise InvalidRequest("tradingAccount.credentials: needed", {"field": "tradingAccount"})
        return tuple(CredentialId(credential.credential_id) for credential in self.credentials)


class OfTradingAccountParams(Request, kw_only=True, frozen=True):
    trading_account: TradingAccountIn


class SaveTradingAccountsParams(Request, kw_only=True, frozen=True):
    trading_accounts: Annotated[tuple[TradingAccountIn, ...], Meta(min_length=1, max_length=IDS_MAX)]


class TradingAccountParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID


class ListTradingAccountsParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    venue: VenueFilter | None = None
    status: e.AccountStatusIn | None = None
    pagination: RpcPagination = FIRST_PAGE

    def to_query(self) -> AccountQuery:
        return accounts.ListTradingAccountsQuery(
            trading_account_id=self.trading_account_id,
            venue=self.venue,
            account_status=self.status,
            limit=self.pagination.limit,
            offset=self.pagination.offset,
        ).to_query()


class ListTradingAccountOperationsParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID
    pagination: RpcPagination = FIRST_PAGE

    def to_query(self) -> OperationQuery:
        return accounts.ListTradingAccountOperationsQuery(
            trading_account_id=self.trading_account_id,
            limit=self.pagination.limit,
            offset=self.pagination.offset,
            cursor=self.pagination.cursor,
        ).to_query()


class SubscribeTradingAccountStreamParams(Request, kw_only=True, frozen=True):
    trading_account: TradingAccountIn
    subscription_type: str


class UnsubscribeTradingAccountStreamParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID
    subscription_id: UUID | None = None


class ListTradingAccountSubscriptionsParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID
    subscription_type: str | None = None
    status: str | None = None
    pagination: RpcPagination = FIRST_PAGE


class CreateCredentialParams(Request, kw_only=True, frozen=True):
    """`tradingAccountId` is taken and ignored: `command.trading_account.connect` ties credentials to accounts."""

    venue: VenueIn
    credential_type: e.CredentialTypeIn
    api_key: Secret | None = None
    secret_key: Secret | None = None
    secret_passphrase: Secret | None = None
    nickname: Nickname | None = None
    trading_account_id: UUID | None = None


class ListCredentialsParams(Request, kw_only=True, frozen=True):
    credential_ids: Ids | None = None
    venue: VenueFilter | None = None
    credential_type: e.CredentialTypeFilter | None = None
    status: str | None = None
    pagination: RpcPagination = FIRST_PAGE


class VerifyCredentialParams(Request, kw_only=True, frozen=True):
    credential_ids: Ids = ()
    credentials: Annotated[tuple[CredentialIn, ...], Meta(max_length=IDS_MAX)] = ()

    def ids(self) -> tuple[CredentialId, ...]:
        named = [*self.credential_ids, *(credential.credential_id for credential in self.credentials)]
        if not named:
            raise InvalidRequest("credentialIds: needed", {"field": "credentialIds"})
        return tuple(CredentialId(id) for id in named)


class CredentialParams(Request, kw_only=True, frozen=True):
    credential_id: UUID


class RotateCredentialParams(Request, kw_only=True, frozen=True):
    """`apiKey` is needed, as on REST: a rotation is a new key."""

    credential_id: UUID
    api_key: Secret
    credential_type: e.CredentialTypeIn | None = None
    secret_key: Secret | None = None
    secret_passphrase: Secret | None = None


class ListPortfoliosParams(Request, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    venue: VenueFilter | None = None
    currency: CurrencyText | None = None
    pagination: RpcPagination = FIRST_PAGE

    def to_query(self) -> PortfolioQuery:
        named = {} if self.currency is None else {"currency": self.currency}
        return portfolios.ListTradingAccountPortfoliosQuery(
            trading_account_id=self.trading_account_id,
            venue=self.venue,
            limit=self.pagination.limit,
            offset=self.pagination.offset,
            **named,
        ).to_query()


def instant(field: str, text: str | None) -> int | None:
    """Return the Unix ms of an RFC 3339 text; raise `InvalidRequest` for what is none, or has no offset."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at_ms = None if at.tzinfo is None else (at - _EPOCH) // _MS
    except (ValueError, OverflowError):
        at_ms = None
    if at_ms is None or not 0 <= at_ms <= INSTANT_MS_MAX:
        raise InvalidRequest(f"{field}: expected a date and time such as 2026-01-31T12:00:00.000Z", {"field": field})
    return at_ms
