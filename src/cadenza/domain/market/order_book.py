"""An order book in Decimals as published: bids descending, asks ascending, never crossed, no zero levels."""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side

Level = tuple[Decimal, Decimal]
"""(price in quote units, quantity in base units)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSnapshot:
    """A whole book (or its top) at `at_ms`, the venue's time of the last update in it. `sequence` is the venue's."""

    instrument_id: InstrumentId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDelta:
    """Absolute new quantities of some levels (0 removes). Applies after `previous_sequence`, leads to `sequence`."""

    instrument_id: InstrumentId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    previous_sequence: int
    sequence: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTrade:
    """A trade of the public tape; `aggressor` is the side that took."""

    instrument_id: InstrumentId
    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    at_ms: int
