"""How a venue's book continues from one message to the next, and how long silence is normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cadenza.domain.market.book_checksum import BookChecksum
from cadenza.domain.market.book_messages import BookDelta


class Continuity(StrEnum):
    """By which numbers a delta proves that nothing is missing before it."""

    PREVIOUS = "PREVIOUS"
    """`previous_sequence` is the number that the book has (OKX, DERIBIT, the venues that run in this process).

    `sequence` may then be any number: a smaller one is the venue's numbering beginning again, an equal one a heartbeat.
    A message that names no previous number (OKX writes -1, DERIBIT leaves it out) is delivered as a snapshot."""

    RANGE = "RANGE"
    """`first_sequence` to `sequence` are the updates of one batch, numbered without a gap (BINANCE spot)."""

    RANGE_AND_PREVIOUS = "RANGE_AND_PREVIOUS"
    """As RANGE, but updates of other books lie between two batches, so `previous_sequence` names the last number of the
    batch before. The range counts for the first delta after a snapshot only (BINANCE USD-M)."""

    COUNT = "COUNT"
    """The venue counts all messages of a connection (BITFINEX). The connector checks that none is missing with a
    `MessageCount`, and reports all books of the connection as stale when one is. In a book the numbers only grow."""

    REPLACE = "REPLACE"
    """Each message is the whole book, or its best levels, and is delivered as a snapshot. There are no deltas."""


class Continuation(StrEnum):
    """How a delta stands to the book."""

    NEXT = "NEXT"
    DUPLICATE = "DUPLICATE"
    """All of it is in the book already."""
    GAP = "GAP"
    """Something is missing before it, or the rule cannot explain its numbers."""
    REFUSED = "REFUSED"
    """It lacks a number that the rule needs, or has one that the rule does not know: the connector is wrong."""


_GIVEN: Mapping[Continuity, tuple[bool, bool]] = MappingProxyType(
    {
        Continuity.PREVIOUS: (False, True),
        Continuity.RANGE: (True, False),
        Continuity.RANGE_AND_PREVIOUS: (True, True),
        Continuity.COUNT: (False, False),
    }
)
"""Whether a delta has `first_sequence` and `previous_sequence`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRule:
    """A venue's continuity rule; with `checksum`, deltas may carry one, which the book is compared with."""

    continuity: Continuity
    checksum: BookChecksum | None = None

    def __post_init__(self) -> None:
        if self.checksum is not None and self.continuity is Continuity.REPLACE:
            raise ValueError("a book that each message replaces has no deltas, and so no checksum")

    def continuation(self, delta: BookDelta, sequence: int, previous: int | None) -> Continuation:
        """Say how `delta` continues a book at `sequence`. `previous` is the `previous_sequence` of the delta applied
        last; None when the last message applied was a snapshot, or the rule does not use that number."""
        if not self._has_its_numbers(delta):
            return Continuation.REFUSED
        match self.continuity:
            case Continuity.PREVIOUS:
                return _by_previous(delta, sequence, previous)
            case Continuity.RANGE:
                return _by_range(delta, sequence)
            case Continuity.RANGE_AND_PREVIOUS:
                return _by_range_and_previous(delta, sequence, previous)
            case Continuity.COUNT:
                return Continuation.NEXT if delta.sequence > sequence else Continuation.GAP
            case Continuity.REPLACE:
                return Continuation.REFUSED

    def _has_its_numbers(self, delta: BookDelta) -> bool:
        if delta.checksum is not None and self.checksum is None:
            return False
        if delta.first_sequence is not None and delta.first_sequence > delta.sequence:
            return False
        given = delta.first_sequence is not None, delta.previous_sequence is not None
        return _GIVEN.get(self.continuity) == given


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSpec:
    """How a venue's books are kept.

    `age_ms_max`: a book whose feed brought nothing for longer is stale; None where the feed cannot fall silent, as the
    venue runs in this process. `depth`: levels a side that the feed keeps up to date; a book shows none that is deeper.
    `dates_snapshots`: a snapshot states when the venue sent it, so one that comes late shows. Elsewhere it states no
    instant, or that of the last change of a market that may be quiet.
    """

    rule: BookRule
    age_ms_max: int | None
    depth: int
    dates_snapshots: bool = False

    def __post_init__(self) -> None:
        if self.depth < 1 or (self.age_ms_max is not None and self.age_ms_max < 1):
            raise ValueError("depth and age_ms_max are at least 1")


class MessageCount:
    """Counts the messages of one connection whose venue numbers all of them (`Continuity.COUNT`)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def continues(self, sequence: int) -> bool:
        """Take note of a message. False when it is not the next one: then every book of the connection is stale."""
        continues = self._last is None or sequence == self._last + 1
        self._last = sequence
        return continues


def _by_previous(delta: BookDelta, sequence: int, previous: int | None) -> Continuation:
    if delta.previous_sequence == sequence:
        return Continuation.NEXT
    # A number may come again when the venue's numbering begins again, so only the very last delta is known for one.
    is_repeated = (delta.previous_sequence, delta.sequence) == (previous, sequence)
    return Continuation.DUPLICATE if is_repeated else Continuation.GAP


def _by_range(delta: BookDelta, sequence: int) -> Continuation:
    assert delta.first_sequence is not None
    if delta.sequence < sequence:
        return Continuation.DUPLICATE
    return Continuation.NEXT if delta.first_sequence <= sequence + 1 else Continuation.GAP


def _by_range_and_previous(delta: BookDelta, sequence: int, previous: int | None) -> Continuation:
    assert delta.first_sequence is not None
    if delta.previous_sequence == sequence:
        return Continuation.NEXT if delta.sequence >= sequence else Continuation.GAP
    is_first = previous is None
    if delta.sequence < sequence or (delta.sequence == sequence and not is_first):
        return Continuation.DUPLICATE
    return Continuation.NEXT if is_first and delta.first_sequence <= sequence + 1 else Continuation.GAP
