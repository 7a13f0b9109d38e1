"""Orders, trades and wallets as the venue's arrays show them. Arrays may grow at their end."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.money import ZERO
from cadenza.simulators.bitfinex.trading.records import BitfinexOrder, BitfinexTrade, BitfinexWallet, LedgerEntry
from cadenza.simulators.bitfinex.wire.numbers import number
from cadenza.simulators.bitfinex.wire.params import BitfinexParams

ROUTING = "API>BFX"
TAIL = (None,)
"""A field that no document has: arrays may grow at their end, and a client that counts their fields is wrong."""

ORDER_FIELDS = 32


def order_row(order: BitfinexOrder) -> list[object]:
    """Return an order: 0 id, 1 gid, 2 cid, 3 symbol, 4 and 5 times, 6 amount left, 7 amount, 8 type, 9 type before, 10
    time of its end, 12 flags, 13 status, 16 price, 17 average price, 18 trailing distance, 19 limit of a stop limit, 23
    notify, 24 hidden, 25 id of the other one of a pair, 28 routing, 31 meta."""
    sign, meta = order.side.sign, dict(order.meta)
    if order.leverage is not None:
        meta["lev"] = order.leverage
    return [
        order.order_id,
        order.gid,
        order.cid,
        order.symbol,
        order.created_ms,
        order.updated_ms,
        number(order.remaining * sign),
        number(order.amount * sign),
        order.type,
        order.type_before,
        order.tif_ms,
        None,
        order.flags,
        order.status,
        None,
        None,
        number(order.price),
        number(order.average_price),
        number(order.trailing),
        number(order.aux_limit),
        None,
        None,
        None,
        0,
        int(order.is_hidden),
        order.oco_id,
        None,
        None,
        ROUTING,
        None,
        None,
        meta,
        *TAIL,
    ]


def asked_order_row(params: BitfinexParams) -> list[object]:
    """Return what a request asked for, in the places of an order, for a notification that refuses it."""
    row: list[object] = [None] * ORDER_FIELDS
    places = {0: "id", 1: "gid", 2: "cid", 3: "symbol", 6: "amount", 7: "amount", 8: "type", 16: "price"}
    for place, name in places.items():
        value = params.values.get(name)
        row[place] = value if name in ("symbol", "type") else _number_of(value)
    return row


def trade_row(trade: BitfinexTrade, *, has_fee: bool) -> list[object]:
    """Return an own trade: 0 id, 1 symbol, 2 time, 3 order id, 4 amount, 5 price, 6 order type, 7 order price, 8 maker,
    9 fee, 10 currency of the fee, 11 cid. The first message of a trade has no fee."""
    return [
        trade.trade_id,
        trade.symbol,
        trade.at_ms,
        trade.order_id,
        number(trade.amount * trade.side.sign),
        number(trade.price),
        trade.order_type,
        number(trade.order_price),
        1 if trade.is_maker else -1,
        number(-trade.fee) if has_fee else None,
        trade.fee_currency if has_fee else None,
        trade.cid,
        *TAIL,
    ]


def wallet_row(wallet: BitfinexWallet, available: Decimal | None) -> list[object]:
    """Return a wallet: 0 type, 1 currency, 2 balance, 3 interest, 4 available, 5 last movement, 6 its details."""
    return [
        wallet.type,
        wallet.currency,
        number(wallet.balance),
        number(ZERO),
        number(available),
        wallet.description,
        wallet.meta or None,
        *TAIL,
    ]


def ledger_row(entry: LedgerEntry) -> list[object]:
    """Return a movement: 0 id, 1 currency, 2 wallet, 3 time, 5 amount, 6 balance, 8 description."""
    return [
        entry.entry_id,
        entry.currency,
        entry.wallet,
        entry.at_ms,
        None,
        number(entry.amount),
        number(entry.balance),
        None,
        entry.description,
    ]


def notice_row(type: str, data: object, text: str, now_ms: int, *, status: str = "SUCCESS", count: int) -> list[object]:
    """Return a notification: 0 time, 1 type, 4 data, 6 status, 7 text. The time of one in ten is in seconds with a
    fraction, as in some of the venue's examples."""
    at: object = now_ms if count % 10 else number(Decimal(now_ms).scaleb(-3))
    return [at, type, None, None, data, None, status, text]


def _number_of(value: object) -> object:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, str):
        try:
            return number(Decimal(value))
        except ArithmeticError:
            return value
    return value
