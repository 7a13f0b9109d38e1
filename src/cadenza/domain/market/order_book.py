"""The book that we keep of a venue's market: a snapshot, then deltas, each continuing where the one before ended.

Prices are equal when their values are, however a venue writes them, and stay so when it changes the instrument's pip
size. Nothing is rounded: levels are kept as text, and read as Decimals.
"""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeGuard

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, Levels, WrittenLevel
from cadenza.domain.market.book_rule import BookSpec, Continuation
from cadenza.domain.market.book_side import OtherSpelling, SideOfBook, is_below, places_of, plain, with_places
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO

LEVELS_PER_SIDE_MAX = 10_000
"""A book shows at most so many levels a side, and no more than its feed keeps. It forgets worse ones in time."""

INFINITY = Decimal("Infinity")

DUPLICATES_MAX = 100
"""Duplicates in a row. One more is a gap: the venue's numbers have begun again, and the book would never change."""


class BookOutcome(StrEnum):
    """What became of a message. GAP, CROSSED, MISMATCH and REFUSED leave the book stale until the next snapshot."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    """All of it is in the book already; nothing was changed."""
    STALE = "STALE"
    """The book was stale before; nothing was applied."""
    GAP = "GAP"
    """Something is missing before it, or the venue's rule cannot explain its numbers."""
    CROSSED = "CROSSED"
    """After it the best bid would not be below the best ask."""
    MISMATCH = "MISMATCH"
    """After it the book's checksum is not the venue's."""
    REFUSED = "REFUSED"
    """The connector is wrong: the message does not fit the venue's rule at all, a price is not above 0, or a quantity
    is below 0."""


_OUTCOMES = {
    Continuation.DUPLICATE: BookOutcome.DUPLICATE,
    Continuation.GAP: BookOutcome.GAP,
    Continuation.REFUSED: BookOutcome.REFUSED,
}


