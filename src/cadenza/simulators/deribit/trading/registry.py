"""All orders and trades, by the ways in which clients ask for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from cadenza.simulators.deribit.trading.records import DeribitOrder, DeribitTrade


class DeribitOrders:
    """Holds every order in its present state, and every trade. Lists are the oldest first."""

    def __init__(self) -> None:
        self._orders: dict[str, DeribitOrder] = {}
        self._of: dict[str, list[str]] = defaultdict(list)
        self._open: dict[str, dict[str, None]] = defaultdict(dict)
        self._waiting: dict[str, dict[str, None]] = defaultdict(dict)
        self._labelled: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._trades: dict[str, list[DeribitTrade]] = defaultdict(list)
        self._trades_of: dict[str, list[DeribitTrade]] = defaultdict(list)

    # Changing

    def put(self, order: DeribitOrder) -> None:
        """Add an order, or replace it by a later state."""
        if order.id not in self._orders:
            self._of[order.account].append(order.id)
            self._labelled[order.account, order.label].append(order.id)
        self._orders[order.id] = order
        _keep(self._open[order.account], order.id, is_in=order.is_open)
        _keep(self._waiting[order.instrument], order.id, is_in=order.is_waiting)

    def add_trade(self, trade: DeribitTrade) -> None:
        self._trades[trade.account].append(trade)
        self._trades_of[trade.order_id].append(trade)

    # Reading

    def order(self, id: str) -> DeribitOrder:
        """Return an order that exists."""
        return self._orders[id]

    def find(self, account: str, id: str) -> DeribitOrder | None:
        """Return an order of the account."""
        order = self._orders.get(id)
        return order if order is not None and order.account == account else None

    def open_orders(self, account: str) -> list[DeribitOrder]:
        return [self._orders[id] for id in self._open.get(account, ())]

    def waiting(self, instrument: str) -> list[DeribitOrder]:
        """Return the orders of all accounts that wait for their trigger in an instrument."""
        return [self._orders[id] for id in self._waiting.get(instrument, ())]

    def labelled(self, account: str, label: str) -> list[DeribitOrder]:
        """Return the orders that have a label; nothing keeps a client from using one again."""
        return [self._orders[id] for id in self._labelled.get((account, label), ())]

    def newest_first(self, account: str) -> Iterator[DeribitOrder]:
        return (self._orders[id] for id in reversed(self._of.get(account, [])))

    def trades(self, account: str) -> list[DeribitTrade]:
        return self._trades.get(account, [])

    def trades_of(self, order_id: str) -> list[DeribitTrade]:
        return self._trades_of.get(order_id, [])

    def all_orders(self) -> list[DeribitOrder]:
        """Return the orders of all accounts."""
        return list(self._orders.values())

    def all_trades(self) -> list[DeribitTrade]:
        return [trade for trades in self._trades.values() for trade in trades]

    def accepted_by_label(self) -> Counter[tuple[str, str]]:
        """Return how many times each (account, label) was accepted. Orders that trigger orders became do not count."""
        return Counter(
            (order.account, order.label)
            for order in self._orders.values()
            if order.label and order.trigger_order_id is None
        )


def _keep(ids: dict[str, None], id: str, *, is_in: bool) -> None:
    if is_in:
        ids[id] = None
    else:
        ids.pop(id, None)
