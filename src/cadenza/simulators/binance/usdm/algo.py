"""The algo service: it keeps conditional orders until a price triggers them, and then sends orders to the engine.

It checks no margin before the trigger, as at the venue, so an order may be refused at that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import HUNDRED, ONE, ZERO
from cadenza.simulators.binance.usdm.errors import duplicate_id, reduce_only_rejected, symbol_closed, would_trigger
from cadenza.simulators.binance.usdm.exchange import FuturesExchange
from cadenza.simulators.binance.usdm.filters import check_price, check_quantity
from cadenza.simulators.binance.usdm.records import AlgoChange, ConditionalOrder, FuturesOrder, FuturesOrderRequest
from cadenza.simulators.binance.wire.errors import VenueRefusal

TAKE_PROFITS = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_MARKET"})
WITH_LIMIT = frozenset({"STOP", "TAKE_PROFIT"})
TRAILING = "TRAILING_STOP_MARKET"
MARK_PRICE = "MARK_PRICE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalOrderRequest:
    """A conditional order as a client asks for it, already checked for form. `quantity` is 0 for one that closes a
    whole position."""

    symbol: str
    side: Side
    position_side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    working_type: str
    is_reduce_only: bool
    is_closing_all: bool
    is_protected: bool
    activate_price: Decimal | None
    callback_rate: Decimal | None
    good_till_ms: int | None
    client_algo_id: str | None


class AlgoService:
    """All conditional orders of a venue. `new_client_id` makes the client ids of the orders that they become."""

    def __init__(self, exchange: FuturesExchange, new_client_id: Callable[[], str]) -> None:
        self._exchange = exchange
        self._new_client_id = new_client_id
        self._algos: dict[int, ConditionalOrder] = {}
        self._open: dict[int, None] = {}
        self._by_order: dict[tuple[str, int], int] = {}
        self._by_client_id: dict[tuple[str, str], int] = {}
        self._changed: dict[int, None] = {}
        exchange.on_change = self._follow

    def restore(self, algos: Iterable[ConditionalOrder]) -> None:
        """Continue from what a former run wrote."""
        for algo in algos:
            self._put(algo)
        self._changed = {}

    # Reading

    def find(self, account: str, algo_id: int | None, client_id: str | None) -> ConditionalOrder | None:
        """Return a conditional order of the account. Of several with one client id it is the latest."""
        if algo_id is not None:
            algo = self._algos.get(algo_id)
            return algo if algo is not None and algo.account == account else None
        latest = self._by_client_id.get((account, client_id or ""))
        return None if latest is None else self._algos[latest]

    def open_orders(self, account: str, symbol: str | None = None) -> list[ConditionalOrder]:
        """Return those that wait for their trigger, the oldest first."""
        waiting = (self._algos[id] for id in self._open)
        return [algo for algo in waiting if algo.account == account and symbol in (None, algo.symbol)]

    def has_open(self, symbol: str) -> bool:
        """Whether any waits for its trigger in a symbol."""
        return any(self._algos[id].symbol == symbol for id in self._open)

    def orders(self, account: str, symbol: str) -> list[ConditionalOrder]:
        return [algo for algo in self._algos.values() if (algo.account, algo.symbol) == (account, symbol)]

    def all_orders(self) -> list[ConditionalOrder]:
        """Return those of all accounts."""
        return list(self._algos.values())

    def accepted_by_client_id(self) -> Counter[tuple[str, str]]:
        """Return how many times each (account, client id) was accepted."""
        return Counter((algo.account, algo.client_algo_id) for algo in self._algos.values())

    # Changing

    def place(
        self, account: str, request: ConditionalOrderRequest, client_algo_id: str, at_ms: int
    ) -> ConditionalOrder:
        """Accept a conditional order. Raises `VenueRefusal`, and then nothing has changed."""
        self._check(account, request, client_algo_id)
        latest = self._price(request.symbol, request.working_type)
        follows_at_once = request.type == TRAILING and request.activate_price is None
        algo = ConditionalOrder(
            algo_id=len(self._algos) + 1,
            account=account,
            client_algo_id=client_algo_id,
            symbol=request.symbol,
            side=request.side,
            position_side=request.position_side,
            type=request.type,
            time_in_force=request.time_in_force,
            quantity=request.quantity,
            price=request.price,
            trigger_price=request.trigger_price,
            working_type=request.working_type,
            is_reduce_only=request.is_reduce_only,
            is_closing_all=request.is_closing_all,
            is_protected=request.is_protected,
            activate_price=request.activate_price,
            callback_rate=request.callback_rate,
            good_till_ms=request.good_till_ms,
            status="NEW",
            mark=latest if follows_at_once else None,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        self._change(algo, at_ms)
        return algo

    def cancel(self, algo: ConditionalOrder, at_ms: int) -> ConditionalOrder:
        """Cancel one that waits for its trigger."""
        canceled = evolve(algo, status="CANCELED", updated_ms=at_ms)
        self._change(canceled, at_ms)
        return canceled

    def watch(self, symbol: str, at_ms: int) -> None:
        """Compare those of a symbol with the present prices: move trailing stops, and trigger what is reached."""
        for id in list(self._open):
            algo = self._algos[id]
            if algo.symbol != symbol or not algo.is_open:
                continue
            price = self._price(symbol, algo.working_type)
            moved, is_reached = _follow_price(algo, price)
            if moved is not algo:
                self._put(moved)
            if is_reached and self._is_allowed(moved):
                self._trigger(moved, at_ms)

    def expire_due(self, now_ms: int) -> None:
        """End those whose time has come."""
        for id in list(self._open):
            algo = self._algos[id]
            if algo.good_till_ms is not None and algo.good_till_ms <= now_ms:
                self._change(evolve(algo, status="EXPIRED", updated_ms=now_ms), now_ms)

    def expire_all(self, account: str, symbol: str, at_ms: int) -> None:
        """End all of an account in a symbol, for a liquidation."""
        for algo in self.open_orders(account, symbol):
            self._change(evolve(algo, status="EXPIRED", updated_ms=at_ms), at_ms)

    def take_changes(self) -> tuple[ConditionalOrder, ...]:
        """Return what changed since the last call."""
        changed, self._changed = self._changed, {}
        return tuple(self._algos[id] for id in changed)

    # Helpers

    def _check(self, account: str, request: ConditionalOrderRequest, client_algo_id: str) -> None:
        exchange = self._exchange
        symbol = exchange.symbol(request.symbol)
        if exchange.statuses[symbol.name] != "TRADING":
            raise symbol_closed()
        for price in (request.price, request.trigger_price, request.activate_price or ZERO):
            if price:
                check_price(symbol, price)
        if not request.is_closing_all:
            check_quantity(symbol, request.quantity, is_market=request.type not in WITH_LIMIT)
        waiting = self.open_orders(account)
        if any(algo.client_algo_id == client_algo_id for algo in waiting):
            raise duplicate_id()
        if sum(algo.symbol == symbol.name for algo in waiting) >= symbol.algo_orders_max:
            raise VenueRefusal(-4045, "Reach max stop order limit.")
        latest = self._price(symbol.name, request.working_type)
        if request.type == TRAILING:
            activate = request.activate_price
            if activate is not None and (latest - activate) * request.side.sign <= 0:
                raise would_trigger()
        elif _is_reached(request.side, request.type, request.trigger_price, latest):
            raise would_trigger()

    def _price(self, symbol: str, working_type: str) -> Decimal:
        return self._exchange.mark(symbol) if working_type == MARK_PRICE else self._exchange.last_price(symbol)

    def _is_allowed(self, algo: ConditionalOrder) -> bool:
        """Price protection: mark price and last price must not differ too much."""
        if not algo.is_protected:
            return True
        mark, last = self._exchange.mark(algo.symbol), self._exchange.last_price(algo.symbol)
        return abs(mark - last) <= mark * self._exchange.symbol(algo.symbol).trigger_protect

    def _trigger(self, algo: ConditionalOrder, at_ms: int) -> None:
        triggering = evolve(algo, status="TRIGGERING", trigger_ms=at_ms, updated_ms=at_ms)
        self._change(triggering, at_ms)
        try:
            request = self._request(triggering)
            upcoming = self._exchange.upcoming_order_id(algo.symbol)
            self._by_order[algo.symbol, upcoming] = algo.algo_id
            self._exchange.place(algo.account, request, self._new_client_id(), at_ms)
        except VenueRefusal as refusal:
            self._by_order = {key: id for key, id in self._by_order.items() if id != algo.algo_id}
            self._change(evolve(triggering, status="REJECTED", failure=refusal.message), at_ms)

    def _request(self, algo: ConditionalOrder) -> FuturesOrderRequest:
        quantity = algo.quantity
        if algo.is_closing_all:
            quantity = self._exchange.closable(algo.account, algo.symbol, algo.position_side, algo.side)
            if not quantity:
                raise reduce_only_rejected()
        is_limit = algo.type in WITH_LIMIT
        return FuturesOrderRequest(
            symbol=algo.symbol,
            side=algo.side,
            position_side=algo.position_side,
            type="LIMIT" if is_limit else "MARKET",
            time_in_force=algo.time_in_force if is_limit else "GTC",
            quantity=quantity,
            price=algo.price if is_limit else None,
            is_reduce_only=algo.is_reduce_only,
            good_till_ms=algo.good_till_ms if is_limit else None,
            algo_type=algo.type,
            trigger_price=algo.trigger_price,
            working_type=algo.working_type,
            is_closing_all=algo.is_closing_all,
        )

    def _follow(self, order: FuturesOrder) -> None:
        """Follow an order that a conditional one became."""
        id = self._by_order.get(order.key)
        if id is None:
            return
        algo = self._algos[id]
        if algo.order_id is None:
            algo = evolve(algo, status="TRIGGERED", order_id=order.order_id, updated_ms=order.updated_ms)
            self._change(algo, order.updated_ms)
        if not order.is_open and algo.status != "FINISHED":
            self._change(evolve(algo, status="FINISHED", updated_ms=order.updated_ms), order.updated_ms)

    def _change(self, algo: ConditionalOrder, at_ms: int) -> None:
        self._put(algo)
        actual = None if algo.order_id is None else self._exchange.registry.order(algo.symbol, algo.order_id)
        self._exchange.note(AlgoChange(algo=algo, actual=actual, at_ms=at_ms))

    def _put(self, algo: ConditionalOrder) -> None:
        self._algos[algo.algo_id] = algo
        name = algo.account, algo.client_algo_id
        self._by_client_id[name] = max(self._by_client_id.get(name, 0), algo.algo_id)
        self._changed[algo.algo_id] = None
        if algo.order_id is not None:
            self._by_order[algo.symbol, algo.order_id] = algo.algo_id
        if algo.is_open:
            self._open[algo.algo_id] = None
        else:
            self._open.pop(algo.algo_id, None)


def _is_reached(side: Side, type: str, trigger: Decimal, price: Decimal) -> bool:
    on_rise = (side is Side.BUY) is not (type in TAKE_PROFITS)
    return price >= trigger if on_rise else price <= trigger


def _follow_price(algo: ConditionalOrder, price: Decimal) -> tuple[ConditionalOrder, bool]:
    """Return the order after a price, and whether the price triggers it. A trailing BUY follows the lowest price since
    its activation, a SELL the highest."""
    if algo.type != TRAILING:
        return algo, _is_reached(algo.side, algo.type, algo.trigger_price, price)
    sign = algo.side.sign
    if algo.mark is None:
        assert algo.activate_price is not None
        is_active = (algo.activate_price - price) * sign >= 0
        return (evolve(algo, mark=price), False) if is_active else (algo, False)
    if (price - algo.mark) * sign < 0:
        return evolve(algo, mark=price), False
    assert algo.callback_rate is not None
    trigger = algo.mark * (ONE + sign * algo.callback_rate / HUNDRED)
    return algo, (price - trigger) * sign >= 0
