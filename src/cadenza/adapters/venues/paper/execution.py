"""How PAPER executes orders: a matching engine per instrument, a market that feeds the engines, and the back office."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random

from cadenza.adapters.venues.inhouse.exchange import SENT, Acknowledgement
from cadenza.adapters.venues.inhouse.trade_tape import TradeTape
from cadenza.adapters.venues.inhouse.venue_spec import with_limits
from cadenza.adapters.venues.paper.mapping import (
    CANCEL_REASONS,
    REJECT_REASONS,
    fits_steps,
    to_command,
    to_lots,
    to_open_order,
    to_ticks,
)
from cadenza.adapters.venues.paper.market import MarketSource
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.adapters.venues.paper.market_data import deepened, level_depth, mark_of, print_trade
from cadenza.adapters.venues.paper.spec import PaperVenueSettings
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, Security
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.reservation import MARKET_PAD
from cadenza.exchange import (
    Accepted,
    AdvanceTime,
    Canceled,
    CancelRejected,
    CancelRequest,
    EngineCommand,
    EngineEvent,
    EngineState,
    Expired,
    Filled,
    MatchingEngine,
    OpenOrder,
    PublicTrade,
    Rejected,
    ResetMarket,
    Triggered,
    TriggerMoved,
)
from cadenza.exchange.back_office import BackOffice
from cadenza.exchange.records import EngineMemory, VenueChanges, VenueOrder, VenueState

BOTTOMLESS = 10**12
"""The factor for an unlimited market: it makes one lot more than any order may have."""


class PaperExchange:
    """Implements `SimulatedExchange`. It is deterministic: the same market, settings, calls and times give the same
    fills."""

    def __init__(self, source: MarketSource, settings: PaperVenueSettings) -> None:
        self._source = source
        self._settings = settings
        self._depth = 1 if settings.partial_fills else BOTTOMLESS
        most = settings.accounts.open_orders_max
        self._instruments = {i.id: with_limits(_with_fees(i, settings), most) for i in _catalogue(source)}
        self._engines = {id: MatchingEngine() for id in self._instruments}
        self._expiring: set[InstrumentId] = set()
        """Whose engines have orders that expire."""
        self._tape = TradeTape()
        self._moved: set[InstrumentId] = set()
        self._changed_books: set[InstrumentId] = set()
        self._last_marks: dict[InstrumentId, Decimal | None] = {}  # when their markets were suspended
        self._now_ms = 0  # the time of all engines, including those that had no command lately
        self.office = BackOffice(self._instruments, settings.fee_asset, self._mark)

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        return self._instruments

    @property
    def securities(self) -> Sequence[Security]:
        return SECURITIES

    # SimulatedExchange

    def open(self, at_ms: int) -> None:
        self.advance(at_ms)

    def restore(self, state: VenueState) -> None:
        """Put open orders back into their queue places. What the market displays now stays displayed. An order that no
        longer fits its instrument's steps (because another market was chosen) is canceled: an engine would round it."""
        self.office.restore(state)
        for order in state.orders:
            if not fits_steps(order, self._instruments[order.instrument_id]):
                self.office.close(order, OrderStatus.CANCELED, CancelReason.VENUE.value, order.updated_at_ms)
        open_orders = self.office.open_orders()
        memories = {memory.instrument_id: memory for memory in state.engines}
        shown = {id: engine.snapshot().market_levels for id, engine in self._engines.items()}
        for id, engine in self._engines.items():
            orders = (order for order in open_orders if order.instrument_id == id)
            memory = memories.get(id, _fresh(id))
            engine.restore(
                EngineState(
                    orders=tuple(self._to_open_order(order) for order in orders),
                    market_levels=memory.levels,
                    last_price=memory.last_price,
                    sequence=memory.sequence,
                    trade_sequence=memory.trade_sequence,
                    now_ms=memory.now_ms,
                )
            )
            self._note_expiries(id)
        self._expire_until(self._now_ms)
        for id, market_levels in shown.items():
            if market_levels or self._source.is_suspended(id):
                levels = [(level.side, (level.price, level.displayed)) for level in market_levels]
                bids = tuple(level for side, level in levels if side is Side.BUY)
                asks = tuple(level for side, level in levels if side is Side.SELL)
                self._apply(id, ResetMarket(bids, asks, self._now_ms))

    def advance(self, to_ms: int) -> None:
        for id, command in self._source.advance(to_ms):
            self._expire_until(command.at_ms)
            if isinstance(command, ResetMarket) and not command.bids and not command.asks:
                self._last_marks[id] = mark_of(self._engines[id], self._instruments[id])
            self._apply(id, deepened(command, self._depth))
            if isinstance(command, PublicTrade):
                print_trade(self._tape, self._instruments[id], command)
            self._moved.add(id)
        self._expire_until(to_ms)
        self._now_ms = max(self._now_ms, to_ms)
        self._liquidate(to_ms)

    def next_due_ms(self) -> int | None:
        return None

    def delay_ms(self, order: Order, *, is_cancel: bool) -> int:
        least, most = self._settings.latency_ms_min, self._settings.latency_ms_max
        if not most:
            return 0
        draw = Random(f"{self._settings.seed}/{order.id}/{is_cancel}")  # noqa: S311 - a simulation that must be repeatable
        return draw.randint(least, most)

    def submit(self, order: VenueOrder, at_ms: int) -> Acknowledgement:
        is_fixed = order.limit_price is not None or order.stop_price is None  # else only the trigger is known
        accepted = self.office.accept(order, self._cost(order), at_ms, ZERO if is_fixed else MARKET_PAD)
        if isinstance(accepted, RejectReason):
            self.office.reject(order, accepted.value, at_ms)
        else:
            id, instrument = order.instrument_id, self._instruments[order.instrument_id]
            paid_for = None if order.stop_price is None else self.office.ledger.price_paid_for(accepted)
            self._apply(id, to_command(accepted, instrument, at_ms, paid_for))
        return SENT

    def cancel(self, order: VenueOrder, at_ms: int) -> None:
        self._apply(order.instrument_id, CancelRequest(order.venue_order_id, at_ms))

    def take_changes(self) -> VenueChanges:
        """Return the changes with each order's queue place, and what each engine involved must remember."""
        changes = self.office.take_changes()
        orders = tuple(self._with_place(order) for order in changes.orders)
        touched = sorted({order.instrument_id for order in orders} & self._engines.keys())
        return changes.with_engines(orders, tuple(self._memory(id) for id in touched))

    def take_trades(self) -> list[MarketTrade]:
        return self._tape.take()

    def take_changed_books(self) -> set[InstrumentId]:
        changed, self._changed_books = self._changed_books, set()
        return changed

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        return self._source.is_suspended(instrument_id)

    def depth(self, instrument_id: InstrumentId, side: Side, levels_max: int) -> list[tuple[int, int]]:
        return level_depth(self._engines[instrument_id], side, levels_max, self._depth)

    # Engines

    def _apply(self, id: InstrumentId, command: EngineCommand, reason: CancelReason | None = None) -> None:
        """Execute a command and book its events. `reason` says why orders are canceled, if not by the user."""
        events = self._engines[id].apply(command)
        self._note_expiries(id)
        self._changed_books.add(id)
        trades: dict[int, str] = {}
        for event in events:
            self._book(id, event, command.at_ms, trades, reason)

    def _expire_until(self, at_ms: int) -> None:
        """Expire the orders that are due by then, in time order and each at its own instant, however late that is."""
        while self._expiring:
            expiries = ((self._engines[id].next_expiry_ms(), id) for id in self._expiring)
            due = min(((due_ms, id) for due_ms, id in expiries if due_ms is not None), default=None)
            if due is None or due[0] > at_ms:
                return
            self._apply(due[1], AdvanceTime(due[0]))

    def _note_expiries(self, id: InstrumentId) -> None:
        if self._engines[id].next_expiry_ms() is not None:
            self._expiring.add(id)
        else:
            self._expiring.discard(id)

    def _book(
        self,
        id: InstrumentId,
        event: EngineEvent,
        at_ms: int,
        trades: dict[int, str],
        cancel_reason: CancelReason | None,
    ) -> None:
        instrument = self._instruments[id]
        if isinstance(event, Rejected):
            self.office.reject(self.office.withdraw(event.order_id), REJECT_REASONS[event.reason].value, at_ms)
            return
        order = self.office.order(event.order_id)
        assert order is not None
        match event:
            case Accepted():
                self._note_trail(order, instrument)
            case Filled():
                is_new = event.trade_sequence not in trades
                trade_id = trades.get(event.trade_sequence) or self.office.next_trade_id()
                trades[event.trade_sequence] = trade_id
                price, quantity = event.price * instrument.pip_size, event.quantity * instrument.lot_size
                self.office.fill(order, price, quantity, is_maker=event.is_maker, trade_id=trade_id, at_ms=at_ms)
                self._moved.add(id)
                if is_new:
                    aggressor = event.side.opposite if event.is_maker else event.side
                    self._tape.add(id, trade_id, price, quantity, aggressor, at_ms)
            case Canceled():
                reason = CANCEL_REASONS[event.reason] if cancel_reason is None else cancel_reason
                self.office.close(order, OrderStatus.CANCELED, reason.value, at_ms)
            case Expired():
                self.office.close(order, OrderStatus.EXPIRED, CancelReason.EXPIRED.value, at_ms)
            case TriggerMoved():
                self.office.move_trigger(order, event.stop_price * instrument.pip_size, at_ms)
            case Triggered():
                self.office.touch(evolve(order, is_triggered=True))
            case CancelRejected():
                self.office.refuse_cancel(order, event.reason.value, at_ms)

    def _to_open_order(self, order: VenueOrder) -> OpenOrder:
        return to_open_order(order, self._instruments[order.instrument_id], self.office.ledger.price_paid_for(order))

    def _note_trail(self, order: VenueOrder, instrument: Instrument) -> None:
        if order.type is OrderType.TRAILING_STOP:
            waiting = self._engines[order.instrument_id].order(order.venue_order_id)
            assert waiting is not None
            assert waiting.trail_distance is not None
            self.office.touch(evolve(order, trail_distance=waiting.trail_distance * instrument.pip_size))

    def _with_place(self, order: VenueOrder) -> VenueOrder:
        engine = self._engines.get(order.instrument_id)  # None: refused because it is not listed
        place = None if engine is None else engine.place_of(order.venue_order_id)
        if place is None:
            return order
        sequence, lots_ahead, is_triggered = place
        queue_ahead = lots_ahead * self._instruments[order.instrument_id].lot_size
        return evolve(order, sequence=sequence, queue_ahead=queue_ahead, is_triggered=is_triggered)

    def _memory(self, id: InstrumentId) -> EngineMemory:
        state = self._engines[id].memory()
        return EngineMemory(
            instrument_id=id,
            last_price=state.last_price,
            sequence=state.sequence,
            trade_sequence=state.trade_sequence,
            now_ms=max(state.now_ms, self._now_ms),
            levels=state.market_levels,
        )

    # Money

    def _mark(self, id: InstrumentId) -> Decimal | None:
        """A suspended market keeps the mark that it had."""
        if self._source.is_suspended(id) and id in self._last_marks:
            return self._last_marks[id]
        return mark_of(self._engines[id], self._instruments[id])

    def _cost(self, order: VenueOrder) -> Decimal:
        """Return what the order may cost in quote units: at its limit, at its trigger, or in the present book."""
        if order.limit_price is not None:
            return order.limit_price * order.quantity
        if order.stop_price is not None:
            return order.stop_price * order.quantity
        instrument = self._instruments[order.instrument_id]
        lots = to_lots(order.quantity, instrument)
        estimate = self._engines[order.instrument_id].cost_to_fill(order.side, lots, account_id=order.external_id)
        return estimate.cost * instrument.pip_size * instrument.lot_size

    def _liquidate(self, at_ms: int) -> None:
        """Where equity is below the maintenance margin, cancel the orders and close the positions. An account with a
        position in a suspended market is looked at again when that market is back."""
        while self._moved:
            moved, self._moved = self._moved, set()
            for external_id, asset in self.office.ledger.margin_calls(moved):
                held = self.office.ledger.positions(external_id, asset)
                if any(self._source.is_suspended(position.instrument_id) for position in held):
                    continue
                for order in self.office.open_orders(external_id):
                    if self._instruments[order.instrument_id].quote_asset == asset:
                        request = CancelRequest(order.venue_order_id, at_ms)
                        self._apply(order.instrument_id, request, CancelReason.RISK)
                ledger = self.office.ledger
                positions = ledger.positions(external_id, asset)
                worst = [ledger.bankruptcy_price(external_id, position) for position in positions]
                for position, price in zip(positions, worst, strict=True):
                    self._close_position(external_id, position, price, at_ms)

    def _close_position(self, external_id: str, position: Position, worst: Decimal, at_ms: int) -> None:
        """Close a position in the market as far as the book pays `worst` or better. The insurance takes over the rest
        at `worst`."""
        instrument = self._instruments[position.instrument_id]
        engine, quantity = self._engines[instrument.id], abs(position.quantity)
        order = VenueOrder(
            venue_order_id=f"L{self.office.next_trade_id()}",
            external_id=external_id,
            order_id=None,
            account_id=None,
            instrument_id=instrument.id,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            quantity=quantity,
            remaining=quantity,
            position_side=position.side,
            is_closing=True,
            is_liquidation=True,
            created_at_ms=at_ms,
            updated_at_ms=at_ms,
        )
        self.office.accept_unfunded(order, at_ms)
        in_book = engine.cost_to_fill(
            order.side, to_lots(quantity, instrument), limit_price=to_ticks(worst, instrument), account_id=external_id
        ).quantity
        if in_book:
            self._apply(instrument.id, replace(to_command(order, instrument, at_ms), quantity=in_book))
        left = self.office.order(order.venue_order_id)
        assert left is not None
        if left.remaining:
            self.office.take_over(left, worst, at_ms)


def _catalogue(source: MarketSource) -> list[Instrument]:
    """Return all that PAPER ever lists. An instrument that the chosen market does not have is INACTIVE: earlier orders
    and positions remain, and orders can still be canceled."""
    played = {instrument.id: instrument for instrument in source.instruments}
    silent = (replace(i, status=InstrumentStatus.INACTIVE) for i in INSTRUMENTS if i.id not in played)
    return [*played.values(), *silent]


def _with_fees(instrument: Instrument, settings: PaperVenueSettings) -> Instrument:
    fees = settings.fees
    return instrument if fees is None else replace(instrument, maker_fee=fees.maker, taker_fee=fees.taker)


def _fresh(id: InstrumentId) -> EngineMemory:
    return EngineMemory(instrument_id=id, last_price=None, sequence=0, trade_sequence=0, now_ms=0, levels=())
