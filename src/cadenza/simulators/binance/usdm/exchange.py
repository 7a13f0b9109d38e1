"""USD-M's engines, orders and money. It decides everything at once and in memory; the truth is written after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.exchange import (
    AdvanceTime,
    Canceled,
    CancelRequest,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    EngineRejectReason,
    EngineTimeInForce,
    Expired,
    Filled,
    NewOrder,
    OrderKind,
    PublicTrade,
    Rejected,
)
from cadenza.simulators.binance.usdm.errors import (
    duplicate_id,
    fok_rejected,
    margin_insufficient,
    post_only_rejected,
    reduce_only_rejected,
    symbol_closed,
)
from cadenza.simulators.binance.usdm.filters import check_band, check_notional, check_price, check_quantity
from cadenza.simulators.binance.usdm.ledger import FuturesLedger
from cadenza.simulators.binance.usdm.records import (
    FuturesAccountChange,
    FuturesEvent,
    FuturesExecution,
    FuturesNews,
    FuturesOrder,
    FuturesOrderRequest,
    FuturesRow,
    FuturesTrade,
    PlacedOrder,
)
from cadenza.simulators.binance.usdm.symbols import STATUSES, FuturesSymbol
from cadenza.simulators.binance.wire.errors import VenueRefusal, bad_symbol, cancel_rejected
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.counters import SymbolCounters
from cadenza.simulators.kit.engines import MarketEngines
from cadenza.simulators.kit.records import TapeTrade
from cadenza.simulators.kit.registry import OrderRegistry

LIQUIDATION = "LIQUIDATION"
REDUCE_ONLY_CONFLICT = "4"
LIQUIDATED = "5"
EXPIRY_REASONS = {
    EngineCancelReason.IOC_REMAINDER: "2",
    EngineCancelReason.FOK_UNFILLABLE: "10",
    EngineCancelReason.SELF_TRADE: "1",
    EngineCancelReason.POST_ONLY_WOULD_TAKE: "11",
}
_MARKET_UNFILLED = "9"
_REJECTIONS: dict[EngineRejectReason, Callable[[], VenueRefusal]] = {
    EngineRejectReason.POST_ONLY_WOULD_TAKE: post_only_rejected,
    EngineRejectReason.TOO_MANY_OPEN_ORDERS: lambda: VenueRefusal(-2025, "Reach max open order limit."),
}


class FuturesExchange:
    """Deterministic: the same market, calls and times give the same orders. Nothing is forgotten: the memory that it
    takes grows with the orders. `on_change` is called with each order that has changed, `on_price` with
    a symbol whose last price or mark price may have changed, and when."""

    def __init__(self, symbols: Iterable[FuturesSymbol], market: SeededMarket) -> None:
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.statuses = dict.fromkeys(self.symbols, "TRADING")
        self.registry: OrderRegistry[FuturesOrder, FuturesTrade] = OrderRegistry()
        self.ledger = FuturesLedger(self.symbols, self.mark, self._open_orders)
        self.on_change: Callable[[FuturesOrder], None] = lambda _: None
        self.on_price: Callable[[str, int], None] = lambda _symbol, _at_ms: None
        self._market = market
        self._engines = MarketEngines(self.symbols.values())
        self._counters = SymbolCounters(self.symbols)
        self._marks: dict[str, Decimal] = {}
        self._events: list[FuturesEvent] = []
        self._tape: list[TapeTrade] = []
        self._touched: set[str] = set()
        self._shrunk: dict[tuple[str, str, str], None] = {}
        self._row_orders: dict[tuple[str, int], FuturesOrder] = {}
        self._row_trades: list[FuturesTrade] = []
        self._row_symbols: set[str] = set()

    # Starting

    def restore(self, row: FuturesRow) -> None:
        """Continue from what a former run wrote: one row that holds the latest state of everything."""
        self._counters.restore(row.counters)
        for order in row.orders:
            self.registry.put(order)
        for trade in row.trades:
            self.registry.add_trade(trade)
        self.ledger.restore(row)
        for memory in row.engines:
            name = memory.instrument_id
            self._engines.restore(name, [each.order for each in row.placed if each.symbol == name], memory)

    def open(self, at_ms: int) -> None:
        """Let the market display its first books."""
        for name, command in self._market.open(self._engines.last_ticks(), at_ms):
            self.apply(name, command)

    # The market

    def advance(self, to_ms: int) -> None:
        """Let the counter-market move until `to_ms`, and end the orders whose time has come."""
        for name, command in self._market.advance(to_ms):
            self.apply(name, command)
        for order in self._expired(to_ms):
            self._apply(order.symbol, AdvanceTime(to_ms))

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
                self._print(name, self._counters.next_trade_id(name), price, left, is_buyer_maker, command.at_ms)
            self.on_price(name, command.at_ms)

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
        self.on_price(name, at_ms)

    def keep_price(self, name: str) -> None:
        """Keep the last price of a symbol with the next row. A restart begins at the last one that was kept."""
        self._row_symbols.add(name)

    def symbol(self, name: str) -> FuturesSymbol:
        symbol = self.symbols.get(name)
        if symbol is None or name not in self.statuses:
            raise bad_symbol()
        return symbol

    def set_status(self, name: str, status: str) -> None:
        assert status in STATUSES
        self.statuses[self.symbol(name).name] = status

    def delist(self, name: str, at_ms: int) -> None:
        """Cancel the open orders of a contract and take it off the list: no request knows it any more."""
        for order in self.registry.all_orders():
            if order.is_open and order.symbol == name:
                self.cancel(order, at_ms)
        del self.statuses[name]

    # Orders

    def place(self, account: str, request: FuturesOrderRequest, client_order_id: str, at_ms: int) -> FuturesOrder:
        """Accept and execute an order. Raises `VenueRefusal`, and then nothing has changed."""
        symbol = self.symbol(request.symbol)
        self._check(account, symbol, request, client_order_id)
        order = FuturesOrder(
            symbol=symbol.name,
            order_id=self._counters.upcoming_order_id(symbol.name),
            account=account,
            client_order_id=client_order_id,
            side=request.side,
            position_side=request.position_side,
            type=request.type,
            original_type=request.algo_type or request.type,
            time_in_force=request.time_in_force,
            price=request.price or ZERO,
            quantity=request.quantity,
            stop_price=request.trigger_price,
            working_type=request.working_type,
            is_reduce_only=request.is_reduce_only,
            closes_only=request.closes_only,
            is_closing_all=request.is_closing_all,
            good_till_ms=request.good_till_ms,
            status="NEW",
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        self.registry.put(order)
        self._apply(symbol.name, _to_command(order, symbol, at_ms))
        self._counters.take_order_id(symbol.name, order.order_id)
        return self.registry.order(*order.key)

    def cancel(self, order: FuturesOrder, at_ms: int) -> FuturesOrder:
        """Cancel an open order. Raises `VenueRefusal` for one that is closed."""
        if not order.is_open:
            raise cancel_rejected()
        self._apply(order.symbol, CancelRequest(_engine_id(order), at_ms))
        return self.registry.order(*order.key)

    def expire(self, order: FuturesOrder, reason: str, at_ms: int) -> None:
        """End an open order for a reason of the venue's own."""
        for event in self._engine_events(order.symbol, CancelRequest(_engine_id(order), at_ms)):
            if event.order_id != _engine_id(order):
                self._book(order.symbol, event, at_ms, {})
        self._executed("EXPIRED", evolve(order, status="EXPIRED", expiry_reason=reason, updated_ms=at_ms))

    def upcoming_order_id(self, symbol: str) -> int:
        """Return the id that the next order of a symbol gets, if it is accepted."""
        return self._counters.upcoming_order_id(symbol)

    def note(self, event: FuturesEvent) -> None:
        """Add an event that this batch publishes."""
        self._events.append(event)

    def note_account(
        self, account: str, reason: str, at_ms: int, symbol: str, change: Decimal = ZERO, *, has_positions: bool = True
    ) -> None:
        """Add the state of an account's wallet and positions in a symbol, as it is now."""
        asset = self.symbols[symbol].margin_asset
        sides = self.ledger.sides(account) if has_positions else ()
        positions = [self.ledger.position(account, symbol, side) for side in sides]
        self.note(
            FuturesAccountChange(
                account=account,
                reason=reason,
                wallets=(self.ledger.wallet_change(account, asset, change),),
                positions=tuple(self.ledger.position_change(position) for position in positions),
                at_ms=at_ms,
            )
        )

    def closable(self, account: str, symbol: str, position_side: str, side: Side) -> Decimal:
        """Return how much an order of `side` can close of a position."""
        amount = self.ledger.position(account, symbol, position_side).amount
        return abs(amount) if amount * side.sign < 0 else ZERO

    def open_values(self, account: str, symbol: str) -> list[tuple[Side, Decimal]]:
        """Return the side of each open order in a symbol with what it is worth."""
        return [(order.side, order.remaining * order.price) for order in self._open_orders(account, symbol)]

    # Keeping

    def take_row(self) -> FuturesRow:
        """Return what changed since the last call."""
        placed = [
            PlacedOrder(symbol=order.symbol, order=place)
            for order in self._row_orders.values()
            if (place := self._engines.open_order(order.symbol, _engine_id(order))) is not None
        ]
        row = replace(
            self.ledger.take_changes(),
            orders=tuple(self._row_orders.values()),
            trades=tuple(self._row_trades),
            placed=tuple(placed),
            engines=tuple(self._engines.memory(name) for name in sorted(self._row_symbols)),
            counters=self._counters.take_rows(),
        )
        self._row_orders, self._row_trades, self._row_symbols = {}, [], set()
        return row

    def take_news(self) -> FuturesNews:
        news = FuturesNews(tuple(self._events), tuple(self._tape), frozenset(self._touched))
        self._events, self._tape, self._touched = [], [], set()
        return news

    # Checks

    def _check(self, account: str, symbol: FuturesSymbol, request: FuturesOrderRequest, client_order_id: str) -> None:
        """Raise the refusal that the venue gives before the engine sees the order."""
        mark = self.mark(symbol.name)
        if not request.is_liquidation:
            if self.statuses[symbol.name] != "TRADING":
                raise symbol_closed()
            check_quantity(symbol, request.quantity, is_market=request.type == "MARKET")
            if request.price is not None:
                check_price(symbol, request.price)
                check_band(symbol, request.side, request.price, mark)
            if not request.closes_only:
                check_notional(symbol, (request.price or mark) * request.quantity)
            if len(self._open_orders(account, symbol.name)) >= symbol.open_orders_max:
                raise VenueRefusal(-2025, "Reach max open order limit.")
        if self.registry.open_by_client_id(account, symbol.name, client_order_id):
            raise duplicate_id()
        if request.closes_only and self._left_to_close(account, request) < request.quantity:
            raise reduce_only_rejected()
        if not request.closes_only:
            self._check_margin(account, symbol, request)
        if request.time_in_force == "FOK":
            fillable, _ = self._engines.fillable(symbol.name, request.side, request.quantity, account, request.price)
            if fillable < request.quantity:
                raise fok_rejected()

    def _left_to_close(self, account: str, request: FuturesOrderRequest) -> Decimal:
        """Return how much of the position no other closing order has claimed."""
        held = self.closable(account, request.symbol, request.position_side, request.side)
        claimed = sum((order.remaining for order in self._claims(account, request.symbol, request.position_side)), ZERO)
        return held - claimed

    def _claims(self, account: str, symbol: str, position_side: str) -> list[FuturesOrder]:
        orders = self._open_orders(account, symbol)
        return [order for order in orders if order.closes_only and order.position_side == position_side]

    def _check_margin(self, account: str, symbol: FuturesSymbol, request: FuturesOrderRequest) -> None:
        if request.price is None:
            _, value = self._engines.fillable(symbol.name, request.side, request.quantity, account)
        else:
            value = request.price * request.quantity
        ledger, leverage = self.ledger, self.ledger.setting(account, symbol.name).leverage
        added = ledger.order_margin(account, symbol.name, (request.side, request.position_side, value))
        needed = added - ledger.order_margin(account, symbol.name)
        if needed > ledger.margin(account, symbol.margin_asset).available:
            raise margin_insufficient()
        held = ledger.position(account, symbol.name, request.position_side)
        signed = held.amount * self.mark(symbol.name) * request.side.sign
        if needed and symbol.bracket(abs(signed + value)).leverage < leverage:
            raise VenueRefusal(-2027, "Exceeded the maximum allowable position at current leverage.")

    # Events of the engine

    def _apply(self, name: str, command: EngineCommand) -> None:
        trade_ids: dict[int, int] = {}
        for event in self._engine_events(name, command):
            self._book(name, event, command.at_ms, trade_ids)
        shrunk, self._shrunk = self._shrunk, {}
        for account, symbol, position_side in shrunk:
            self._expire_conflicts(account, symbol, position_side, command.at_ms)

    def _engine_events(self, name: str, command: EngineCommand) -> list[EngineEvent]:
        self._touched.add(name)
        return self._engines.apply(name, command)

    def _book(self, name: str, event: EngineEvent, at_ms: int, trade_ids: dict[int, int]) -> None:
        order = self.registry.order(name, int(event.order_id.rpartition(":")[2]))
        match event:
            case Rejected():
                self.registry.remove(order)
                refuse = _REJECTIONS.get(event.reason)
                raise VenueRefusal(-2010, event.reason.value) if refuse is None else refuse()
            case Filled():
                if event.trade_sequence not in trade_ids:
                    trade_ids[event.trade_sequence] = self._counters.next_trade_id(name)
                    self._print_fill(name, event, trade_ids[event.trade_sequence], at_ms)
                symbol = self.symbols[name]
                price, quantity = event.price * symbol.tick, event.quantity * symbol.lot
                trade_id = trade_ids[event.trade_sequence]
                self._fill("TRADE", order, price, quantity, trade_id, event.is_maker, at_ms)
            case Canceled():
                self._close(order, event.reason, at_ms)
            case Expired():
                self._executed("EXPIRED", evolve(order, status="EXPIRED", updated_ms=at_ms))
            case _:
                self._executed("NEW", order)

    def _close(self, order: FuturesOrder, reason: EngineCancelReason, at_ms: int) -> None:
        if order.type == LIQUIDATION:
            # The insurance takes over at the order's price what the book did not.
            trade_id = self._counters.next_trade_id(order.symbol)
            self._fill("CALCULATED", order, order.price, order.remaining, trade_id, False, at_ms)
            return
        if reason is EngineCancelReason.USER:
            self._executed("CANCELED", evolve(order, status="CANCELED", updated_ms=at_ms))
            return
        is_unfilled_market = reason is EngineCancelReason.IOC_REMAINDER and order.type == "MARKET"
        expiry = _MARKET_UNFILLED if is_unfilled_market else EXPIRY_REASONS[reason]
        status = "EXPIRED_IN_MATCH" if reason is EngineCancelReason.SELF_TRADE else "EXPIRED"
        self._executed("EXPIRED", evolve(order, status=status, expiry_reason=expiry, updated_ms=at_ms))

    def _fill(
        self,
        type: str,
        order: FuturesOrder,
        price: Decimal,
        quantity: Decimal,
        trade_id: int,
        is_maker: bool,
        at_ms: int,
    ) -> None:
        booking = self.ledger.fill(order, price, quantity, is_maker=is_maker, trade_id=trade_id, at_ms=at_ms)
        trade = FuturesTrade(
            symbol=order.symbol,
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            side=order.side,
            position_side=order.position_side,
            is_maker=is_maker,
            price=price,
            quantity=quantity,
            realized=booking.realized,
            commission=booking.commission,
            commission_asset=self.symbols[order.symbol].margin_asset,
            at_ms=at_ms,
        )
        self.registry.add_trade(trade)
        self._row_trades.append(trade)
        executed = order.executed + quantity
        changed = evolve(
            order,
            executed=executed,
            cost=order.cost + trade.cost,
            status="FILLED" if executed == order.quantity else "PARTIALLY_FILLED",
            updated_ms=at_ms,
        )
        self.registry.put(changed)
        self.note_account(order.account, "ORDER", at_ms, order.symbol)
        self._executed(type, changed, trade)
        self._shrunk[order.account, order.symbol, order.position_side] = None

    def _expire_conflicts(self, account: str, symbol: str, position_side: str, at_ms: int) -> None:
        """End the newest closing orders that want to close more than there is left."""
        for side in Side:
            held = self.closable(account, symbol, position_side, side)
            claims = [claim for claim in self._claims(account, symbol, position_side) if claim.side is side]
            wanted = sum((claim.remaining for claim in claims), ZERO)
            while wanted > held:
                conflict = claims.pop()
                wanted -= conflict.remaining
                self.expire(conflict, REDUCE_ONLY_CONFLICT, at_ms)

    def _executed(self, type: str, order: FuturesOrder, trade: FuturesTrade | None = None) -> None:
        self.registry.put(order)
        self._row_orders[order.key] = order
        self._row_symbols.add(order.symbol)
        self.note(FuturesExecution(type=type, order=order, trade=trade))
        self.on_change(order)

    # The tape

    def _open_orders(self, account: str, symbol: str) -> list[FuturesOrder]:
        return self.registry.open_orders(account, symbol)

    def _expired(self, now_ms: int) -> list[FuturesOrder]:
        return [
            order
            for account in self.ledger.accounts()
            for order in self.registry.open_orders(account)
            if order.good_till_ms is not None and order.good_till_ms <= now_ms
        ]

    def _print_fill(self, name: str, event: Filled, trade_id: int, at_ms: int) -> None:
        symbol = self.symbols[name]
        is_buyer_maker = event.is_maker is (event.side is Side.BUY)
        self._print(name, trade_id, event.price * symbol.tick, event.quantity * symbol.lot, is_buyer_maker, at_ms)

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


def _engine_id(order: FuturesOrder) -> str:
    return f"{order.symbol}:{order.order_id}"


def _to_command(order: FuturesOrder, symbol: FuturesSymbol, at_ms: int) -> NewOrder:
    is_dated = order.time_in_force == "GTD"
    return NewOrder(
        order_id=_engine_id(order),
        account_id=order.account,
        side=order.side,
        kind=OrderKind.LIMIT if order.price else OrderKind.MARKET,
        quantity=int(order.quantity / symbol.lot),
        limit_price=int(order.price / symbol.tick) if order.price else None,
        stop_price=None,
        trail_distance=None,
        time_in_force=EngineTimeInForce(order.time_in_force) if order.price else EngineTimeInForce.IOC,
        expire_at_ms=order.good_till_ms if is_dated else None,
        at_ms=at_ms,
    )