class OrderBook:
    """One instrument's book, kept by its venue's rule. Guarantee: while fresh it is not crossed, has no empty level and
    contains every update up to `sequence`. A stale one shows nothing. An update makes no Decimals; reading the best is
    O(1), and levels that were read are kept until the next change.

    What the rule cannot explain is a gap, so a venue whose numbers begin again cannot leave a book fresh that never
    changes. How old the newest message is, the book does not know: whoever keeps it looks after that.
    """

    __slots__ = (
        "_asks",
        "_at_ms",
        "_bids",
        "_duplicates",
        "_instrument_id",
        "_is_fresh",
        "_previous",
        "_rule",
        "_sequence",
    )

    def __init__(self, instrument_id: InstrumentId, spec: BookSpec) -> None:
        levels_max = min(spec.depth, LEVELS_PER_SIDE_MAX)
        self._instrument_id = instrument_id
        self._rule = spec.rule
        self._bids = SideOfBook(Side.BUY, levels_max)
        self._asks = SideOfBook(Side.SELL, levels_max)
        self._sequence = 0
        self._previous: int | None = None
        self._duplicates = 0
        self._at_ms = 0
        self._is_fresh = False

    @property
    def is_fresh(self) -> bool:
        return self._is_fresh

    @property
    def sequence(self) -> int:
        """The venue's number of the last update in the book."""
        return self._sequence

    @property
    def at_ms(self) -> int:
        """The venue's time of the last update in the book."""
        return self._at_ms

    def reset(self, snapshot: BookSnapshot) -> BookOutcome:
        """Become the snapshot: APPLIED, or CROSSED, or REFUSED."""
        self._sequence, self._at_ms = snapshot.sequence, snapshot.at_ms
        self._previous = None
        self._duplicates = 0
        try:
            bids, asks = _plain_levels(snapshot.bids), _plain_levels(snapshot.asks)
        except InvalidOperation:
            return self._not_applied(BookOutcome.REFUSED)
        self._spell(bids, asks)
        return self._checked()

    def apply(self, delta: BookDelta) -> BookOutcome:
        """Apply a delta that continues the book by the venue's rule."""
        if not self._is_fresh:
            return BookOutcome.STALE
        continuation = self._rule.continuation(delta, self._sequence, self._previous)
        if continuation is not Continuation.NEXT:
            return self._not_applied(_OUTCOMES[continuation])
        self._duplicates = 0
        try:
            self._set(delta.bids, delta.asks)
        except InvalidOperation:
            return self._not_applied(BookOutcome.REFUSED)
        self._sequence, self._at_ms = delta.sequence, delta.at_ms
        self._previous = delta.previous_sequence
        if delta.checksum is not None and delta.checksum != self._checksum():
            return self._not_applied(BookOutcome.MISMATCH)
        return self._checked()

    def invalidate(self) -> None:
        """The feed broke: show nothing until the next snapshot."""
        self._is_fresh = False

    def best_bid(self) -> Level | None:
        return self._bids.best() if self._is_fresh else None

    def best_ask(self) -> Level | None:
        return self._asks.best() if self._is_fresh else None

    def snapshot(self, depth: int) -> BookSnapshot | None:
        """The best `depth` (>= 1) levels of each side; None while stale."""
        if not self._is_fresh:
            return None
        return BookSnapshot(
            instrument_id=self._instrument_id,
            bids=self._bids.levels(depth),
            asks=self._asks.levels(depth),
            sequence=self._sequence,
            at_ms=self._at_ms,
        )

    def cost_to_take(self, side: Side, quantity: Decimal) -> Decimal | None:
        """What an order of `side` for `quantity` would pay (BUY) or get (SELL), in price times quantity; the part
        that the book does not hold is valued at its worst price. None while stale or when there is nothing to take."""
        if not self._is_fresh:
            return None
        cost, left, price = ZERO, quantity, None
        for price, available in (self._asks if side is Side.BUY else self._bids).walk():
            taken = min(left, available)
            cost += price * taken
            left -= taken
            if not left:
                break
        return None if price is None else cost + left * price

    def _set(self, bids: Levels, asks: Levels) -> None:
        if _is_written(bids) and _is_written(asks):
            try:
                self._bids.set(bids)
                self._asks.set(asks)
            except OtherSpelling:
                pass
            else:
                return
        self._set_respelled(_plain_levels(bids), _plain_levels(asks))

    def _set_respelled(self, bids: list[WrittenLevel], asks: list[WrittenLevel]) -> None:
        """Set levels that are not written as those of the book; if they have more places, the book is written again."""
        places = max(self._bids.places, _most_places(bids, asks))
        if places > self._bids.places:
            self._spell(self._bids.written(), self._asks.written(), places)
        self._bids.set(_with_places(bids, places))
        self._asks.set(_with_places(asks, places))

    def _spell(self, bids: list[WrittenLevel], asks: list[WrittenLevel], places: int | None = None) -> None:
        """Become these levels, all with as many places."""
        places = _most_places(bids, asks) if places is None else places
        self._bids.reset(_with_places(bids, places), places)
        self._asks.reset(_with_places(asks, places), places)

    def _not_applied(self, outcome: BookOutcome) -> BookOutcome:
        if outcome is BookOutcome.DUPLICATE:
            self._duplicates += 1
            if self._duplicates <= DUPLICATES_MAX:
                return outcome
            outcome = BookOutcome.GAP
        self.invalidate()
        return outcome

    def _checksum(self) -> int | None:
        kind = self._rule.checksum
        return None if kind is None else kind.of(self._bids.levels(kind.depth), self._asks.levels(kind.depth))

    def _checked(self) -> BookOutcome:
        bid, ask = self._bids.best_price(), self._asks.best_price()
        self._is_fresh = bid is None or ask is None or is_below(bid, ask)
        return BookOutcome.APPLIED if self._is_fresh else BookOutcome.CROSSED


def _is_written(levels: Levels) -> TypeGuard[list[WrittenLevel]]:
    return not levels or isinstance(levels[0][0], str)


def _plain_levels(levels: Levels) -> list[WrittenLevel]:
    """Raises `InvalidOperation` when a price is not above 0, a quantity is below 0, or one of them is no number."""
    found = []
    for price, quantity in ((Decimal(price), Decimal(quantity)) for price, quantity in levels):
        if not (ZERO < price < INFINITY and ZERO <= quantity < INFINITY):
            raise InvalidOperation
        found.append((plain(price), plain(quantity) if quantity else "0"))  # -0 is 0
    return found


def _most_places(*sides: list[WrittenLevel]) -> int:
    return max((places_of(price) for side in sides for price, _ in side), default=0)


def _with_places(levels: list[WrittenLevel], places: int) -> list[WrittenLevel]:
    return [(with_places(price, places), quantity) for price, quantity in levels]
