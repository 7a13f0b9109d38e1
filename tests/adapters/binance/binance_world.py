"""What the tests of BINANCE's pure half share: an account, its instruments, orders and documented payloads."""

import json
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from uuid import UUID

from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import Environment, InstrumentId, OrderId, TenantId, TradingAccountId, Venue, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Order

DATA = Path(__file__).parent / "data"
BINANCE = VenueId(Venue.BINANCE, Environment.LIVE)
ACCOUNT = TradingAccountId(UUID(int=1))
ETH_BTC = InstrumentId("BINANCE:ETH/BTC")
BTC_USDT = InstrumentId("BINANCE:BTC/USDT")
BTC_PERP = InstrumentId("BINANCE:BTC/USDT-PERP")
BNB_PERP = InstrumentId("BINANCE:BNB/USDT-PERP")
SPOT = AccountScope(
    ACCOUNT, {"ETHBTC": ETH_BTC, "BTCUSDT": BTC_USDT, "币安人生USDT": InstrumentId("BINANCE:币安人生/USDT")}
)
USDM = AccountScope(ACCOUNT, {"BTCUSDT": BTC_PERP, "BNBUSDT": BNB_PERP})
NOW_MS = 1_760_000_000_000
SENT_ID = "cz0123456789abcdef0123456789abcdef"

_ORDER = Order(
    id=OrderId(UUID(int=7)),
    tenant_id=TenantId(UUID(int=2)),
    account_id=ACCOUNT,
    venue_id=BINANCE,
    instrument_id=BTC_USDT,
    base_asset="BTC",
    quote_asset="USDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    asked_quantity=D("0.01"),
    quantity_type=QuantityType.BASE,
    rounding=Rounding.NONE,
    quantity=D("0.01"),
    limit_price=D("50000"),
    sent_id=SENT_ID,
    send_before_ms=NOW_MS + 10_000,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)


def order(**changes: Any) -> Order:
    """A LIMIT order of BTC/USDT that was just recorded, with some fields changed."""
    return evolve(_ORDER, **changes)


def payload(found: Mapping[str, Any], **changes: Any) -> bytes:
    """A payload with some of its fields changed; those set to `...` are left out."""
    changed = {**found, **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not ...}).encode()
