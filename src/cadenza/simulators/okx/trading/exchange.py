"""Engines, orders and money of all instruments. It decides everything at once and in memory; the truth is written after
it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.exchange import (
    Canceled,
    CancelRequest,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    EngineRejectReason,
    EngineTimeInForce,
    Filled,
    NewOrder,
    OrderKind,
    PublicTrade,
    Rejected,
)
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.counters import SymbolCounters
from cadenza.simulators.kit.engines import MarketEngines
from cadenza.simulators.kit.records import TapeTrade
from cadenza.simulators.kit.registry import OrderRegistry
from cadenza.simulators.okx.instruments import SimulatedInstrument
from cadenza.simulators.okx.trading.checks import MARKET_TYPES, closing_orders
from cadenza.simulators.okx.trading.ledger import OkxLedger, spent_asset
from cadenza.simulators.okx.trading.records import (
    OkxEvent,
    OkxNews,
    OkxRow,
    OrderChange,
    PlacedOkxOrder,
    SimulatedOrder,
    SimulatedTrade,
)
from cadenza.simulators.okx.wire.errors import OkxOrderRefusal

SYSTEM, USER, LIQUIDATED, EXPIRED, FOK, IOC, NOTHING_HELD = "0", "1", "3", "7", "13", "14", "17"
AFTER_ALL, REDUCE_ONLY, POST_ONLY, SELF_TRADE = "20", "23", "31", "32"
"""Sources of a cancel."""

TIMES_IN_FORCE = {
    "limit": EngineTimeInForce.GTC,
    "post_only": EngineTimeInForce.GTX,
    "fok": EngineTimeInForce.FOK,
    "op_fok": EngineTimeInForce.FOK,
    "ioc": EngineTimeInForce.IOC,
    "market": EngineTimeInForce.IOC,
    "optimal_limit_ioc": EngineTimeInForce.IOC,
}
CANCEL_SOURCES = {
    EngineCancelReason.USER: USER,
    EngineCancelReason.IOC_REMAINDER: IOC,
    EngineCancelReason.FOK_UNFILLABLE: FOK,
    EngineCancelReason.SELF_TRADE: SELF_TRADE,
    EngineCancelReason.POST_ONLY_WOULD_TAKE: POST_ONLY,
}


class OkxExchange:
    """Deterministic: the same market, calls and times give the same orders. What is in `on_price` is called with an
    instrument whose last or mark price may have changed, and when."""

    def __init__(self, instruments: Iterable[SimulatedInstrument], market: SeededMarket, first_id: int) -> None:
        self.instruments = {instrument.name: instrument for instrument in instruments}
        self.by_code = {instrument.code: instrument for instrument in self.instruments.values()}
        self.states = dict.fromkeys(self.instruments, "live")
        self.registry: OrderRegistry[SimulatedOrder, SimulatedTrade] = OrderRegistry()
        self.on_price: list[Callable[[str, int], None]] = []
        self._last_id = first_id
        self.ledger = OkxLedger(self.instruments, self.mark, self.registry.open_orders, self.next_id)
        self._market = market
        self._engines = MarketEngines(self.instruments.values())
        self._counters = SymbolCounters(self.instruments)
        self._marks: dict[str, Decimal] = {}
        self._events: list[OkxEvent] = []
        self._tape: list[TapeTrade] = []
        self._books: set[str] = set()
        self._filled: dict[tuple[str, int], SimulatedOrder] = {}
        self._row_orders: dict[tuple[str, int], SimulatedOrder] = {}
        self._row_trades: list[SimulatedTrade] = []
        self._row_engines: set[str] = set()

    # Starting

    def restore(self, row: OkxRow) -> None:
        """Continue from what a former run wrote: one row that holds the latest state of everything."""
        self._counters.restore(row.counters)
        for order in row.orders:
            self.registry.put(order)
        for trade in row.trades:
            self.registry.add_trade(trade)
        self.ledger.restore(row.money)
        for memory in row.engines:
            name = memory.instrument_id
            self._engines.restore(name, [each.order for each in row.placed if each.symbol == name], memory)
        used = [order.order_id for order in row.orders] + [algo.algo_id for algo in row.algos]
        used += [bill.bill_id for bill in row.money.bills] + [each.position_id for each in row.money.positions]
        self._last_id = max([self._last_id, *used])

    def open(self, at_ms: int) -> None:
        """Let the market display its first books."""
        for name, command in self._market.open(self._engines.last_ticks(), at_ms):
            self.apply(name, command)

    def next_id(self) -> int:
        """Return an id that nothing has had, in this run or a former one."""
        self._last_id += 1
        return self._last_id

    # The market

    def advance(self, to_ms: int) -> None:
        """Let the counter-market move until `to_ms`."""
        for name, command in self._market.advance(to_ms):
            self.apply(name, command)

    def apply(self, name: str, command: EngineCommand) -> None:
        """Execute a command of the market. A trade that own orders took part in is on the tape once."""
        before = len(self._tape)
        self._apply(name, command)
        if isinstance(command, PublicTrade):
            instrument = self.instruments[name]
            own = sum((trade.quantity for trade in self._tape[before:]), ZERO)
            left = command.quantity * instrument.lot - own
            if left > 0:
                price, is_buyer_maker = command.price * instrument.tick, command.aggressor_side is Side.SELL
                self._print(name, self._counters.next_trade_id(name), price, left, is_buyer_maker, command.at_ms)
            self._tell_price(name, command.at_ms)

    def depth(self, name: str, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, quantity), best first."""
        return self._engines.depth(name, side, levels_max)

    def last_price(self, name: str) -> Decimal:
        return self._engines.last_price(name)

    def mark(self, name: str) -> Decimal:
        """Return the mark price: the last trade's price, unless a test has set another."""
        return self._marks.get(name) or self.last_price(name)

    def set_mark(self, name: str, price: Decimal | None, at_ms: int) -> None:
        """Set the mark price; None lets it follow the trades again."""
        if price is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = price
        for account in self.ledger.accounts():
            for position in self.ledger.positions(account, name):
                self.ledger.touched_positions[position.key] = None
        self._tell_price(name, at_ms)

    def fillable(self, order: SimulatedOrder) -> tuple[Decimal, Decimal]:
        """Return how much an order would get now, and what that costs: price times quantity."""
        return self._engines.fillable(order.symbol, order.side, order.quantity, order.account, order.price)

    # Orders

    def place(self, order: SimulatedOrder, at_ms: int) -> SimulatedOrder:
        """Accept and execute an order that was checked. Raises `OkxOrderRefusal`, and then nothing has changed."""
        self.registry.put(order)
        self._touch(order, at_ms)
        if order.stp_mode != "cancel_taker" and order.type != "post_only":
            self._cancel_own_makers(order, at_ms)
        self._apply(order.symbol, self._command(order, at_ms))
        return self.registry.order(*order.key)

    def cancel(self, order: SimulatedOrder, source: str, at_ms: int) -> SimulatedOrder:
        """Cancel an open order."""
        self._engine_events(order.symbol, CancelRequest(order.engine_id, at_ms))
        self._canceled(order, source, at_ms)
        return self.registry.order(*order.key)

    def amend(
        self, order: SimulatedOrder, quantity: Decimal, price: Decimal, request_id: str, at_ms: int
    ) -> SimulatedOrder:
        """Change quantity and price of an open order, which loses its place in the queue. One that has executed as much
        as it now wants, or more, is filled."""
        self._engine_events(order.symbol, CancelRequest(order.engine_id, at_ms))
        quantity = max(quantity, order.executed)
        is_done = order.executed == quantity
        changed = evolve(
            order,
            size=quantity,
            quantity=quantity,
            price=price,
            revision=order.revision + 1,
            state="filled" if is_done else order.state,
            updated_ms=at_ms,
        )
        self._changed(changed, at_ms, amend_result="0", request_id=request_id)
        if not is_done:
            self._apply(order.symbol, self._command(changed, at_ms))
        return self.registry.order(*order.key)

    def take_over(self, order: SimulatedOrder, price: Decimal, at_ms: int) -> SimulatedOrder:
        """Execute an order of the venue's own at a price, outside the book."""
        self._changed(order, at_ms)
        self._fill(order, price, order.quantity, -self._counters.next_trade_id(order.symbol), at_ms, is_maker=False)
        self._filled.clear()
        return self.registry.order(*order.key)

    def note(self, event: OkxEvent) -> None:
        """Add an event that this batch publishes."""
        self._events.append(event)

    def keep_price(self, name: str) -> None:
        """Keep the last price of an instrument with the next row."""
        self._row_engines.add(name)

    # Keeping

    def take_row(self) -> OkxRow:
        """Return what changed since the last call."""
        placed = [
            PlacedOkxOrder(symbol=order.symbol, order=place)
            for order in self._row_orders.values()
            if (place := self._engines.open_order(order.symbol, order.engine_id)) is not None
        ]
        row = OkxRow(
            orders=tuple(self._row_orders.values()),
            trades=tuple(self._row_trades),
            money=self.ledger.take_changes(),
            placed=tuple(placed),
            engines=tuple(self._engines.memory(name) for name in sorted(self._row_engines)),
            counters=self._counters.take_rows(),
        )
        self._row_orders, self._row_trades, self._row_engines = {}, [], set()
        return row

    def take_news(self) -> OkxNews:
        ledger = self.ledger
        news = OkxNews(
            events=tuple(self._events),
            tape=tuple(self._tape),
            books=frozenset(self._books),
            balances=ledger.touched_balances,
            positions=ledger.touched_positions,
        )
        self._events, self._tape, self._books = [], [], set()
        ledger.touched_balances, ledger.touched_positions = {}, {}
        return news

    def _tell_price(self, name: str, at_ms: int) -> None:
        for watch in self.on_price:
            watch(name, at_ms)

    # Events of the engine

    def _command(self, order: SimulatedOrder, at_ms: int) -> NewOrder:
        instrument = self.instruments[order.symbol]
        is_market = order.type in MARKET_TYPES or order.price is None
        return NewOrder(
            order_id=order.engine_id,
            account_id=order.account,
            side=order.side,
            kind=OrderKind.MARKET if is_market else OrderKind.LIMIT,
            quantity=int(order.remaining / instrument.lot),
            limit_price=None if is_market or order.price is None else int(order.price / instrument.tick),
            stop_price=None,
            trail_distance=None,
            time_in_force=TIMES_IN_FORCE[order.type],
            expire_at_ms=None,
            at_ms=at_ms,
        )

    def _cancel_own_makers(self, taker: SimulatedOrder, at_ms: int) -> None:
        """Cancel the own orders that the taker would meet."""
        while self.fillable(taker)[0] < taker.quantity:
            met = [
                order
                for order in self.registry.open_orders(taker.account, taker.symbol)
                if order.side is taker.side.opposite and order.price is not None and _crosses(taker, order.price)
            ]
            if not met:
                return
            best = min(met, key=lambda order: (order.price or ZERO) * taker.side.sign)
            self.cancel(best, SELF_TRADE, at_ms)

    def _apply(self, name: str, command: EngineCommand) -> None:
        trade_ids: dict[int, int] = {}
        for event in self._engine_events(name, command):
            self._book(name, event, command.at_ms, trade_ids)
        filled, self._filled = self._filled, {}
        for order in filled.values():
            self._cancel_conflicts(order, command.at_ms)

    def _engine_events(self, name: str, command: EngineCommand) -> list[EngineEvent]:
        self._books.add(name)
        return self._engines.apply(name, command)

    def _book(self, name: str, event: EngineEvent, at_ms: int, trade_ids: dict[int, int]) -> None:
        order = self.registry.order(name, int(event.order_id.partition(".")[0]))
        match event:
            case Rejected(reason=EngineRejectReason.POST_ONLY_WOULD_TAKE):
                self._canceled(order, POST_ONLY, at_ms)
            case Rejected():
                self.registry.remove(order)
                raise OkxOrderRefusal("51025", f"Order count exceeds the limit ({event.reason.value}).")
            case Filled():
                if event.trade_sequence not in trade_ids:
                    trade_ids[event.trade_sequence] = self._counters.next_trade_id(name)
                    self._print_fill(name, event, trade_ids[event.trade_sequence], at_ms)
                instrument, trade_id = self.instruments[name], trade_ids[event.trade_sequence]
                price, quantity = event.price * instrument.tick, event.quantity * instrument.lot
                self._fill(order, price, quantity, trade_id, at_ms, is_maker=event.is_maker)
            case Canceled():
                self._canceled(order, CANCEL_SOURCES[event.reason], at_ms)
            case _:
                if not order.revision:
                    self._changed(order, at_ms)

    def _fill(
        self, order: SimulatedOrder, price: Decimal, quantity: Decimal, trade_id: int, at_ms: int, *, is_maker: bool
    ) -> None:
        booking = self.ledger.fill(order, price, quantity, is_maker=is_maker, trade_id=trade_id, at_ms=at_ms)
        trade = SimulatedTrade(
            symbol=order.symbol,
            trade_id=trade_id,
            bill_id=booking.bill_id,
            order_id=order.order_id,
            account=order.account,
            client_order_id=order.client_order_id,
            tag=order.tag,
            instrument_type=order.instrument_type,
            side=order.side,
            position_side=order.position_side,
            is_maker=is_maker,
            price=price,
            quantity=quantity,
            fee=booking.fee,
            fee_asset=booking.fee_asset,
            profit=booking.profit,
            at_ms=at_ms,
        )
        self.registry.add_trade(trade)
        self._row_trades.append(trade)
        executed = order.executed + quantity
        changed = evolve(
            order,
            executed=executed,
            cost=order.cost + price * quantity,
            fee=order.fee + booking.fee,
            fee_asset=booking.fee_asset,
            profit=order.profit + booking.profit,
            state="filled" if executed == order.quantity else "partially_filled",
            last_price=price,
            last_quantity=quantity,
            last_trade_id=trade_id,
            last_fill_ms=at_ms,
            updated_ms=at_ms,
        )
        self._changed(changed, at_ms, trade)
        self._filled[order.key] = changed

    def _canceled(self, order: SimulatedOrder, source: str, at_ms: int) -> None:
        self._changed(evolve(order, state="canceled", cancel_source=source, updated_ms=at_ms), at_ms)

    def _cancel_conflicts(self, filled: SimulatedOrder, at_ms: int) -> None:
        """Cancel the newest closing orders that want to close more than there is left."""
        held = self.ledger.position(filled.account, filled.symbol, filled.trade_mode, filled.position_side).amount
        for side in Side:
            like = evolve(filled, side=side, order_id=0)
            claims = closing_orders(self.registry.open_orders(filled.account, filled.symbol), like)
            closable = abs(held) if held * side.sign < 0 else ZERO
            wanted = sum((claim.remaining for claim in claims), ZERO)
            while wanted > closable:
                conflict = claims.pop()
                wanted -= conflict.remaining
                self.cancel(conflict, REDUCE_ONLY if held else NOTHING_HELD, at_ms)

    def _changed(
        self,
        order: SimulatedOrder,
        at_ms: int,
        trade: SimulatedTrade | None = None,
        amend_result: str = "",
        request_id: str = "",
    ) -> None:
        self.registry.put(order)
        self._row_orders[order.key] = order
        self._row_engines.add(order.symbol)
        self._touch(order, at_ms)
        self.note(OrderChange(order=order, trade=trade, amend_result=amend_result, request_id=request_id))

    def _touch(self, order: SimulatedOrder, at_ms: int) -> None:
        self.ledger.touch(order.account, spent_asset(self.instruments[order.symbol], order), at_ms)

    # The tape

    def _print_fill(self, name: str, event: Filled, trade_id: int, at_ms: int) -> None:
        instrument = self.instruments[name]
        is_buyer_maker = event.is_maker is (event.side is Side.BUY)
        price, quantity = event.price * instrument.tick, event.quantity * instrument.lot
        self._print(name, trade_id, price, quantity, is_buyer_maker, at_ms)

    def _print(
        self, name: str, trade_id: int, price: Decimal, quantity: Decimal, is_buyer_maker: bool, at_ms: int
    ) -> None:
        self._tape.append(
            TapeTrade(
                symbol=name,
                trade_id=trade_id,
                price=price,
                quantity=quantity,
                is_buyer_maker=is_buyer_maker,
                at_ms=at_ms,
            )
        )


def _crosses(taker: SimulatedOrder, price: Decimal) -> bool:
    """Whether a taker would trade at a price."""
    return taker.price is None or (taker.price - price) * taker.side.sign >= 0
