"""What all markets of all venues keep alike."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A trading request and what became of it: `OK`, or the refusal's code and text."""

    market: str
    account: str
    name: str
    parameters: dict[str, str]
    outcome: str
    at_ms: int
