"""The book that we keep of a venue's market: a snapshot, then deltas, each continuing where the one before ended.

Prices are keyed by integers of 10^-18 quote units. Every price that the interface admits is a whole number of those, so
comparing is exact and a book outlives the venue's changing its pip size.
"""

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, Level
from cadenza.domain.money import SCALE_MAX, ZERO

LEVELS_PER_SIDE_MAX = 10_000
"""Beyond this the worst level of the side is forgotten."""


class Outcome(StrEnum):
    """What became of a delta. GAP and CROSSED leave the book stale until the next snapshot."""

    APPLIED = "APPLIED"
    OUTDATED = "OUTDATED"
    """All of it is in the book already (a duplicate, or news from before the snapshot)."""
    STALE = "STALE"
    """The book was stale before; nothing was applied."""
    GAP = "GAP"
    CROSSED = "CROSSED"


class _SideOfBook:
    """One side. Keys are scaled prices turned so that the best price is the largest key, at the end of a sorted
    list."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self._keys: list[int] = []
        self._levels: dict[int, Level] = {}

    def reset(self, levels: tuple[Level, ...]) -> None:
        self._levels = {self._key(price): (price, quantity) for price, quantity in levels if quantity > ZERO}
        self._keys = sorted(self._levels)
        self._forget_worst()

    def set(self, level: Level) -> None:
        key = self._key(level[0])
        if level[1] > ZERO:
            if key not in self._levels:
                self._keys.insert(bisect_left(self._keys, key), key)
            self._levels[key] = level
            self._forget_worst()
        elif self._levels.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def best(self) -> Level | None:
        return self._levels[self._keys[-1]] if self._keys else None

    def levels(self, depth: int) -> tuple[Level, ...]:
        """At most `depth` levels, best first."""
        return tuple(self._levels[key] for key in self._keys[: -depth - 1 : -1])

    def walk(self) -> Iterator[Level]:
        return (self._levels[key] for key in reversed(self._keys))

    def _key(self, price: Decimal) -> int:
        return self._sign * int(price.scaleb(SCALE_MAX))

    def _forget_worst(self) -> None:
        excess = len(self._keys) - LEVELS_PER_SIDE_MAX
        if excess > 0:
            for key in self._keys[:excess]:
                del self._levels[key]
            del self._keys[:excess]


class OrderBook:
    """One instrument's book. Guarantee: while fresh it is not crossed, has no empty level, and contains every update up
    to `sequence`. A stale one shows nothing. An update costs O(log n) and a memmove; reading the best is O(1)."""

    __slots__ = (
        "_asks",
        "_at_ms",
        "_bids",
        "_instrument_id",
        "_is_first",
        "_is_fresh",
        "_sequence",
    )

    def __init__(self, instrument_id: InstrumentId) -> None:
        self._instrument_id = instrument_id
        self._bids = _SideOfBook(Side.BUY)
        self._asks = _SideOfBook(Side.SELL)
        self._sequence = 0
        self._at_ms = 0
        self._is_fresh = False
        self._is_first = False

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

    def reset(self, snapshot: BookSnapshot) -> Outcome:
        """Become the snapshot: APPLIED, or CROSSED."""
        self._bids.reset(snapshot.bids)
        self._asks.reset(snapshot.asks)
        self._sequence, self._at_ms = snapshot.sequence, snapshot.at_ms
        self._is_first = True
        return self._checked()

    def apply(self, delta: BookDelta) -> Outcome:
        """Apply a delta that continues the book: it must begin where the last ended. Only the first one after a
        snapshot may also begin earlier, as a snapshot is taken in the middle of a venue's batches."""
        if not self._is_fresh:
            return Outcome.STALE
        if delta.sequence <= self._sequence:
            return Outcome.OUTDATED
        continues = delta.previous_sequence == self._sequence
        if not continues and not (self._is_first and delta.previous_sequence < self._sequence):
            self.invalidate()
            return Outcome.GAP
        for level in delta.bids:
            self._bids.set(level)
        for level in delta.asks:
            self._asks.set(level)
        self._sequence, self._at_ms = delta.sequence, delta.at_ms
        self._is_first = False
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

    def _checked(self) -> Outcome:
        bid, ask = self._bids.best(), self._asks.best()
        self._is_fresh = bid is None or ask is None or bid[0] < ask[0]
        return Outcome.APPLIED if self._is_fresh else Outcome.CROSSED
