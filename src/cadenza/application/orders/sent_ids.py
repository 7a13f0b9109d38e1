"""Choose the `sent_id` of an order, our id for it at its venue. That happens before the order is recorded."""

from collections.abc import Callable, Sequence

from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError, DatabaseUnavailable, InternalError
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.reports import OrderReport, Report
from cadenza.domain.trading.venue_spec import CountedSentId, DerivedSentId
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.storage import Storage
from cadenza.ports.venue import MemoryTakenOver, VenueMemories, VenueMemory

NEWEST_ORDERS = 1_000
"""How many of the account's newest orders are looked at when its counter is opened."""

AHEAD_MAX = 10_000_000
"""How far a restored backup may have set a counter back. A number that is further ahead belongs to another program,
such as one that numbers its orders by the time."""

RANGE = 10_000
"""Of the numbers in each range of this size, the highest is remembered."""

RANGES_MAX = 10_000
"""Ranges remembered for an account. Of too many, the highest is forgotten."""

DIGITS_MAX = 18
"""A longer number is no number of a counter."""

OPENINGS_MAX = 3
"""How often a counter that another process has taken over is opened again for one id."""


class SentIds:
    """Follows the rule of the order's venue (`VenueSpec.sent_id`). A counter never gives out a number twice; a number
    whose order was refused is skipped. A restored backup sets a counter back, so it also skips every number that an
    order at the venue is known to have: those of stored orders, and those that reports name."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        memories: Callable[[VenueId], VenueMemories],
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._memories = memories
        self._concurrency = concurrency
        self._seen: dict[TradingAccountId, dict[int, int]] = {}
        """For each account the highest number of each range."""
        # Opened once for all orders of an account: a second opening would take the counter over from the first.
        self._counters: dict[TradingAccountId, Promise[VenueMemory]] = {}

    async def of(self, order_id: OrderId, account_id: TradingAccountId, instrument: Instrument | CadenzaError) -> str:
        """Return the `sent_id` of an order that is about to be created. Raises `DatabaseUnavailable`."""
        if isinstance(instrument, CadenzaError):  # no order will be made
            return order_id.hex
        match self._sessions.spec(instrument.venue_id).sent_id:
            case DerivedSentId() as rule:
                return rule.of(order_id)
            case CountedSentId() as rule:
                return str(await self._next(account_id, instrument.venue_id, rule))

    def see(self, account_id: TradingAccountId, sent_id: str) -> None:
        """Note that an order has this id. A counter continues after the highest number that was noted, unless that is
        more than `AHEAD_MAX` ahead. A number that the venue does not take from us does not count."""
        rule = self._sessions.spec_of(account_id).sent_id
        if not isinstance(rule, CountedSentId):
            return
        if sent_id.isascii() and sent_id.isdecimal() and len(sent_id) <= DIGITS_MAX:
            number = int(sent_id)
            if number > rule.last:
                return
            highest = self._seen.setdefault(account_id, {})
            highest[number // RANGE] = max(number, highest.get(number // RANGE, 0))
            if len(highest) > RANGES_MAX:
                del highest[max(highest)]

    def see_all(self, reports: Sequence[Report]) -> None:
        """Note the ids that these reports name."""
        for report in reports:
            if isinstance(report, OrderReport) and report.sent_id is not None:
                self.see(report.account_id, report.sent_id)

    async def _next(self, account_id: TradingAccountId, venue_id: VenueId, rule: CountedSentId) -> int:
        for _ in range(OPENINGS_MAX):
            counter = self._counters.get(account_id) or await self._open(account_id, venue_id)
            memory = await counter.wait()
            try:
                number = await memory.next(rule.counter, first=rule.first)
                while (seen := self._highest_seen(account_id, number)) >= number:
                    await memory.advance(rule.counter, seen)
                    number = await memory.next(rule.counter)
                if number > rule.last:
                    raise InternalError(f"the venue takes no id above {rule.last}; nothing was recorded")
                return number
            except MemoryTakenOver:
                if self._counters.get(account_id) is counter:
                    del self._counters[account_id]
        raise MemoryTakenOver(f"sent ids of {account_id}")

    def _highest_seen(self, account_id: TradingAccountId, drawn: int) -> int:
        """Return the highest number that counts, 0 if none; forget those that the counter has passed."""
        highest = {place: number for place, number in self._seen.get(account_id, {}).items() if number >= drawn}
        self._seen[account_id] = highest
        within = (number for place, number in highest.items() if place * RANGE <= drawn + AHEAD_MAX)
        return max(within, default=0)

    async def _open(self, account_id: TradingAccountId, venue_id: VenueId) -> Promise[VenueMemory]:
        counter: Promise[VenueMemory] = self._concurrency.promise()
        self._counters[account_id] = counter
        try:
            memory = await self._memories(venue_id).open(f"sent ids of {account_id}")
            async with self._storage.read() as uow:
                for sent_id in await uow.orders.newest_sent_ids(account_id, NEWEST_ORDERS):
                    self.see(account_id, sent_id)
            counter.resolve(memory)
        except BaseException:  # also when cancelled: other orders wait for this counter
            del self._counters[account_id]
            counter.fail(DatabaseUnavailable("the counter of ids was not opened; nothing was recorded, try again"))
            raise
        return counter
