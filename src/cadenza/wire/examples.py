"""An example request for every operation that takes a body. The OpenAPI document and the reference pages show them."""

from collections.abc import Mapping
from typing import Any

from cadenza.wire import api_keys, brake
from cadenza.wire import operations as op
from cadenza.wire.events import LIST_EVENTS
from cadenza.wire.executions import LIST_EXECUTIONS
from cadenza.wire.operation import ApiOperation
from cadenza.wire.portfolio_prices import LIST_PORTFOLIO_PRICES
from cadenza.wire.previews import PREVIEW_ORDER

_ACCOUNT_ID = "0199f2a4-c5d0-7c1e-9b62-3f8a1d2e4c5b"
_ORDER_ID = "0199f2a4-d1a2-7e3f-8c4d-5e6f7a8b9c0d"
_CREDENTIAL_ID = "0199f2a3-b0c1-7d2e-8f3a-4b5c6d7e8f90"
_SUBSCRIPTION_ID = "0199f2a5-e6f7-7a8b-9c0d-1e2f3a4b5c6d"
_EMAIL = "user@example.com"
_PASSWORD = "correct horse battery staple"  # noqa: S105 - an example
_ACCOUNT = {"tradingAccountId": _ACCOUNT_ID}
_INSTRUMENT = {"instrumentId": "PAPER:BTC/USDT"}

BODY_EXAMPLES: Mapping[ApiOperation, Mapping[str, Any]] = {
    op.SIGNUP: {"email": _EMAIL, "password": _PASSWORD},
    op.LOGIN: {"email": _EMAIL, "password": _PASSWORD},
    op.REFRESH: {"refreshToken": "your-refresh-token"},
    op.UPDATE_USER: {"metadata": {"desk": "london"}},
    op.RECOVER: {"email": _EMAIL},
    op.SUBMIT_ORDER: {
        "tradingAccountId": _ACCOUNT_ID,
        "instrumentId": "PAPER:BTC/USDT",
        "clientOrderId": "order-2026-0001",
        "orderSide": "BUY",
        "orderType": "LIMIT",
        "limitPrice": "64250.5",
        "quantity": "0.25",
        "timeInForce": "GTC",
    },
    PREVIEW_ORDER: {
        "tradingAccountId": _ACCOUNT_ID,
        "instrumentId": "PAPER:BTC/USDT",
        "orderSide": "BUY",
        "orderType": "MARKET",
        "quantity": "1000",
        "quantityType": "QUOTE",
    },
    op.CANCEL_ORDER: {"tradingAccountId": _ACCOUNT_ID, "tradeOrderId": _ORDER_ID},
    op.CREATE_CREDENTIAL: {
        "venue": "PAPER",
        "credentialType": "HMAC",
        "apiKey": "any-key",
        "apiSecret": "any-secret",
        "nickname": "Paper desk",
    },
    op.REVOKE_CREDENTIAL: {"credentialId": _CREDENTIAL_ID},
    op.ROTATE_CREDENTIAL: {"credentialId": _CREDENTIAL_ID, "apiKey": "new-key", "apiSecret": "new-secret"},
    op.VERIFY_CREDENTIALS: {"credentialIds": [_CREDENTIAL_ID]},
    op.CONNECT_ACCOUNT: {
        "credentialIds": [_CREDENTIAL_ID],
        "externalTradingAccountId": "paper-spot-1",
        "nickname": "Main desk",
    },
    op.DISCONNECT_ACCOUNT: _ACCOUNT,
    op.UPDATE_ACCOUNT: {**_ACCOUNT, "nickname": "Second desk"},
    op.DISABLE_ACCOUNT: _ACCOUNT,
    op.ENABLE_ACCOUNT: _ACCOUNT,
    op.SUBSCRIBE_ACCOUNT: _ACCOUNT,
    op.UNSUBSCRIBE_ACCOUNT: {"subscriptionId": _SUBSCRIPTION_ID},
    op.SUBSCRIBE_ORDER_BOOK: _INSTRUMENT,
    op.UNSUBSCRIBE_ORDER_BOOK: {"subscriptionId": _SUBSCRIPTION_ID},
    op.SYNC_INSTRUMENTS: {"venue": "PAPER", "symbols": []},
    op.DELETE_INSTRUMENT: _INSTRUMENT,
    op.ENABLE_INSTRUMENT: _INSTRUMENT,
    op.DISABLE_INSTRUMENT: _INSTRUMENT,
    op.SYNC_SECURITIES: {"venue": "PAPER"},
    op.DELETE_SECURITY: {"securityId": "PAPER:BTC"},
    brake.MASS_CANCEL: {**_ACCOUNT, "orderSide": "BUY"},
    brake.SET_TRADING_STATE: {**_ACCOUNT, "tradingState": "HALTED", "cancelOpen": True},
    brake.SET_RISK_LIMITS: {**_ACCOUNT, "currency": "USDT", "orderValueMax": "100000", "priceCollar": "0.05"},
    brake.ARM_DEAD_MANS_SWITCH: {**_ACCOUNT, "periodSeconds": 60},
    brake.DISARM_DEAD_MANS_SWITCH: _ACCOUNT,
    api_keys.CREATE_API_KEY: {
        "name": "market maker",
        "scopes": ["write"],
        "tradingAccountIds": [_ACCOUNT_ID],
        "addresses": ["192.0.2.0/24"],
    },
    api_keys.REVOKE_API_KEY: {"apiKeyId": "0199f2a6-1b2c-7d3e-8f4a-5b6c7d8e9f01"},
}

QUERY_EXAMPLES: Mapping[ApiOperation, str] = {
    op.LIST_ORDERS: f"tradingAccountId={_ACCOUNT_ID}&orderStatus=FILLED&limit=20",
    LIST_EVENTS: f"tradingAccountId={_ACCOUNT_ID}&tradeOrderId={_ORDER_ID}&ascending=true",
    LIST_EXECUTIONS: f"tradingAccountId={_ACCOUNT_ID}&startTime=1790000000000&limit=20",
    op.LIST_INSTRUMENTS: "venue=PAPER&symbols=BTC/USDT,ETH/USDT",
    op.LIST_SECURITIES: "venue=PAPER",
    op.GET_ORDER_BOOK: "instrumentId=PAPER:BTC/USDT&depth=5",
    op.LIST_ORDER_BOOKS: "venue=PAPER&symbols=BTC/USDT,ETH/USDT",
    brake.GET_MASS_CANCEL: f"massCancelId={_SUBSCRIPTION_ID}",
    brake.GET_TRADING_STATE: f"tradingAccountId={_ACCOUNT_ID}",
    brake.GET_RISK_LIMITS: f"tradingAccountId={_ACCOUNT_ID}",
    op.LIST_PORTFOLIOS: f"tradingAccountId={_ACCOUNT_ID}&currency=USD",
    LIST_PORTFOLIO_PRICES: f"tradingAccountId={_ACCOUNT_ID}&currency=USD",
}
