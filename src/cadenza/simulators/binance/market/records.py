"""What all markets keep alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeTrade:
    """A trade as everyone sees it."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The last numbers of a symbol that this batch may have used."""

    symbol: str
    order_id: int
    trade_id_reserved: int
