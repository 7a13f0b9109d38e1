"""All orders and trades of a market, by the ways in which clients ask for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Generic, Protocol, TypeVar


class KeptOrder(Protocol):
    """What an order has in every market. `order_id` counts per symbol; `key` is (symbol, order id)."""

    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def order_id(self) -> int: ...
    @property
    def client_order_id(self) -> str: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def key(self) -> tuple[str, int]: ...


class KeptTrade(Protocol):
    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def order_id(self) -> int: ...


OrderT = TypeVar("OrderT", bound=KeptOrder)
TradeT = TypeVar("TradeT", bound=KeptTrade)


class OrderRegistry(Generic[OrderT, TradeT]):
    """Holds every order in its present state, and every trade. Lists are in the order of ids."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, int], OrderT] = {}
        self._of: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._open: dict[str, dict[tuple[str, int], None]] = defaultdict(dict)
        self._by_client_id: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._trades: dict[tuple[str, str], list[TradeT]] = defaultdict(list)
        self._trades_of: dict[tuple[str, int], list[TradeT]] = defaultdict(list)

    # Changing

    def put(self, order: OrderT) -> None:
        """Add an order, or replace it by a later state."""
        if order.key not in self._orders:
            self._of[order.account, order.symbol].append(order.order_id)
            self._by_client_id[order.account, order.symbol, order.client_order_id].append(order.order_id)
        self._orders[order.key] = order
        if order.is_open:
            self._open[order.account][order.key] = None
        else:
            self._open[order.account].pop(order.key, None)

    def remove(self, order: OrderT) -> None:
        """Undo the addition of the newest order."""
        del self._orders[order.key]
        self._open[order.account].pop(order.key)
        self._of[order.account, order.symbol].remove(order.order_id)
        self._by_client_id[order.account, order.symbol, order.client_order_id].remove(order.order_id)

    def add_trade(self, trade: TradeT) -> None:
        self._trades[trade.account, trade.symbol].append(trade)
        self._trades_of[trade.symbol, trade.order_id].append(trade)

    # Reading

    def order(self, symbol: str, order_id: int) -> OrderT:
        """Return an order that exists."""
        return self._orders[symbol, order_id]

    def find(self, account: str, symbol: str, order_id: int | None, client_id: str | None) -> OrderT | None:
        """Return an order of the account. Of several with one client id it is the latest. With both ids, both must be
        the order's."""
        if order_id is None:
            ids = self._by_client_id.get((account, symbol, client_id or ""))
            return self._orders[symbol, ids[-1]] if ids else None
        order = self._orders.get((symbol, order_id))
        if order is None or order.account != account or client_id not in (None, order.client_order_id):
            return None
        return order

    def open_by_client_id(self, account: str, symbol: str, client_id: str) -> OrderT | None:
        order = self.find(account, symbol, None, client_id)
        return order if order is not None and order.is_open else None

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderT]:
        """Return open orders, the oldest first."""
        return [self._orders[key] for key in self._open.get(account, ()) if symbol in (None, key[0])]

    def orders(self, account: str, symbol: str) -> list[OrderT]:
        return [self._orders[symbol, id] for id in self._of.get((account, symbol), ())]

    def trades(self, account: str, symbol: str) -> list[TradeT]:
        return self._trades.get((account, symbol), [])

    def trades_of(self, order: OrderT) -> list[TradeT]:
        return self._trades_of.get(order.key, [])

    def all_orders(self) -> list[OrderT]:
        """Return the orders of all accounts."""
        return list(self._orders.values())

    def all_trades(self) -> list[TradeT]:
        return [trade for trades in self._trades.values() for trade in trades]

    def accepted_by_client_id(self) -> Counter[tuple[str, str, str]]:
        """Return how many times each (account, symbol, client order id) was accepted."""
        return Counter({key: len(ids) for key, ids in self._by_client_id.items() if ids})
