"""Conditional orders: they watch prices, and become orders when their price has come."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.placing import OrderDesk
from cadenza.simulators.okx.trading.records import (
    BASE_UNITS,
    AlgoOrderChange,
    OkxOrderRequest,
    SimulatedAlgoOrder,
    SimulatedOrder,
)
from cadenza.simulators.okx.wire.errors import OkxOrderRefusal, cancel_failed

CONDITIONAL, OCO, TRIGGER, TRAILING = "conditional", "oco", "trigger", "move_order_stop"
ALGO_TYPES = (CONDITIONAL, OCO, TRIGGER, TRAILING)
SOURCES = {TRIGGER: "6", CONDITIONAL: "7", OCO: "7", TRAILING: "25"}
TAKE, STOP = "tp", "sl"
AT_MARKET = Decimal(-1)
OPEN_ALGOS_MAX = 500


@dataclass(frozen=True, slots=True)
class _DueOrder:
    """What a conditional order does now. `price` None is at market."""

    side: str
    price: Decimal | None


class AlgoDesk:
    """Every conditional order in its present state. Their ids and lists are apart from those of orders."""

    def __init__(self, exchange: OkxExchange, desk: OrderDesk) -> None:
        self._exchange = exchange
        self._desk = desk
        self._algos: dict[int, SimulatedAlgoOrder] = {}
        self._changed: dict[int, None] = {}
        exchange.on_price.append(self._watch)

    def restore(self, algos: tuple[SimulatedAlgoOrder, ...]) -> None:
        self._algos = {algo.algo_id: algo for algo in algos}

    # Reading

    def find(self, account: str, algo_id: int | None, client_id: str) -> SimulatedAlgoOrder | None:
        """Return a conditional order of the account. Of several with one client id it is the latest."""
        if algo_id is not None:
            found = self._algos.get(algo_id)
            return found if found is not None and found.account == account else None
        mine = [algo for algo in self.of(account) if algo.client_id == client_id]
        return mine[-1] if mine else None

    def of(self, account: str) -> list[SimulatedAlgoOrder]:
        """Return the conditional orders of an account, the oldest first."""
        return [algo for algo in self._algos.values() if algo.account == account]

    def all_orders(self) -> list[SimulatedAlgoOrder]:
        return list(self._algos.values())

    def order_of(self, algo: SimulatedAlgoOrder) -> SimulatedOrder | None:
        """Return the order that a conditional one became."""
        return None if algo.order_id is None else self._exchange.registry.order(algo.symbol, algo.order_id)

    # Changing

    def place(self, algo: SimulatedAlgoOrder, at_ms: int) -> SimulatedAlgoOrder:
        """Accept a conditional order. Raises `OkxOrderRefusal`, and then nothing has changed."""
        pending = [each for each in self.of(algo.account) if each.is_open]
        if algo.client_id and any(each.client_id == algo.client_id for each in pending):
            raise OkxOrderRefusal("51065", "algoClOrdId already exists.")
        if len(pending) >= OPEN_ALGOS_MAX:
            raise OkxOrderRefusal("51025", "Order count exceeds the limit.")
        last = self._exchange.last_price(algo.symbol)
        _check_prices(algo, last)
        if algo.type == TRIGGER:
            assert algo.trigger is not None
            algo = evolve(algo, triggers_on_rise=algo.trigger > self._price(algo, algo.trigger_by))
        if algo.type == TRAILING and algo.active_price is None:
            algo = evolve(algo, best=last)
        self._put(algo)
        return algo

    def cancel(self, algo: SimulatedAlgoOrder, at_ms: int) -> None:
        if not algo.is_open:
            raise cancel_failed()
        self._put(evolve(algo, state="canceled", updated_ms=at_ms))

    def take_changes(self) -> tuple[SimulatedAlgoOrder, ...]:
        """Return what changed since the last call."""
        changed, self._changed = self._changed, {}
        return tuple(self._algos[algo_id] for algo_id in changed)

    # Watching

    def _watch(self, symbol: str, at_ms: int) -> None:
        """Trigger what a price has reached."""
        watching = [algo for algo in self._algos.values() if algo.is_open and algo.symbol == symbol]
        if watching or any(self._exchange.ledger.positions(name, symbol) for name in self._exchange.ledger.accounts()):
            self._exchange.keep_price(symbol)
        for algo in watching:
            moved = self._trailed(algo, self._exchange.last_price(symbol))
            if moved != algo:
                self._put(evolve(moved, updated_ms=at_ms))
            due = self._due(moved)
            if due is not None:
                self._trigger(moved, due, at_ms)

    def _price(self, algo: SimulatedAlgoOrder, by: str) -> Decimal:
        """Return the price that a trigger looks at. The index price is the last price."""
        return self._exchange.mark(algo.symbol) if by == "mark" else self._exchange.last_price(algo.symbol)

    def _trailed(self, algo: SimulatedAlgoOrder, price: Decimal) -> SimulatedAlgoOrder:
        if algo.type != TRAILING:
            return algo
        if algo.best is None:
            assert algo.active_price is not None
            is_active = price >= algo.active_price if algo.side is Side.SELL else price <= algo.active_price
            return evolve(algo, best=price) if is_active else algo
        best = max(algo.best, price) if algo.side is Side.SELL else min(algo.best, price)
        return evolve(algo, best=best)

    def _due(self, algo: SimulatedAlgoOrder) -> _DueOrder | None:
        is_sell = algo.side is Side.SELL
        if algo.type == TRIGGER:
            assert algo.trigger is not None
            price = self._price(algo, algo.trigger_by)
            is_reached = price >= algo.trigger if algo.triggers_on_rise else price <= algo.trigger
            return _DueOrder("", _limit(algo.trigger_price)) if is_reached else None
        if algo.type == TRAILING:
            stop, price = algo.stop, self._exchange.last_price(algo.symbol)
            is_reached = stop is not None and (price <= stop if is_sell else price >= stop)
            return _DueOrder("", None) if is_reached else None
        if algo.stop_trigger is not None:
            price = self._price(algo, algo.stop_by)
            if price <= algo.stop_trigger if is_sell else price >= algo.stop_trigger:
                return _DueOrder(STOP, _limit(algo.stop_price))
        if algo.take_trigger is not None:
            price = self._price(algo, algo.take_by)
            if price >= algo.take_trigger if is_sell else price <= algo.take_trigger:
                return _DueOrder(TAKE, _limit(algo.take_price))
        return None

    def _trigger(self, algo: SimulatedAlgoOrder, due: _DueOrder, at_ms: int) -> None:
        request = OkxOrderRequest(
            symbol=algo.symbol,
            instrument_type=algo.instrument_type,
            trade_mode=algo.trade_mode,
            side=algo.side,
            position_side=algo.position_side,
            type="market" if due.price is None else "limit",
            size=algo.size,
            price=due.price,
            target=algo.target if due.price is None else (BASE_UNITS if algo.target else ""),
            tag=algo.tag,
            is_reduce_only=algo.is_reduce_only,
            algo_id=algo.algo_id,
            algo_client_id=algo.client_id,
            source=SOURCES[algo.type],
        )
        triggered = evolve(algo, actual_side=due.side, trigger_ms=at_ms, updated_ms=at_ms)
        try:
            order = self._desk.place(algo.account, request, at_ms)
        except OkxOrderRefusal as refusal:
            self._put(evolve(triggered, state="order_failed", fail_code=refusal.code))
            return
        self._put(evolve(triggered, state="effective", order_id=order.order_id))

    def _put(self, algo: SimulatedAlgoOrder) -> None:
        self._algos[algo.algo_id] = algo
        self._changed[algo.algo_id] = None
        self._exchange.note(AlgoOrderChange(algo=algo))


def _limit(price: Decimal | None) -> Decimal | None:
    return None if price is None or price == AT_MARKET else price


def _check_prices(algo: SimulatedAlgoOrder, last: Decimal) -> None:
    """Refuse a stop or take profit that would trigger at once."""
    is_buy = algo.side is Side.BUY
    if algo.take_trigger is not None:
        if is_buy and algo.take_trigger > last:
            raise OkxOrderRefusal("51277", "TP trigger price can not be higher than the last price")
        if not is_buy and algo.take_trigger < last:
            raise OkxOrderRefusal("51279", "TP trigger price can not be lower than the last price")
    if algo.stop_trigger is not None:
        if is_buy and algo.stop_trigger < last:
            raise OkxOrderRefusal("51278", "SL trigger price can not be lower than the last price")
        if not is_buy and algo.stop_trigger > last:
            raise OkxOrderRefusal("51280", "SL trigger price can not be higher than the last price")
