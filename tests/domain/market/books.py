"""What the tests of order books share: levels, messages, and a delta as each rule wants it."""

from decimal import Decimal as D

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity

ID = InstrumentId("PAPER:BTC/USDT")
DEPTH = 1_000
RULES_WITH_DELTAS = [rule for rule in Continuity if rule is not Continuity.REPLACE]


def spec(continuity: Continuity = Continuity.PREVIOUS, depth: int = DEPTH) -> BookSpec:
    return BookSpec(rule=BookRule(continuity=continuity), age_ms_max=None, depth=depth)


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple((D(price), D(quantity)) for price, quantity in pairs)


def snapshot(bids: tuple[Level, ...], asks: tuple[Level, ...], sequence: int = 10, at_ms: int = 1_000) -> BookSnapshot:
    return BookSnapshot(instrument_id=ID, bids=bids, asks=asks, sequence=sequence, at_ms=at_ms)


def delta(
    sequence: int,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    *,
    first: int | None = None,
    previous: int | None = None,
    checksum: int | None = None,
    at_ms: int = 2_000,
) -> BookDelta:
    return BookDelta(
        instrument_id=ID,
        bids=bids,
        asks=asks,
        sequence=sequence,
        first_sequence=first,
        previous_sequence=previous,
        checksum=checksum,
        at_ms=at_ms,
    )


def after(
    continuity: Continuity,
    previous: int,
    sequence: int,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    at_ms: int = 2_000,
) -> BookDelta:
    """A delta from `previous` to `sequence` with the numbers that a venue of this rule would give it."""
    has_first = continuity in (Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS)
    has_previous = continuity in (Continuity.PREVIOUS, Continuity.RANGE_AND_PREVIOUS)
    return delta(
        sequence,
        bids,
        asks,
        first=previous + 1 if has_first else None,
        previous=previous if has_previous else None,
        at_ms=at_ms,
    )
