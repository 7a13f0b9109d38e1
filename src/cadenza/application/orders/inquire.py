"""Ask venues about orders with an unknown outcome; it never sends an order again. The first inquiry about an order
comes 2 s after the reply to its request came or was due, the following ones after growing pauses. Every account gets
its turn: an account with thousands of such orders, or a venue that does not answer, does not hold up the others.
"""

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from cadenza.application.orders.ask_venue import AskVenue
from cadenza.application.orders.backoff import Backoff
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.orders.sending import Sending
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import UnknownOrder
from cadenza.ports.venue import ORDERS_PER_LOOKUP_MAX, ExecutionSession

ORDERS_PER_PAGE_MAX = 500
"""The most awaited orders of one account that one round looks at. The next round continues with the following ones."""

ACCOUNTS_PER_VENUE_MAX = 8
"""The most accounts of one venue that are handled at a time; the others of that venue wait for the next round."""

UNKNOWN_ORDERS_PER_PAGE_MAX = 100
"""The most orders of one account with only a venue order id that one round looks at; as `ORDERS_PER_PAGE_MAX`."""

ROUND_MS_MAX = 15_000
"""After this time a round makes no further lookup, and no further request about orders with only a venue order id
(each counted by itself). The remaining orders wait for the next round."""


K = TypeVar("K")


