"""The payloads about an account as the wire has them: arrays, whose fields are known by their place.

Arrays grow at their end, so further fields are ignored. Numbers become Decimals from the text of the wire. Words stay
text: `mapping` decides about them. The places stand in the venue's reference (docs.bitfinex.com/reference).
"""

from decimal import Decimal

import msgspec
from msgspec import Raw


class BitfinexArray(msgspec.Struct, frozen=True, array_like=True):
    """Anything that the venue sends as an array."""


class OrderFields(BitfinexArray, frozen=True, array_like=True):
    """An order. Amounts are negative for a sale; `left` is what is not executed. `price` is the limit, or the trigger
    of a stop, of which `aux_limit` is the limit. `tif_ms` is when the venue will cancel it."""

    id: int
    group: int | None
    cid: int | None
    symbol: str
    created_ms: int
    updated_ms: int
    left: Decimal
    amount: Decimal
    type: str
    type_before: str | None
    tif_ms: int | None
    _11: Raw
    flags: int | None
    status: str
    _14: Raw
    _15: Raw
    price: Decimal | None
    average_price: Decimal | None
    trailing: Decimal | None = None
    aux_limit: Decimal | None = None


class TradeFields(BitfinexArray, frozen=True, array_like=True):
    """An execution. `maker` is 1 or -1. The first message of an execution (`te`) has no fee; a fee that was paid is
    negative."""

    id: int
    symbol: str
    at_ms: int
    order_id: int
    amount: Decimal
    price: Decimal
    order_type: str | None = None
    order_price: Decimal | None = None
    maker: int | None = None
    fee: Decimal | None = None
    fee_currency: str | None = None
    cid: int | None = None


class WalletFields(BitfinexArray, frozen=True, array_like=True):
    """What a wallet has of a currency. `available` is null as long as the venue has not computed it."""

    type: str
    currency: str
    balance: Decimal
    unsettled_interest: Decimal | None = None
    available: Decimal | None = None


class PositionFields(BitfinexArray, frozen=True, array_like=True):
    """A position; its amount is negative when it is short, and its base price the average entry."""

    symbol: str
    status: str
    amount: Decimal
    base_price: Decimal | None = None
    funding: Decimal | None = None
    funding_type: int | None = None
    profit: Decimal | None = None
    profit_percent: Decimal | None = None
    liquidation_price: Decimal | None = None
    leverage: Decimal | None = None


class NotificationFields(BitfinexArray, frozen=True, array_like=True):
    """The answer to a request about orders. Its instant is in ms or, in some, in seconds with a fraction; it is not
    read."""

    at: Decimal | None
    type: str
    message_id: Raw
    _3: Raw
    data: Raw
    code: Raw
    status: str
    text: str | None = None
