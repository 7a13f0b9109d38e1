"""The engines, the orders and the money. It decides everything at once and in memory; the truth is written after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.exchange import (
    Canceled,
    CancelRequest,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    EngineTimeInForce,
    Filled,
    NewOrder,
    OrderKind,
    PublicTrade,
    ReduceOrder,
    Rejected,
)
from cadenza.simulators.deribit.market.instruments import SPOT, DeribitInstrument
from cadenza.simulators.deribit.market.prices import VenuePrices
from cadenza.simulators.deribit.trading.ledger import DeribitLedger
from cadenza.simulators.deribit.trading.news import DeribitNews, PublicPrint
from cadenza.simulators.deribit.trading.records import (
    DeribitOrder,
    DeribitRow,
    DeribitTrade,
    InstrumentState,
    PlacedSlice,
)
from cadenza.simulators.deribit.trading.registry import DeribitOrders
from cadenza.simulators.deribit.wire.errors import other_reject, unsupported_instrument
from cadenza.simulators.kit.counter_market import LadderShape, SeededMarket, usual_shape
from cadenza.simulators.kit.counters import SymbolCounters
from cadenza.simulators.kit.engines import ListedSymbol, MarketEngines

_ENGINE_TIMES = {
    "good_til_cancelled": EngineTimeInForce.GTC,
    "good_til_day": EngineTimeInForce.GTC,  # the settlement of the day ends it
    "fill_or_kill": EngineTimeInForce.FOK,
    "immediate_or_cancel": EngineTimeInForce.IOC,
}
PLAIN_CURRENCY = "BTC"
"""Orders and trades in this currency have numbers as ids, those in all others a prefix too."""


class DeribitExchange:
    """Deterministic: the same market, calls and times give the same orders. Nothing is forgotten: the memory that it
    takes grows with the orders. `on_price` is called with an instrument whose prices may have changed, and when;
    `on_fill` with an account whose orders in an instrument were executed, after all executions of a command."""

    def __init__(
        self, instruments: Iterable[DeribitInstrument], currencies: Iterable[str], seed: int, step_ms: int
    ) -> None:
        self.instruments = {each.name: each for each in instruments}
        self.states = {name: InstrumentState(instrument=name, state="open") for name in self.instruments}
        self.orders = DeribitOrders()
        self.on_price: Callable[[str, int], None] = lambda _instrument, _at_ms: None
        self.on_fill: Callable[[str, str, int], None] = lambda _account, _instrument, _at_ms: None
        listed = list(self.instruments.values())
        self._market = SeededMarket(listed, seed, step_ms, self._ladder)
        self._engines = MarketEngines(listed)
        self._counters = SymbolCounters([*currencies, *self.instruments, "triggers"])
        self._last_prints: dict[str, Decimal] = {}
        self._tick_directions: dict[str, int] = {}
        self.prices = VenuePrices(self._engines.last_price)
        self.ledger = DeribitLedger(self.instruments, self.prices.mark, self.prices.index, self.orders.open_orders)
        self.news = DeribitNews()
        self._row_orders: dict[str, DeribitOrder] = {}
        self._row_trades: list[DeribitTrade] = []
        self._row_engines: dict[str, None] = {}

    # Starting

    def restore(self, row: DeribitRow) -> None:
        """Continue from what a former run wrote: one row that holds the latest state of everything."""
        self._counters.restore(row.counters)
        for order in row.orders:
            self.orders.put(order)
        for trade in row.trades:
            self.orders.add_trade(trade)
        self.ledger.restore(row.wallets, row.positions, row.entries)
        self.prices.restore(row.prices)
        self.states |= {each.instrument: each for each in row.states}
        for memory in row.engines:
            name = memory.instrument_id
            self._engines.restore(name, [each.order for each in row.placed if each.instrument == name], memory)

    def open(self, at_ms: int) -> None:
        """Let the market display its first books."""
        for name, command in self._market.open(self._engines.last_ticks(), at_ms):
            if self.is_listed(name):
                self.apply(name, command)

    # The market

    def advance(self, to_ms: int) -> None:
        """Let the counter-market move until `to_ms`."""
        for name, command in self._market.advance(to_ms):
            if self.state(name) == "open":
                self.apply(name, command)

    def apply(self, name: str, command: EngineCommand) -> None:
        """Execute a command of the market. A trade that own orders took part in is printed once."""
        before = len(self.news.prints)
        self._apply(name, command)
        if isinstance(command, PublicTrade):
            instrument = self.instruments[name]
            own = sum((each.amount for each in self.news.prints[before:] if each.instrument == name), ZERO)
            left = command.quantity * instrument.lot - own
            if left > 0:
                self._print(instrument, command.price * instrument.tick, left, command.aggressor_side, command.at_ms)
            self.on_price(name, command.at_ms)

    def depth(self, name: str, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, amount), best first."""
        return self._engines.depth(name, side, levels_max)

    def best(self, name: str, side: Side) -> Decimal | None:
        """Return the best price of a side."""
        return next((price for price, _ in self.depth(name, side, 1)), None)

    def last_price(self, name: str) -> Decimal:
        return self._engines.last_price(name)

    def state(self, name: str) -> str:
        return self.states[name].state

    def is_listed(self, name: str) -> bool:
        return self.state(name) not in ("delivered", "archivized")

    def instrument(self, name: str) -> DeribitInstrument:
        """Return an instrument that orders may name."""
        instrument = self.instruments.get(name)
        if instrument is None:
            raise unsupported_instrument()
        return instrument

    def set_state(self, state: InstrumentState) -> None:
        self.states[state.instrument] = state
        self.news.states.append(state)

    # Orders

    def enter(self, order: DeribitOrder, at_ms: int) -> DeribitOrder:
        """Send an order that was checked to the engine, and return it as it is then. Raises `DeribitRefusal` when the
        engine has no room, and then nothing has changed."""
        instrument = self.instruments[order.instrument]
        takes_first = order.display is not None and not order.is_post_only
        quantity = order.remaining if order.display is None or takes_first else order.display
        time_in_force = EngineTimeInForce.IOC if takes_first else self._time_in_force(order)
        entered = evolve(order, placed=order.placed + 1)
        command = _to_command(entered, instrument, quantity, time_in_force, at_ms)
        events = self._engine_events(order.instrument, command)
        if any(isinstance(event, Rejected) for event in events):
            raise other_reject("too many open orders")
        self.put(entered)
        self._book_all(order.instrument, events, at_ms)
        return self.orders.order(order.id)

    def put(self, order: DeribitOrder) -> None:
        """Keep the state of an order, and report it."""
        self.orders.put(order)
        self.news.orders[order.id] = order
        self._row_orders[order.id] = order
        self._row_engines[order.instrument] = None
        self.note_money(order.account, self.instruments[order.instrument])

    def withdraw(self, order: DeribitOrder, at_ms: int) -> None:
        """Take an order that rests out of its book."""
        events = self._engine_events(order.instrument, CancelRequest(order.engine_id, at_ms))
        self._book_all(order.instrument, [each for each in events if each.order_id != order.engine_id], at_ms)

    def reduce(self, order: DeribitOrder, amount: Decimal, at_ms: int) -> DeribitOrder:
        """Let a resting order have a smaller amount in total; it keeps its place."""
        lots = int((amount - order.filled) / self.instruments[order.instrument].lot)
        events = self._engine_events(order.instrument, ReduceOrder(order.engine_id, lots, at_ms))
        self._book_all(order.instrument, events, at_ms)
        return evolve(order, amount=amount, updated_ms=at_ms)

    def close(self, order: DeribitOrder, reason: str | None, at_ms: int) -> DeribitOrder:
        """Cancel an open order, whether it rests or waits."""
        if not order.is_waiting:
            self.withdraw(order, at_ms)
        closed = evolve(self.orders.order(order.id), state="cancelled", cancel_reason=reason, updated_ms=at_ms)
        self.put(closed)
        return closed

    def new_order_id(self, instrument: DeribitInstrument) -> str:
        currency = instrument.id_currency
        number = self._counters.upcoming_order_id(currency)
        self._counters.take_order_id(currency, number)
        return _prefixed(currency, str(number))

    def new_trigger_id(self, instrument: DeribitInstrument, trigger: str, side: Side) -> str:
        """Return an id such as `ETH-SLMS-12`: the price that is watched (mark, index, last trade) and the side."""
        number = self._counters.upcoming_order_id("triggers")
        self._counters.take_order_id("triggers", number)
        letter = {"mark_price": "M", "index_price": "I", "last_price": "T"}[trigger]
        return _prefixed(instrument.id_currency, f"SL{letter}{'B' if side is Side.BUY else 'S'}-{number}")

    def note_money(self, account: str, instrument: DeribitInstrument) -> None:
        """Report that an account's figures in the instrument's currencies may have changed."""
        assets = (instrument.base, instrument.quote) if instrument.kind == SPOT else (instrument.settlement,)
        self.news.money_changed(account, *assets)

    # Keeping

    def take_row(self, at_ms: int) -> DeribitRow:
        """Return what changed since the last call, for the ledger of truth."""
        positions, wallets, entries = self.ledger.take_changes()
        names = sorted(self._row_engines)
        row = DeribitRow(
            at_ms=at_ms,
            orders=tuple(self._row_orders.values()),
            trades=tuple(self._row_trades),
            positions=positions,
            wallets=wallets,
            entries=entries,
            states=tuple(self.news.states),
            prices=self.prices.take_changes(),
            placed=tuple(self._placed(order) for order in self._row_orders.values() if self._is_placed(order)),
            engines=tuple(self._engines.memory(name) for name in names),
            counters=self._counters.take_rows(),
        )
        self._row_orders, self._row_trades, self._row_engines = {}, [], {}
        return row

    def take_news(self) -> DeribitNews:
        news, self.news = self.news, DeribitNews()
        return news

    def keep_price(self, name: str) -> None:
        """Keep the last price of an instrument with the next row. A restart begins at the last one that was kept."""
        self._row_engines[name] = None

    # Events of the engine

    def _apply(self, name: str, command: EngineCommand) -> None:
        self._book_all(name, self._engine_events(name, command), command.at_ms)

    def _engine_events(self, name: str, command: EngineCommand) -> list[EngineEvent]:
        self.news.touched[name] = None
        return self._engines.apply(name, command)

    def _book_all(self, name: str, events: list[EngineEvent], at_ms: int) -> None:
        printed: dict[int, PublicPrint] = {}
        shrunk: dict[str, None] = {}
        for event in events:
            order = self.orders.order(event.order_id.rpartition("/")[0])
            match event:
                case Filled():
                    self._fill(order, event, printed, at_ms)
                    shrunk[order.account] = None
                case Canceled():
                    self._close(order, event.reason, at_ms)
        for account in shrunk:
            self.on_fill(account, name, at_ms)

    def _close(self, order: DeribitOrder, reason: EngineCancelReason, at_ms: int) -> None:
        if reason is EngineCancelReason.USER:
            return
        if order.display is not None and reason is EngineCancelReason.IOC_REMAINDER:
            self._show_next(order, at_ms)
            return
        self.put(evolve(order, state="cancelled", updated_ms=at_ms))

    def _show_next(self, order: DeribitOrder, at_ms: int) -> None:
        """Let the next part of an iceberg rest, behind what is there."""
        assert order.display is not None
        instrument = self.instruments[order.instrument]
        entered = evolve(order, placed=order.placed + 1, updated_ms=at_ms)
        quantity = min(order.display, order.remaining)
        command = _to_command(entered, instrument, quantity, EngineTimeInForce.GTC, at_ms)
        events = self._engine_events(order.instrument, command)
        self.put(entered)
        self._book_all(order.instrument, events, at_ms)

    def _fill(self, order: DeribitOrder, event: Filled, printed: dict[int, PublicPrint], at_ms: int) -> None:
        instrument = self.instruments[order.instrument]
        price, amount = event.price * instrument.tick, event.quantity * instrument.lot
        if event.trade_sequence not in printed:
            direction = order.side.opposite if event.is_maker else order.side
            printed[event.trade_sequence] = self._print(instrument, price, amount, direction, at_ms)
        public = printed[event.trade_sequence]
        booking = self.ledger.fill(order, price, amount, is_maker=event.is_maker, trade_id=public.trade_id, at_ms=at_ms)
        filled = order.filled + amount
        worth = divide(amount, price) if instrument.is_inverse_future else amount * price
        changed = evolve(
            order,
            filled=filled,
            worth=order.worth + worth,
            state="filled" if filled == order.amount else "open",
            updated_ms=at_ms,
        )
        self.put(changed)
        trade = DeribitTrade(
            id=public.trade_id,
            seq=public.seq,
            instrument=order.instrument,
            order_id=order.id,
            order_type="market" if order.type == "market" else "limit",
            account=order.account,
            side=order.side,
            price=price,
            amount=amount,
            is_maker=event.is_maker,
            fee=booking.fee,
            fee_currency=booking.fee_currency,
            profit=booking.profit,
            index_price=public.index_price,
            mark_price=public.mark_price,
            tick_direction=public.tick_direction,
            state=changed.state,
            label=order.label,
            is_post_only=order.is_post_only,
            is_reduce_only=order.is_reduce_only,
            at_ms=at_ms,
        )
        self.orders.add_trade(trade)
        self.news.trades.append(trade)
        self._row_trades.append(trade)
        if instrument.kind != SPOT:
            self.news.position_changed(order.account, order.instrument)
        if not event.remaining and changed.is_open and changed.display is not None:
            self._show_next(changed, at_ms)

    def _print(
        self, instrument: DeribitInstrument, price: Decimal, amount: Decimal, direction: Side, at_ms: int
    ) -> PublicPrint:
        name, currency = instrument.name, instrument.id_currency
        before = self._last_prints.get(name, price)
        was_up = self._tick_directions.get(name, 0) < 2
        ticked = (0 if price > before else 2) if price != before else (1 if was_up else 3)
        self._last_prints[name], self._tick_directions[name] = price, ticked
        public = PublicPrint(
            instrument=name,
            trade_id=_prefixed(currency, str(self._counters.next_trade_id(currency))),
            seq=self._counters.next_trade_id(name),
            price=price,
            amount=amount,
            direction=direction,
            tick_direction=ticked,
            index_price=self.prices.index(instrument.index),
            mark_price=self.prices.mark(name),
            at_ms=at_ms,
        )
        self.news.prints.append(public)
        return public

    # Helpers

    def _ladder(self, symbol: ListedSymbol) -> LadderShape:
        """Return the distance of the levels of an instrument: never less than the tick at its price."""
        usual, instrument = usual_shape(symbol), self.instruments[symbol.name]
        tick = int(instrument.tick_at(instrument.opening_price) / instrument.tick)
        return usual if usual.spacing > tick else LadderShape(spacing=tick, stride=tick)

    def _time_in_force(self, order: DeribitOrder) -> EngineTimeInForce:
        return EngineTimeInForce.IOC if order.type == "market" else _ENGINE_TIMES[order.time_in_force]

    def _is_placed(self, order: DeribitOrder) -> bool:
        return self._engines.open_order(order.instrument, order.engine_id) is not None

    def _placed(self, order: DeribitOrder) -> PlacedSlice:
        open_order = self._engines.open_order(order.instrument, order.engine_id)
        assert open_order is not None
        return PlacedSlice(instrument=order.instrument, order=open_order)


def _prefixed(currency: str, text: str) -> str:
    return text if currency == PLAIN_CURRENCY else f"{currency}-{text}"


def _to_command(
    order: DeribitOrder,
    instrument: DeribitInstrument,
    quantity: Decimal,
    time_in_force: EngineTimeInForce,
    at_ms: int,
) -> NewOrder:
    assert order.price is not None
    return NewOrder(
        order_id=order.engine_id,
        account_id=order.account,
        side=order.side,
        kind=OrderKind.LIMIT,
        quantity=int(quantity / instrument.lot),
        limit_price=int(order.price / instrument.tick),
        stop_price=None,
        trail_distance=None,
        time_in_force=time_in_force,
        expire_at_ms=None,
        at_ms=at_ms,
    )
