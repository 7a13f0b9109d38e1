"""A second implementation of `engine.MatchingEngine` for tests and benchmarks: flat lists, scanned for every question.

It shares commands, events, state and the form rules with the fast engine, and none of its algorithms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from cadenza.domain.market.enums import Side
from cadenza.exchange.commands import (
    AdvanceTime,
    CancelRequest,
    EngineCommand,
    EngineTimeInForce,
    NewOrder,
    OrderKind,
    PublicTrade,
    ReduceOrder,
    ResetMarket,
    SetLevel,
)
from cadenza.exchange.events import (
    Accepted,
    Canceled,
    CancelRejected,
    CancelRejectReason,
    EngineCancelReason,
    EngineEvent,
    EngineRejectReason,
    Expired,
    Filled,
    Rejected,
    Triggered,
    TriggerMoved,
)
from cadenza.exchange.orders import LIMIT_KINDS, is_well_formed
from cadenza.exchange.state import (
    CLOSED_ORDER_IDS_MAX,
    OPEN_ORDERS_MAX,
    EngineState,
    FillEstimate,
    MarketLevel,
    OpenOrder,
)

RISING_BUY = set(OrderKind) - {OrderKind.MARKET, OrderKind.LIMIT, OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT}


@dataclass(frozen=True, slots=True)
class Portion:
    """A piece of the queue: some market quantity, or an own order."""

    price: int
    quantity: int
    order: OpenOrder | None


class NaiveMatchingEngine:
    """Same interface, same answers, no index."""

    def __init__(
        self, *, open_orders_max: int = OPEN_ORDERS_MAX, closed_order_ids_max: int = CLOSED_ORDER_IDS_MAX
    ) -> None:
        self._open_orders_max = open_orders_max
        self._closed_order_ids_max = closed_order_ids_max
        self._events: list[EngineEvent] = []
        self.restore(EngineState())

    def restore(self, state: EngineState) -> None:
        self._market = {(level.side, level.price): (level.displayed, level.taken) for level in state.market_levels}
        self._closed = list(state.closed_order_ids)
        self._last_price: int | None = state.last_price
        self._sequence: int = max([state.sequence, *(order.sequence for order in state.orders)])
        self._trade_sequence: int = state.trade_sequence
        self._now_ms: int = state.now_ms
        self._taking: str | None = None  # the order that is trading now, not in the book yet
        self._orders: list[OpenOrder] = []
        for order in sorted(state.orders, key=lambda order: order.sequence):
            ahead = 0
            if order.stop_price is None or order.is_triggered:
                before = [other.queue_ahead for other in self._resting(order.side, _limit(order))]
                ahead = max([*before, min(order.queue_ahead, self._available(order.side, _limit(order)))])
            self._orders.append(replace(order, queue_ahead=ahead))

    # Commands

    def apply(self, command: EngineCommand) -> list[EngineEvent]:
        self._events = []
        self._now_ms = max(self._now_ms, command.at_ms)
        for order in sorted(self._orders, key=lambda order: (order.expire_at_ms or 0, order.sequence)):
            if order.expire_at_ms is not None and order.expire_at_ms <= self._now_ms:
                self._events.append(Expired(order.order_id, order.remaining))
                self._close(order)
        match command:
            case SetLevel():
                self._display(command.side, command.price, command.quantity)
                self._arrive(command.side, command.price)
            case ResetMarket():
                self._reset(command)
            case PublicTrade():
                self._print(command)
            case NewOrder():
                self._submit(command)
            case CancelRequest():
                self._cancel_by_id(command.order_id)
            case ReduceOrder():
                self._reduce(command.order_id, command.remaining)
            case AdvanceTime():
                pass
            case _:
                assert_never(command)
        return self._events

    def _display(self, side: Side, price: int, quantity: int) -> None:
        taken = min(self._market.get((side, price), (0, 0))[1], quantity)
        self._market.pop((side, price), None)
        if quantity:
            self._market[side, price] = (quantity, taken)
        for order in self._resting(side, price):
            self._put(replace(order, queue_ahead=min(order.queue_ahead, quantity - taken)))

    def _reset(self, command: ResetMarket) -> None:
        wanted = [(Side.BUY, *level) for level in command.bids] + [(Side.SELL, *level) for level in command.asks]
        for side, price in list(self._market):
            if (side, price) not in [(other, there) for other, there, _ in wanted]:
                self._display(side, price, 0)
        for side, price, quantity in wanted:
            self._display(side, price, quantity)
        for price in sorted((price for price, _ in command.bids), reverse=True):
            self._arrive(Side.BUY, price)
        for price in sorted(price for price, _ in command.asks):
            self._arrive(Side.SELL, price)

    def _arrive(self, side: Side, price: int) -> None:
        for order in self._resting(side.opposite):
            quantity = min(self._available(side, price), order.remaining)
            if quantity and _accepts(side, price, _limit(order)):
                displayed, taken = self._market[side, price]
                self._market[side, price] = (displayed, taken + quantity)
                self._make_against_market(order, quantity)

    def _print(self, command: PublicTrade) -> None:
        left = command.quantity
        for order_id in [order.order_id for order in self._resting(command.aggressor_side.opposite)]:
            order = self._find(order_id)
            assert order is not None
            if not _accepts(command.aggressor_side, command.price, _limit(order)):
                continue
            if _limit(order) == command.price:
                passed = min(left, order.queue_ahead)
                self._move_up(order, passed)
                left -= passed
            quantity = min(left, order.remaining)
            if quantity:
                left -= quantity
                self._make_against_market(self._get(order_id), quantity)
        self._last_price = command.price
        self._trigger(command.price)

    def _make_against_market(self, order: OpenOrder, quantity: int) -> None:
        order = self._get(order.order_id)
        self._move_up(order, order.queue_ahead)
        self._trade_sequence += 1
        self._fill(order.order_id, _limit(order), quantity, True, None)

    def _move_up(self, first: OpenOrder, quantity: int) -> None:
        """Market quantity before the first own order of a price is done with: all own orders there move up."""
        for order in self._resting(first.side, _limit(first)):
            self._put(replace(order, queue_ahead=max(0, order.queue_ahead - quantity)))

    def _submit(self, command: NewOrder) -> None:
        stop_price, distance, reason = self._judge(command)
        if reason is not None:
            self._events.append(Rejected(command.order_id, reason))
            return
        self._sequence += 1
        order = OpenOrder(
            order_id=command.order_id,
            account_id=command.account_id,
            side=command.side,
            kind=command.kind,
            quantity=command.quantity,
            remaining=command.quantity,
            limit_price=command.limit_price,
            stop_price=stop_price,
            trail_distance=distance,
            time_in_force=command.time_in_force,
            expire_at_ms=command.expire_at_ms,
            is_triggered=False,
            sequence=self._sequence,
            queue_ahead=0,
        )
        self._events.append(Accepted(order.order_id, self._now_ms, stop_price))
        if stop_price is None:
            self._execute(order)
        else:
            self._orders.append(order)

    def _judge(self, command: NewOrder) -> tuple[int | None, int | None, EngineRejectReason | None]:
        """(stop price, trail distance, reason to refuse)."""
        if not is_well_formed(command):
            return None, None, EngineRejectReason.INVALID
        if self._find(command.order_id) is not None or command.order_id in self._closed:
            return None, None, EngineRejectReason.DUPLICATE_ORDER_ID
        if len(self._orders) >= self._open_orders_max:
            return None, None, EngineRejectReason.TOO_MANY_OPEN_ORDERS
        if command.expire_at_ms is not None and command.expire_at_ms <= self._now_ms:
            return None, None, EngineRejectReason.EXPIRE_TIME_PASSED
        best = self.best_ask() if command.side is Side.BUY else self.best_bid()
        if command.kind is OrderKind.LIMIT and command.time_in_force is EngineTimeInForce.GTX and best is not None:
            assert command.limit_price is not None
            if _accepts(command.side, command.limit_price, best):
                return None, None, EngineRejectReason.POST_ONLY_WOULD_TAKE
        if command.stop_price is None and command.trail_distance is None:
            return None, None, None
        reference = self.best_displayed(command.side.opposite) if self._last_price is None else self._last_price
        return self._judge_stop(command, reference)

    def _judge_stop(
        self, command: NewOrder, reference: int | None
    ) -> tuple[int | None, int | None, EngineRejectReason | None]:
        stop, distance = command.stop_price, command.trail_distance
        if command.kind is OrderKind.TRAILING_STOP:
            if reference is None:
                return None, None, EngineRejectReason.NO_REFERENCE_PRICE
            if stop is None:
                assert distance is not None
                stop = reference + distance if command.side is Side.BUY else reference - distance
            distance = abs(reference - stop)
        assert stop is not None
        if stop <= 0:
            return None, None, EngineRejectReason.INVALID
        if reference is not None and _reached(command.side, command.kind, stop, reference):
            return None, None, EngineRejectReason.STOP_WOULD_TRIGGER
        return stop, distance, None

    def _cancel_by_id(self, order_id: str) -> None:
        order = self._find(order_id)
        if order is not None:
            self._cancel(order, EngineCancelReason.USER)
        elif order_id in self._closed:
            self._events.append(CancelRejected(order_id, CancelRejectReason.ALREADY_CLOSED))
        else:
            self._events.append(CancelRejected(order_id, CancelRejectReason.UNKNOWN_ORDER))

    def _reduce(self, order_id: str, remaining: int) -> None:
        order = self._find(order_id)
        if order is None:
            self._cancel_by_id(order_id)
        elif remaining < order.remaining:
            less = order.remaining - remaining
            reduced = replace(order, quantity=order.quantity - less, remaining=remaining)
            self._orders[self._orders.index(order)] = reduced

    # Taking and resting

    def _execute(self, order: OpenOrder) -> None:
        self._orders.append(order)
        self._taking = order.order_id
        queue = self._queue(order.side.opposite, order.limit_price)
        if order.time_in_force is EngineTimeInForce.GTX and queue:
            self._cancel(order, EngineCancelReason.POST_ONLY_WOULD_TAKE)
            return
        before_own = _until_account(queue, order.account_id)
        if (
            order.time_in_force is EngineTimeInForce.FOK
            and sum(portion.quantity for portion in before_own) < order.remaining
        ):
            self._cancel(order, EngineCancelReason.FOK_UNFILLABLE)
            return
        for portion in before_own:
            left = self._find(order.order_id)
            if left is None:
                return
            self._take(left, portion, min(left.remaining, portion.quantity))
        remainder = self._find(order.order_id)
        if remainder is None:
            return
        if len(before_own) < len(queue):
            self._cancel(remainder, EngineCancelReason.SELF_TRADE)
        elif order.kind in LIMIT_KINDS and order.time_in_force not in (EngineTimeInForce.IOC, EngineTimeInForce.FOK):
            ahead = self._available(order.side, _limit(order))
            self._orders.remove(remainder)
            self._orders.append(replace(remainder, queue_ahead=ahead))
            self._taking = None
        else:
            self._cancel(remainder, EngineCancelReason.IOC_REMAINDER)

    def _take(self, taker: OpenOrder, portion: Portion, quantity: int) -> None:
        self._trade_sequence += 1
        if portion.order is None:
            passive = taker.side.opposite
            displayed, taken = self._market[passive, portion.price]
            self._market[passive, portion.price] = (displayed, taken + quantity)
            for order in self._resting(passive, portion.price):
                self._put(replace(order, queue_ahead=max(0, order.queue_ahead - quantity)))
            self._fill(taker.order_id, portion.price, quantity, False, None)
        else:
            self._fill(portion.order.order_id, portion.price, quantity, True, taker.order_id)
            self._fill(taker.order_id, portion.price, quantity, False, portion.order.order_id)

    def _queue(self, side: Side, limit: int | None) -> list[Portion]:
        """All that a taker with this limit meets on `side`, in order."""
        prices = {price for there, price in self._market if there is side} | {
            _limit(order) for order in self._resting(side)
        }
        queue: list[Portion] = []
        for price in sorted(prices, reverse=side is Side.BUY):
            if limit is not None and not _accepts(side.opposite, limit, price):
                continue
            passed = 0
            for order in self._resting(side, price):
                queue.append(Portion(price, order.queue_ahead - passed, None))
                queue.append(Portion(price, order.remaining, order))
                passed = order.queue_ahead
            queue.append(Portion(price, self._available(side, price) - passed, None))
        return [portion for portion in queue if portion.quantity]

    def _fill(self, order_id: str, price: int, quantity: int, is_maker: bool, contra: str | None) -> None:
        order = self._get(order_id)
        left = replace(order, remaining=order.remaining - quantity)
        self._put(left)
        self._events.append(
            Filled(
                self._trade_sequence,
                order_id,
                order.account_id,
                order.side,
                price,
                quantity,
                left.remaining,
                is_maker,
                contra,
            )
        )
        if not left.remaining:
            self._close(left)

    # Triggers

    def _trigger(self, price: int) -> None:
        waiting = [o for o in self._by_sequence() if o.stop_price is not None and not o.is_triggered]
        for order in waiting:
            if order.trail_distance is not None:
                assert order.stop_price is not None
                if order.side is Side.SELL:
                    stop = max(order.stop_price, price - order.trail_distance)
                else:
                    stop = min(order.stop_price, price + order.trail_distance)
                if stop != order.stop_price:
                    self._put(replace(order, stop_price=stop))
                    self._events.append(TriggerMoved(order.order_id, stop))
        now = [self._get(order.order_id) for order in waiting]
        for order in now:
            if order.stop_price is not None and _reached(order.side, order.kind, order.stop_price, price):
                self._events.append(Triggered(order.order_id, self._now_ms))
                self._orders.remove(order)
                self._sequence += 1
                self._execute(replace(order, is_triggered=True, sequence=self._sequence))

    # The list of orders

    def _by_sequence(self) -> list[OpenOrder]:
        return sorted(self._orders, key=lambda order: order.sequence)

    def _resting(self, side: Side, price: int | None = None) -> list[OpenOrder]:
        """Orders in the book, best price first, then by time."""
        resting = [
            order
            for order in self._orders
            if order.side is side
            and order.order_id != self._taking
            and (order.stop_price is None or order.is_triggered)
            and (price is None or order.limit_price == price)
        ]
        return sorted(resting, key=lambda order: (-_limit(order) * side.sign, order.sequence))

    def _find(self, order_id: str) -> OpenOrder | None:
        return next((order for order in self._orders if order.order_id == order_id), None)

    def _get(self, order_id: str) -> OpenOrder:
        order = self._find(order_id)
        assert order is not None
        return order

    def _put(self, order: OpenOrder) -> None:
        self._orders = [order if other.order_id == order.order_id else other for other in self._orders]

    def _cancel(self, order: OpenOrder, reason: EngineCancelReason) -> None:
        self._events.append(Canceled(order.order_id, reason, order.remaining))
        self._close(order)

    def _close(self, order: OpenOrder) -> None:
        self._orders = [other for other in self._orders if other.order_id != order.order_id]
        self._closed.append(order.order_id)
        self._closed = self._closed[max(0, len(self._closed) - self._closed_order_ids_max) :]
        if order.order_id == self._taking:
            self._taking = None

    def _available(self, side: Side, price: int) -> int:
        displayed, taken = self._market.get((side, price), (0, 0))
        return displayed - taken

    # Reading

    @property
    def last_price(self) -> int | None:
        return self._last_price

    def best_bid(self) -> int | None:
        return next((price for price, _ in self.depth(Side.BUY, 1)), None)

    def best_ask(self) -> int | None:
        return next((price for price, _ in self.depth(Side.SELL, 1)), None)

    def best_displayed(self, side: Side) -> int | None:
        prices = [price for there, price in self._market if there is side]
        return None if not prices else max(prices) if side is Side.BUY else min(prices)

    def depth(self, side: Side, levels_max: int) -> list[tuple[int, int]]:
        return _by_price(self._queue(side, None))[:levels_max]

    def market_depth(self, side: Side, levels_max: int) -> list[tuple[int, int]]:
        return _by_price([portion for portion in self._queue(side, None) if portion.order is None])[:levels_max]

    def cost_to_fill(
        self, side: Side, quantity: int, *, limit_price: int | None = None, account_id: str | None = None
    ) -> FillEstimate:
        filled = cost = 0
        for portion in _until_account(self._queue(side.opposite, limit_price), account_id):
            traded = min(quantity - filled, portion.quantity)
            filled += traded
            cost += traded * portion.price
        return FillEstimate(filled, cost)

    def order(self, order_id: str) -> OpenOrder | None:
        return self._find(order_id)

    def open_orders(self) -> list[OpenOrder]:
        return self._by_sequence()

    # Keeping

    def snapshot(self) -> EngineState:
        levels = [MarketLevel(side, price, *amounts) for (side, price), amounts in self._market.items()]
        bids = sorted((level for level in levels if level.side is Side.BUY), key=lambda level: -level.price)
        asks = sorted((level for level in levels if level.side is Side.SELL), key=lambda level: level.price)
        return EngineState(
            orders=tuple(self._by_sequence()),
            market_levels=(*bids, *asks),
            closed_order_ids=tuple(self._closed),
            last_price=self._last_price,
            sequence=self._sequence,
            trade_sequence=self._trade_sequence,
            now_ms=self._now_ms,
        )

    def state_hash(self) -> str:
        return self.snapshot().hash()


def _limit(order: OpenOrder) -> int:
    assert order.limit_price is not None
    return order.limit_price


def _accepts(taker_side: Side, taker_limit: int, price: int) -> bool:
    """Whether a taker of that side with that limit trades at `price`."""
    return price <= taker_limit if taker_side is Side.BUY else price >= taker_limit


def _reached(side: Side, kind: OrderKind, stop: int, price: int) -> bool:
    if (kind in RISING_BUY) == (side is Side.BUY):
        return price >= stop
    return price <= stop


def _until_account(queue: list[Portion], account_id: str | None) -> list[Portion]:
    """The queue up to the first order of that account."""
    for index, portion in enumerate(queue):
        if portion.order is not None and portion.order.account_id == account_id:
            return queue[:index]
    return queue


def _by_price(queue: list[Portion]) -> list[tuple[int, int]]:
    totals: dict[int, int] = {}
    for portion in queue:
        totals[portion.price] = totals.get(portion.price, 0) + portion.quantity
    return list(totals.items())
