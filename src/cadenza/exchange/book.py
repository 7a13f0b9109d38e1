"""One side of the book: market liquidity and own orders, price by price.

Market liquidity is what the outside market displays. Own orders are those of the exchange's accounts; each has its
exact place in the queue.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from operator import attrgetter

from cadenza.domain.market.enums import Side
from cadenza.exchange.orders import WorkingOrder
from cadenza.exchange.state import MarketLevel

_by_sequence = attrgetter("sequence")


@dataclass(slots=True, eq=False)
class PriceLevel:
    """The queue at one price.

    Own orders stand in time order. Market quantity stands before each of them (`WorkingOrder.market_before`) and
    behind the last one. The level stores these gaps, not the whole `queue_ahead` of each order, so that a trade at the
    front changes only the front. `market_ahead` is the sum of the gaps and never exceeds `available`; `offered` is the
    sum of what remains of the own orders.
    """

    price: int
    displayed: int = 0
    taken: int = 0
    market_ahead: int = 0
    offered: int = 0
    orders: list[WorkingOrder] = field(default_factory=list)

    @property
    def available(self) -> int:
        """What the market still has here: the displayed quantity less what own orders already took of it."""
        return self.displayed - self.taken

    @property
    def total(self) -> int:
        return self.available + self.offered

    @property
    def market_at_front(self) -> int:
        """Market quantity that trades before the first own order; all market quantity if there is no own order."""
        return self.orders[0].market_before if self.orders else self.available

    def display(self, quantity: int) -> None:
        """The market now displays `quantity`. Added quantity joins the back of the queue; removed quantity leaves from
        the back."""
        self.displayed = quantity
        self.taken = min(self.taken, quantity)
        excess = self.market_ahead - self.available
        for order in reversed(self.orders):
            if excess <= 0:
                break
            cut = min(excess, order.market_before)
            order.market_before -= cut
            self.market_ahead -= cut
            excess -= cut

    def take_market(self, quantity: int) -> None:
        """An own order that takes liquidity takes market quantity from the front."""
        self.taken += quantity
        if self.orders:
            self.pass_queue(quantity)

    def pass_queue(self, quantity: int) -> None:
        """Remove `quantity` of market quantity from before the first own order, so that all own orders here move up."""
        self.orders[0].market_before -= quantity
        self.market_ahead -= quantity

    def join(self, order: WorkingOrder, queue_ahead: int) -> None:
        """Queue an order behind every own order and behind at most `queue_ahead` lots of the market."""
        order.market_before = max(0, min(queue_ahead, self.available) - self.market_ahead)
        self.market_ahead += order.market_before
        self.offered += order.remaining
        self.orders.append(order)

    def leave(self, order: WorkingOrder) -> None:
        """Remove an order. The market quantity before it stays and now stands before the next order."""
        index = bisect_left(self.orders, order.sequence, key=_by_sequence)
        assert self.orders[index] is order
        del self.orders[index]
        self.offered -= order.remaining
        if index < len(self.orders):
            self.orders[index].market_before += order.market_before
        else:
            self.market_ahead -= order.market_before

    def queue_ahead_each(self) -> Iterator[int]:
        """Yield the `queue_ahead` of each own order, in time order."""
        return accumulate(order.market_before for order in self.orders)

    def queue_ahead(self, order: WorkingOrder) -> int:
        """Return the market quantity before one own order. It counts from the nearer end, because most callers ask
        about an order that has just joined the back."""
        index = bisect_left(self.orders, order.sequence, key=_by_sequence)
        if index < len(self.orders) // 2:
            return sum(own.market_before for own in self.orders[: index + 1])
        return self.market_ahead - sum(own.market_before for own in self.orders[index + 1 :])

    def fillable(self, account_id: str | None, wanted: int) -> tuple[int, bool]:
        """Return how many lots a taker of this account can get here, and whether an order of its own account stops it.
        The count ends at `wanted`, so that a small taker does not walk a long queue."""
        quantity = 0
        for order in self.orders:
            quantity += order.market_before
            if quantity >= wanted:
                return quantity, False
            if order.account_id == account_id:
                return quantity, True
            quantity += order.remaining
        return quantity + self.available - self.market_ahead, False


class BookSide:
    """The levels of one side. A key is the price times the side's sign: the best price has the largest key, at the end
    of the sorted list."""

    def __init__(self, side: Side) -> None:
        self._sign = side.sign
        self._side = side
        self._levels: dict[int, PriceLevel] = {}
        self._active: list[int] = []  # keys of levels where a taker finds something
        self._owned: list[int] = []  # keys of levels where an own order stands
        self._displayed: list[int] = []  # keys of levels where the market displays something

    # Reading

    def best_price(self) -> int | None:
        return self._active[-1] * self._sign if self._active else None

    def best_displayed(self) -> int | None:
        """The best price at which the market displays something, whether own orders took it or not."""
        return self._displayed[-1] * self._sign if self._displayed else None

    def reaches(self, price: int) -> bool:
        """Whether a taker with the limit `price` finds something to trade with on this side."""
        return bool(self._active) and self._active[-1] >= price * self._sign

    def best_level(self) -> PriceLevel | None:
        return self._levels[self._active[-1] * self._sign] if self._active else None

    def best_owned_level(self) -> PriceLevel | None:
        """The best level on which an own order stands."""
        return self._levels[self._owned[-1] * self._sign] if self._owned else None

    def available(self, price: int) -> int:
        """The market's available quantity at a price."""
        level = self._levels.get(price)
        return 0 if level is None else level.available

    def is_within(self, price: int, limit: int | None) -> bool:
        """Whether a taker whose limit is `limit` (None = any) accepts `price` of this side."""
        return limit is None or price * self._sign >= limit * self._sign

    def is_better(self, price: int, than: int) -> bool:
        return price * self._sign > than * self._sign

    def active_levels(self) -> Iterator[PriceLevel]:
        """Yield the levels that have something to take, best first. The side must not change during the iteration."""
        return (self._levels[key * self._sign] for key in reversed(self._active))

    def queue_ahead(self, order: WorkingOrder) -> int:
        return self._levels[order.resting_price].queue_ahead(order)

    def market_prices(self) -> list[int]:
        """Prices at which the market displays something, in no order."""
        return [price for price, level in self._levels.items() if level.displayed]

    def market_levels(self) -> list[MarketLevel]:
        """Return all displayed levels, best first, including those of which everything was taken."""
        return self._as_market(level for level in self._levels.values() if level.displayed)

    def memorable_levels(self) -> list[MarketLevel]:
        """Return the displayed levels that own orders took from or rest on, best first."""
        return self._as_market(
            level for level in self._levels.values() if level.displayed and (level.taken or level.orders)
        )

    def _as_market(self, levels: Iterable[PriceLevel]) -> list[MarketLevel]:
        best_first = sorted(levels, key=lambda level: -level.price * self._sign)
        return [MarketLevel(self._side, level.price, level.displayed, level.taken) for level in best_first]

    # Changing

    def display(self, price: int, quantity: int) -> None:
        """Set what the market displays at `price`. With 0 the level also forgets what was taken there."""
        level = self._level(price)
        if bool(quantity) is not bool(level.displayed):
            change = _add if quantity else _discard
            change(self._displayed, price * self._sign)
        level.display(quantity)
        self.refresh(level)

    def take(self, price: int, quantity: int) -> None:
        """An own order takes from the market at `price`."""
        level = self._levels[price]
        level.take_market(quantity)
        self.refresh(level)

    def restore_market(self, level: MarketLevel) -> None:
        restored = self._level(level.price)
        restored.displayed, restored.taken = level.displayed, level.taken
        _add(self._displayed, level.price * self._sign)
        self.refresh(restored)

    def join(self, order: WorkingOrder, queue_ahead: int | None = None) -> None:
        """Rest at the order's limit price behind the whole available market quantity, or behind `queue_ahead` of it."""
        level = self._level(order.resting_price)
        level.join(order, level.available if queue_ahead is None else queue_ahead)
        if len(level.orders) == 1:
            insort(self._owned, level.price * self._sign)
        self.refresh(level)

    def give(self, order: WorkingOrder, quantity: int) -> None:
        """Reduce what is offered after a fill of a resting own order; its `remaining` is already reduced."""
        self._levels[order.resting_price].offered -= quantity

    def leave(self, order: WorkingOrder) -> None:
        level = self._levels[order.resting_price]
        level.leave(order)
        if not level.orders:
            _discard(self._owned, level.price * self._sign)
        self.refresh(level)

    def refresh(self, level: PriceLevel) -> None:
        """Update the index after a level changed: list it while a taker finds something there, drop it when it is
        empty."""
        key = level.price * self._sign
        if level.orders or level.available:
            _add(self._active, key)
            return
        _discard(self._active, key)
        if not level.displayed:
            del self._levels[level.price]

    def _level(self, price: int) -> PriceLevel:
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = PriceLevel(price)
        return level


def _add(keys: list[int], key: int) -> None:
    index = bisect_left(keys, key)
    if index == len(keys) or keys[index] != key:
        keys.insert(index, key)


def _discard(keys: list[int], key: int) -> None:
    index = bisect_left(keys, key)
    if index < len(keys) and keys[index] == key:
        del keys[index]
