"""Numbers that a market counts per symbol: orders and trades."""

from __future__ import annotations

from collections.abc import Iterable

from cadenza.simulators.kit.records import Counters

TRADE_IDS_RESERVED = 10_000
"""Trade ids are reserved in blocks, so that a restart never gives an id twice."""


class SymbolCounters:
    """The last order id and trade id of each symbol."""

    def __init__(self, names: Iterable[str]) -> None:
        self._order_ids = dict.fromkeys(names, 0)
        self._trade_ids = dict.fromkeys(self._order_ids, 0)
        self._trade_ids_reserved = dict.fromkeys(self._order_ids, 0)
        self._changed: set[str] = set()

    def restore(self, rows: Iterable[Counters]) -> None:
        for row in rows:
            self._order_ids[row.symbol] = row.order_id
            self._trade_ids[row.symbol] = row.trade_id_reserved
            self._trade_ids_reserved[row.symbol] = row.trade_id_reserved

    def upcoming_order_id(self, name: str) -> int:
        """Return the id that the next order gets, if it is accepted."""
        return self._order_ids[name] + 1

    def take_order_id(self, name: str, order_id: int) -> None:
        """Give an id to an order that was accepted."""
        self._order_ids[name] = order_id
        self._changed.add(name)

    def next_trade_id(self, name: str) -> int:
        self._trade_ids[name] += 1
        if self._trade_ids[name] > self._trade_ids_reserved[name]:
            self._trade_ids_reserved[name] = self._trade_ids[name] + TRADE_IDS_RESERVED
            self._changed.add(name)
        return self._trade_ids[name]

    def take_rows(self) -> tuple[Counters, ...]:
        """Return the numbers that changed since the last call."""
        changed, self._changed = sorted(self._changed), set()
        return tuple(
            Counters(symbol=name, order_id=self._order_ids[name], trade_id_reserved=self._trade_ids_reserved[name])
            for name in changed
        )
