"""What the tests of BITFINEX's trading half share: accounts, instruments, orders and documented payloads."""

import json
from collections.abc import Mapping
from decimal import Decimal as D
from typing import Any
from uuid import UUID

import msgspec

from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.spec import ORDERS
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import Environment, InstrumentId, OrderId, TenantId, TradingAccountId, Venue, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Order

BITFINEX = VenueId(Venue.BITFINEX, Environment.LIVE)
ACCOUNT = TradingAccountId(UUID(int=1))
NOW_MS = 1_760_000_000_000


def _instrument(symbol: str, external: str, type: InstrumentType, quote: str) -> Instrument:
    return Instrument(
        id=InstrumentId(f"BITFINEX:{symbol}"),
        venue_id=BITFINEX,
        symbol=symbol,
        external_symbol=external,
        type=type,
        status=InstrumentStatus.ACTIVE,
        base_asset="BTC",
        quote_asset=quote,
        base_security_type=SecurityType.CRYPTO,
        quote_security_type=SecurityType.CRYPTO,
        base_precision=8,
        quote_precision=8,
        lot_size=D("0.00000001"),
        pip_size=D("0.1"),
        min_quantity=D("0.00004"),
        max_quantity=D(2_000),
        min_notional=D(0),
        order_types=tuple(ORDERS[type]),
        time_in_force_options=tuple(TimeInForce),
    )


PAIR = _instrument("BTC/USD", "tBTCUSD", InstrumentType.SPOT, "USD")
DERIVATIVE = _instrument("BTC/USDT-PERP", "tBTCF0:USTF0", InstrumentType.PERPETUAL, "USDT")
PAPER = _instrument("TESTBTC/TESTUSD", "tTESTBTC:TESTUSD", InstrumentType.SPOT, "TESTUSD")
INSTRUMENTS: Mapping[str, Instrument] = {each.external_symbol: each for each in (PAIR, DERIVATIVE, PAPER)}
ASSETS = {"UST": "USDT", "USTF0": "USDT"}


def scope(type: AccountType = AccountType.SPOT, *, is_paper: bool = False) -> AccountScope:
    return AccountScope(ACCOUNT, type, INSTRUMENTS, lambda code: ASSETS.get(code, code), is_paper)


SPOT, MARGIN, FUTURES = scope(), scope(AccountType.MARGIN), scope(AccountType.FUTURES)

_ORDER = Order(
    id=OrderId(UUID(int=9)),
    tenant_id=TenantId(UUID(int=2)),
    account_id=ACCOUNT,
    venue_id=BITFINEX,
    instrument_id=PAIR.id,
    base_asset="BTC",
    quote_asset="USD",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    asked_quantity=D("0.5"),
    quantity_type=QuantityType.BASE,
    rounding=Rounding.NONE,
    quantity=D("0.5"),
    limit_price=D(59_000),
    sent_id="1234",
    send_before_ms=NOW_MS + 10_000,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)


def order(**changes: Any) -> Order:
    """A LIMIT order of half a bitcoin that was just recorded, with some fields changed."""
    return evolve(_ORDER, **changes)


_PLACES = {
    "id": 0, "gid": 1, "cid": 2, "symbol": 3, "created": 4, "updated": 5, "left": 6, "amount": 7, "type": 8,
    "type_before": 9, "tif": 10, "flags": 12, "status": 13, "price": 16, "average": 17, "trailing": 18, "aux": 19,
}  # fmt: skip
ORDER_ID = 1_185_815_098
CID = SPOT.cid(1234)
"""Our id of the order at the venue."""


def order_row(**changes: Any) -> list[Any]:
    """An order that works, with the documented fields in their places and one that no document has."""
    row: list[Any] = [None] * 33
    fields = {
        "id": ORDER_ID, "cid": CID, "symbol": "tBTCUSD", "created": NOW_MS + 50, "updated": NOW_MS + 60, "left": 0.5,
        "amount": 0.5, "type": "EXCHANGE LIMIT", "flags": 0, "status": "ACTIVE", "price": 59000, "average": 0,
        "trailing": 0, "aux": 0, **changes,
    }  # fmt: skip
    for name, value in fields.items():
        row[_PLACES[name]] = value
    return row


def trade_row(**changes: Any) -> list[Any]:
    """The first execution of that order."""
    fields = {
        "id": 402_088_407, "symbol": "tBTCUSD", "at": NOW_MS + 90, "order": ORDER_ID, "amount": 0.2, "price": 58999.5,
        "type": "EXCHANGE LIMIT", "order_price": 59000, "maker": -1, "fee": -0.0004, "currency": "BTC", "cid": CID,
        "more": None, **changes,
    }  # fmt: skip
    return list(fields.values())


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def notified(*rows: list[Any], status: str = "SUCCESS", text: str = "", kind: str = "on-req") -> bytes:
    """The answer to a request about orders."""
    return json.dumps([1575287438.515, kind, None, None, list(rows), None, status, text]).encode()
