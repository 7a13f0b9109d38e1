"""The operations that the vendor's interface lists, one row each."""

from cadenza.domain.identity.actor import Scope
from cadenza.wire import accounts, auth, credentials, market, orders, portfolios, system
from cadenza.wire.operation import ApiOperation, delete, get, post

_NO_403_404_500 = frozenset({200, 400, 401})

_UTILITY = "Utility"
ROOT = get("root", "", _UTILITY, "Say what this server is.", system.ApiInfo)
HEALTH = get(
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
SIGNUP = post(
    "authSignup",
    "/auth/signup",
    _AUTH,
    "Create a user, and a new tenant unless the user was invited into one.",
    auth.AuthSignupRequest,
    auth.AuthUser,
    scope=None,
    statuses=frozenset({200, 400, 429, 500}),
)
LOGIN = post(
    "authLogin",
    "/auth/login",
    _AUTH,
    "Log in; answers an access token and a refresh token.",
    auth.AuthLoginRequest,
    auth.AuthSession,
    scope=None,
    statuses=frozenset({200, 400, 401, 429, 500}),
)
LOGOUT = post(
    "authLogout",
    "/auth/logout",
    _AUTH,
    "End the session at once.",
    None,
    str,
    scope=Scope.READ,
    statuses=frozenset({200, 401, 500}),
)
REFRESH = post(
    "authRefreshToken",
    "/auth/token/refresh",
    _AUTH,
    "Change a refresh token for new tokens. A second use within 10 s answers the same; a later one ends the session.",
    auth.AuthRefreshTokenRequest,
    auth.AuthSession,
    scope=None,
    statuses=frozenset({200, 400, 401, 500}),
)
GET_USER = get(
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
RECOVER = post(
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
SUBMIT_ORDER = post(
    "submitTradeOrder",
    "/tradeOrder/submit",
    _ORDER,
    "Place an order.",
    orders.SubmitTradeOrderRequest,
    list[orders.TradeOrder],
)
CANCEL_ORDER = post(
    "cancelTradeOrder",
    "/tradeOrder/cancel",
    _ORDER,
    "Cancel an order; repeating is safe.",
    orders.CancelTradeOrderRequest,
    orders.TradeOrder,
)
LIST_ORDERS = get(
    "listTradeOrders",
    "/tradeOrder/list",
    _ORDER,
    "List orders, newest first.",
    list[orders.TradeOrder],
    query=orders.ListTradeOrdersQuery,
    is_paged=True,
)

_CREDENTIAL = "Trading Account Credential"
LIST_CREDENTIALS = get(
    "listTradingAccountCredentials",
    "/credential/list",
    _CREDENTIAL,
    "List credentials, newest first, all of them on one page.",
    list[credentials.TradingAccountCredential],
    query=credentials.ListTradingAccountCredentialsQuery,
    is_paged=True,
    statuses=_NO_403_404_500,
)
CREATE_CREDENTIAL = post(
    "createTradingAccountCredential",
    "/credential/create",
    _CREDENTIAL,
    "Store a venue's key, sealed.",
    credentials.CreateTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
REVOKE_CREDENTIAL = post(
    "revokeTradingAccountCredential",
    "/credential/revoke",
    _CREDENTIAL,
    "Revoke a key; signing with it stops at once.",
    credentials.RevokeTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
ROTATE_CREDENTIAL = post(
    "rotateTradingAccountCredential",
    "/credential/rotate",
    _CREDENTIAL,
    "Replace a key, if the venue accepts the new one.",
    credentials.RotateTradingAccountCredentialRequest,
    credentials.TradingAccountCredential,
)
VERIFY_CREDENTIALS = post(
    "verifyTradingAccountCredential",
    "/credential/verify",
    _CREDENTIAL,
    "Ask the venue which accounts the keys reach.",
    credentials.VerifyTradingAccountCredentialRequest,
    list[accounts.TradingAccountModel],
)

_ACCOUNT = "Trading Account"
CONNECT_ACCOUNT = post(
    "connectTradingAccount",
    "/tradingAccount/connect",
    _ACCOUNT,
    "Connect an account at a venue and start its event stream.",
    accounts.ConnectTradingAccountRequest,
    accounts.TradingAccountModel,
)
DISCONNECT_ACCOUNT = post(
    "disconnectTradingAccount",
    "/tradingAccount/disconnect",
    _ACCOUNT,
    "Archive an account for ever; its history stays readable.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
UPDATE_ACCOUNT = post(
    "updateTradingAccount",
    "/tradingAccount/update",
    _ACCOUNT,
    "Rename an account.",
    accounts.UpdateTradingAccountRequest,
    accounts.TradingAccountModel,
)
LIST_ACCOUNTS = get(
    "listTradingAccounts",
    "/tradingAccount/list",
    _ACCOUNT,
    "List accounts, newest first.",
    list[accounts.TradingAccountModel],
    query=accounts.ListTradingAccountsQuery,
    is_paged=True,
)
DISABLE_ACCOUNT = post(
    "disableTradingAccount",
    "/tradingAccount/disable",
    _ACCOUNT,
    "Take no new orders; cancels and the event stream go on.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
ENABLE_ACCOUNT = post(
    "enableTradingAccount",
    "/tradingAccount/enable",
    _ACCOUNT,
    "Take new orders again.",
    accounts.TradingAccountRequest,
    accounts.TradingAccountModel,
)
LIST_OPERATIONS = get(
    "listTradingAccountOperations",
    "/tradingAccount/operation/list",
    _ACCOUNT,
    "List the operations on accounts, newest first.",
    list[accounts.AccountOperation],
    query=accounts.ListTradingAccountOperationsQuery,
    is_paged=True,
)

_ACCOUNT_SUBSCRIPTION = "Trading Account Subscription"
SUBSCRIBE_ACCOUNT = post(
    "subscribeTradingAccount",
    "/tradingAccount/subscription/subscribe",
    _ACCOUNT_SUBSCRIPTION,
    "Subscribe to an account's events; repeating answers the same subscription.",
    accounts.TradingAccountRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
UNSUBSCRIBE_ACCOUNT = post(
    "unsubscribeTradingAccount",
    "/tradingAccount/subscription/unsubscribe",
    _ACCOUNT_SUBSCRIPTION,
    "End a subscription to an account's events.",
    accounts.UnsubscribeRequest,
    accounts.SubscriptionModel,
    statuses=_NO_403_404_500,
)
LIST_ACCOUNT_SUBSCRIPTIONS = get(
    "listTradingAccountSubscriptions",
    "/tradingAccount/subscription/list",
    _ACCOUNT_SUBSCRIPTION,
    "List active subscriptions to accounts.",
    list[accounts.SubscriptionModel],
    query=accounts.ListTradingAccountSubscriptionsQuery,
    statuses=_NO_403_404_500,
)

LIST_PORTFOLIOS = get(
    "listTradingAccountPortfolios",
    "/tradingAccount/portfolio/list",
    "Trading Account Portfolio",
    "List accounts' balances, positions and summaries.",
    list[portfolios.PortfolioModel],
    query=portfolios.ListTradingAccountPortfoliosQuery,
    is_paged=True,
)

_MARKET_SUBSCRIPTION = "Market Subscription"
SUBSCRIBE_ORDER_BOOK = post(
    "subscribeMarketOrderBook",
    "/market/subscription/orderBook/subscribe",
    _MARKET_SUBSCRIPTION,
    "Subscribe to a book; repeating answers the same subscription.",
    market.InstrumentRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
UNSUBSCRIBE_ORDER_BOOK = post(
    "unsubscribeMarketOrderBook",
    "/market/subscription/orderBook/unsubscribe",
    _MARKET_SUBSCRIPTION,
    "End a subscription to a book.",
    accounts.UnsubscribeRequest,
    accounts.SubscriptionModel,
    scope=Scope.READ,
)
LIST_ORDER_BOOK_SUBSCRIPTIONS = get(
    "listMarketOrderBookSubscriptions",
    "/market/subscription/orderBook/list",
    _MARKET_SUBSCRIPTION,
    "List active subscriptions to books.",
    list[accounts.SubscriptionModel],
    query=market.ListMarketOrderBookSubscriptionsQuery,
)

_MARKET = "Market"
LIST_VENUES = get(
    "listMarketVenues", "/market/venue/list", _MARKET, "List the venues and their status.", list[market.MarketVenue]
)
SYNC_INSTRUMENTS = post(
    "syncMarketInstruments",
    "/market/instrument/sync",
    _MARKET,
    "Read a venue's instruments again, for all tenants.",
    market.SyncMarketInstrumentsRequest,
    market.SyncedInstruments,
)
DELETE_INSTRUMENT = delete(
    "deleteMarketInstrument",
    "/market/instrument/delete",
    _MARKET,
    "Hide an instrument from the tenant.",
    market.InstrumentRequest,
    str,
    lists_details=False,
)
ENABLE_INSTRUMENT = post(
    "enableMarketInstrument",
    "/market/instrument/enable",
    _MARKET,
    "Let the tenant trade an instrument again.",
    market.InstrumentRequest,
    market.InstrumentModel,
    scope=Scope.ADMIN,
)
DISABLE_INSTRUMENT = post(
    "disableMarketInstrument",
    "/market/instrument/disable",
    _MARKET,
    "Stop the tenant from trading an instrument.",
    market.InstrumentRequest,
    market.InstrumentModel,
    scope=Scope.ADMIN,
)
LIST_INSTRUMENTS = get(
    "listMarketInstruments",
    "/market/instrument/list",
    _MARKET,
    "List instruments.",
    list[market.InstrumentModel],
    query=market.ListMarketInstrumentsQuery,
    is_paged=True,
)
SYNC_SECURITIES = post(
    "syncMarketSecurities",
    "/market/security/sync",
    _MARKET,
    "Read a venue's securities again, for all tenants.",
    market.SyncMarketSecuritiesRequest,
    str,
    lists_details=False,
)
DELETE_SECURITY = delete(
    "deleteMarketSecurity",
    "/market/security/delete",
    _MARKET,
    "Hide a security from the tenant.",
    market.DeleteMarketSecurityRequest,
    market.FinancialSecurity,
)
LIST_SECURITIES = get(
    "listMarketSecurities",
    "/market/security/list",
    _MARKET,
    "List securities.",
    list[market.FinancialSecurity],
    query=market.ListMarketSecuritiesQuery,
    is_paged=True,
)
GET_ORDER_BOOK = get(
    "getMarketOrderBook",
    "/market/orderBook/get",
    _MARKET,
    "Show a book; a stale one is never shown.",
    market.OrderBookModel,
    query=market.GetMarketOrderBookQuery,
)
LIST_ORDER_BOOKS = get(
    "listMarketOrderBooks",
    "/market/orderBook/list",
    _MARKET,
    "Show books, in the requested order.",
    list[market.OrderBookModel],
    query=market.ListMarketOrderBooksQuery,
)

CONTRACT_OPERATIONS: tuple[ApiOperation, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, ApiOperation)
)
