"""Rows of BITFINEX's public channels, as the wire has them. Arrays may grow at their end; what is not named is not
read."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec


class BookRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A level of a book: how many orders it has, and their amount, which is negative for asks. A count of 0 removes the
    level; the sign of the amount says from which side."""

    price: Decimal
    count: int
    amount: Decimal


class TradeRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A public trade. The amount is negative when a seller took."""

    id: int
    at_ms: int
    amount: Decimal
    price: Decimal


class DerivativeRow(msgspec.Struct, array_like=True, frozen=True):
    """The status of a derivative."""

    at_ms: int
    _1: object = None
    price: object = None
    spot_price: object = None
    _4: object = None
    insurance_fund: object = None
    _6: object = None
    funding_at_ms: object = None
    funding: object = None
    funding_step: object = None
    _10: object = None
    present_funding: object = None
    _12: object = None
    _13: object = None
    mark: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChannelFrame:
    """A frame of a channel, as feeds read it: what it is, what it holds, its number in the connection, and when the
    venue sent it."""

    kind: str
    content: msgspec.Raw
    sequence: int
    at_ms: int
