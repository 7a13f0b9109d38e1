"""Orders of the book: the checks before the engine sees them, edits, cancels, and reduce-only orders that must fit."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.deribit.market.instruments import SPOT, DeribitInstrument
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.order_request import MARKET_LIMIT, DeribitOrderRequest, OrderChange
from cadenza.simulators.deribit.trading.records import MARKET_TYPES, DeribitOrder
from cadenza.simulators.deribit.wire.errors import (
    DeribitRefusal,
    already_filled,
    book_closed,
    invalid_params,
    no_price_for_post_only,
    not_enough_funds,
    not_open_order,
    order_overlap,
    other_reject,
    post_only_reject,
    price_wrong_tick,
    settlement_in_progress,
    timed_out,
)

USER_REQUEST = "user_request"
EDIT_POST_ONLY_REJECT = "edit_post_only_reject"
CANCELABLE_STATES = frozenset({"open", "locked", "halted"})


class OrderDesk:
    """Raises `DeribitRefusal` for what the venue refuses; then nothing has changed, except where it says otherwise."""

    def __init__(self, exchange: DeribitExchange) -> None:
        self._exchange = exchange
        exchange.on_fill = self.fit_reduce_only

    def place(
        self,
        account: str,
        request: DeribitOrderRequest,
        at_ms: int,
        *,
        connection: int | None = None,
        trigger_order_id: str | None = None,
    ) -> DeribitOrder:
        """Accept and execute an order that has no trigger."""
        instrument = self.tradable(request.instrument)
        check_deadline(request.valid_until_ms, at_ms)
        order = DeribitOrder(
            id="",
            account=account,
            instrument=instrument.name,
            side=request.side,
            type="limit" if request.type == MARKET_LIMIT else request.type,
            original_type=request.type if request.type == MARKET_LIMIT else None,
            time_in_force=request.time_in_force,
            amount=request.amount,
            price=self._price(instrument, request),
            label=request.label,
            is_post_only=request.is_post_only,
            rejects_post_only=request.rejects_post_only,
            is_reduce_only=request.is_reduce_only,
            display=request.display,
            trigger=None,
            trigger_price=None,
            trigger_offset=None,
            peak=None,
            state="open",
            trigger_order_id=trigger_order_id,
            connection=connection,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        checked = evolve(self._check(order), id=self._exchange.new_order_id(instrument))
        entered = self._exchange.enter(checked, at_ms)
        if entered.is_reduce_only:
            self.fit_reduce_only(account, instrument.name, at_ms)
        return self._exchange.orders.order(entered.id)

    def edit(self, order: DeribitOrder, change: OrderChange, at_ms: int) -> DeribitOrder:
        """Change an order that rests. A smaller amount at the same price keeps its place in the queue. One that would
        take although it must not is canceled."""
        check_open(order, is_edit=True)
        instrument = self.tradable(order.instrument)
        check_deadline(change.valid_until_ms, at_ms)
        edited = self._edited(order, instrument, change, at_ms)
        if edited.price == order.price and edited.amount <= order.amount and edited.display is None:
            if edited.amount < order.amount:
                edited = self._exchange.reduce(edited, edited.amount, at_ms)
            self._exchange.put(edited)
        else:
            edited = self._replace(order, edited, at_ms)
        if edited.is_reduce_only:
            self.fit_reduce_only(order.account, instrument.name, at_ms)
        return self._exchange.orders.order(order.id)

    def cancel(self, order: DeribitOrder, at_ms: int, reason: str = USER_REQUEST) -> DeribitOrder:
        check_open(order, is_edit=False)
        if self._exchange.state(order.instrument) not in CANCELABLE_STATES:
            raise book_closed()
        return self._exchange.close(order, reason, at_ms)

    def tradable(self, name: str) -> DeribitInstrument:
        """Return an instrument that takes orders now."""
        instrument = self._exchange.instrument(name)
        state = self._exchange.state(name)
        if state == "settlement":
            raise settlement_in_progress()
        if state != "open":
            raise book_closed()
        return instrument

    def closable(self, account: str, instrument: str, side: Side) -> Decimal:
        """Return how much an order of that side can close of a position."""
        size = self._exchange.ledger.position(account, instrument).size
        return abs(size) if size * side.sign < 0 else ZERO

    def fit_reduce_only(self, account: str, instrument: str, at_ms: int) -> None:
        """Make the reduce-only orders smaller that want to close more than there is. The first that can be executed
        keeps its amount. Source: insights.deribit.com, "Introduction to reduce-only"."""
        exchange = self._exchange
        for side in Side:
            resting = [
                order
                for order in exchange.orders.open_orders(account)
                if order.instrument == instrument and order.is_reduce_only and order.side is side
            ]
            left = self.closable(account, instrument, side)
            for order in sorted((each for each in resting if not each.is_waiting), key=_priority):
                fitting = min(order.remaining, left)
                left -= fitting
                if not fitting:
                    exchange.close(order, None, at_ms)
                elif fitting < order.remaining:
                    exchange.put(exchange.reduce(order, order.filled + fitting, at_ms))

    # Helpers

    def _price(self, instrument: DeribitInstrument, request: DeribitOrderRequest) -> Decimal:
        """Return the limit: what was sent, for a market order the bound of its executions, for one that becomes a limit
        order the best price of the other side."""
        exchange, name, side = self._exchange, instrument.name, request.side
        if request.price is not None:
            if not instrument.is_on_tick(request.price):
                raise price_wrong_tick()
            return self._within_band(instrument, side, request.price)
        best = exchange.best(name, side.opposite)
        if request.type == MARKET_LIMIT:
            if best is None:
                raise other_reject("no price")
            return self._within_band(instrument, side, best)
        band = exchange.prices.band(instrument)
        if band is not None:
            return band[1] if side is Side.BUY else band[0]
        mark = exchange.prices.mark(name)
        return instrument.up(mark * 2) if side is Side.BUY else instrument.tick

    def _within_band(self, instrument: DeribitInstrument, side: Side, price: Decimal) -> Decimal:
        band = self._exchange.prices.band(instrument)
        if band is None:
            return price
        lowest, highest = band
        return min(price, highest) if side is Side.BUY else max(price, lowest)

    def _check(self, order: DeribitOrder) -> DeribitOrder:
        """Return an order as the engine may get it, or raise the refusal that the venue gives."""
        order = self._fitted(order)
        if order.is_post_only:
            order = evolve(order, price=self._passive_price(order))
        self._check_overlap(order)
        self._check_funds(order)
        return order

    def _fitted(self, order: DeribitOrder) -> DeribitOrder:
        """A reduce-only order is never larger than what it can close."""
        if not order.is_reduce_only:
            return order
        closable = self.closable(order.account, order.instrument, order.side)
        if not closable:
            raise other_reject("reduce_direction")
        return evolve(order, amount=min(order.amount, order.filled + closable))

    def _passive_price(self, order: DeribitOrder) -> Decimal:
        """Return the price at which a post-only order rests: its own, or the first one that takes nothing."""
        assert order.price is not None
        best = self._exchange.best(order.instrument, order.side.opposite)
        if best is None or (order.price - best) * order.side.sign < 0:
            return order.price
        if order.rejects_post_only:
            raise post_only_reject()
        instrument = self._exchange.instruments[order.instrument]
        price = best - order.side.sign * instrument.tick_at(best)
        if price <= 0 or not instrument.is_on_tick(price):
            raise no_price_for_post_only()
        return price

    def _check_overlap(self, order: DeribitOrder) -> None:
        """Self-trading is rejected (`reject_taker`): an order that would meet one of the account's own is refused."""
        assert order.price is not None
        for other in self._exchange.orders.open_orders(order.account):
            is_opposite = other.instrument == order.instrument and other.side is order.side.opposite
            if is_opposite and not other.is_waiting and self._would_meet(order, other):
                raise order_overlap()

    def _would_meet(self, order: DeribitOrder, other: DeribitOrder) -> bool:
        """Whether an order reaches another one after it took what stands before that."""
        assert order.price is not None
        assert other.price is not None
        if (order.price - other.price) * order.side.sign < 0:
            return False
        better = [
            quantity
            for price, quantity in self._exchange.depth(order.instrument, other.side, 10_000)
            if (other.price - price) * order.side.sign > 0
        ]
        return sum(better, ZERO) < order.remaining

    def _check_funds(self, order: DeribitOrder) -> None:
        if order.is_reduce_only:
            return
        ledger, instrument = self._exchange.ledger, self._exchange.instruments[order.instrument]
        if instrument.kind == SPOT:
            currency = instrument.quote if order.side is Side.BUY else instrument.base
            needed = ledger.spot_reserve(order.account, currency, order) - ledger.spot_reserve(order.account, currency)
        else:
            currency = instrument.settlement
            held = ledger.order_margin(order.account, instrument)
            needed = ledger.order_margin(order.account, instrument, order) - held
        if needed > max(ZERO, ledger.figures(order.account, currency).available):
            raise not_enough_funds()

    def _edited(
        self, order: DeribitOrder, instrument: DeribitInstrument, change: OrderChange, at_ms: int
    ) -> DeribitOrder:
        amount = order.amount if change.amount is None else change.amount
        if amount <= order.filled:
            raise invalid_params("amount", "must be greater than the filled amount")
        price = order.price
        if change.price is not None and order.type not in MARKET_TYPES:
            if not instrument.is_on_tick(change.price):
                raise price_wrong_tick()
            price = self._within_band(instrument, order.side, change.price)
        is_reduce_only = order.is_reduce_only if change.is_reduce_only is None else change.is_reduce_only
        return evolve(
            order,
            amount=amount,
            price=price,
            is_post_only=order.is_post_only if change.is_post_only is None else change.is_post_only,
            rejects_post_only=change.rejects_post_only,
            is_reduce_only=is_reduce_only,
            is_replaced=True,
            updated_ms=at_ms,
        )

    def _replace(self, order: DeribitOrder, edited: DeribitOrder, at_ms: int) -> DeribitOrder:
        """Let an edited order arrive as a new one, behind all others at its price."""
        try:
            checked = self._check(edited)
        except DeribitRefusal as refusal:
            if refusal.code == post_only_reject().code:
                self._exchange.close(order, EDIT_POST_ONLY_REJECT, at_ms)
            raise
        self._exchange.withdraw(order, at_ms)
        return self._exchange.enter(checked, at_ms)


def check_open(order: DeribitOrder, *, is_edit: bool) -> None:
    """Refuse what is asked of an order that has ended."""
    if order.is_open:
        return
    raise already_filled() if is_edit and order.state == "filled" else not_open_order()


def check_deadline(valid_until_ms: int | None, now_ms: int) -> None:
    """Refuse what arrives at the engine after the instant that its sender named."""
    if valid_until_ms is not None and now_ms >= valid_until_ms:
        raise timed_out()


def _priority(order: DeribitOrder) -> tuple[Decimal, int]:
    """The order in which resting orders of a side are executed."""
    assert order.price is not None
    return -order.price * order.side.sign, order.created_ms