class Inquire:
    """One supervised loop calls `tick`. It returns without waiting for any venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        ask_venue: AskVenue,
        send_cancel: SendCancel,
        sending: Sending,
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._ask_venue = ask_venue
        self._send_cancel = send_cancel
        self._sending = sending
        self._clock = clock
        self._concurrency = concurrency
        self._orders: Backoff[OrderId] = Backoff()
        self._unknown: Backoff[UnknownOrder] = Backoff()
        self._after: dict[TradingAccountId, OrderId | None] = {}
        self._unknown_after: dict[TradingAccountId, UnknownOrder | None] = {}
        self._asking: dict[TradingAccountId, VenueId] = {}
        self._asked_ms: dict[TradingAccountId, int] = {}
        self.asked_total = 0
        self.failing: dict[TradingAccountId, str] = {}

    async def tick(self) -> None:
        """Start a round for every account that has something due, as far as its venue has room."""
        now_ms = self._clock.monotonic_ms()
        async with self._storage.read() as uow:
            awaiting = [a for a in await uow.orders.accounts_awaiting() if self._may_ask(a)]
            orders = await uow.orders.awaited({a: self._after.get(a) for a in awaiting}, ORDERS_PER_PAGE_MAX)
            naming = [a for a in await uow.kept.accounts_without_order() if self._may_ask(a)]
            after = {a: self._unknown_after.get(a) for a in naming}
            unknown = await uow.kept.without_order(after, UNKNOWN_ORDERS_PER_PAGE_MAX)
        self._turn_pages(self._after, orders, ORDERS_PER_PAGE_MAX)
        self._turn_pages(self._unknown_after, unknown, UNKNOWN_ORDERS_PER_PAGE_MAX)
        due_orders = {a: due for a, page in orders.items() if (due := self._due(page, now_ms))}
        due_unknown = {a: named for a, page in unknown.items() if (named := self._unknown.due(page, now_ms))}
        self._asked_ms = {a: ms for a, ms in self._asked_ms.items() if a in orders or a in unknown or a in self._asking}
        for account_id in self._in_turn({*due_orders, *due_unknown}):
            self._asking[account_id] = self._sessions.venue_of(account_id)
            self._asked_ms[account_id] = now_ms
            due = due_orders.get(account_id, ())[:ORDERS_PER_LOOKUP_MAX]
            work = self._round(account_id, due, due_unknown.get(account_id, ()))
            self._concurrency.spawn(f"inquire {account_id}", work)

    def _due(self, page: Sequence[OrderId], now_ms: int) -> Sequence[OrderId]:
        """Return the orders that may be asked about now. While the reply to a request about an order may still come in
        time, nothing is unknown about it, and the pauses have not begun."""
        unanswered = {order_id for order_id in page if self._sending.awaits_reply(order_id)}
        self._orders.forget(unanswered)
        return self._orders.due([order_id for order_id in page if order_id not in unanswered], now_ms)

    def _in_turn(self, account_ids: set[TradingAccountId]) -> Sequence[TradingAccountId]:
        """Choose as many accounts of each venue as may be handled at a time. Those whose last round is longest ago come
        first."""
        busy = Counter(self._asking.values())
        chosen: list[TradingAccountId] = []
        for account_id in sorted(account_ids, key=lambda account_id: self._asked_ms.get(account_id, 0)):
            if not self._may_ask(account_id):
                continue
            venue_id = self._sessions.venue_of(account_id)
            if busy[venue_id] < ACCOUNTS_PER_VENUE_MAX:
                busy[venue_id] += 1
                chosen.append(account_id)
        return chosen

    def _turn_pages(
        self,
        after: dict[TradingAccountId, K | None],
        pages: Mapping[TradingAccountId, Sequence[K]],
        page_max: int,
    ) -> None:
        """Note where the next page of each account begins. An account that is being asked keeps its place."""
        for account_id in after.keys() - pages.keys() - self._asking.keys():
            del after[account_id]
        for account_id, page in pages.items():
            after[account_id] = page[-1] if len(page) >= page_max else None

    def _may_ask(self, account_id: TradingAccountId) -> bool:
        return account_id not in self._asking and self._sessions.takes_orders(account_id)

    async def _round(
        self, account_id: TradingAccountId, order_ids: Sequence[OrderId], unknown: Sequence[UnknownOrder]
    ) -> None:
        """Ask about both kinds of orders. They are independent: the venue may answer about one kind only."""
        try:
            session = self._sessions.get(account_id)
            failures = [
                await _failure_of(self._lookup(session, order_ids)),
                await _failure_of(self._identify(session, unknown)),
            ]
        except CadenzaError as error:
            failures = [error.code]
        finally:
            del self._asking[account_id]
        failed = next((code for code in failures if code is not None), None)
        if failed is None:
            self.failing.pop(account_id, None)
        else:
            self.failing[account_id] = failed

    async def _lookup(self, session: ExecutionSession, order_ids: Sequence[OrderId]) -> None:
        """Look up these orders. Those that this round does not come to are asked about in the next one."""
        until_ms = self._clock.monotonic_ms() + ROUND_MS_MAX
        asked = set(order_ids)
        try:
            async with self._storage.read() as uow:
                orders = [order for order in await uow.orders.some(order_ids) if order.is_awaited]
            left = {order.id for order in orders}
            self.asked_total += len(orders)
            async for part, known in self._ask_venue.lookup(session, orders):
                left.difference_update(order.id for order in part)
                await self._follow_up(known, until_ms)
                if self._clock.monotonic_ms() >= until_ms:
                    asked -= left
                    self.asked_total -= len(left)
                    return
        finally:
            self._orders.tried(asked, self._clock.monotonic_ms())

    async def _identify(self, session: ExecutionSession, unknown: Sequence[UnknownOrder]) -> None:
        until_ms = self._clock.monotonic_ms() + ROUND_MS_MAX
        for each in unknown:
            try:
                _, instrument_id, venue_order_id = each
                reports = await self._ask_venue.answer(session.identify(instrument_id, venue_order_id))
                await self._ask_venue.book(reports)
            finally:
                self._unknown.tried([each], self._clock.monotonic_ms())
            if self._clock.monotonic_ms() >= until_ms:
                return

    async def _follow_up(self, known: Mapping[OrderId, Order], until_ms: int) -> None:
        """Send the cancels of orders again that are open, also at a venue without a lookup: the requests are on disk,
        and repeating a cancel is harmless. While asking may still show how an order stands, that comes first."""
        self._orders.forget(order_id for order_id, order in known.items() if not order.is_awaited)
        for order in known.values():
            is_answered = not order.is_in_doubt or order.doubt is Doubt.UNDETERMINED
            is_wanted = order.status is OrderStatus.PENDING_CANCEL and is_answered
            if is_wanted and self._clock.monotonic_ms() < until_ms:
                await self._send_cancel(order)


async def _failure_of(work: Awaitable[None]) -> str | None:
    """Do the work; return the code of its failure, or None."""
    try:
        await work
    except CadenzaError as error:
        return error.code
    return None
