"""Orders that wait for a trigger price. A trade at the price triggers them; a trade away from it moves trailing
stops."""

from __future__ import annotations

from cadenza.exchange.orders import WorkingOrder, triggers_on_rise
from cadenza.exchange.ranking import Ranking


class TriggerBook:
    """All waiting orders of one instrument.

    There are two rankings: orders that a rise triggers (the lowest stop first) and orders that a fall triggers (the
    highest stop first). Trailing stops are also in a second pair of rankings by water mark, the best price since
    acceptance, so that a trade finds exactly the stops that it moves.
    """

    def __init__(self) -> None:
        self._by_sequence: dict[int, WorkingOrder] = {}
        self._stops = {True: Ranking(), False: Ranking()}
        self._marks = {True: Ranking(), False: Ranking()}

    def add(self, order: WorkingOrder) -> None:
        on_rise = triggers_on_rise(order.side, order.kind)
        self._by_sequence[order.sequence] = order
        self._stops[on_rise].add(_stop_rank(order, on_rise), order.sequence)
        if order.trail_distance is not None:
            self._marks[on_rise].add(_mark_rank(order, on_rise), order.sequence)

    def remove(self, order: WorkingOrder) -> None:
        on_rise = triggers_on_rise(order.side, order.kind)
        del self._by_sequence[order.sequence]
        self._stops[on_rise].remove(_stop_rank(order, on_rise), order.sequence)
        if order.trail_distance is not None:
            self._marks[on_rise].remove(_mark_rank(order, on_rise), order.sequence)

    def trail(self, price: int) -> list[WorkingOrder]:
        """Move the trailing stops that must follow a trade at `price`. Return the moved orders by sequence."""
        moved: list[WorkingOrder] = []
        for on_rise, marks in self._marks.items():
            beyond = (price if on_rise else -price) + 1
            if not marks.has_reached(beyond):
                continue
            for sequence in marks.sequences_reaching(beyond):
                order = self._by_sequence[sequence]
                assert order.trail_distance is not None
                self.remove(order)
                order.stop_price = price + order.trail_distance if on_rise else price - order.trail_distance
                self.add(order)
                moved.append(order)
        return sorted(moved, key=lambda order: order.sequence)

    def pop_reached(self, price: int) -> list[WorkingOrder]:
        """Remove the orders that a trade at `price` triggers and return them by sequence."""
        reached: list[WorkingOrder] = []
        for on_rise, stops in self._stops.items():
            rank = -price if on_rise else price
            if stops.has_reached(rank):
                reached.extend(self._by_sequence[sequence] for sequence in stops.sequences_reaching(rank))
        for order in reached:
            self.remove(order)
        return sorted(reached, key=lambda order: order.sequence)


def _stop_rank(order: WorkingOrder, on_rise: bool) -> int:
    assert order.stop_price is not None
    return -order.stop_price if on_rise else order.stop_price


def _mark_rank(order: WorkingOrder, on_rise: bool) -> int:
    """Rank by water mark, the price at which the stop last moved. A lower trade moves a BUY, a higher one a SELL."""
    assert order.stop_price is not None
    assert order.trail_distance is not None
    return order.stop_price - order.trail_distance if on_rise else -(order.stop_price + order.trail_distance)
