"""Ask venues about orders with an unknown outcome; it never sends an order again. The first inquiry about an order
comes 2 s after its answer was due, the following ones after growing pauses. Every account gets its turn: an account
with thousands of such orders, or a venue that does not answer, does not hold up the others.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.backoff import Backoff
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId, VenueId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.venue import ExecutionSession

ORDERS_PER_LOOKUP_MAX = 100
"""The most orders of one account about which one round asks."""

ORDERS_PER_PAGE_MAX = 500
"""The most awaited orders of one account that one round looks at. The next round continues with the following ones."""

ACCOUNTS_PER_VENUE_MAX = 8
"""The most accounts of one venue that are handled at a time; the others of that venue wait for the next round."""

UNKNOWN_ORDERS_MAX = 200
"""The most orders with only a venue order id that one round looks at."""

ROUND_MS_MAX = 15_000
"""How long one account's round may take. The remaining orders wait for the next round."""

_Unknown = tuple[TradingAccountId, InstrumentId, str]


class Inquire:
    """One supervised loop calls `tick`. It returns without waiting for any venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        intake: ReportIntake,
        clock: Clock,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._intake = intake
        self._clock = clock
        self._concurrency = concurrency
        self._failpoints = failpoints
        self._orders: Backoff[OrderId] = Backoff()
        self._unknown: Backoff[_Unknown] = Backoff()
        self._after: dict[TradingAccountId, OrderId | None] = {}
        self._asking: dict[TradingAccountId, VenueId] = {}
        self.asked_total = 0
        self.failing: dict[TradingAccountId, str] = {}

    async def tick(self) -> None:
        """Start a round for every account that has something due, as far as its venue has room."""
        orders, unknown = await self._due()
        for account_id in self._in_turn({*orders, *unknown}):
            self._asking[account_id] = self._sessions.venue_of(account_id)
            work = self._round(account_id, orders.get(account_id, ()), unknown.get(account_id, ()))
            self._concurrency.spawn(f"inquire {account_id}", work)

    def _in_turn(self, account_ids: set[TradingAccountId]) -> Sequence[TradingAccountId]:
        """Choose as many accounts of each venue as may be handled at a time. Those that waited longest come first."""
        busy = Counter(self._asking.values())
        chosen: list[TradingAccountId] = []
        waiting = [account_id for account_id in self._after if account_id in account_ids]
        for account_id in (*waiting, *(account_ids - set(waiting))):
            if account_id in self._asking or not self._sessions.takes_orders(account_id):
                continue
            venue_id = self._sessions.venue_of(account_id)
            if busy[venue_id] < ACCOUNTS_PER_VENUE_MAX:
                busy[venue_id] += 1
                chosen.append(account_id)
        return chosen

    async def _due(
        self,
    ) -> tuple[Mapping[TradingAccountId, Sequence[OrderId]], Mapping[TradingAccountId, Sequence[_Unknown]]]:
        now_ms = self._clock.monotonic_ms()
        async with self._storage.read() as uow:
            awaiting = [a for a in await uow.orders.accounts_awaiting() if self._may_ask(a)]
            pages = await uow.orders.awaited({a: self._after.get(a) for a in awaiting}, ORDERS_PER_PAGE_MAX)
            kept = await uow.kept.without_order(UNKNOWN_ORDERS_MAX)
        orders: dict[TradingAccountId, Sequence[OrderId]] = {}
        for account_id, page in pages.items():
            is_last = len(page) < ORDERS_PER_PAGE_MAX
            self._after.pop(account_id, None)  # the account that was looked at longest ago stands first
            self._after[account_id] = None if is_last else page[-1]
            if due := self._orders.due(page, now_ms):
                orders[account_id] = due[:ORDERS_PER_LOOKUP_MAX]
        for account_id in self._after.keys() - pages.keys():
            del self._after[account_id]
        unknown: dict[TradingAccountId, list[_Unknown]] = {}
        named = ((r.account_id, r.instrument_id, r.venue_order_id or "") for r in kept if self._may_ask(r.account_id))
        for each in self._unknown.due(dict.fromkeys(named), now_ms):
            unknown.setdefault(each[0], []).append(each)
        return orders, unknown

    def _may_ask(self, account_id: TradingAccountId) -> bool:
        return account_id not in self._asking and self._sessions.takes_orders(account_id)

    async def _round(
        self, account_id: TradingAccountId, order_ids: Sequence[OrderId], unknown: Sequence[_Unknown]
    ) -> None:
        try:
            session = self._sessions.get(account_id)
            work = self._ask(session, order_ids, unknown)
            is_done = await self._concurrency.within(ROUND_MS_MAX, work)
        except CadenzaError as error:
            self.failing[account_id] = error.code
        else:
            if is_done:
                self.failing.pop(account_id, None)
            else:
                self.failing[account_id] = "VENUE_UNAVAILABLE"
        finally:
            del self._asking[account_id]
            now_ms = self._clock.monotonic_ms()
            self._orders.tried(order_ids, now_ms)
            self._unknown.tried(unknown, now_ms)

    async def _ask(self, session: ExecutionSession, order_ids: Sequence[OrderId], unknown: Sequence[_Unknown]) -> bool:
        async with self._storage.read() as uow:
            orders = [order for order in await uow.orders.some(order_ids) if order.is_awaited]
        if orders:
            await self._lookup(session, orders)
        for _, instrument_id, venue_order_id in unknown:
            await self._intake.apply(await session.identify(instrument_id, venue_order_id))
        return True

    async def _lookup(self, session: ExecutionSession, orders: Sequence[Order]) -> None:
        self.asked_total += len(orders)
        self._failpoints.reach("reconcile.before_lookup")
        reports = await session.lookup(orders)
        self._failpoints.reach("reconcile.after_lookup")
        known = await self._intake.apply(reports)
        self._orders.forget(order_id for order_id, order in known.items() if not order.is_awaited)
        for order in known.values():
            if order.status is OrderStatus.PENDING_CANCEL and not order.is_in_doubt:
                await self._cancel_again(session, order)

    async def _cancel_again(self, session: ExecutionSession, order: Order) -> None:
        """Send the cancel again: the request is on disk and the order still works at the venue. Repeating a cancel is
        harmless."""
        await self._intake.apply(await session.cancel(order))
