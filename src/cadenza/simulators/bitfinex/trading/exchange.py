"""Engines, orders and money of all symbols. It decides everything at once and in memory; the truth is written after
it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.exchange import (
    Canceled,
    CancelRequest,
    EngineCommand,
    EngineEvent,
    EngineRejectReason,
    EngineTimeInForce,
    Filled,
    NewOrder,
    OrderKind,
    PublicTrade,
    Rejected,
    Triggered,
    TriggerMoved,
)
from cadenza.exchange.events import Accepted
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.symbols import BitfinexSymbol
from cadenza.simulators.bitfinex.trading.endings import ending_of, reduce_only_ending
from cadenza.simulators.bitfinex.trading.ledger import BitfinexLedger
from cadenza.simulators.bitfinex.trading.position_rows import position_row
from cadenza.simulators.bitfinex.trading.records import (
    CANCELED,
    EXECUTED,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    ON_EXCHANGE,
    POST_ONLY,
    POST_ONLY_CANCELED,
    REDUCE_ONLY,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
    BitfinexEvent,
    BitfinexFill,
    BitfinexNews,
    BitfinexOrder,
    BitfinexOrderEvent,
    BitfinexPosition,
    BitfinexPositionEvent,
    BitfinexRow,
    BitfinexTrade,
    BitfinexTradeEvent,
    PlacedBitfinexOrder,
    UsedNonce,
)
from cadenza.simulators.bitfinex.wire.errors import invalid_order
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.counters import SymbolCounters
from cadenza.simulators.kit.engines import MarketEngines
from cadenza.simulators.kit.records import TapeTrade
from cadenza.simulators.kit.registry import OrderRegistry

ENGINE_KINDS = {
    LIMIT: OrderKind.LIMIT,
    FOK: OrderKind.LIMIT,
    IOC: OrderKind.LIMIT,
    MARKET: OrderKind.MARKET,
    STOP: OrderKind.STOP,
    STOP_LIMIT: OrderKind.STOP_LIMIT,
    TRAILING_STOP: OrderKind.TRAILING_STOP,
}
TIMES_IN_FORCE = {FOK: EngineTimeInForce.FOK, IOC: EngineTimeInForce.IOC, MARKET: EngineTimeInForce.IOC}
"""Times in force of types; all others work until they are canceled."""

LIMIT_KINDS = (LIMIT, FOK, IOC)
TRIGGERED_TYPES = {STOP: MARKET, TRAILING_STOP: MARKET, STOP_LIMIT: LIMIT}
"""What an order becomes when its trigger is reached."""

_IDS = "ids"


class BitfinexExchange:
    """Deterministic: the same market, calls and times give the same orders. A symbol in `paused` ends every new order
    with RSN_PAUSE."""

    def __init__(
        self, symbols: Iterable[BitfinexSymbol], settings: BitfinexSettings, market: SeededMarket, first_id: int
    ) -> None:
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.paused: set[str] = set()
        self.registry: OrderRegistry[BitfinexOrder, BitfinexTrade] = OrderRegistry()
        self.nonces: dict[str, int] = {}
        self._first_id = first_id
        self._counters = SymbolCounters((_IDS,))
        self.ledger = BitfinexLedger(self.symbols, settings, self.mark, self.registry.open_orders, self.next_id)
        self._market = market
        self._engines = MarketEngines(self.symbols.values())
        self._marks: dict[str, Decimal] = {}
        self._events: list[BitfinexEvent] = []
        self._tape: list[TapeTrade] = []
        self._books: set[str] = set()
        self._executed: list[BitfinexOrder] = []
        self._row_orders: dict[tuple[str, int], BitfinexOrder] = {}
        self._row_trades: list[BitfinexTrade] = []
        self._row_nonces: dict[str, int] = {}
        self._row_engines: set[str] = set()

    # Starting

    def restore(self, row: BitfinexRow) -> None:
        """Continue from what a former run wrote: one row that holds the latest state of everything."""
        self._counters.restore(row.counters)
        for order in row.orders:
            self.registry.put(order)
        for trade in row.trades:
            self.registry.add_trade(trade)
        self.ledger.restore(row)
        self.nonces = {used.key: used.nonce for used in row.nonces}
        for memory in row.engines:
            name = memory.instrument_id
            self._engines.restore(name, [each.order for each in row.placed if each.symbol == name], memory)

    def open(self, at_ms: int) -> None:
        """Let the market display its first books."""
        for name, command in self._market.open(self._engines.last_ticks(), at_ms):
            self.apply(name, command)

    def next_id(self) -> int:
        """Return an id that nothing has had, in this run or a former one: orders, trades and movements count alike."""
        return self._first_id + self._counters.next_trade_id(_IDS)

    def use_nonce(self, key: str, nonce: int) -> bool:
        """Note a nonce of a key. Return whether it is larger than all before it."""
        if nonce <= self.nonces.get(key, 0):
            return False
        self.nonces[key] = self._row_nonces[key] = nonce
        return True

    # The market

    def advance(self, to_ms: int) -> None:
        """Let the counter-market move until `to_ms`, and cancel the orders whose time is over."""
        for name, command in self._market.advance(to_ms):
            self.apply(name, command)
        self.cancel_overdue(to_ms)

    def cancel_overdue(self, now_ms: int) -> None:
        for account in self.ledger.accounts():
            for order in self.registry.open_orders(account):
                if order.tif_ms is not None and order.tif_ms <= now_ms:
                    self.end(order, CANCELED, now_ms)

    def apply(self, name: str, command: EngineCommand) -> None:
        """Execute a command of the market. A trade that own orders took part in is on the tape once."""
        before = len(self._tape)
        self._apply(name, command)
        if isinstance(command, PublicTrade):
            symbol = self.symbols[name]
            own = sum((trade.quantity for trade in self._tape[before:]), ZERO)
            left = command.quantity * symbol.lot - own
            if left > 0:
                price, is_buyer_maker = command.price * symbol.tick, command.aggressor_side is Side.SELL
                self._print(name, self.next_id(), price, left, is_buyer_maker, command.at_ms)

    def depth(self, name: str, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, amount) of what everyone sees, best first. Hidden orders are not in it."""
        hidden: dict[Decimal, Decimal] = defaultdict(lambda: ZERO)
        for order in self.resting(name, side):
            if order.is_hidden:
                hidden[order.price] += order.remaining
        levels = [(price, amount - hidden[price]) for price, amount in self._engines.depth(name, side, levels_max)]
        return [level for level in levels if level[1]]

    def resting(self, name: str, side: Side) -> list[BitfinexOrder]:
        """Return the open orders of all accounts on a side of a book, the oldest first."""
        accounts = sorted(self.ledger.accounts())
        orders = [order for account in accounts for order in self.registry.open_orders(account, name)]
        return [order for order in orders if order.side is side and not order.is_waiting]

    def last_price(self, name: str) -> Decimal:
        return self._engines.last_price(name)

    def mark(self, name: str) -> Decimal:
        """Return the mark price: the last trade's price, unless a test has set another."""
        return self._marks.get(name) or self.last_price(name)

    def set_mark(self, name: str, price: Decimal | None) -> None:
        """Set the mark price; None lets it follow the trades again."""
        if price is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = price
        for account in self.ledger.accounts():
            if self.ledger.position(account, name).amount:
                self._note_position("pu", account, name)

    def fillable(self, order: BitfinexOrder) -> tuple[Decimal, Decimal]:
        """Return how much an order would get now, and what that costs."""
        limit = order.price if order.kind in LIMIT_KINDS else None
        return self._engines.fillable(order.symbol, order.side, order.amount, order.account, limit)

    # Orders

    def place(self, order: BitfinexOrder, at_ms: int) -> BitfinexOrder:
        """Accept and execute an order that was checked. Raises `BitfinexRefusal`, and then nothing has changed."""
        self.registry.put(order)
        self._submit(order, at_ms)
        return self.registry.order(*order.key)

    def place_ended(self, order: BitfinexOrder, ending: str, at_ms: int) -> BitfinexOrder:
        """Accept an order and end it at once."""
        self._changed("on", order)
        self._changed("oc", evolve(order, ending=ending, updated_ms=at_ms))
        return self.registry.order(*order.key)

    def end(self, order: BitfinexOrder, ending: str, at_ms: int) -> BitfinexOrder:
        """End an open order, and the other one of its pair."""
        self._engine_events(order.symbol, CancelRequest(order.engine_id, at_ms))
        self._ended(order, ending, at_ms)
        return self.registry.order(*order.key)

    def amend(self, order: BitfinexOrder, changed: BitfinexOrder, at_ms: int) -> BitfinexOrder:
        """Replace an open order by its next revision, which loses its place in the queue."""
        self._engine_events(order.symbol, CancelRequest(order.engine_id, at_ms))
        self._changed("ou", changed)
        self._submit(changed, at_ms)
        return self.registry.order(*order.key)

    def relabel(self, changed: BitfinexOrder) -> BitfinexOrder:
        """Change what the engine does not know of an open order."""
        self._changed("ou", changed)
        return changed

    def drop_position(self, position: BitfinexPosition, at_ms: int) -> None:
        """End a position without a trade."""
        self.ledger.put_position(evolve(position, amount=ZERO, updated_ms=at_ms))
        self._note_position("pc", position.account, position.symbol)

    # News

    def news_count(self) -> int:
        return len(self._events)

    def note(self, event: BitfinexEvent, index: int | None = None) -> None:
        """Add an event that this batch publishes, before the one at `index`."""
        self._events.insert(len(self._events) if index is None else index, event)

    def take_news(self) -> BitfinexNews:
        news = BitfinexNews(
            events=tuple(self._events),
            tape=tuple(self._tape),
            books=frozenset(self._books),
            wallets=self.ledger.touched_wallets,
        )
        self._events, self._tape, self._books = [], [], set()
        self.ledger.touched_wallets = {}
        return news

    def take_row(self) -> BitfinexRow:
        """Return what changed since the last call."""
        money = self.ledger.take_changes()
        placed = [
            PlacedBitfinexOrder(symbol=order.symbol, order=place)
            for order in self._row_orders.values()
            if (place := self._engines.open_order(order.symbol, order.engine_id)) is not None
        ]
        row = BitfinexRow(
            orders=tuple(self._row_orders.values()),
            trades=tuple(self._row_trades),
            positions=money.positions,
            wallets=money.wallets,
            entries=money.entries,
            nonces=tuple(UsedNonce(key=key, nonce=nonce) for key, nonce in self._row_nonces.items()),
            placed=tuple(placed),
            engines=tuple(self._engines.memory(name) for name in sorted(self._row_engines)),
            counters=self._counters.take_rows(),
        )
        self._row_orders, self._row_trades, self._row_nonces, self._row_engines = {}, [], {}, set()
        return row

    def is_reached(self, order: BitfinexOrder) -> bool:
        """Whether the last price has reached the trigger of an order that waits for one."""
        last = self.last_price(order.symbol)
        return order.kind in (STOP, STOP_LIMIT) and (last - order.price) * order.side.sign >= 0

    # Events of the engine

    def _submit(self, order: BitfinexOrder, at_ms: int) -> None:
        """Hand an order to the engine. One whose trigger is reached does not wait."""
        if order.is_waiting and self.is_reached(order):
            if not order.revision:
                self._changed("on", order)
            self._trigger(evolve(order, revision=order.revision + 1), at_ms)
            order = self.registry.order(*order.key)
        self._apply(order.symbol, self._command(order, at_ms))

    def _command(self, order: BitfinexOrder, at_ms: int) -> NewOrder:
        symbol, kind = self.symbols[order.symbol], order.kind

        def ticks(price: Decimal) -> int:
            return int(price / symbol.tick)

        limit: int | None = None
        if kind in LIMIT_KINDS:
            limit = ticks(order.price)
        elif kind == STOP_LIMIT:
            limit = ticks(order.aux_limit)
        elif order.pays_no_more_than_it_holds:
            limit = ticks(order.held_price)
        time_in_force = TIMES_IN_FORCE.get(kind, EngineTimeInForce.GTC)
        if order.flags & POST_ONLY and kind == LIMIT:
            time_in_force = EngineTimeInForce.GTX
        return NewOrder(
            order_id=order.engine_id,
            account_id=order.account,
            side=order.side,
            kind=OrderKind.LIMIT if kind == MARKET and limit is not None else ENGINE_KINDS[kind],
            quantity=int(order.remaining / symbol.lot),
            limit_price=limit,
            stop_price=ticks(order.price) if kind in (STOP, STOP_LIMIT) else None,
            trail_distance=ticks(order.trailing) if kind == TRAILING_STOP else None,
            time_in_force=time_in_force,
            expire_at_ms=None,
            at_ms=at_ms,
        )

    def _apply(self, name: str, command: EngineCommand) -> None:
        trade_ids: dict[int, int] = {}
        for event in self._engine_events(name, command):
            self._book(name, event, command.at_ms, trade_ids)
        executed, self._executed = self._executed, []
        for order in executed:
            self._end_other(order, command.at_ms)
            self._end_conflicts(order, command.at_ms)

    def _engine_events(self, name: str, command: EngineCommand) -> list[EngineEvent]:
        self._books.add(name)
        return self._engines.apply(name, command)

    def _book(self, name: str, event: EngineEvent, at_ms: int, trade_ids: dict[int, int]) -> None:
        order = self.registry.order(name, int(event.order_id.partition(".")[0]))
        match event:
            case Rejected(reason=EngineRejectReason.POST_ONLY_WOULD_TAKE):
                if not order.revision:
                    self._changed("on", order)
                self._ended(order, POST_ONLY_CANCELED, at_ms)
            case Rejected():
                self.registry.remove(order)
                raise invalid_order(f"{event.reason.value.lower()}")
            case Accepted():
                if not order.revision:
                    self._changed("on", order)
            case Triggered():
                self._trigger(order, at_ms)
            case TriggerMoved():
                self._row_orders[order.key] = moved = evolve(order, price=event.stop_price * self.symbols[name].tick)
                self.registry.put(moved)
            case Filled():
                if event.trade_sequence not in trade_ids:
                    trade_ids[event.trade_sequence] = self.next_id()
                    self._print_fill(name, event, trade_ids[event.trade_sequence], at_ms)
                self._fill(order, event, trade_ids[event.trade_sequence], at_ms)
            case Canceled():
                self._ended(order, ending_of(order, event.reason), at_ms)
            case _:
                raise AssertionError(f"the venue sends no command that is answered with {event}")

    def _trigger(self, order: BitfinexOrder, at_ms: int) -> None:
        """An order whose trigger is reached is of another type from now on."""
        wallet = ON_EXCHANGE if order.is_on_exchange else ""
        changed = evolve(
            order,
            is_triggered=True,
            type=wallet + TRIGGERED_TYPES[order.kind],
            type_before=order.type,
            price=order.aux_limit if order.kind == STOP_LIMIT else order.price,
            updated_ms=at_ms,
        )
        self._changed("ou", changed)

    def _fill(self, order: BitfinexOrder, event: Filled, trade_id: int, at_ms: int) -> None:
        symbol = self.symbols[order.symbol]
        price, amount = event.price * symbol.tick, event.quantity * symbol.lot
        is_maker = event.is_maker and not order.is_hidden
        was_held = bool(self.ledger.position(order.account, order.symbol).amount)
        fee, currency = self.ledger.fill(order, price, amount, is_maker=is_maker, at_ms=at_ms)
        trade = BitfinexTrade(
            trade_id=trade_id,
            symbol=order.symbol,
            account=order.account,
            order_id=order.order_id,
            cid=order.cid,
            side=order.side,
            amount=amount,
            price=price,
            order_type=order.type,
            order_price=order.price,
            is_maker=is_maker,
            fee=fee,
            fee_currency=currency,
            at_ms=at_ms,
        )
        self.registry.add_trade(trade)
        self._row_trades.append(trade)
        self.note(BitfinexTradeEvent(trade=trade))
        fills = (*order.fills, BitfinexFill(price=price, amount=amount))
        changed = evolve(order, fills=fills, updated_ms=at_ms)
        if changed.remaining:
            self._changed("ou", changed)
        else:
            self._changed("oc", evolve(changed, ending=EXECUTED))
        self._executed.append(changed)
        if not order.is_on_exchange:
            is_held = bool(self.ledger.position(order.account, order.symbol).amount)
            kind = "pc" if not is_held else "pu" if was_held else "pn"
            self._note_position(kind, order.account, order.symbol)

    def _note_position(self, kind: str, account: str, name: str) -> None:
        row = position_row(self.ledger, self.symbols[name], self.ledger.position(account, name))
        self.note(BitfinexPositionEvent(kind=kind, account=account, symbol=name, row=row))

    def _ended(self, order: BitfinexOrder, ending: str, at_ms: int) -> None:
        self._changed("oc", evolve(order, ending=ending, updated_ms=at_ms))
        self._end_other(order, at_ms)

    def _end_other(self, order: BitfinexOrder, at_ms: int) -> None:
        """Cancel the other order of a pair."""
        if order.oco_id is None:
            return
        other = self.registry.order(order.symbol, order.oco_id)
        if other.is_open:
            self.end(evolve(other, oco_id=None), CANCELED, at_ms)

    def _end_conflicts(self, filled: BitfinexOrder, at_ms: int) -> None:
        """Cancel the reduce-only orders that would make the position larger now, or turn it."""
        if filled.is_on_exchange:
            return
        held = self.ledger.position(filled.account, filled.symbol).amount
        for order in self.registry.open_orders(filled.account, filled.symbol):
            if not order.is_on_exchange and order.flags & REDUCE_ONLY:
                ending = reduce_only_ending(order, held)
                if ending is not None:
                    self.end(order, ending, at_ms)

    def _changed(self, kind: str, order: BitfinexOrder) -> None:
        self.registry.put(order)
        self._row_orders[order.key] = order
        self._row_engines.add(order.symbol)
        self.ledger.touch(order)
        self.note(BitfinexOrderEvent(kind=kind, order=order))

    # The tape

    def _print_fill(self, name: str, event: Filled, trade_id: int, at_ms: int) -> None:
        symbol = self.symbols[name]
        is_buyer_maker = event.is_maker is (event.side is Side.BUY)
        self._print(name, trade_id, event.price * symbol.tick, event.quantity * symbol.lot, is_buyer_maker, at_ms)

    def _print(
        self, name: str, trade_id: int, price: Decimal, quantity: Decimal, is_buyer_maker: bool, at_ms: int
    ) -> None:
        trade = TapeTrade(
            symbol=name,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            is_buyer_maker=is_buyer_maker,
            at_ms=at_ms,
        )
        self._tape.append(trade)
