"""Orders that wait for a price: triggered by the trades that reach it, trailed by the trades that run away from it."""

from __future__ import annotations

from cadenza.domain.matching.orders import WorkingOrder, triggers_on_rise
from cadenza.domain.matching.ranking import Ranking


class TriggerBook:
    """All waiting orders of one instrument.

    Each waits in one of two rankings: those that a rise triggers (nearest = lowest stop) and those that a fall
    triggers (nearest = highest stop). A trailing stop also stands in a second pair by its water mark, the best price
    it has seen, so a trade finds exactly those it moves.
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
        """Move the trailing stops that a trade at `price` runs away from; the moved orders by sequence."""
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
        """Take out the orders that a trade at `price` triggers, by sequence."""
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
    """The water mark: the price when the stop last moved. A lower trade moves a BUY, a higher one a SELL."""
    assert order.stop_price is not None
    assert order.trail_distance is not None
    return order.stop_price - order.trail_distance if on_rise else -(order.stop_price + order.trail_distance)
