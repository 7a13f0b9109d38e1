"""How MOCK executes orders. An order follows its script; without one it meets a book that never moves. The back office
keeps the money."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import IntEnum

from cadenza.adapters.venues.inhouse.exchange import SENT, AckDelivery, Acknowledgement
from cadenza.adapters.venues.inhouse.trade_tape import TradeTape
from cadenza.adapters.venues.inhouse.venue_spec import with_limits
from cadenza.adapters.venues.mock.market_data import book_depth, fill_price, is_marketable, mark_of, taking_price
from cadenza.adapters.venues.mock.script import (
    Group,
    MalformedScript,
    Progress,
    Script,
    Step,
    StepName,
    read_stored,
    store,
)
from cadenza.adapters.venues.mock.spec import INSTRUMENTS, OPEN_ORDERS_MAX, SECURITIES
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.exchange.back_office import BackOffice
from cadenza.exchange.ledger import FeeAsset
from cadenza.exchange.records import FactKind, OrderFact, VenueChanges, VenueOrder, VenueState

ALREADY_CLOSED = "ALREADY_CLOSED"
REFUSED_BY_SCRIPT = "REFUSED_BY_SCRIPT"
_TAKE_PROFITS = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
_NO_SCRIPT = Script()


class Due(IntEnum):
    """What can fall due for an open order. At the same instant the lower value comes first."""

    EXPIRY = 0
    COURSE = 1
    CANCEL = 2


class MockExchange:
    """Implements `SimulatedExchange`. What an order does next follows from the stored order, its script and the time
    alone, so a restart continues where the venue stopped. `_agenda` only says when to look at an order. There are no
    liquidations, because the book never moves."""

    def __init__(self, open_orders_max: int) -> None:
        self._instruments = {i.id: with_limits(i, open_orders_max) for i in INSTRUMENTS}
        self._tape = TradeTape()
        self._agenda: list[tuple[int, str]] = []
        self.office = BackOffice(self._instruments, FeeAsset.QUOTE, mark_of)

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        return self._instruments

    @property
    def securities(self) -> Sequence[Security]:
        return SECURITIES

    # SimulatedExchange

    def open(self, at_ms: int) -> None:
        """Execute what fell due while the venue was down, each thing with its own instant."""
        self.advance(at_ms)

    def restore(self, state: VenueState) -> None:
        self.office.restore(state)
        self._agenda = []
        for order in state.orders:
            self._note(order)

    def advance(self, to_ms: int) -> None:
        while self._agenda and self._agenda[0][0] <= to_ms:
            due_ms, id = heapq.heappop(self._agenda)
            order = self.office.order(id)
            if order is not None and order.is_open:
                self._run(order, due_ms)

    def next_due_ms(self) -> int | None:
        return self._agenda[0][0] if self._agenda else None

    def delay_ms(self, order: Order, *, is_cancel: bool) -> int:
        return 0

    def submit(self, order: VenueOrder, at_ms: int) -> Acknowledgement:
        try:
            script = _NO_SCRIPT if order.script is None else Script.read(order.script)
        except MalformedScript as error:
            self.office.reject(
                order, f"{RejectReason.INVALID_ORDER.value}: the script in clientOrderId: {error}", at_ms
            )
            return SENT
        arrival = script.step(Group.ARRIVAL)
        if arrival is not None and arrival.name is StepName.NEVER_ARRIVES:
            return Acknowledgement(AckDelivery.LOST)
        if self.office.open_orders_count >= OPEN_ORDERS_MAX:
            self.office.reject(order, RejectReason.RATE_LIMITED.value, at_ms)
            return SENT
        reason = self._refusal(order, script, at_ms)
        accepted = reason or self.office.accept(order, self._cost(order), at_ms)
        if isinstance(accepted, str):
            self.office.reject(order, str(accepted), at_ms)
            return SENT
        if script.step(Group.COURSE) is None:
            self._meet_the_book(accepted, at_ms)
        self._run_if_open(order.venue_order_id, at_ms)
        return _acknowledgement(script.step(Group.REPLY))

    def cancel(self, order: VenueOrder, at_ms: int) -> None:
        script, progress = _script_of(order)
        step = script.step(Group.CANCEL)
        match None if step is None else step.name:
            case StepName.CANCEL_REFUSED if step is not None and progress.cancels_refused < step.count:
                self._progress(order, replace(progress, cancels_refused=progress.cancels_refused + 1))
                self.office.refuse_cancel(order, REFUSED_BY_SCRIPT, at_ms)
            case StepName.CANCEL_TOO_LATE:
                filled = self._fill(order, order.remaining, at_ms)
                self.office.refuse_cancel(filled, ALREADY_CLOSED, at_ms)
            case StepName.CANCEL_SLOW | StepName.LATE_FILL if step is not None:
                self._begin_cancel(order, step, progress, at_ms)
            case _:
                self.office.close(order, OrderStatus.CANCELED, CancelReason.USER.value, at_ms)

    def take_changes(self) -> VenueChanges:
        return self.office.take_changes()

    def take_trades(self) -> list[MarketTrade]:
        return self._tape.take()

    def take_changed_books(self) -> set[InstrumentId]:
        """The book never moves."""
        return set()

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        return False

    def depth(self, instrument_id: InstrumentId, side: Side, levels_max: int) -> list[tuple[int, int]]:
        return book_depth(self._instruments[instrument_id], side, levels_max)

    # Arrival

    def _refusal(self, order: VenueOrder, script: Script, at_ms: int) -> str | None:
        """Return why the script refuses the order, or the book if there is no script; else None."""
        arrival, course = script.step(Group.ARRIVAL), script.step(Group.COURSE)
        if arrival is not None:
            return (arrival.reason or RejectReason.RATE_LIMITED).value
        if order.expire_at_ms is not None and order.expire_at_ms <= at_ms:
            return RejectReason.INVALID_ORDER.value
        if course is not None:
            lots = int(order.quantity / self._instruments[order.instrument_id].lot_size)
            if course.name is StepName.PARTIAL and lots < course.count:
                return f"{RejectReason.INVALID_ORDER.value}: {lots} lots cannot be filled in {course.count} parts"
            return None
        return self._refusal_by_book(order)

    def _refusal_by_book(self, order: VenueOrder) -> str | None:
        if order.type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTX:
            would_take = is_marketable(order.instrument_id, order.side, order.limit_price)
            return RejectReason.POST_ONLY_WOULD_TAKE.value if would_take else None
        if order.stop_price is None:
            return None
        is_on_rise = (order.side is Side.BUY) is not (order.type in _TAKE_PROFITS)
        distance = order.stop_price - mark_of(order.instrument_id)
        is_through = distance <= 0 if is_on_rise else distance >= 0
        return RejectReason.STOP_WOULD_TRIGGER.value if is_through else None

    def _cost(self, order: VenueOrder) -> Decimal:
        """Return what the order may cost in quote units: at its limit, else at its trigger, else at the book."""
        price = order.limit_price or order.stop_price or taking_price(order.instrument_id, order.side)
        return price * order.quantity

    def _meet_the_book(self, order: VenueOrder, at_ms: int) -> None:
        """Execute an order without a script. The price never moves, so an order with a trigger waits for ever."""
        if order.type not in (OrderType.MARKET, OrderType.LIMIT):
            return
        if is_marketable(order.instrument_id, order.side, order.limit_price):
            self._fill(order, order.remaining, at_ms)
        elif order.time_in_force is TimeInForce.IOC:
            self.office.close(order, OrderStatus.CANCELED, CancelReason.IOC_REMAINDER.value, at_ms)
        elif order.time_in_force is TimeInForce.FOK:
            self.office.close(order, OrderStatus.CANCELED, CancelReason.FOK_NOT_FILLABLE.value, at_ms)

    # What falls due

    def _run_if_open(self, venue_order_id: str, at_ms: int) -> None:
        order = self.office.order(venue_order_id)
        if order is not None and order.is_open:
            self._run(order, at_ms)

    def _run(self, order: VenueOrder, at_ms: int) -> None:
        """Execute what is due for an open order, then note when to look at it again."""
        while (due := self._due(order)) is not None and due[0] <= at_ms:
            self._do(order, due[1], at_ms)
            changed = self.office.order(order.venue_order_id)
            assert changed is not None
            if not changed.is_open:
                return
            order = changed
        self._note(order)

    def _note(self, order: VenueOrder) -> None:
        due = self._due(order)
        if due is not None:
            heapq.heappush(self._agenda, (due[0], order.venue_order_id))

    def _due(self, order: VenueOrder) -> tuple[int, Due] | None:
        """Return when the next thing happens to an open order and what it is; None when nothing will happen by
        itself."""
        script, progress = _script_of(order)
        course, cancel = script.step(Group.COURSE), script.step(Group.CANCEL)
        due: list[tuple[int, Due]] = []
        if order.expire_at_ms is not None:
            due.append((order.expire_at_ms, Due.EXPIRY))
        if progress.cancel_at_ms is not None:
            due.append((progress.cancel_at_ms, Due.CANCEL))
        is_reported_canceled = (
            progress.cancel_at_ms is not None and cancel is not None and cancel.name is StepName.LATE_FILL
        )
        if course is not None and course.name is not StepName.REST and not is_reported_canceled:
            delays = self._parts_done(order, course) if course.name is StepName.PARTIAL else 1
            due.append((order.created_at_ms + delays * course.delay_ms, Due.COURSE))
        return min(due, default=None)

    def _do(self, order: VenueOrder, due: Due, at_ms: int) -> None:
        script, _ = _script_of(order)
        course, cancel = script.step(Group.COURSE), script.step(Group.CANCEL)
        match due:
            case Due.EXPIRY:
                self.office.close(order, OrderStatus.EXPIRED, CancelReason.EXPIRED.value, at_ms)
            case Due.CANCEL:
                self.office.close(order, OrderStatus.CANCELED, CancelReason.USER.value, at_ms)
                if cancel is not None and cancel.name is StepName.LATE_FILL:
                    self._fill_late(order.venue_order_id, at_ms)
            case Due.COURSE:
                assert course is not None
                self._follow(order, course, at_ms)

    def _follow(self, order: VenueOrder, course: Step, at_ms: int) -> None:
        match course.name:
            case StepName.FILL:
                self._fill(order, order.remaining, at_ms)
            case StepName.PARTIAL:
                through = self._quantity_of_parts(order, course, self._parts_done(order, course) + 1)
                self._fill(order, through - (order.quantity - order.remaining), at_ms)
            case StepName.EXPIRE:
                self.office.close(order, OrderStatus.EXPIRED, CancelReason.EXPIRED.value, at_ms)
            case StepName.VENUE_CANCEL:
                self.office.close(order, OrderStatus.CANCELED, CancelReason.VENUE.value, at_ms)
            case _:
                raise AssertionError(f"{course.name} is no course that falls due")

    def _quantity_of_parts(self, order: VenueOrder, course: Step, parts: int) -> Decimal:
        """Return the quantity of the first `parts` parts: whole lots, as equal as lots allow."""
        lot = self._instruments[order.instrument_id].lot_size
        return int(order.quantity / lot) * parts // course.count * lot

    def _parts_done(self, order: VenueOrder, course: Step) -> int:
        executed = order.quantity - order.remaining
        return next(n for n in range(course.count + 1) if self._quantity_of_parts(order, course, n) >= executed)

    # Cancels

    def _begin_cancel(self, order: VenueOrder, step: Step, progress: Progress, at_ms: int) -> None:
        """Begin a cancel that takes effect later. With LATE_FILL it is confirmed at once, and a second time when it
        takes effect; until then the order keeps its hold for the fill to come. A second request begins nothing new."""
        if progress.cancel_at_ms is None:
            begun = self._progress(order, replace(progress, cancel_at_ms=at_ms + step.delay_ms))
            self._note(begun)
        if step.name is StepName.LATE_FILL:
            reported = evolve(order, status=OrderStatus.CANCELED, reason=CancelReason.USER.value, updated_at_ms=at_ms)
            self.office.facts.append(OrderFact(kind=FactKind.CLOSED, order=reported, at_ms=at_ms))

    def _fill_late(self, venue_order_id: str, at_ms: int) -> None:
        """Fill half of what remained when the order was canceled, at least one lot."""
        closed = self.office.order(venue_order_id)
        assert closed is not None
        lot = self._instruments[closed.instrument_id].lot_size
        self._fill(closed, max(int(closed.remaining / lot) // 2, 1) * lot, at_ms)

    def _progress(self, order: VenueOrder, progress: Progress) -> VenueOrder:
        assert order.script is not None
        changed = evolve(order, script=store(order.script, progress))
        self.office.touch(changed)
        return changed

    # Money

    def _fill(self, order: VenueOrder, quantity: Decimal, at_ms: int) -> VenueOrder:
        id, side = order.instrument_id, order.side
        price, trade_id = fill_price(id, side, order.limit_price), self.office.next_trade_id()
        is_maker = not is_marketable(id, side, order.limit_price)
        self._tape.add(id, trade_id, price, quantity, side.opposite if is_maker else side, at_ms)
        return self.office.fill(order, price, quantity, is_maker=is_maker, trade_id=trade_id, at_ms=at_ms)


def _script_of(order: VenueOrder) -> tuple[Script, Progress]:
    return (_NO_SCRIPT, Progress()) if order.script is None else read_stored(order.script)


def _acknowledgement(reply: Step | None) -> Acknowledgement:
    match None if reply is None else reply.name:
        case StepName.ACK_DELAY if reply is not None:
            return Acknowledgement(AckDelivery.SENT, reply.delay_ms)
        case StepName.ACK_LOST:
            return Acknowledgement(AckDelivery.LOST)
        case StepName.FILL_BEFORE_ACK:
            return Acknowledgement(AckDelivery.FILLS_FIRST)
        case StepName.DUPLICATE_FILL:
            return Acknowledgement(AckDelivery.DOUBLED)
        case _:
            return SENT
