"""What the tests of OKX's pure half share: accounts, instruments, orders and documented payloads."""

import json
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from uuid import UUID

from cadenza.adapters.venues.okx.known_instruments import KnownInstruments
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_instruments import read_instruments
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import Environment, InstrumentId, OrderId, TenantId, TradingAccountId, Venue, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Order

DATA = Path(__file__).parent / "data"
OKX = VenueId(Venue.OKX, Environment.LIVE)
ACCOUNT = TradingAccountId(UUID(int=1))
BTC_USDT = InstrumentId("OKX:BTC/USDT")
LINEAR, INVERSE = InstrumentId("OKX:BTC/USDT-PERP"), InstrumentId("OKX:BTC/USD-PERP")
OPTION = InstrumentId("OKX:BTC/USD-220514-22000-C")
INSTRUMENTS: Mapping[str, Instrument] = {
    each.external_symbol: each
    for each in read_instruments((DATA / "instruments-20220513.json").read_bytes(), OKX).instruments
}
BY_ID = {each.id: each for each in INSTRUMENTS.values()}
NOW_MS = 1_760_000_000_000
SENT_ID = "0123456789abcdef0123456789abcdef"


def _known() -> KnownInstruments:
    found = KnownInstruments()
    found.keep(INSTRUMENTS.values())
    return found


def scope(type: AccountType = AccountType.SPOT) -> AccountScope:
    return AccountScope(ACCOUNT, type, _known())


SPOT, FUTURES, OPTIONS = scope(), scope(AccountType.FUTURES), scope(AccountType.OPTIONS)

_ORDER = Order(
    id=OrderId(UUID(SENT_ID)),
    tenant_id=TenantId(UUID(int=2)),
    account_id=ACCOUNT,
    venue_id=OKX,
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


ORDER_ROW: Mapping[str, Any] = {
    "accFillSz": "0", "algoClOrdId": "", "algoId": "", "amendResult": "", "avgPx": "", "cTime": "1746947317401",
    "cancelSource": "", "cancelSourceReason": "", "category": "normal", "ccy": "", "clOrdId": SENT_ID, "execType": "",
    "fee": "0", "feeCcy": "BTC", "fillFee": "0", "fillFeeCcy": "", "fillPx": "", "fillSz": "0", "fillTime": "",
    "instId": "BTC-USDT", "instType": "SPOT", "lever": "", "ordId": "2497956918703120384", "ordType": "limit",
    "posSide": "net", "px": "50000", "side": "buy", "source": "", "state": "live", "sz": "0.01", "tdMode": "cash",
    "tgtCcy": "", "tradeId": "", "uTime": "1746947317402",
}  # fmt: skip
"""An order that works, as a push of the channel `orders` shows it."""

FILL: Mapping[str, Any] = {
    "accFillSz": "0.004", "avgPx": "49999.5", "execType": "T", "fillFee": "-0.000004", "fillFeeCcy": "BTC",
    "fillPx": "49999.5", "fillSz": "0.004", "fillTime": "1746947317500", "state": "partially_filled",
    "tradeId": "1518905529", "uTime": "1746947317501",
}  # fmt: skip
"""What its first execution changes in that."""

SWAP: Mapping[str, Any] = {
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "tdMode": "cross",
    "sz": "3",
    "feeCcy": "USDT",
}

ALGO_ROW: Mapping[str, Any] = {
    "algoId": "706620792746729480", "algoClOrdId": SENT_ID, "clOrdId": "", "ordId": "", "ordIdList": [],
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ordType": "conditional", "state": "live", "side": "sell",
    "posSide": "net", "sz": "3", "triggerPx": "", "slTriggerPx": "95000", "slTriggerPxType": "last", "slOrdPx": "-1",
    "tpTriggerPx": "", "tpTriggerPxType": "", "tpOrdPx": "", "ordPx": "", "tdMode": "cross", "failCode": "",
    "cTime": "1737400000000", "uTime": "1737400000000",
}  # fmt: skip
"""A stop that works, as a push of the channel `orders-algo` shows it."""


def payload(found: Mapping[str, Any], **changes: Any) -> bytes:
    """A payload with some of its fields changed; those set to `...` are left out."""
    changed = {**found, **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not ...}).encode()


def reply(*rows: Mapping[str, Any], code: str = "0", msg: str = "") -> bytes:
    """An answer with these rows."""
    return json.dumps({"code": code, "msg": msg, "data": rows}).encode()
