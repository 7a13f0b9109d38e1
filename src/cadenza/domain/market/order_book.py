"""The book that we keep of a venue's market: a snapshot, then deltas, each continuing where the one before ended.

Prices are Decimals, equal when their values are, however a venue writes them. So comparing is exact, and a book stays
right when the venue changes the instrument's pip size.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level
from cadenza.domain.market.book_rule import BookSpec, Continuation
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO

LEVELS_PER_SIDE_MAX = 10_000
"""A book forgets the worst levels of a side beyond this, and beyond the depth of the venue's feed."""

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
    """It does not fit the venue's rule at all, so the connector is wrong."""


_OUTCOMES = {
    Continuation.DUPLICATE: BookOutcome.DUPLICATE,
    Continuation.GAP: BookOutcome.GAP,
    Continuation.REFUSED: BookOutcome.REFUSED,
}


class _SideOfBook:
    """One side: quantities by price, and the prices in ascending order. The best price is the last one of the bids and
    the first one of the asks."""

    __slots__ = ("_best", "_levels_max", "_prices", "_quantities")

    def __init__(self, side: Side, levels_max: int) -> None:
        self._best = -1 if side is Side.BUY else 0
        self._levels_max = levels_max
        self._prices: list[Decimal] = []
        self._quantities: dict[Decimal, Decimal] = {}

    def reset(self, levels: tuple[Level, ...]) -> None:
        self._quantities = {price: quantity for price, quantity in levels if quantity > ZERO}
        self._prices = sorted(self._quantities)
        self._forget_worst()

    def set(self, levels: tuple[Level, ...]) -> None:
        """Set them all, and only then forget the worst: a level may come before the one whose place it takes."""
        prices, quantities = self._prices, self._quantities
        for price, quantity in levels:
            if quantity > ZERO:
                known = len(quantities)
                quantities[price] = quantity  # hashed once: looking for it first would cost as much again
                if len(quantities) > known:
                    insort(prices, price)
            elif quantities.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]
        if len(prices) > self._levels_max:
            self._forget_worst()

    def best(self) -> Level | None:
        if not self._prices:
            return None
        price = self._prices[self._best]
        return price, self._quantities[price]

    def levels(self, depth: int) -> tuple[Level, ...]:
        """At most `depth` levels, best first."""
        best = self._prices[: -depth - 1 : -1] if self._best else self._prices[:depth]
        return tuple((price, self._quantities[price]) for price in best)

    def walk(self) -> Iterator[Level]:
        prices = reversed(self._prices) if self._best else self._prices
        return ((price, self._quantities[price]) for price in prices)

    def _forget_worst(self) -> None:
        excess = len(self._prices) - self._levels_max
        if excess > 0:
            worst = slice(excess) if self._best else slice(self._levels_max, None)
            for price in self._prices[worst]:
                del self._quantities[price]
            del self._prices[worst]


class OrderBook:
    """One instrument's book, kept by its venue's rule. Guarantee: while fresh it is not crossed, has no empty level and
    contains every update up to `sequence`. A stale one shows nothing. An update costs O(log n) and a memmove; reading
    the best is O(1).

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
        self._bids = _SideOfBook(Side.BUY, levels_max)
        self._asks = _SideOfBook(Side.SELL, levels_max)
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
        """Become the snapshot: APPLIED, or CROSSED."""
        self._bids.reset(snapshot.bids)
        self._asks.reset(snapshot.asks)
        self._sequence, self._at_ms = snapshot.sequence, snapshot.at_ms
        self._previous = None
        self._duplicates = 0
        return self._checked()

    def apply(self, delta: BookDelta) -> BookOutcome:
        """Apply a delta that continues the book by the venue's rule."""
        if not self._is_fresh:
            return BookOutcome.STALE
        continuation = self._rule.continuation(delta, self._sequence, self._previous)
        if continuation is not Continuation.NEXT:
            return self._not_applied(_OUTCOMES[continuation])
        self._duplicates = 0
        self._bids.set(delta.bids)
        self._asks.set(delta.asks)
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
        bid, ask = self._bids.best(), self._asks.best()
        self._is_fresh = bid is None or ask is None or bid[0] < ask[0]
        return BookOutcome.APPLIED if self._is_fresh else BookOutcome.CROSSED
