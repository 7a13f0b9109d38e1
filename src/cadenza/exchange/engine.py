"""The matching engine of one instrument. It matches own orders with a displayed market and with each other.

The rules are in docs/concepts/matching.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import assert_never

from cadenza.domain.market.enums import Side
from cadenza.exchange.book import BookSide, PriceLevel
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
from cadenza.exchange.orders import TRIGGER_KINDS, WorkingOrder, is_well_formed, triggers_on_rise
from cadenza.exchange.ranking import Ranking
from cadenza.exchange.state import CLOSED_ORDER_IDS_MAX, OPEN_ORDERS_MAX, EngineState, FillEstimate, OpenOrder
from cadenza.exchange.triggers import TriggerBook


class MatchingEngine:
    """Takes commands and answers events. It is deterministic, uses integers only and takes the time from the commands.

    A command costs O(log n) in orders and levels, plus what it trades, triggers or moves, plus a walk over the own
    orders at one price when the market shrinks there. With `open_orders_max` open orders a new order is rejected. The
    engine remembers the ids of the last `closed_order_ids_max` closed orders; an older id counts as unknown.
    """

    def __init__(
        self, *, open_orders_max: int = OPEN_ORDERS_MAX, closed_order_ids_max: int = CLOSED_ORDER_IDS_MAX
    ) -> None:
        self._open_orders_max = open_orders_max
        self._closed_order_ids_max = closed_order_ids_max
        self._events: list[EngineEvent] = []  # of the current command
        self.restore(EngineState())

    def restore(self, state: EngineState) -> None:
        """Replace everything with that state. A `queue_ahead` larger than what is available at its price is reduced."""
        self._sides = {Side.BUY: BookSide(Side.BUY), Side.SELL: BookSide(Side.SELL)}
        self._triggers = TriggerBook()
        self._expiries = Ranking()
        self._expiring: dict[int, WorkingOrder] = {}
        self._open: dict[str, WorkingOrder] = {}
        self._closed: OrderedDict[str, None] = OrderedDict.fromkeys(state.closed_order_ids)
        self._last_price: int | None = state.last_price
        self._sequence = max([state.sequence, *(order.sequence for order in state.orders)])
        self._trade_sequence: int = state.trade_sequence
        self._now_ms: int = state.now_ms
        for market in state.market_levels:
            self._sides[market.side].restore_market(market)
        for row in sorted(state.orders, key=lambda order: order.sequence):
            order = WorkingOrder.from_open(row)
            self._open[order.order_id] = order
            self._watch_expiry(order)
            if order.is_waiting:
                self._triggers.add(order)
            else:
                self._sides[order.side].join(order, row.queue_ahead)

    # Commands

    def apply(self, command: EngineCommand) -> list[EngineEvent]:
        """Execute one command completely, triggered orders included; return the events in the order of time."""
        self._events = []
        self._now_ms = max(self._now_ms, command.at_ms)
        self._expire_due()
        match command:
            case SetLevel():
                self._sides[command.side].display(command.price, command.quantity)
                self._meet_arrival(command.side, command.price)
            case PublicTrade():
                self._print(command)
            case NewOrder():
                self._submit(command)
            case CancelRequest():
                self._cancel_by_id(command.order_id)
            case ReduceOrder():
                self._reduce(command)
            case ResetMarket():
                self._reset_market(command)
            case AdvanceTime():
                pass
            case _:
                assert_never(command)
        return self._events

    def _submit(self, command: NewOrder) -> None:
        reason = self._refusal(command)
        stop_price: int | None = None
        distance: int | None = None
        if reason is None and command.kind in TRIGGER_KINDS:
            stop_price, distance = self._place_trigger(command)
            reason = self._trigger_refusal(command, stop_price, distance)
        if reason is not None:
            self._events.append(Rejected(command.order_id, reason))
            return
        self._sequence += 1
        order = WorkingOrder.from_command(command, stop_price, distance, self._sequence)
        self._open[order.order_id] = order
        self._watch_expiry(order)
        self._events.append(Accepted(order.order_id, self._now_ms, stop_price))
        if order.is_waiting:
            self._triggers.add(order)
        else:
            self._execute(order)

    def _refusal(self, command: NewOrder) -> EngineRejectReason | None:
        if not is_well_formed(command):
            return EngineRejectReason.INVALID
        if command.order_id in self._open or command.order_id in self._closed:
            return EngineRejectReason.DUPLICATE_ORDER_ID
        if len(self._open) >= self._open_orders_max:
            return EngineRejectReason.TOO_MANY_OPEN_ORDERS
        if command.expire_at_ms is not None and command.expire_at_ms <= self._now_ms:
            return EngineRejectReason.EXPIRE_TIME_PASSED
        is_post_only = command.kind is OrderKind.LIMIT and command.time_in_force is EngineTimeInForce.GTX
        if is_post_only and self._would_take(command.side, command.limit_price):
            return EngineRejectReason.POST_ONLY_WOULD_TAKE
        return None

    def _place_trigger(self, command: NewOrder) -> tuple[int | None, int | None]:
        """Return (stop price, trail distance); a trailing stop's missing one follows from the reference price."""
        stop_price, distance = command.stop_price, command.trail_distance
        reference = self._reference_price(command.side)
        if command.kind is not OrderKind.TRAILING_STOP or reference is None:
            return stop_price, distance
        if stop_price is not None:
            return stop_price, abs(reference - stop_price)
        assert distance is not None
        return reference + command.side.sign * distance, distance

    def _trigger_refusal(
        self, command: NewOrder, stop_price: int | None, distance: int | None
    ) -> EngineRejectReason | None:
        if stop_price is None or (command.kind is OrderKind.TRAILING_STOP and distance is None):
            return EngineRejectReason.NO_REFERENCE_PRICE
        if stop_price <= 0:
            return EngineRejectReason.INVALID
        reference = self._reference_price(command.side)
        if reference is None:
            return None
        on_rise = triggers_on_rise(command.side, command.kind)
        is_through = reference >= stop_price if on_rise else reference <= stop_price
        return EngineRejectReason.STOP_WOULD_TRIGGER if is_through else None

    def _reference_price(self, side: Side) -> int | None:
        """The price to compare a trigger with at acceptance: the last public trade, else the best price that the market
        displays on the other side."""
        return self._last_price if self._last_price is not None else self.best_displayed(side.opposite)

    def _would_take(self, side: Side, limit_price: int | None) -> bool:
        assert limit_price is not None
        return self._sides[side.opposite].reaches(limit_price)

    def _cancel_by_id(self, order_id: str) -> None:
        order = self._open.get(order_id)
        if order is not None:
            self._withdraw(order)
            self._cancel(order, EngineCancelReason.USER)
        elif order_id in self._closed:
            self._events.append(CancelRejected(order_id, CancelRejectReason.ALREADY_CLOSED))
        else:
            self._events.append(CancelRejected(order_id, CancelRejectReason.UNKNOWN_ORDER))

    def _reduce(self, command: ReduceOrder) -> None:
        order = self._open.get(command.order_id)
        if order is None:
            self._cancel_by_id(command.order_id)
            return
        less = max(0, order.remaining - command.remaining)
        order.quantity -= less
        order.remaining -= less
        if not order.is_waiting:
            self._sides[order.side].give(order, less)

    def _expire_due(self) -> None:
        if not self._expiries.has_reached(-self._now_ms):
            return
        due = [self._expiring[sequence] for sequence in self._expiries.sequences_reaching(-self._now_ms)]
        for order in sorted(due, key=lambda order: (order.expire_at_ms, order.sequence)):
            self._withdraw(order)
            self._events.append(Expired(order.order_id, order.remaining))
            self._close(order)

    # The market

    def _reset_market(self, command: ResetMarket) -> None:
        """Display the whole snapshot first, then let its levels trade with own orders."""
        arrivals = {Side.BUY: dict(command.bids), Side.SELL: dict(command.asks)}
        for side, levels in arrivals.items():
            for price in self._sides[side].market_prices():
                if price not in levels:
                    self._sides[side].display(price, 0)
            for price, quantity in levels.items():
                self._sides[side].display(price, quantity)
        for side, levels in arrivals.items():
            for price in sorted(levels, key=lambda price: -price * side.sign):
                self._meet_arrival(side, price)

    def _meet_arrival(self, side: Side, price: int) -> None:
        """Let a displayed level fill the own orders of the other side that it reaches, best first, at their own
        prices."""
        arriving, resting = self._sides[side], self._sides[side.opposite]
        while (level := resting.best_owned_level()) is not None and resting.is_within(level.price, price):
            quantity = min(arriving.available(price), level.orders[0].remaining)
            if not quantity:
                return
            arriving.take(price, quantity)
            self._fill_from_market(resting, level, quantity)

    def _print(self, command: PublicTrade) -> None:
        """A public trade first fills own orders at better prices, then works through the queue at its own price. Last,
        it triggers orders."""
        resting = self._sides[command.aggressor_side.opposite]
        left = command.quantity
        while (
            left and (level := resting.best_owned_level()) is not None and resting.is_within(level.price, command.price)
        ):
            if not resting.is_better(level.price, than=command.price):
                passed = min(left, level.orders[0].market_before)
                level.pass_queue(passed)
                left -= passed
            quantity = min(left, level.orders[0].remaining)
            if quantity:
                self._fill_from_market(resting, level, quantity)
                left -= quantity
        self._last_price = command.price
        self._run_triggers(command.price)

    def _fill_from_market(self, resting: BookSide, level: PriceLevel, quantity: int) -> None:
        """The first own order of the level trades with the market as maker. Nothing stands before it any more."""
        maker = level.orders[0]
        level.pass_queue(maker.market_before)
        self._trade_sequence += 1
        self._fill_maker(resting, maker, quantity, None)

    # Taking and resting

    def _execute(self, order: WorkingOrder) -> None:
        """Trade what can be traded at once. What is left rests or is canceled."""
        if order.time_in_force is EngineTimeInForce.GTX and self._would_take(order.side, order.limit_price):
            self._cancel(order, EngineCancelReason.POST_ONLY_WOULD_TAKE)
            return
        if order.time_in_force is EngineTimeInForce.FOK:
            estimate = self.cost_to_fill(
                order.side, order.remaining, limit_price=order.limit_price, account_id=order.account_id
            )
            if estimate.quantity < order.remaining:
                self._cancel(order, EngineCancelReason.FOK_UNFILLABLE)
                return
        met_itself = self._take(order)
        if not order.remaining:
            return
        if met_itself:
            self._cancel(order, EngineCancelReason.SELF_TRADE)
        elif order.may_rest:
            self._sides[order.side].join(order)
        else:
            self._cancel(order, EngineCancelReason.IOC_REMAINDER)

    def _take(self, taker: WorkingOrder) -> bool:
        """Trade with the other side, best first; return True if an order of the taker's own account stopped it."""
        side = self._sides[taker.side.opposite]
        while (
            taker.remaining
            and (level := side.best_level()) is not None
            and side.is_within(level.price, taker.limit_price)
        ):
            market = min(taker.remaining, level.market_at_front)
            if market:
                level.take_market(market)
                side.refresh(level)
                self._trade_sequence += 1
                self._fill_taker(taker, level.price, market, None)
                continue
            maker = level.orders[0]
            if maker.account_id == taker.account_id:
                return True
            quantity = min(taker.remaining, maker.remaining)
            self._trade_sequence += 1
            self._fill_maker(side, maker, quantity, taker.order_id)
            self._fill_taker(taker, level.price, quantity, maker.order_id)
        return False

    def _fill_maker(self, side: BookSide, maker: WorkingOrder, quantity: int, contra_order_id: str | None) -> None:
        self._fill(maker, maker.resting_price, quantity, True, contra_order_id)
        side.give(maker, quantity)
        if not maker.remaining:
            side.leave(maker)
            self._close(maker)

    def _fill_taker(self, taker: WorkingOrder, price: int, quantity: int, contra_order_id: str | None) -> None:
        self._fill(taker, price, quantity, False, contra_order_id)
        if not taker.remaining:
            self._close(taker)

    def _fill(
        self, order: WorkingOrder, price: int, quantity: int, is_maker: bool, contra_order_id: str | None
    ) -> None:
        order.remaining -= quantity
        assert order.remaining >= 0
        self._events.append(
            Filled(
                self._trade_sequence,
                order.order_id,
                order.account_id,
                order.side,
                price,
                quantity,
                order.remaining,
                is_maker,
                contra_order_id,
            )
        )

    # Triggers

    def _run_triggers(self, price: int) -> None:
        """Move trailing stops by a public trade, then trigger orders and execute them in turn. Their own trades trigger
        nothing."""
        for order in self._triggers.trail(price):
            assert order.stop_price is not None
            self._events.append(TriggerMoved(order.order_id, order.stop_price))
        for order in self._triggers.pop_reached(price):
            self._events.append(Triggered(order.order_id, self._now_ms))
            self._renew_sequence(order)
            order.is_triggered = True
            self._execute(order)

    def _renew_sequence(self, order: WorkingOrder) -> None:
        """Give a triggered order a new sequence: it arrives at the book now, behind all earlier orders."""
        self._forget_expiry(order)
        self._sequence += 1
        order.sequence = self._sequence
        self._watch_expiry(order)

    # Leaving

    def _withdraw(self, order: WorkingOrder) -> None:
        """Remove an open order from the book or from the waiting orders."""
        if order.is_waiting:
            self._triggers.remove(order)
        else:
            self._sides[order.side].leave(order)

    def _cancel(self, order: WorkingOrder, reason: EngineCancelReason) -> None:
        self._events.append(Canceled(order.order_id, reason, order.remaining))
        self._close(order)

    def _close(self, order: WorkingOrder) -> None:
        del self._open[order.order_id]
        self._forget_expiry(order)
        self._closed[order.order_id] = None
        if len(self._closed) > self._closed_order_ids_max:
            self._closed.popitem(last=False)

    def _watch_expiry(self, order: WorkingOrder) -> None:
        if order.expire_at_ms is not None:
            self._expiries.add(-order.expire_at_ms, order.sequence)
            self._expiring[order.sequence] = order

    def _forget_expiry(self, order: WorkingOrder) -> None:
        if order.expire_at_ms is not None:
            self._expiries.remove(-order.expire_at_ms, order.sequence)
            del self._expiring[order.sequence]

    # Reading

    @property
    def last_price(self) -> int | None:
        """The price of the last public trade. A trade of an own order does not count."""
        return self._last_price

    def best_bid(self) -> int | None:
        return self._sides[Side.BUY].best_price()

    def best_ask(self) -> int | None:
        return self._sides[Side.SELL].best_price()

    def best_displayed(self, side: Side) -> int | None:
        """The best price that the market itself displays, whatever own orders took there."""
        return self._sides[side].best_displayed()

    def depth(self, side: Side, levels_max: int) -> list[tuple[int, int]]:
        """Return (price, quantity), best first: the market's available quantity plus what own orders offer."""
        return [(level.price, level.total) for level in islice(self._sides[side].active_levels(), levels_max)]

    def market_depth(self, side: Side, levels_max: int) -> list[tuple[int, int]]:
        """Return (price, quantity), best first: the market's available quantity only."""
        levels = (level for level in self._sides[side].active_levels() if level.available)
        return [(level.price, level.available) for level in islice(levels, levels_max)]

    def cost_to_fill(
        self, side: Side, quantity: int, *, limit_price: int | None = None, account_id: str | None = None
    ) -> FillEstimate:
        """Return what a taker of `side` would get now, up to the first order of its own account."""
        passive = self._sides[side.opposite]
        left, cost = quantity, 0
        for level in passive.active_levels():
            if not left or not passive.is_within(level.price, limit_price):
                break
            fillable, stops = level.fillable(account_id, left)
            traded = min(left, fillable)
            left -= traded
            cost += traded * level.price
            if stops:
                break
        return FillEstimate(quantity - left, cost)

    def order(self, order_id: str) -> OpenOrder | None:
        """Return an open order in its present state; None when it is unknown or closed."""
        order = self._open.get(order_id)
        if order is None:
            return None
        return order.to_open(0 if order.is_waiting else self._sides[order.side].queue_ahead(order))

    def place_of(self, order_id: str) -> tuple[int, int, bool] | None:
        """Return (sequence, queue_ahead, is_triggered) of an open order, which only the engine knows; None when it is
        unknown or closed."""
        order = self._open.get(order_id)
        if order is None:
            return None
        queue_ahead = 0 if order.is_waiting else self._sides[order.side].queue_ahead(order)
        return order.sequence, queue_ahead, order.is_triggered

    def next_expiry_ms(self) -> int | None:
        """The instant at which the next order expires; None when no open order has an expiry.

        Events carry no time of their own: a caller that wants each expiry at its instant advances time to it first.
        """
        rank = self._expiries.highest()
        return None if rank is None else -rank

    def open_orders(self) -> list[OpenOrder]:
        """Return all open orders, waiting and resting, by sequence."""
        return sorted(self._open_orders(), key=lambda order: order.sequence)

    def _open_orders(self) -> Iterator[OpenOrder]:
        for order in self._open.values():
            if order.is_waiting:
                yield order.to_open(0)
        for side in self._sides.values():
            for level in side.active_levels():
                for order, ahead in zip(level.orders, level.queue_ahead_each(), strict=True):
                    yield order.to_open(ahead)

    # Keeping

    def snapshot(self) -> EngineState:
        return EngineState(
            orders=tuple(self.open_orders()),
            market_levels=tuple(level for side in self._sides.values() for level in side.market_levels()),
            closed_order_ids=tuple(self._closed),
            last_price=self._last_price,
            sequence=self._sequence,
            trade_sequence=self._trade_sequence,
            now_ms=self._now_ms,
        )

    def memory(self) -> EngineState:
        """Return what a venue must store besides the orders: the snapshot without orders and closed ids, and only
        those levels that own orders took from or rest on."""
        return EngineState(
            market_levels=tuple(level for side in self._sides.values() for level in side.memorable_levels()),
            last_price=self._last_price,
            sequence=self._sequence,
            trade_sequence=self._trade_sequence,
            now_ms=self._now_ms,
        )

    def state_hash(self) -> str:
        return self.snapshot().hash()
