"""Order books as channels show them: a snapshot, and then what changed since the last message."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.wire.numbers import number
from cadenza.simulators.kit.books import BookLevel

LEVELS_MAX = 1_000
BookSides = dict[Side, list[BookLevel]]


class ChannelBook:
    """The book of one channel as its listeners know it. Each message names the change before it, so that a client
    notices a missing one."""

    def __init__(self, instrument: str, sides: BookSides, change_id: int, at_ms: int) -> None:
        self._instrument = instrument
        self._shown = _keyed(sides)
        self._change_id = change_id
        self._at_ms = at_ms

    def snapshot(self) -> dict[str, object]:
        """Return the whole book as it was in the last message."""
        head = self._head("snapshot")
        return head | {
            name: [["new", number(price), number(quantity)] for price, quantity in self._shown[side].items()]
            for name, side in _NAMES
        }

    def take_change(self, sides: BookSides, change_id: int, at_ms: int) -> dict[str, object] | None:
        """Return what changed since the last message; None when nothing did."""
        now = _keyed(sides)
        changes = {name: _changes(self._shown[side], now[side]) for name, side in _NAMES}
        if not any(changes.values()):
            return None
        previous, self._shown, self._change_id, self._at_ms = self._change_id, now, change_id, at_ms
        return self._head("change") | {"prev_change_id": previous} | changes

    def _head(self, type: str) -> dict[str, object]:
        return {
            "type": type,
            "timestamp": self._at_ms,
            "instrument_name": self._instrument,
            "change_id": self._change_id,
        }


def grouped(instrument: str, sides: BookSides, depth: int, change_id: int, at_ms: int) -> dict[str, object]:
    """Return the best levels of each side, as the channels with a depth show them."""
    head: dict[str, object] = {"timestamp": at_ms, "instrument_name": instrument, "change_id": change_id}
    return head | {name: pairs(sides[side][:depth]) for name, side in _NAMES}


def pairs(levels: list[BookLevel]) -> list[list[object]]:
    return [[number(price), number(quantity)] for price, quantity in levels]


_NAMES = (("bids", Side.BUY), ("asks", Side.SELL))
_Shown = dict[Side, dict[Decimal, Decimal]]


def _keyed(sides: BookSides) -> _Shown:
    return {side: dict(levels) for side, levels in sides.items()}


def _changes(before: dict[Decimal, Decimal], now: dict[Decimal, Decimal]) -> list[list[object]]:
    gone: list[list[object]] = [["delete", number(price), number(Decimal(0))] for price in before if price not in now]
    rest: list[list[object]] = [
        ["change" if price in before else "new", number(price), number(quantity)]
        for price, quantity in now.items()
        if before.get(price) != quantity
    ]
    return [*gone, *rest]
