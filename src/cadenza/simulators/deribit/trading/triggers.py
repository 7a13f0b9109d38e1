"""Trigger orders: they wait until a price is reached, and then become other orders with ids of their own.

No margin is checked before that, so the new order may be refused at that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.trading.desk import OrderDesk, check_deadline, check_open
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.order_request import TRAILING, DeribitOrderRequest, OrderChange
from cadenza.simulators.deribit.trading.records import DeribitOrder
from cadenza.simulators.deribit.wire.errors import (
    DeribitRefusal,
    invalid_params,
    no_more_triggers,
    other_reject,
    price_wrong_tick,
    trigger_price_too_high,
    trigger_price_too_low,
    trigger_price_wrong_tick,
)

TAKES = frozenset({"take_limit", "take_market"})
WITH_LIMIT = frozenset({"stop_limit", "take_limit"})
WAITING_MAX = 100
"""Orders of an account that may wait in an instrument."""


@dataclass(frozen=True, slots=True)
class TriggerEnd:
    """How a trigger order ended, as its history tells it. `order_id` is the order that it became."""

    order: DeribitOrder
    request: str
    state: str
    order_id: str | None
    at_ms: int


class TriggerDesk:
    """Raises `DeribitRefusal` for what the venue refuses, and then nothing has changed."""

    def __init__(self, exchange: DeribitExchange, desk: OrderDesk) -> None:
        self._exchange = exchange
        self._desk = desk
        exchange.on_price = self._on_price

    def place(
        self, account: str, request: DeribitOrderRequest, at_ms: int, *, connection: int | None = None
    ) -> DeribitOrder:
        """Accept an order that waits for its trigger."""
        instrument = self._desk.tradable(request.instrument)
        check_deadline(request.valid_until_ms, at_ms)
        assert request.trigger is not None
        if request.price is not None and not instrument.is_on_tick(request.price):
            raise price_wrong_tick()
        waiting = [each for each in self._exchange.orders.waiting(instrument.name) if each.account == account]
        if len(waiting) >= WAITING_MAX:
            raise no_more_triggers(WAITING_MAX)
        price = self._price(instrument.name, request.trigger)
        is_trailing = request.type == TRAILING
        trigger_price = request.trigger_price
        if is_trailing:
            assert request.trigger_offset is not None
            trigger_price = price + request.side.sign * request.trigger_offset
            if trigger_price <= 0:
                raise trigger_price_too_low()
        assert trigger_price is not None
        self._check_trigger(request.side, request.type, instrument.is_on_tick(trigger_price), trigger_price, price)
        if request.is_reduce_only and not self._desk.closable(account, instrument.name, request.side):
            raise other_reject("reduce_direction")
        order = DeribitOrder(
            id=self._exchange.new_trigger_id(instrument, request.trigger, request.side),
            account=account,
            instrument=instrument.name,
            side=request.side,
            type=request.type,
            original_type=None,
            time_in_force=request.time_in_force,
            amount=request.amount,
            price=request.price,
            label=request.label,
            is_post_only=request.is_post_only,
            rejects_post_only=request.rejects_post_only,
            is_reduce_only=request.is_reduce_only,
            display=request.display,
            trigger=request.trigger,
            trigger_price=trigger_price,
            trigger_offset=request.trigger_offset,
            peak=price if is_trailing else None,
            state="untriggered",
            connection=connection,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        self._exchange.put(order)
        return order

    def edit(self, order: DeribitOrder, change: OrderChange, at_ms: int) -> DeribitOrder:
        """Change an order that waits."""
        check_open(order, is_edit=True)
        instrument = self._desk.tradable(order.instrument)
        check_deadline(change.valid_until_ms, at_ms)
        assert order.trigger is not None
        if order.type == TRAILING and change.trigger_price is not None:
            raise invalid_params("trigger_price", f"not supported for {order.type} orders")
        if change.price is not None and not instrument.is_on_tick(change.price):
            raise price_wrong_tick()
        trigger_price, offset = change.trigger_price or order.trigger_price, order.trigger_offset
        if order.type == TRAILING and change.trigger_offset:
            offset = change.trigger_offset
            assert order.peak is not None
            trigger_price = order.peak + order.side.sign * offset
        assert trigger_price is not None
        latest = self._price(order.instrument, order.trigger)
        self._check_trigger(order.side, order.type, instrument.is_on_tick(trigger_price), trigger_price, latest)
        edited = evolve(
            order,
            amount=change.amount or order.amount,
            price=(change.price or order.price) if order.type in WITH_LIMIT else None,
            trigger_price=trigger_price,
            trigger_offset=offset,
            is_post_only=order.is_post_only if change.is_post_only is None else change.is_post_only,
            rejects_post_only=change.rejects_post_only,
            is_reduce_only=order.is_reduce_only if change.is_reduce_only is None else change.is_reduce_only,
            is_replaced=True,
            updated_ms=at_ms,
        )
        self._exchange.put(edited)
        return edited

    def watch_index(self, index: str, at_ms: int) -> None:
        """Compare those that wait in instruments of an index with the present prices."""
        for name, instrument in self._exchange.instruments.items():
            if instrument.index == index:
                self.watch(name, at_ms)

    def watch(self, name: str, at_ms: int) -> None:
        """Compare those that wait in an instrument with the present prices: move trailing stops, and trigger what is
        reached."""
        if self._exchange.state(name) != "open":
            return
        for order in self._exchange.orders.waiting(name):
            assert order.trigger is not None
            moved = _followed(order, self._price(name, order.trigger), at_ms)
            if moved is not order:
                self._exchange.put(moved)
            assert moved.trigger_price is not None
            if _is_reached(moved.side, moved.type, moved.trigger_price, self._price(name, order.trigger)):
                self._trigger(moved, at_ms)

    def ends(self, account: str) -> list[TriggerEnd]:
        """Return how the trigger orders of an account ended, the latest first."""
        became = {order.trigger_order_id: order.id for order in self._exchange.orders.newest_first(account)}
        ended = [
            TriggerEnd(
                order=order,
                request="cancel" if order.state == "cancelled" else "trigger:order",
                state=order.state if order.state != "rejected" else f"rejected:{order.cancel_reason}",
                order_id=became.get(order.id),
                at_ms=order.updated_ms,
            )
            for order in self._exchange.orders.newest_first(account)
            if order.trigger is not None and not order.is_open
        ]
        return sorted(ended, key=lambda end: -end.at_ms)

    # Helpers

    def _on_price(self, name: str, at_ms: int) -> None:
        exchange = self._exchange
        if exchange.orders.waiting(name) or exchange.ledger.holders(name):
            exchange.keep_price(name)
        self.watch(name, at_ms)

    def _price(self, name: str, trigger: str) -> Decimal:
        exchange = self._exchange
        match trigger:
            case "mark_price":
                return exchange.prices.mark(name)
            case "index_price":
                return exchange.prices.index(exchange.instruments[name].index)
            case "last_price":
                return exchange.last_price(name)
        raise AssertionError(trigger)

    def _check_trigger(self, side: Side, type: str, is_on_tick: bool, trigger: Decimal, price: Decimal) -> None:
        """Refuse a trigger that is reached already."""
        if not is_on_tick and type != TRAILING:
            raise trigger_price_wrong_tick()
        if _is_reached(side, type, trigger, price):
            raise trigger_price_too_low() if _triggers_on_rise(side, type) else trigger_price_too_high()

    def _trigger(self, order: DeribitOrder, at_ms: int) -> None:
        self._exchange.put(evolve(order, state="triggered", updated_ms=at_ms))
        is_limit = order.type in WITH_LIMIT
        request = DeribitOrderRequest(
            instrument=order.instrument,
            side=order.side,
            type="limit" if is_limit else "market",
            amount=order.amount,
            time_in_force=order.time_in_force,
            price=order.price if is_limit else None,
            label=order.label,
            is_post_only=order.is_post_only,
            rejects_post_only=order.rejects_post_only,
            is_reduce_only=order.is_reduce_only,
            display=order.display,
        )
        try:
            self._desk.place(order.account, request, at_ms, connection=order.connection, trigger_order_id=order.id)
        except DeribitRefusal as refusal:
            reason = refusal.data["reason"] if refusal.data and "reason" in refusal.data else refusal.message
            self._exchange.put(evolve(order, state="rejected", cancel_reason=str(reason), updated_ms=at_ms))


def _triggers_on_rise(side: Side, type: str) -> bool:
    return (side is Side.BUY) is not (type in TAKES)


def _is_reached(side: Side, type: str, trigger: Decimal, price: Decimal) -> bool:
    return price >= trigger if _triggers_on_rise(side, type) else price <= trigger


def _followed(order: DeribitOrder, price: Decimal, at_ms: int) -> DeribitOrder:
    """Return a trailing stop after a price: a BUY follows the lowest one, a SELL the highest."""
    if order.peak is None or (price - order.peak) * order.side.sign >= 0:
        return order
    assert order.trigger_offset is not None
    trigger_price = price + order.side.sign * order.trigger_offset
    return evolve(order, peak=price, trigger_price=trigger_price, updated_ms=at_ms)
