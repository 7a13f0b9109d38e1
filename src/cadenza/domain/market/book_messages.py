"""The messages of a public market: book snapshots, book deltas and trades.

A shown book has bids descending and asks ascending, is never crossed and has no level of quantity 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side

Level = tuple[Decimal, Decimal]
"""(price in quote units, quantity in the instrument's units)."""

WrittenLevel = tuple[str, str]
"""A `Level` as the venue wrote it, in plain notation: ASCII digits, with at most one point among
them."""

Levels = Sequence[Level] | Sequence[WrittenLevel]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSnapshot:
    """A whole book, or the best levels of each side. `at_ms` is the venue's time of the last update in it, `sequence`
    the venue's number of that update; where a venue numbers nothing, the connector counts its messages."""

    instrument_id: InstrumentId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDelta:
    """The new quantities of some levels; quantity 0 removes the level. Without levels it is a heartbeat.

    A connector that has a venue's texts passes them on as they are, once it has checked that they are plain notation:
    making Decimals of all levels costs more than keeping the book. Both forms are exact.

    `sequence` is the venue's number of the last update in the delta, `first_sequence` that of the first one,
    `previous_sequence` that of the update before the delta. `checksum` is what the venue says of the book after the
    delta. Which of them are given is fixed by the venue's `BookRule`; the others are None.
    """

    instrument_id: InstrumentId
    bids: Levels
    asks: Levels
    sequence: int
    first_sequence: int | None = None
    previous_sequence: int | None = None
    checksum: int | None = None
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
