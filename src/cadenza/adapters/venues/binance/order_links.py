"""News of an order that a conditional order has become wait until it is known which order that was."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from cadenza.adapters.venues.binance.history import PastOrders
from cadenza.adapters.venues.binance.parse import AccountScope, UserNews
from cadenza.adapters.venues.kit.held_news import HeldNews
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import OrderReport, Report
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot

HELD_MS_MAX = 5_000
"""How long news of an order wait for the stream to announce what it was. Then the venue is asked."""

SETTLED_MS_MAX = 15_000
"""How long a snapshot waits until nothing is held."""

LOOK_MS = 1_000
LOOK_AFTER_FAILURE_MS = 5_000
SETTLING_MS = 50
"""How often it is looked whether something has waited too long, and whether nothing is held."""


class OrderLinks:
    """Delivers the news of one session, so that an order that a conditional order has become is never reported before
    the rename that says which order it was: it would be taken for an order that somebody else placed.

    The stream announces such a rename (`UserNews.triggered`), before or after the news of the new order
    (`UserNews.follows_algo`), or not at all, when messages are lost. What has waited for an announcement for
    `HELD_MS_MAX` is asked about. An order that no conditional order has become, as the venue answers then, was placed
    elsewhere. When the venue does not answer, it is asked again, and the news wait. What is held when the session is
    closed is not delivered: the session was not caught up, so the replay of the next one brings it. `put` delivers
    reports.
    """

    def __init__(
        self,
        *,
        past: PastOrders,
        scope: AccountScope,
        put: Callable[[Sequence[Report]], Awaitable[None]],
        clock: Clock,
        venue_time_ms: Callable[[], int],
    ) -> None:
        self._past = past
        self._scope = scope
        self._put = put
        self._clock = clock
        self._venue_time_ms = venue_time_ms
        self._held = HeldNews()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(scope.account_id))

    @property
    def is_settled(self) -> bool:
        """Whether nothing is held."""
        return self._held.is_empty

    def complete_until(self, news_ms: int) -> int:
        """As `HeldNews.complete_until`."""
        return self._held.complete_until(news_ms)

    async def deliver(self, news: UserNews, reports: Sequence[Report]) -> None:
        """Deliver the reports of a message, or hold them."""
        if news.follows_algo is not None:
            reports = self._held.hold(news.follows_algo, reports, self._clock.monotonic_ms())
        await self._put(reports)
        if news.triggered is not None:
            await self._put(self._held.announce(news.triggered))

    async def run(self) -> None:
        """Ask about what has waited too long, until this is cancelled."""
        while True:
            await self._clock.sleep_ms(LOOK_MS)
            overdue = self._held.waiting_since(self._clock.monotonic_ms() - HELD_MS_MAX)
            if not overdue:
                continue
            try:
                await self._find(overdue)
            except VenueUnavailable as error:
                self._log.warning("triggered_orders_not_found", cause=str(error))
                await self._clock.sleep_ms(LOOK_AFTER_FAILURE_MS)
                continue
            for name in overdue:
                await self._put(self._held.announce(name))

    async def wait_settled(self) -> None:
        """Return when nothing is held. Raises `VenueUnavailable` when that takes longer than `SETTLED_MS_MAX`."""
        until_ms = self._clock.monotonic_ms() + SETTLED_MS_MAX
        while not self._held.is_empty:
            if self._clock.monotonic_ms() >= until_ms:
                raise VenueUnavailable("BINANCE has not said yet what a conditional order has become")
            await self._clock.sleep_ms(SETTLING_MS)

    async def settled(self, snapshot: AccountSnapshot, triggered: frozenset[str]) -> AccountSnapshot:
        """Return a snapshot without the orders of which it is not known yet whether a conditional order has become
        them. Those are delivered later, after their rename if there is one. `triggered` are the ids of open orders that
        have been triggered. Raises `VenueUnavailable`."""
        unknown = {
            each.venue_order_id: each
            for each in snapshot.open_orders
            if each.venue_order_id in triggered and not self._held.is_announced(each.venue_order_id)
        }
        if not unknown:
            return snapshot
        await self._find({name: (report,) for name, report in unknown.items()})
        pending = {name: report for name, report in unknown.items() if not self._held.is_announced(name)}
        for name, report in pending.items():
            await self._put(self._held.hold(name, (report,), self._clock.monotonic_ms()))
        return replace(
            snapshot, open_orders=tuple(each for each in snapshot.open_orders if each.venue_order_id not in pending)
        )

    async def _find(self, news: Mapping[str, Sequence[Report]]) -> None:
        """Ask which conditional orders have become these, and deliver the answer and what waited for it. Raises
        `VenueUnavailable`."""
        instruments: dict[InstrumentId, set[str]] = {}
        for name, reports in news.items():
            for report in reports:
                if isinstance(report, OrderReport):
                    instruments.setdefault(report.instrument_id, set()).add(name)
        for symbol in [symbol for symbol, id in self._scope.instruments.items() if id in instruments]:
            names = instruments[self._scope.instruments[symbol]]
            for link in await self._past.links(symbol, names, self._venue_time_ms()):
                await self._put([link])
                await self._put(self._held.announce(link.venue_order_id or ""))
