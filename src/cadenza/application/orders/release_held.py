"""Follow the markets of the trailing stops that the platform holds, and send each order when its trigger is reached.

Public trades move the triggers in memory, in the order in which they come. A moved trigger is committed at most once in
`SAVE_TRIGGER_MS`, so a crash loses the moves of that time at most. When a trade reaches a trigger, the release is
committed first, and the order is then sent as any other (`send_order.py`).

An account that takes no orders keeps its orders held. Once it takes orders again, an order is released if the last
trade is still through its trigger. A price that may be old releases nothing: while the book of an instrument is not
fresh, only a trade that comes in counts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from cadenza.application.orders.backoff import Backoff
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.held_orders import HeldOrder, HeldOrders
from cadenza.application.orders.send_order import SendOrder
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trailing import decide_move, decide_release
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.market import MarketDataFeeds, MarketView
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

SAVE_TRIGGER_MS = 1_000
"""A trigger that moves all the time is committed once in this time."""

ORDERS_PER_PAGE_MAX = 500
"""The most held orders that one round compares with their rows. The next round continues with the following ones."""

COMPARE_MS = 1_000
"""The pause between two such rounds."""

WAITS_MS_MAX = 10_000
"""An alarm sounds for an order whose trigger has been reached for so long and that could not be released."""

SILENT_MS_MAX = 60_000
"""An alarm sounds for an instrument with held orders that has had no fresh book for so long."""


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A change: a held order is about to be sent. Returns None if it is not held any more; then nothing may be sent."""

    account_id: TradingAccountId
    order_id: OrderId
    trigger: Decimal
    released_at_ms: int

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Order | None:
        return decide_release(state, self.order_id, self.trigger, self.released_at_ms)


@dataclass(frozen=True, slots=True)
class MoveTriggers:
    """A change: triggers of an account's held orders have moved. Returns which orders are still held."""

    account_id: TradingAccountId
    triggers: Mapping[OrderId, Decimal]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.update(self.triggers)

    def decide(self, state: TradingState) -> frozenset[OrderId]:
        return frozenset(id for id, trigger in self.triggers.items() if decide_move(state, id, trigger))


