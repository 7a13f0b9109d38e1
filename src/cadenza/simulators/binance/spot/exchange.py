"""The venue's engines, orders and money. It decides everything at once and in memory; the truth is written after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from cadenza.domain.accounts.trading_account import AccountType, PositionMode
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import RejectReason
from cadenza.exchange import (
    Accepted,
    Canceled,
    CancelRequest,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    Filled,
    PublicTrade,
    Rejected,
    Triggered,
)
from cadenza.exchange.back_office import BackOffice
from cadenza.exchange.ledger import FeeAsset
from cadenza.exchange.records import EngineMemory, OrderFact, VenueAccount, VenueOrder, VenueState
from cadenza.simulators.binance.spot.engine_words import (
    DOMAIN_CLOSES,
    REJECTIONS,
    close_of,
    to_command,
    to_open_order,
    to_venue_order,
    venue_order_id_of,
)
from cadenza.simulators.binance.spot.filters import check_counts, check_filters
from cadenza.simulators.binance.spot.news import VenueNews
from cadenza.simulators.binance.spot.order_request import WITH_STOP
from cadenza.simulators.binance.spot.records import (
    MarginTerms,
    SpotDeposit,
    SpotExecution,
    SpotOrder,
    SpotOrderRequest,
    SpotRow,
    SpotTrade,
)
from cadenza.simulators.binance.spot.symbols import PLACES, STATUSES, SpotSymbol
from cadenza.simulators.binance.spot.trailing import is_stop_reached, price_held_for, trail, triggered_command
from cadenza.simulators.binance.wire.errors import bad_symbol, cancel_rejected, order_rejected
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.counters import SymbolCounters
from cadenza.simulators.kit.engines import MarketEngines
from cadenza.simulators.kit.records import TapeTrade
from cadenza.simulators.kit.registry import OrderRegistry


class SpotExchange:
    """Deterministic: the same market, calls and times give the same orders. Nothing is forgotten: the memory that it
    takes grows with the orders. `on_received` is called with what a fill brought to an order's account, `on_closed`
    with an order that has ended unfilled."""

    def __init__(self, symbols: Iterable[SpotSymbol], market: SeededMarket) -> None:
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.statuses = dict.fromkeys(self.symbols, "TRADING")
        self.registry: OrderRegistry[SpotOrder, SpotTrade] = OrderRegistry()
        self._market = market
        self._engines = MarketEngines(self.symbols.values())
        instruments = {symbol.id: symbol.instrument for symbol in self.symbols.values()}
        self.office = BackOffice(instruments, FeeAsset.RECEIVED, self._mark, PLACES)
        self._counters = SymbolCounters(self.symbols)
        self._executions = 0
        self._trailing: dict[tuple[str, int], None] = {}
        self._touched: set[str] = set()
        self._row_orders: dict[tuple[str, int], SpotOrder] = {}
        self._row_trades: list[SpotTrade] = []
        self._news = VenueNews()
        self.on_received: Callable[[SpotOrder, str, Decimal, int], None] = lambda *_: None
        self.on_closed: Callable[[SpotOrder, int], None] = lambda *_: None

    # Starting

    def restore(self, row: SpotRow) -> None:
        """Continue from what a former run wrote: one row that holds the latest state of everything."""
        self._counters.restore(row.counters)
        self._executions = row.executions
        for order in row.orders:
            self.registry.put(order)
            if order.is_trailing:
                self._trailing[order.key] = None
        for trade in row.trades:
            self.registry.add_trade(trade)
        self.office.restore(VenueState(accounts=row.accounts, orders=row.venue_orders, balances=row.balances))
        memories = {memory.instrument_id: memory for memory in row.engines}
        for symbol in self.symbols.values():
            elsewhere = {venue_order_id_of(self.registry.order(*key)) for key in self._trailing}
            waiting = [
                order
                for order in row.venue_orders
                if order.instrument_id == symbol.id and order.venue_order_id not in elsewhere
            ]
            self._restore_engine(symbol, waiting, memories.get(symbol.id))

    def open(self, at_ms: int) -> None:
        """Let the market display its first books."""
        for name, command in self._market.open(self._engines.last_ticks(), at_ms):
            self.apply(name, command)

    def open_account(self, account: str, deposits: Mapping[str, Decimal], at_ms: int) -> None:
        """Open an account, unless a former run opened it."""
        opened = VenueAccount(
            external_id=account,
            type=AccountType.SPOT,
            position_mode=PositionMode.NETTING,
            max_leverage=1,
            opened_at_ms=at_ms,
        )
        if self.office.ledger.account(account) is None:
            self.office.open_account(opened, {})
            for asset, amount in deposits.items():
                self.deposit(account, asset, amount, at_ms)

    def deposit(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Move assets into an account, or out of it with a negative amount, as a transfer at the venue does."""
        self.office.ledger.deposit(account, asset, amount, at_ms)
        self._news.deposits.append(SpotDeposit(account=account, asset=asset, amount=amount, at_ms=at_ms))
        self._note_assets(account, asset)

    def lend(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Move a loan into an account, or a repayment out of it with a negative amount."""
        self.office.ledger.deposit(account, asset, amount, at_ms)
        self._note_assets(account, asset)

    # The market

    def advance(self, to_ms: int) -> None:
        """Let the counter-market move until `to_ms`."""
        for name, command in self._market.advance(to_ms):
            self.apply(name, command)

    def apply(self, name: str, command: EngineCommand) -> None:
        """Execute a command of the market. A trade that own orders took part in is on the tape once."""
        before = len(self._news.tape)
        self._apply(name, command)
        if isinstance(command, PublicTrade):
            symbol = self.symbols[name]
            own = sum((trade.quantity for trade in self._news.tape[before:]), ZERO)
            left = command.quantity * symbol.lot - own
            if left > 0:
                price, is_buyer_maker = command.price * symbol.tick, command.aggressor_side is Side.SELL
                self._print(name, self._counters.next_trade_id(name), price, left, is_buyer_maker, command.at_ms)
            self._follow(symbol, command.price * symbol.tick, command.at_ms)

    def depth(self, name: str, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, quantity), best first."""
        return self._engines.depth(name, side, levels_max)

    def last_price(self, name: str) -> Decimal:
        """Return the price of the last trade, which stands for the average of the last minutes too."""
        return self._engines.last_price(name)

    # Orders

    def symbol(self, name: str) -> SpotSymbol:
        symbol = self.symbols.get(name)
        if symbol is None or name not in self.statuses:
            raise bad_symbol()
        return symbol

    def check(self, account: str, request: SpotOrderRequest) -> SpotSymbol:
        """Raise the refusal that the venue gives before the money is looked at; else return the symbol."""
        symbol = self.symbol(request.symbol)
        check_filters(symbol, request, self.last_price(symbol.name))
        if self.statuses[symbol.name] != "TRADING":
            raise order_rejected("Market is closed.")
        if request.client_order_id and self.registry.open_by_client_id(account, symbol.name, request.client_order_id):
            raise order_rejected("Duplicate order sent.")
        open_orders = self.registry.open_orders(account, symbol.name)
        algo_orders = sum(order.type in WITH_STOP and order.working_ms is None for order in open_orders)
        check_counts(symbol, request, len(open_orders), algo_orders)
        return symbol

    def place(
        self,
        account: str,
        request: SpotOrderRequest,
        client_order_id: str,
        at_ms: int,
        margin: MarginTerms | None = None,
    ) -> SpotOrder:
        """Accept and execute an order. Raises `VenueRefusal`, and then nothing has changed."""
        symbol = self.check(account, request)
        order = evolve(self._order(symbol, account, request, client_order_id, at_ms), margin=margin)
        self._accept(symbol, order, at_ms)
        return self.registry.order(*order.key)

    def funds_for(self, account: str, request: SpotOrderRequest, at_ms: int) -> tuple[str, Decimal]:
        """Return the asset that an order would lock, and how much of it. Raises `VenueRefusal` as `place` does."""
        symbol = self.check(account, request)
        order = self._order(symbol, account, request, "", at_ms)
        if order.side is Side.SELL:
            return symbol.base, order.quantity
        return symbol.quote, self._cost(symbol, order)

    def _order(
        self, symbol: SpotSymbol, account: str, request: SpotOrderRequest, client_order_id: str, at_ms: int
    ) -> SpotOrder:
        quantity = request.quantity or self._quantity_for(symbol, request)
        return SpotOrder(
            symbol=symbol.name,
            order_id=self._counters.upcoming_order_id(symbol.name),
            account=account,
            client_order_id=client_order_id,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            price=request.price or ZERO,
            quantity=quantity,
            quote_quantity=request.quote_quantity,
            stop_price=request.stop_price or ZERO,
            status="NEW",
            created_ms=at_ms,
            updated_ms=at_ms,
            working_ms=None if request.type in WITH_STOP else at_ms,
            trailing_delta=request.trailing_delta,
        )

    def cancel(self, order: SpotOrder, cancel_id: str, at_ms: int) -> SpotOrder:
        """Cancel an open order. Raises `VenueRefusal` for one that is closed or whose symbol is not traded."""
        if not order.is_open:
            raise cancel_rejected()
        if self.statuses[order.symbol] not in ("TRADING", "CANCEL_ONLY"):
            raise cancel_rejected("Market is closed.")
        if order.key in self._trailing:
            del self._trailing[order.key]
            self._close(order, EngineCancelReason.USER, cancel_id, at_ms)
        else:
            self._apply(order.symbol, CancelRequest(venue_order_id_of(order), at_ms), cancel_id)
        return self.registry.order(*order.key)

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """Return (free, locked) by asset."""
        ledger = self.office.ledger
        rows = ledger.balances(account)
        return {row.asset: (ledger.free(account, row.asset), ledger.locked(account, row.asset)) for row in rows}

    def set_status(self, name: str, status: str) -> None:
        assert status in STATUSES
        self.statuses[self.symbol(name).name] = status

    def delist(self, name: str, at_ms: int) -> None:
        """Cancel the open orders of a symbol and take it off the list: no request knows it any more."""
        for order in self.registry.all_orders():
            if order.is_open and order.symbol == name:
                self.cancel(order, order.client_order_id, at_ms)
        del self.statuses[name]

    # Keeping

    def take_row(self) -> SpotRow:
        """Return what changed since the last call."""
        changes = self.office.take_changes()
        self.office.take_facts()
        touched = sorted({order.instrument_id for order in changes.orders})
        row = SpotRow(
            accounts=changes.accounts,
            orders=tuple(self._row_orders.values()),
            venue_orders=tuple(self._with_place(order) for order in changes.orders),
            trades=tuple(self._row_trades),
            deposits=tuple(self._news.deposits),
            balances=changes.balances,
            postings=changes.postings,
            engines=tuple(self._engines.memory(name) for name in touched),
            counters=self._counters.take_rows(),
            executions=self._executions,
        )
        self._row_orders, self._row_trades = {}, []
        return row

    def take_news(self) -> VenueNews:
        news, self._news = self._news, VenueNews()
        return news

    def take_touched(self) -> set[str]:
        """Return the symbols whose books may have changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    # Helpers

    def _mark(self, id: InstrumentId) -> Decimal | None:
        return self.last_price(id)

    def _quantity_for(self, symbol: SpotSymbol, request: SpotOrderRequest) -> Decimal:
        """Return how much a MARKET order by quote quantity trades in the present book, rounded down to the lot."""
        left, quantity = request.quote_quantity, ZERO
        for price, available in self.depth(symbol.name, request.side.opposite, levels_max=5000):
            traded = min(available, left / price // symbol.lot * symbol.lot)
            quantity, left = quantity + traded, left - traded * price
            if traded < available:
                break
        if not quantity:
            raise order_rejected("Order book liquidity is less than LOT_SIZE filter minimum quantity.")
        return min(quantity, symbol.market_quantity_max)

    def _accept(self, symbol: SpotSymbol, order: SpotOrder, at_ms: int) -> None:
        is_trailing = order.trailing_delta is not None
        if is_trailing and order.stop_price and is_stop_reached(order, self.last_price(symbol.name)):
            raise order_rejected("Order would trigger immediately.")
        accepted = self.office.accept(to_venue_order(symbol, order), self._cost(symbol, order), at_ms)
        if isinstance(accepted, RejectReason):
            raise order_rejected("Account has insufficient balance for requested action.")
        paid_for = None if accepted.stop_price is None else self.office.ledger.price_paid_for(accepted)
        self.registry.put(order)
        if is_trailing:
            mark = (None, None) if order.stop_price else (self.last_price(symbol.name), at_ms)
            self._trailing[order.key] = None
            self._touched.add(symbol.name)
            self._executed("NEW", evolve(order, trailing_mark=mark[0], trailing_ms=mark[1]))
        else:
            self._apply(symbol.name, to_command(accepted, symbol, paid_for, at_ms))
        self._counters.take_order_id(symbol.name, order.order_id)

    def _cost(self, symbol: SpotSymbol, order: SpotOrder) -> Decimal:
        """Return what the order may cost in quote units: at its limit, at its trigger, or in the present book."""
        if order.price:
            return order.price * order.quantity
        if order.type in WITH_STOP:
            return price_held_for(order, self.last_price(symbol.name), symbol.tick) * order.quantity
        _, cost = self._engines.fillable(symbol.name, order.side, order.quantity, order.account)
        return cost

    def _apply(self, name: str, command: EngineCommand, cancel_id: str | None = None) -> None:
        self._touched.add(name)
        trade_ids: dict[int, int] = {}
        for event in self._engines.apply(name, command):
            self._book(name, event, command.at_ms, trade_ids, cancel_id)

    def _book(
        self, name: str, event: EngineEvent, at_ms: int, trade_ids: dict[int, int], cancel_id: str | None
    ) -> None:
        order = self.registry.order(name, int(event.order_id.rpartition(":")[2]))
        if isinstance(event, Rejected):
            self.office.withdraw(event.order_id)
            self.registry.remove(order)
            raise order_rejected(REJECTIONS[event.reason])
        held = self._held(order)
        match event:
            case Accepted():
                self._executed("NEW", order)
            case Triggered():
                self.office.touch(evolve(held, is_triggered=True))
                self._executed("NEW", evolve(order, working_ms=at_ms, updated_ms=at_ms))
            case Filled():
                if event.trade_sequence not in trade_ids:
                    trade_ids[event.trade_sequence] = self._counters.next_trade_id(name)
                    self._print_fill(name, event, trade_ids[event.trade_sequence], at_ms)
                self._fill(order, held, event, trade_ids[event.trade_sequence], at_ms)
            case Canceled():
                self._close(order, event.reason, cancel_id, at_ms)
            case _:
                raise AssertionError(f"the venue sends no command that is answered with {event}")

    def _follow(self, symbol: SpotSymbol, price: Decimal, at_ms: int) -> None:
        """Let trailing stops follow a public trade, and send those that it triggers to the engine."""
        for key in [key for key in self._trailing if key[0] == symbol.name]:
            before = self.registry.order(*key)
            order, is_triggered = trail(before, price, at_ms)
            if is_triggered:
                del self._trailing[key]
                order = evolve(order, working_ms=at_ms, updated_ms=at_ms)
                held = evolve(self._held(order), is_triggered=True)
                self.office.touch(held)
                self.registry.put(order)
                paid_for = self.office.ledger.price_paid_for(held)
                self._apply(symbol.name, triggered_command(held, symbol, paid_for, at_ms))
            elif order is not before:
                self.registry.put(order)
                self._row_orders[key] = order

    def _held(self, order: SpotOrder) -> VenueOrder:
        held = self.office.order(venue_order_id_of(order))
        assert held is not None
        return held

    def _close(self, order: SpotOrder, reason: EngineCancelReason, cancel_id: str | None, at_ms: int) -> None:
        execution, status, expiry = close_of(order, reason)
        self.office.close(self._held(order), DOMAIN_CLOSES[status], reason.value, at_ms)
        closed = evolve(order, status=status, expiry_reason=expiry, updated_ms=at_ms)
        self._executed(execution, closed, cancel_id=cancel_id)
        self.on_closed(closed, at_ms)

    def _fill(self, order: SpotOrder, held: VenueOrder, event: Filled, trade_id: int, at_ms: int) -> None:
        symbol = self.symbols[order.symbol]
        price, quantity = event.price * symbol.tick, event.quantity * symbol.lot
        filled = self.office.fill(
            held, price, quantity, is_maker=event.is_maker, trade_id=f"{symbol.name}:{trade_id}", at_ms=at_ms
        )
        trade = SpotTrade(
            symbol=symbol.name,
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            is_buyer=order.side is Side.BUY,
            is_maker=event.is_maker,
            price=price,
            quantity=quantity,
            commission=self._last_fee(),
            commission_asset=symbol.base if order.side is Side.BUY else symbol.quote,
            at_ms=at_ms,
        )
        self.registry.add_trade(trade)
        self._row_trades.append(trade)
        changed = evolve(
            order,
            executed=order.executed + quantity,
            cost=order.cost + trade.cost,
            status="PARTIALLY_FILLED" if filled.remaining else "FILLED",
            updated_ms=at_ms,
        )
        self._executed("TRADE", changed, trade)
        self._note_assets(order.account, symbol.base, symbol.quote)
        brought = trade.quantity if trade.is_buyer else trade.cost
        self.on_received(changed, trade.commission_asset, brought - trade.commission, at_ms)

    def _executed(
        self, type: str, order: SpotOrder, trade: SpotTrade | None = None, cancel_id: str | None = None
    ) -> None:
        self._executions += 1
        self.registry.put(order)
        self._row_orders[order.key] = order
        execution = SpotExecution(type=type, order=order, trade=trade, cancel_id=cancel_id, sequence=self._executions)
        self._news.executions.append(execution)
        symbol = self.symbols[order.symbol]
        self._note_assets(order.account, symbol.quote if order.side is Side.BUY else symbol.base)

    def _note_assets(self, account: str, *assets: str) -> None:
        moved = self._news.moved_assets.setdefault(account, [])
        moved.extend(asset for asset in assets if asset not in moved)

    def _last_fee(self) -> Decimal:
        """Return the fee of the fill that was booked just now."""
        fact = self.office.facts[-1]
        assert isinstance(fact, OrderFact)
        assert fact.fill is not None
        return sum((fee.quantity for fee in fact.fill.fees), ZERO)

    def _print_fill(self, name: str, event: Filled, trade_id: int, at_ms: int) -> None:
        symbol = self.symbols[name]
        is_buyer_maker = event.is_maker is (event.side is Side.BUY)
        self._print(name, trade_id, event.price * symbol.tick, event.quantity * symbol.lot, is_buyer_maker, at_ms)

    def _print(
        self, name: str, trade_id: int, price: Decimal, quantity: Decimal, is_buyer_maker: bool, at_ms: int
    ) -> None:
        self._news.tape.append(
            TapeTrade(
                symbol=name,
                trade_id=trade_id,
                price=price,
                quantity=quantity,
                is_buyer_maker=is_buyer_maker,
                at_ms=at_ms,
            )
        )

    def _with_place(self, order: VenueOrder) -> VenueOrder:
        """Return the order with its place in the queue, which only the engine knows."""
        place = self._engines.place_of(order)
        if place is None:
            return order
        sequence, ahead, is_triggered = place
        is_triggered = is_triggered or order.is_triggered  # the engine knows nothing of trailing stops
        return evolve(order, sequence=sequence, queue_ahead=ahead, is_triggered=is_triggered)

    def _restore_engine(self, symbol: SpotSymbol, orders: list[VenueOrder], memory: EngineMemory | None) -> None:
        if memory is None:
            return
        price_paid_for = self.office.ledger.price_paid_for
        opened = [to_open_order(order, symbol, price_paid_for(order)) for order in orders]
        self._engines.restore(symbol.name, opened, memory)
