"""Order books as clients see them: numbered snapshots, differences and best prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.wire.numbers import fixed

LEVELS_MAX = 5_000
SPEEDS_MS = (100, 1000)
_Key = tuple[Side, Decimal]


@dataclass(slots=True)
class _Pending:
    """Levels that changed since the last difference of one speed; `first_id` is the number of the first change."""

    first_id: int = 0
    keys: dict[_Key, None] = field(default_factory=dict)


class NumberedBook:
    """The book of one symbol. Every change of a level has a number of its own. Numbers begin at `first_id`."""

    def __init__(self, symbol: str, first_id: int) -> None:
        self.symbol = symbol
        self.update_id = first_id
        self._levels: dict[_Key, Decimal] = {}
        self._sides: dict[Side, list[tuple[Decimal, Decimal]]] = {side: [] for side in Side}
        self._pending = {speed: _Pending() for speed in SPEEDS_MS}

    def refresh(self, exchange: SpotExchange) -> bool:
        """Number what changed in the engine's book. Return whether a best price or its quantity changed."""
        before = self.best()
        self._sides = {side: exchange.depth(self.symbol, side, LEVELS_MAX) for side in Side}
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

    def best(self) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
        """Return the best bid and ask with their quantities; zeros for an empty side."""
        nothing = (Decimal(0), Decimal(0))
        return next(iter(self.side(Side.BUY, 1)), nothing), next(iter(self.side(Side.SELL, 1)), nothing)

    def side(self, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, quantity), best first."""
        return self._sides[side][:levels_max]

    def snapshot(self, levels_max: int) -> Payload:
        return {
            "lastUpdateId": self.update_id,
            "bids": _rows(self.side(Side.BUY, levels_max)),
            "asks": _rows(self.side(Side.SELL, levels_max)),
        }

    def take_difference(self, speed_ms: int, at_ms: int) -> Payload | None:
        """Return what changed since the last difference of this speed; None when nothing did."""
        pending = self._pending[speed_ms]
        if not pending.keys:
            return None
        self._pending[speed_ms] = _Pending()
        changed = [(side, price, self._levels.get((side, price), Decimal(0))) for side, price in pending.keys]
        return {
            "e": "depthUpdate",
            "E": at_ms,
            "s": self.symbol,
            "U": pending.first_id,
            "u": self.update_id,
            "b": _rows([(price, quantity) for side, price, quantity in changed if side is Side.BUY]),
            "a": _rows([(price, quantity) for side, price, quantity in changed if side is Side.SELL]),
        }

    def ticker(self) -> Payload:
        """Return the best prices, as the stream and the REST call share them."""
        bid, ask = self.best()
        return {
            "u": self.update_id,
            "s": self.symbol,
            "b": fixed(bid[0]),
            "B": fixed(bid[1]),
            "a": fixed(ask[0]),
            "A": fixed(ask[1]),
        }


def _rows(levels: list[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[fixed(price), fixed(quantity)] for price, quantity in levels]
