"""The operations of the REST interface, one row each: routes, OpenAPI document, reference pages and tests share
them."""

from dataclasses import dataclass
from typing import Any, Literal

from cadenza.domain.identity.actor import Scope
from cadenza.wire import accounts, auth, credentials, market, orders, portfolios, system
from cadenza.wire.base import Query, Request

_ALL = frozenset({200, 400, 401, 403, 404, 500})
_NO_403_404_500 = frozenset({200, 400, 401})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """`data` is the type of the envelope's `data` (of the whole reply when `is_bare`); a paged one has `pagination`.
    `lists_details`: the interface lists `details` in the envelope of a 200 too. It is never sent there.

    `statuses` are those the interface lists. `scope` is what a token needs; None for the public ones.
    """

    id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    tag: str
    summary: str
    query: type[Query] | None = None
    body: type[Request] | None = None
    data: Any
    is_paged: bool = False
    is_bare: bool = False
    lists_details: bool = True
    statuses: frozenset[int] = _ALL
    scope: Scope | None = Scope.READ

    @property
    def is_public(self) -> bool:
        return self.scope is None

    @property
    def action(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def takes_input(self) -> bool:
        """Return whether the operation takes input. An operation that lists no 400 ignores any input."""
        return 400 in self.statuses


def _get(id: str, path: str, tag: str, summary: str, data: Any, **more: Any) -> ApiOperation:
    return ApiOperation(id=id, method="GET", path=f"/api/v3{path}", tag=tag, summary=summary, data=data, **more)


def _post(
    id: str, path: str, tag: str, summary: str, body: type[Request] | None, data: Any, **more: Any
) -> ApiOperation:
    scope = more.pop("scope", Scope.WRITE)
    return ApiOperation(
        id=id, method="POST", path=f"/api/v3{path}", tag=tag, summary=summary, body=body, data=data, scope=scope, **more
    )


def _delete(id: str, path: str, tag: str, summary: str, body: type[Request], data: Any, **more: Any) -> ApiOperation:
    return ApiOperation(
        id=id,
        method="DELETE",
        path=f"/api/v3{path}",
        tag=tag,
        summary=summary,
        body=body,
        data=data,
        scope=Scope.ADMIN,
        **more,
    )


_UTILITY = "Utility"
ROOT = _get("root", "", _UTILITY, "Say what this server is.", system.ApiInfo)
HEALTH = _get(
    "health",
    "/health",
    _UTILITY,
    "Report the health of the server; 503 when unhealthy.",
    system.HealthReport,
    is_bare=True,
    scope=None,
    statuses=frozenset({200, 400, 503}),
)

_AUTH = "Authentication"
SIGNUP = _post(
    "authSignup",
    "/auth/signup",
    _AUTH,
    "Create a user, and a new tenant unless the user was invited into one.",
    auth.AuthSignupRequest,
    auth.AuthUser,
    scope=None,
    statuses=frozenset({200, 400, 429, 500}),
)
LOGIN = _post(
    "authLogin",
    "/auth/login",
    _AUTH,
    "Log in; answers an access token and a refresh token.",
    auth.AuthLoginRequest,
    auth.AuthSession,
    scope=None,
    statuses=frozenset({200, 400, 401, 429, 500}),
)
LOGOUT = _post(
    "authLogout",
    "/auth/logout",
    _AUTH,
    "End the session at once.",
    None,
    str,
    scope=Scope.READ,
    statuses=frozenset({200, 401, 500}),
)
REFRESH = _post(
    "authRefreshToken",
    "/auth/token/refresh",
    _AUTH,
    "Change a refresh token for new tokens. A second use within 10 s answers the same; a later one ends the session.",
    auth.AuthRefreshTokenRequest,
    auth.AuthSession,
    scope=None,
    statuses=frozenset({200, 400, 401, 500}),
)
GET_USER = _get(
    "authGetUser", "/auth/user", _AUTH, "Show the calling user.", auth.AuthUser, statuses=frozenset({200, 401, 500})
)
UPDATE_USER = ApiOperation(
    id="authUpdateUser",
    method="PUT",
    path="/api/v3/auth/user",
    tag=_AUTH,
    summary="Change e-mail, password or metadata of the calling user.",
    body=auth.AuthUpdateUserRequest,
    data=auth.AuthUser,
    statuses=frozenset({200, 400, 401, 500}),
)
RECOVER = _post(
    "authRecover",
    "/auth/recover",
    _AUTH,
    "Mail a recovery token, if a user has this address.",
    auth.AuthRecoverRequest,
    str,
    scope=None,
    statuses=frozenset({200, 400, 429, 500}),
)

_ORDER = "Trade Order"
SUBMIT_ORDER = _post(
    "submitTradeOrder",
    "/tradeOrder/submit",
    _ORDER,
    "Place an order.",
    orders.SubmitTradeOrderRequest,
    list[orders.TradeOrder],
)
CANCEL_ORDER = _post(
    "cancelTradeOrder",
    "/tradeOrder/cancel",
    _ORDER,
    "Cancel an order; repeating is safe.",
    orders.CancelTradeOrderRequest,
    orders.TradeOrder,
)
LIST_ORDERS = _get(
    "listTradeOrders",
    "/tradeOrder/list",
    _ORDER,
    "List orders, newest first.",
    list[orders.TradeOrder],
    query=orders.ListTradeOrdersQuery,
    is_paged=True,
)

_CREDENTIAL = "Trading Account Credential"
LIST_CREDENTIALS = _get(
    "listTradingAccountCredentials",
    "/credential/list",
    _CREDENTIAL,
    "List credentials, newest first, all of them on one page.",
    list[credentials.TradingAccountCredential],
    query=credentials.ListTradingAccountCredentialsQuery,
    is_paged=True,
    statuses=_NO_403_404_500,
)
CREATE_CREDENTIAL = _post(
    "createTradingAccountCredential",
    "/credential/create",
    _CREDENTIAL,
    "Store a venue's key, sealed.",
    credentials.CreateTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
REVOKE_CREDENTIAL = _post(
    "revokeTradingAccountCredential",
    "/credential/revoke",
    _CREDENTIAL,
    "Revoke a key; signing with it stops at once.",
    credentials.RevokeTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
ROTATE_CREDENTIAL = _post(
    "rotateTradingAccountCredential",
    "/credential/rotate",
    _CREDENTIAL,
    "Replace a key, if the venue accepts the new one.",
    credentials.RotateTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
VERIFY_CREDENTIALS = _post(
    "verifyTradingAccountCredential",
    "/credential/verify",
    _CREDENTIAL,
    "Ask the venue which accounts the keys reach.",
    credentials.VerifyTradingAccountCredentialRequest,
    list[accounts.TradingAccountModel],
)

_ACCOUNT = "Trading Account"
CONNECT_ACCOUNT = _post(
    "connectTradingAccount",
    "/tradingAccount/connect",
    _ACCOUNT,
    "Connect an account at a venue and start its event stream.",
    accounts.ConnectTradingAccountRequest,
    accounts.TradingAccountModel,
)
DISCONNECT_ACCOUNT = _post(
    "disconnectTradingAccount",
    "/tradingAccount/disconnect",
    _ACCOUNT,
    "Archive an account for ever; its history stays readable.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
UPDATE_ACCOUNT = _post(
    "updateTradingAccount",
    "/tradingAccount/update",
    _ACCOUNT,
    "Rename an account.",
    accounts.UpdateTradingAccountRequest,
    accounts.TradingAccountModel,
)
LIST_ACCOUNTS = _get(
    "listTradingAccounts",
    "/tradingAccount/list",
    _ACCOUNT,
    "List accounts, newest first.",
    list[accounts.TradingAccountModel],
    query=accounts.ListTradingAccountsQuery,
    is_paged=True,
)
DISABLE_ACCOUNT = _post(
    "disableTradingAccount",
    "/tradingAccount/disable",
    _ACCOUNT,
    "Take no new orders; cancels and the event stream go on.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
ENABLE_ACCOUNT = _post(
    "enableTradingAccount",
    "/tradingAccount/enable",
    _ACCOUNT,
    "Take new orders again.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
LIST_OPERATIONS = _get(
    "listTradingAccountOperations",
    "/tradingAccount/operation/list",
    _ACCOUNT,
    "List the operations on accounts, newest first.",
    list[accounts.AccountOperation],
    query=accounts.ListTradingAccountOperationsQuery,
    is_paged=True,
)

_ACCOUNT_SUBSCRIPTION = "Trading Account Subscription"
SUBSCRIBE_ACCOUNT = _post(
    "subscribeTradingAccount",
    "/tradingAccount/subscription/subscribe",
    _ACCOUNT_SUBSCRIPTION,
    "Subscribe to an account's events; repeating answers the same subscription.",
    accounts.TradingAccountRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
UNSUBSCRIBE_ACCOUNT = _post(
    "unsubscribeTradingAccount",
    "/tradingAccount/subscription/unsubscribe",
    _ACCOUNT_SUBSCRIPTION,
    "End a subscription to an account's events.",
    accounts.UnsubscribeRequest,
    accounts.SubscriptionModel,
    statuses=_NO_403_404_500,
)
LIST_ACCOUNT_SUBSCRIPTIONS = _get(
    "listTradingAccountSubscriptions",
    "/tradingAccount/subscription/list",
    _ACCOUNT_SUBSCRIPTION,
    "List active subscriptions to accounts.",
    list[accounts.SubscriptionModel],
    query=accounts.ListTradingAccountSubscriptionsQuery,
    statuses=_NO_403_404_500,
)

LIST_PORTFOLIOS = _get(
    "listTradingAccountPortfolios",
    "/tradingAccount/portfolio/list",
    "Trading Account Portfolio",
    "List accounts' balances, positions and summaries.",
    list[portfolios.PortfolioModel],
    query=portfolios.ListTradingAccountPortfoliosQuery,
    is_paged=True,
)

_MARKET_SUBSCRIPTION = "Market Subscription"
SUBSCRIBE_ORDER_BOOK = _post(
    "subscribeMarketOrderBook",
    "/market/subscription/orderBook/subscribe",
    _MARKET_SUBSCRIPTION,
    "Subscribe to a book; repeating answers the same subscription.",
    market.InstrumentRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
UNSUBSCRIBE_ORDER_BOOK = _post(
    "unsubscribeMarketOrderBook",
    "/market/subscription/orderBook/unsubscribe",
    _MARKET_SUBSCRIPTION,
    "End a subscription to a book.",
    accounts.UnsubscribeRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
LIST_ORDER_BOOK_SUBSCRIPTIONS = _get(
    "listMarketOrderBookSubscriptions",
    "/market/subscription/orderBook/list",
    _MARKET_SUBSCRIPTION,
    "List active subscriptions to books.",
    list[accounts.SubscriptionModel],
    query=market.ListMarketOrderBookSubscriptionsQuery,
)

_MARKET = "Market"
LIST_VENUES = _get(
    "listMarketVenues", "/market/venue/list", _MARKET, "List the venues and their status.", list[market.MarketVenue]
)
SYNC_INSTRUMENTS = _post(
    "syncMarketInstruments",
    "/market/instrument/sync",
    _MARKET,
    "Read a venue's instruments again, for all tenants.",
    market.SyncMarketInstrumentsRequest,
    market.SyncedInstruments,
)
DELETE_INSTRUMENT = _delete(
    "deleteMarketInstrument",
    "/market/instrument/delete",
    _MARKET,
    "Hide an instrument from the tenant.",
    market.InstrumentRequest,
    str,
    lists_details=False,
)
ENABLE_INSTRUMENT = _post(
    "enableMarketInstrument",
    "/market/instrument/enable",
    _MARKET,
    "Let the tenant trade an instrument again.",
    market.InstrumentRequest,
    market.InstrumentModel,
    scope=Scope.ADMIN,
)
DISABLE_INSTRUMENT = _post(
    "disableMarketInstrument",
    "/market/instrument/disable",
    _MARKET,
    "Stop the tenant from trading an instrument.",
    market.InstrumentRequest,
    market.InstrumentModel,
    scope=Scope.ADMIN,
)
LIST_INSTRUMENTS = _get(
    "listMarketInstruments",
    "/market/instrument/list",
    _MARKET,
    "List instruments.",
    list[market.InstrumentModel],
    query=market.ListMarketInstrumentsQuery,
    is_paged=True,
)
SYNC_SECURITIES = _post(
    "syncMarketSecurities",
    "/market/security/sync",
    _MARKET,
    "Read a venue's securities again, for all tenants.",
    market.SyncMarketSecuritiesRequest,
    str,
    lists_details=False,
)
DELETE_SECURITY = _delete(
    "deleteMarketSecurity",
    "/market/security/delete",
    _MARKET,
    "Hide a security from the tenant.",
    market.DeleteMarketSecurityRequest,
    market.FinancialSecurity,
)
LIST_SECURITIES = _get(
    "listMarketSecurities",
    "/market/security/list",
    _MARKET,
    "List securities.",
    list[market.FinancialSecurity],
    query=market.ListMarketSecuritiesQuery,
    is_paged=True,
)
GET_ORDER_BOOK = _get(
    "getMarketOrderBook",
    "/market/orderBook/get",
    _MARKET,
    "Show a book; a stale one is never shown.",
    market.OrderBookModel,
    query=market.GetMarketOrderBookQuery,
)
LIST_ORDER_BOOKS = _get(
    "listMarketOrderBooks",
    "/market/orderBook/list",
    _MARKET,
    "Show books, in the requested order.",
    list[market.OrderBookModel],
    query=market.ListMarketOrderBooksQuery,
)

OPERATIONS: tuple[ApiOperation, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, ApiOperation)
)
