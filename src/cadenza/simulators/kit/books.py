"""Order books as clients see them: numbered snapshots, differences and best prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.market.enums import Side

LEVELS_MAX = 5_000
SPEEDS_MS = (100, 250, 500, 1000)
BookLevel = tuple[Decimal, Decimal]
"""(price, quantity)"""

DepthReader = Callable[[str, Side, int], list[BookLevel]]
"""Returns a side of a symbol's book, best first."""

_Key = tuple[Side, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDifference:
    """Levels that changed, each with its present quantity, 0 for one that is gone. The changes have the numbers
    `first_id` to `last_id`; the difference before this one ended with `previous_id`."""

    first_id: int
    last_id: int
    previous_id: int
    bids: list[BookLevel]
    asks: list[BookLevel]


@dataclass(slots=True)
class _Pending:
    """Levels that changed since the last difference of one speed; `first_id` is the number of the first change."""

    previous_id: int
    first_id: int = 0
    keys: dict[_Key, None] = field(default_factory=dict)


class NumberedBook:
    """The book of one symbol. Every change of a level has a number of its own. Numbers begin at `first_id`."""

    def __init__(self, symbol: str, first_id: int, speeds_ms: Sequence[int] = SPEEDS_MS) -> None:
        self.symbol = symbol
        self.update_id = first_id
        self._levels: dict[_Key, Decimal] = {}
        self._sides: dict[Side, list[BookLevel]] = {side: [] for side in Side}
        self._pending = {speed: _Pending(first_id) for speed in speeds_ms}

    def refresh(self, depth: DepthReader) -> bool:
        """Number what changed in the engine's book. Return whether a best price or its quantity changed."""
        before = self.best()
        self._sides = {side: depth(self.symbol, side, LEVELS_MAX) for side in Side}
        levels = {(side, price): quantity for side, rows in self._sides.items() for price, quantity in rows}
        changed = [key for key in self._levels if key not in levels]
        changed += [key for key, quantity in levels.items() if self._levels.get(key) != quantity]
        self._levels = levels
        for key in changed:
            self.update_id += 1
            for pending in self._pending.values():
                if not pending.keys:
                    pending.first_id = self.update_id
                pending.keys[key] = None
        return self.best() != before

    def best(self) -> tuple[BookLevel, BookLevel]:
        """Return the best bid and ask with their quantities; zeros for an empty side."""
        nothing = (Decimal(0), Decimal(0))
        return next(iter(self.side(Side.BUY, 1)), nothing), next(iter(self.side(Side.SELL, 1)), nothing)

    def side(self, side: Side, levels_max: int) -> list[BookLevel]:
        """Return a side, best first."""
        return self._sides[side][:levels_max]

    def take_difference(self, speed_ms: int) -> BookDifference | None:
        """Return what changed since the last difference of this speed; None when nothing did."""
        pending = self._pending[speed_ms]
        if not pending.keys:
            return None
        self._pending[speed_ms] = _Pending(self.update_id)
        changed = [(side, price, self._levels.get((side, price), Decimal(0))) for side, price in pending.keys]
        return BookDifference(
            first_id=pending.first_id,
            last_id=self.update_id,
            previous_id=pending.previous_id,
            bids=[(price, quantity) for side, price, quantity in changed if side is Side.BUY],
            asks=[(price, quantity) for side, price, quantity in changed if side is Side.SELL],
        )
