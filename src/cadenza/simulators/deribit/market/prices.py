"""Prices that are not traded: of the indexes, and the mark prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from cadenza.simulators.deribit.market.instruments import FUTURE, INDEXES, DeribitInstrument
from cadenza.simulators.deribit.trading.records import PricePoint

BAND = Decimal("0.015")
"""A future's limits are so far from its mark price."""


class VenuePrices:
    """An index stays where it is until a test moves it. The mark price of an instrument is its last price, unless a
    test sets another."""

    def __init__(self, last_price: Callable[[str], Decimal]) -> None:
        self._last_price = last_price
        self._indexes = dict(INDEXES)
        self._marks: dict[str, Decimal] = {}
        self._changed: dict[str, PricePoint] = {}

    def restore(self, points: Iterable[PricePoint]) -> None:
        for point in points:
            self._set(point.name, point.price)
        self._changed = {}

    def index(self, name: str) -> Decimal:
        return self._indexes[name]

    def mark(self, instrument: str) -> Decimal:
        return self._marks.get(instrument) or self._last_price(instrument)

    def set_index(self, name: str, price: Decimal) -> None:
        self._change(name, price)

    def set_mark(self, instrument: str, price: Decimal | None) -> None:
        """Set a mark price; None lets it follow the trades again."""
        self._change(instrument, price)

    def band(self, instrument: DeribitInstrument) -> tuple[Decimal, Decimal] | None:
        """Return the lowest price of a sell and the highest of a buy; None where there are no such limits. What a
        client sends beyond them is moved to them."""
        if instrument.kind != FUTURE:
            return None
        mark = self.mark(instrument.name)
        return instrument.down(mark * (1 - BAND)), instrument.up(mark * (1 + BAND))

    def take_changes(self) -> tuple[PricePoint, ...]:
        """Return the prices that were set since the last call."""
        changed, self._changed = self._changed, {}
        return tuple(changed.values())

    def _change(self, name: str, price: Decimal | None) -> None:
        self._set(name, price)
        self._changed[name] = PricePoint(name=name, price=price)

    def _set(self, name: str, price: Decimal | None) -> None:
        if name in self._indexes:
            assert price is not None
            self._indexes[name] = price
        elif price is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = price