class ReleaseHeld:
    """The market calls `on_trade` with every public trade. One supervised loop calls `tick`, which waits for no
    venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        held: HeldOrders,
        send_order: SendOrder,
        sessions: Sessions,
        market: MarketView,
        feeds: MarketDataFeeds,
        alarms: Alarms,
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._held = held
        self._send_order = send_order
        self._sessions = sessions
        self._market = market
        self._feeds = feeds
        self._alarms = alarms
        self._clock = clock
        self._concurrency = concurrency
        self._followed: dict[InstrumentId, int | None] = {}
        """Instruments whose feeds are kept open, with since when their books are not fresh (monotonic ms)."""
        self._silent: set[InstrumentId] = set()
        self._after: OrderId | None = None
        self._compare_at_ms = 0
        self._saving: set[TradingAccountId] = set()
        self._pauses: Backoff[OrderId] = Backoff(first_delay_ms=0)
        """Orders that were released, with the pauses until they may be released again."""

    async def load(self) -> None:
        """Follow all held orders. To be called at the start, before the first order is taken."""
        after: OrderId | None = None
        while True:
            async with self._storage.read() as uow:
                page = await uow.orders.held(after, ORDERS_PER_PAGE_MAX)
            for order in page:
                self._held.add(order)
            if len(page) < ORDERS_PER_PAGE_MAX:
                return
            after = page[-1].id

    def on_trade(self, trade: MarketTrade) -> None:
        """Move the triggers that follow the trade, then release the orders that it reaches."""
        orders = self._held.of(trade.instrument_id)
        if not orders:
            return
        for order in orders:
            order.saw(trade.price)
        self._release_reached(orders, trade.price)

    async def tick(self) -> None:
        """Compare with the rows, keep the feeds open, release what could not be released before, and save triggers."""
        await self._compare_page()
        self._settle_releases()
        self._follow_markets()
        self._save_moved()
        self._show_waiting()

    # --- releasing

    def _release_reached(self, orders: Sequence[HeldOrder], price: Decimal) -> None:
        now_ms = self._clock.monotonic_ms()
        for order in orders:
            if not order.is_reached(price):
                order.is_left_by_price()
                continue
            if order.reached_since_ms is None:
                order.reached_since_ms = now_ms
            if self._sessions.takes_orders(order.account_id):
                self._begin_release(order, now_ms)

    def _begin_release(self, order: HeldOrder, now_ms: int) -> None:
        """Release the order, unless that is under way or the pause after its last release is not over."""
        if not order.is_busy and self._pauses.due([order.id], now_ms):
            self._pauses.tried([order.id], now_ms)
            change = ReleaseChange(order.account_id, order.id, order.trigger, order.begin_release(self._clock.now_ms()))
            self._concurrency.spawn(f"release {order.id}", self._release(order, change))

    async def _release(self, held: HeldOrder, change: ReleaseChange) -> None:
        """Commit the release, then send the order. A commit whose outcome is not known is tried again under the same
        instant, whatever the price is then. If it was written after all, this process goes on with it."""
        try:
            order = await self._committer.commit(change)
        except CadenzaError:
            return
        finally:
            held.is_busy = False
        held.is_unsettled = False
        self._held.released(held)
        if order is None:
            return
        orders = await self._send_order(order)
        self._held.add(orders.get(order.id, order))

    def _settle_releases(self) -> None:
        """Go on with the releases whose commits have no known outcome. One that turns out to be recorded while its
        account takes no orders is not sent, and is held again."""
        now_ms = self._clock.monotonic_ms()
        for order in self._held.all():
            if order.is_unsettled:
                self._begin_release(order, now_ms)

    # --- what is on disk

    async def _compare_page(self) -> None:
        """Follow held orders of this page that are not followed yet, and drop those that are not held any more."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._compare_at_ms:
            return
        self._compare_at_ms = now_ms + COMPARE_MS
        after, added_total = self._after, self._held.added_total
        async with self._storage.read() as uow:
            page = await uow.orders.held(after, ORDERS_PER_PAGE_MAX)
        self._after = page[-1].id if len(page) == ORDERS_PER_PAGE_MAX else None
        on_disk = {order.id for order in page}
        for held in self._held.all():
            is_of_page = (after is None or held.id > after) and (self._after is None or held.id <= self._after)
            if is_of_page and held.id not in on_disk and held.number <= added_total and not held.is_releasing:
                self._held.drop(held.id)
        for order in page:
            self._held.add(order)

    def _save_moved(self) -> None:
        """Begin to commit the moved triggers, one change for each account."""
        due_ms = self._clock.monotonic_ms() - SAVE_TRIGGER_MS
        moved = [
            each for each in self._held.all() if each.is_moved and each.saved_at_ms <= due_ms and not each.is_releasing
        ]
        by_account: dict[TradingAccountId, list[HeldOrder]] = defaultdict(list)
        for each in moved:
            by_account[each.account_id].append(each)
        for account_id, orders in by_account.items():
            if account_id not in self._saving:
                self._saving.add(account_id)
                self._concurrency.spawn(f"save triggers of {account_id}", self._save(account_id, orders))

    async def _save(self, account_id: TradingAccountId, orders: list[HeldOrder]) -> None:
        now_ms, triggers = self._clock.monotonic_ms(), {order.id: order.trigger for order in orders}
        try:
            still_held = await self._committer.commit(MoveTriggers(account_id, triggers))
        except CadenzaError:
            return  # the triggers are still moved, and the next round saves them
        finally:
            self._saving.discard(account_id)
        for order in orders:
            if order.id in still_held:
                order.saved_trigger, order.saved_at_ms = triggers[order.id], now_ms
            elif not order.is_releasing:
                self._held.drop(order.id)

    # --- the markets

    def _follow_markets(self) -> None:
        """Keep the feeds of the held orders open, and notice those without a fresh book. Release what could not be
        released before, if the last trade is still through."""
        now_ms, wanted = self._clock.monotonic_ms(), set(self._held.instruments())
        for instrument_id in self._followed.keys() - wanted:
            del self._followed[instrument_id]
            self._silent.discard(instrument_id)
            self._concurrency.spawn(f"release feed {instrument_id}", self._feeds.release(instrument_id, self))
        for instrument_id in wanted:
            with suppress(CadenzaError):  # then its book is not fresh, which is noticed here
                self._feeds.want(instrument_id, self)
            top = self._market.known_top(instrument_id)
            if top is None:
                self._note_silence(instrument_id, now_ms)
                continue
            self._followed[instrument_id] = None
            self._silent.discard(instrument_id)
            if top.last is not None:
                self._release_reached(self._held.of(instrument_id), top.last)

    def _note_silence(self, instrument_id: InstrumentId, now_ms: int) -> None:
        since_ms = self._followed.get(instrument_id)
        self._followed[instrument_id] = since_ms = now_ms if since_ms is None else since_ms
        if now_ms - since_ms >= SILENT_MS_MAX and instrument_id not in self._silent:
            self._silent.add(instrument_id)
            facts = {"instrument_id": instrument_id, "held_orders": len(self._held.of(instrument_id))}
            self._alarms.sound(Alarm.HELD_MARKET_SILENT, facts)

    def _show_waiting(self) -> None:
        now_ms = self._clock.monotonic_ms()
        for order in self._held.all():
            waits_since_ms = order.reached_since_ms
            if waits_since_ms is not None and now_ms - waits_since_ms >= WAITS_MS_MAX and not order.is_shown:
                order.is_shown = True
                facts = {"account_id": order.account_id, "order_id": order.id, "trigger": order.trigger}
                self._alarms.sound(Alarm.HELD_ORDER_WAITS, facts)
