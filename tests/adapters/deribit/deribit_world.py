"""What the tests of DERIBIT's pure half share: accounts, instruments, orders and documented payloads."""

import json
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_instruments import read_instruments
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import Environment, InstrumentId, OrderId, TenantId, TradingAccountId, Venue, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Order

DATA = Path(__file__).parent / "data"
DERIBIT = VenueId(Venue.DERIBIT, Environment.LIVE)
ACCOUNT = TradingAccountId(UUID(int=1))
INVERSE, LINEAR = InstrumentId("DERIBIT:BTC/USD-PERP"), InstrumentId("DERIBIT:ETH/USDC-PERP")
PAIR, OPTION = InstrumentId("DERIBIT:BTC/USDC"), InstrumentId("DERIBIT:BTC/USD-25DEC26-100000-C")

_COMMON: Mapping[str, Any] = {
    "is_active": True, "state": "open", "maker_commission": 0.0, "taker_commission": 0.0005,
    "creation_timestamp": 1534242287000, "rfq": False, "tick_size_steps": [],
}  # fmt: skip
LISTED: Mapping[str, Mapping[str, Any]] = {
    "BTC-PERPETUAL": {
        **_COMMON, "instrument_name": "BTC-PERPETUAL", "kind": "future", "base_currency": "BTC",
        "quote_currency": "USD", "counter_currency": "USD", "settlement_currency": "BTC",
        "instrument_type": "reversed", "settlement_period": "perpetual", "expiration_timestamp": 32503708800000,
        "contract_size": 10.0, "min_trade_amount": 10.0, "tick_size": 0.5, "max_leverage": 50,
        "price_index": "btc_usd",
    },
    "ETH_USDC-PERPETUAL": {
        **_COMMON, "instrument_name": "ETH_USDC-PERPETUAL", "kind": "future", "base_currency": "ETH",
        "quote_currency": "USDC", "counter_currency": "USDC", "settlement_currency": "USDC",
        "instrument_type": "linear", "settlement_period": "perpetual", "expiration_timestamp": 32503708800000,
        "contract_size": 0.001, "min_trade_amount": 0.001, "tick_size": 0.05, "max_leverage": 50,
        "price_index": "eth_usdc",
    },
    "BTC-25DEC26-100000-C": {
        **_COMMON, "instrument_name": "BTC-25DEC26-100000-C", "kind": "option", "base_currency": "BTC",
        "quote_currency": "BTC", "counter_currency": "USD", "settlement_currency": "BTC",
        "instrument_type": "reversed", "settlement_period": "month", "expiration_timestamp": 1798185600000,
        "contract_size": 1.0, "min_trade_amount": 0.1, "tick_size": 0.0001, "strike": 100000.0,
        "option_type": "call", "price_index": "btc_usd",
        "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}],
    },
    "BTC_USDC": {
        **_COMMON, "instrument_name": "BTC_USDC", "kind": "spot", "base_currency": "BTC", "quote_currency": "USDC",
        "counter_currency": "USDC", "expiration_timestamp": 32503708800000, "contract_size": 0.0001,
        "min_trade_amount": 0.0001, "tick_size": 1.0, "price_index": "btc_usdc", "instrument_type": "linear",
    },
}  # fmt: skip
"""Instruments as the venue lists them today, by the documented fields."""

INSTRUMENTS: Mapping[str, Instrument] = {
    each.external_symbol: each
    for each in read_instruments(json.dumps(list(LISTED.values())).encode(), DERIBIT).instruments
}
BY_ID = {each.id: each for each in INSTRUMENTS.values()}
NOW_MS = 1_760_000_000_000
SENT_ID = "cz0123456789abcdef0123456789abcdef"


def scope(type: AccountType = AccountType.FUTURES) -> AccountScope:
    return AccountScope(ACCOUNT, type, INSTRUMENTS)


FUTURES, PAIRS = scope(), scope(AccountType.MARGIN)

_ORDER = Order(
    id=OrderId(UUID(SENT_ID[2:])),
    tenant_id=TenantId(UUID(int=2)),
    account_id=ACCOUNT,
    venue_id=DERIBIT,
    instrument_id=INVERSE,
    base_asset="BTC",
    quote_asset="USD",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    asked_quantity=D(100),
    quantity_type=QuantityType.BASE,
    rounding=Rounding.NONE,
    quantity=D(100),
    limit_price=D("59000.5"),
    sent_id=SENT_ID,
    send_before_ms=NOW_MS + 10_000,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)


def order(**changes: Any) -> Order:
    """A LIMIT order of 100 USD of BTC-PERPETUAL that was just recorded, with some fields changed."""
    return evolve(_ORDER, **changes)


ORDER_ROW: Mapping[str, Any] = {
    "web": False, "api": True, "time_in_force": "good_til_cancelled", "replaced": False, "reduce_only": False,
    "price": 59000.5, "post_only": False, "order_type": "limit", "order_state": "open", "order_id": "98475845",
    "max_show": 100, "last_update_timestamp": NOW_MS + 50, "label": SENT_ID, "is_liquidation": False,
    "instrument_name": "BTC-PERPETUAL", "filled_amount": 0, "direction": "buy",
    "creation_timestamp": NOW_MS + 50, "average_price": 0, "amount": 100,
}  # fmt: skip
"""An order that works, by the documented fields."""

TRADE_ROW: Mapping[str, Any] = {
    "trade_seq": 866638, "trade_id": "1430914", "timestamp": NOW_MS + 90, "tick_direction": 1, "state": "filled",
    "profit_loss": 0.00004898, "price": 59000.5, "order_type": "limit", "order_id": "98475845", "matching_id": None,
    "mark_price": 59001, "liquidity": "T", "instrument_name": "BTC-PERPETUAL", "index_price": 59001.88,
    "fee_currency": "BTC", "fee": 1.6e-7, "direction": "buy", "amount": 40, "label": SENT_ID,
}  # fmt: skip
"""Its first execution."""

PART = {"filled_amount": 40, "average_price": 59000.5, "last_update_timestamp": NOW_MS + 90}
"""What that changes in the order."""


def raw(found: Any, **changes: Any) -> msgspec.Raw:
    """A payload with some of its fields changed; those set to `...` are left out."""
    if changes:
        found = {name: value for name, value in {**found, **changes}.items() if value is not ...}
    return msgspec.Raw(json.dumps(found).encode())


def told(channel: str, data: Any) -> bytes:
    """A message of a channel."""
    return json.dumps(
        {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}
    ).encode()
