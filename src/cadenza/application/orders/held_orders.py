"""The trailing stops that the platform holds, in memory, by instrument. The rows on disk are the truth: each decision
about a held order is made on its row. Here are the triggers as the newest trade has moved them."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.held import is_held
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.trail import after_trade, is_reached

RELEASED_REMEMBERED_MAX = 1_000
"""For how many released orders it is remembered since when their triggers are reached. One of the others that is held
again counts as reached from then on."""

HELD_ORDERS_PER_ACCOUNT_MAX = 100
"""The most orders that the platform holds for one account; one more is refused (`TooManyHeldOrders`)."""


@dataclass(slots=True, eq=False)
class HeldOrder:
    """`trigger` is the present one, `saved_trigger` the one on disk, `saved_at_ms` when it was saved (monotonic ms).
    `reached_since_ms` is since when the last trade is through the trigger (monotonic ms); None while it is not.
    `is_shown`: an alarm has sounded for that. `released_at_ms` names the newest release that was begun (our clock), and
    `is_unsettled` says that the outcome of its commit is not known. `number` counts the orders that were added, in
    their order."""

    id: OrderId
    account_id: TradingAccountId
    instrument_id: InstrumentId
    side: Side
    distance: Decimal
    trigger: Decimal
    saved_trigger: Decimal
    number: int
    saved_at_ms: int = 0
    reached_since_ms: int | None = None
    is_shown: bool = False
    released_at_ms: int = 0
    is_unsettled: bool = False
    is_busy: bool = False

    @property
    def is_moved(self) -> bool:
        return self.trigger != self.saved_trigger

    @property
    def is_releasing(self) -> bool:
        """Whether a release was begun whose outcome is not known yet, so its row on disk is not compared."""
        return self.is_busy or self.is_unsettled

    def is_reached(self, price: Decimal) -> bool:
        return is_reached(self.side, self.trigger, price)

    def begin_release(self, now_ms: int) -> int:
        """Return the instant that names the release to commit: a new one, or that of the release whose commit has no
        known outcome."""
        if not self.is_unsettled:
            self.released_at_ms = max(now_ms, self.released_at_ms + 1)
        self.is_unsettled = self.is_busy = True
        return self.released_at_ms

    def is_left_by_price(self) -> None:
        """Note that the last trade is not through the trigger."""
        self.reached_since_ms, self.is_shown = None, False

    def saw(self, price: Decimal) -> None:
        """Let a public trade move the trigger."""
        self.trigger = after_trade(self.side, self.distance, self.trigger, price)


class HeldOrders:
    """The held orders of this process. A trade costs as much as its instrument has held orders."""

    def __init__(self) -> None:
        self._orders: dict[OrderId, HeldOrder] = {}
        self._by_instrument: dict[InstrumentId, dict[OrderId, HeldOrder]] = {}
        self._per_account: Counter[TradingAccountId] = Counter()
        self._entering: Counter[TradingAccountId] = Counter()
        self._released: dict[OrderId, HeldOrder] = {}
        self._added_total = 0

    @property
    def added_total(self) -> int:
        """How many orders were added. What was read from disk before says nothing about orders that were added
        after."""
        return self._added_total

    def instruments(self) -> Collection[InstrumentId]:
        return self._by_instrument.keys()

    def of(self, instrument_id: InstrumentId) -> Sequence[HeldOrder]:
        """Return the held orders of an instrument, the oldest first."""
        return list(self._by_instrument.get(instrument_id, {}).values())

    def all(self) -> Sequence[HeldOrder]:
        return list(self._orders.values())

    def add(self, order: Order) -> None:
        """Follow a held order from now on. An order that is followed already, or that is not held, changes nothing. One
        that was released and is held again goes on waiting where it was."""
        if not is_held(order) or order.id in self._orders:
            return
        assert order.trail is not None
        assert order.stop_price is not None
        self._added_total += 1
        held = HeldOrder(
            id=order.id,
            account_id=order.account_id,
            instrument_id=order.instrument_id,
            side=order.side,
            distance=order.trail.distance,
            trigger=order.stop_price,
            saved_trigger=order.stop_price,
            number=self._added_total,
        )
        before = self._released.pop(order.id, None)
        if before is not None:
            held.reached_since_ms, held.is_shown = before.reached_since_ms, before.is_shown
            held.released_at_ms = before.released_at_ms
        self._orders[held.id] = held
        self._by_instrument.setdefault(held.instrument_id, {})[held.id] = held
        self._per_account[held.account_id] += 1

    def released(self, held: HeldOrder) -> None:
        """Follow the order no more, unless it turns out that it was not sent and it is added again."""
        self.drop(held.id)
        self._released[held.id] = held
        if len(self._released) > RELEASED_REMEMBERED_MAX:
            del self._released[next(iter(self._released))]

    def drop(self, order_id: OrderId) -> None:
        """Follow the order no more: it was canceled, it expired, or another process released it."""
        held = self._orders.pop(order_id, None)
        if held is None:
            return
        of_instrument = self._by_instrument[held.instrument_id]
        del of_instrument[held.id]
        if not of_instrument:
            del self._by_instrument[held.instrument_id]
        self._per_account[held.account_id] -= 1
        if not self._per_account[held.account_id]:
            del self._per_account[held.account_id]

    def has_room(self, account_id: TradingAccountId) -> bool:
        """Return whether the account has room for one more order, beside those that are being recorded."""
        return self._per_account[account_id] + self._entering[account_id] < HELD_ORDERS_PER_ACCOUNT_MAX

    @contextmanager
    def entering(self, account_id: TradingAccountId) -> Iterator[bool]:
        """Within this block, an order of the account is being recorded. Yields whether the account has room for it."""
        has_room = self.has_room(account_id)
        self._entering[account_id] += 1
        try:
            yield has_room
        finally:
            self._entering[account_id] -= 1
            if not self._entering[account_id]:
                del self._entering[account_id]
