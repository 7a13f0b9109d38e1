"""Executions that the venue has shown and not yet reported with their fees.

The venue speaks of an execution up to three times: the order has executed more (`ou`, or `oc` when it ends), the
execution (`te`), and the execution with its fee (`tu`), which is booked. The last one normally follows well within a
second. Nothing promises that it comes, and messages that are whole do not show that it is missing. So what was shown is
awaited here for `SETTLES_MS`:

- Executions (`te`) that have no `tu` by then are asked for, all by one question.
- An order that works states how much it has executed in all (`ou`). The newest statement of each order is reported by
  then, and the platform asks about the order if its executions come to less. When an order ends (`oc`), its total is
  reported at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import structlog

from cadenza.adapters.venues.bitfinex.endpoints import PAST_TRADES
from cadenza.adapters.venues.bitfinex.models import TradeFields
from cadenza.adapters.venues.bitfinex.owed_fees import ASK_PAUSE_MS, OwedFees, id_of
from cadenza.adapters.venues.bitfinex.pages import TRADE_AT, past_lines
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_news import CHARGED, EXECUTED, AccountMessage
from cadenza.adapters.venues.bitfinex.parse_orders import own_fill
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.reports import FillReport, OrderReport, OrderStatusReport, Report
from cadenza.ports.clock import Clock

SETTLES_MS = 1_500
"""How long an execution waits for its fee, and what an order has executed for its executions."""

AWAITED_MS_MAX = 30_000
"""How long an execution is asked for. Then the connection is opened again, and the replay of the gap asks. That is well
within `REPORTED_WITHIN_MS`, by which a replay begins earlier than the news is complete."""

LOOK_MS = 500
"""How often it is looked whether something has waited long enough, while something waits."""

EARLIER_MS = 1_000
"""How much earlier than the first missing execution the question begins."""

ASKED_BACK_MS = 60_000
"""How far before the venue's present time a question begins at the earliest, whatever instant an execution names."""

EXECUTIONS_MAX = 10_000
"""Executions that are awaited; with more, the connection is opened again. So many that have come are remembered; the
oldest are forgotten first."""

ORDERS_MAX = 10_000
"""Orders of which a word waits; the oldest are dropped first, and the next snapshot states what they have executed."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """An execution that happened at `at_ms` (the venue's clock) and was shown at `shown_ms` (our monotonic clock)."""

    at_ms: int
    shown_ms: int


@dataclass(frozen=True, slots=True)
class _Stated:
    """What an order has executed in all, as it was stated at `stated_ms` (our monotonic clock)."""

    report: OrderStatusReport
    stated_ms: int


class AwaitedExecutions:
    """What the stream of one account has shown and not yet brought.

    Law: an execution that was shown is reported by its `tu` or by the answer to a question, or the session is lost, and
    the replay of its gap contains the execution. What lists it without its fee leaves the fee to `OwedFees`. One that a
    question has found is reported again if its `tu` comes after all.
    """

    def __init__(
        self,
        rest: BitfinexRest,
        key: PrivateKey,
        scope: AccountScope,
        owed: OwedFees,
        life: SessionLife,
        clock: Clock,
    ) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope
        self._owed = owed
        self._life = life
        self._clock = clock
        self._shown: dict[int, _Shown] = {}
        """By their ids, in the order in which they were shown."""
        self._charged: OrderedDict[int, None] = OrderedDict()
        """Executions that came with their fees."""
        self._stated: OrderedDict[str | None, list[_Stated]] = OrderedDict()
        """By the venue's ids of the orders: the oldest word that waits, and the newest."""
        self._waits = asyncio.Event()
        self._is_asking = False
        self._asked_ms: int | None = None
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(scope.account_id))

    @property
    def is_settled(self) -> bool:
        """Whether no execution has waited for its fee longer than is normal. One that waits holds `complete_until`
        back all the same."""
        oldest = next(iter(self._shown.values()), None)
        return oldest is None or self._clock.monotonic_ms() - oldest.shown_ms < SETTLES_MS

    def complete_until(self, news_ms: int) -> int:
        """Return the instant (the venue's clock) up to which no execution is missing, given that everything up to
        `news_ms` was received."""
        return min([news_ms, *(each.at_ms - 1 for each in self._shown.values())])

    def hear(self, message: AccountMessage) -> None:
        """Take note of a message. Raises `UnreadablePayload` for an execution that cannot be read."""
        if message.event == EXECUTED:
            self._show(decode(TradeFields, message.row))
        elif message.event == CHARGED:
            self._owed.hear(message.row)
            if (id := id_of(message.row)) is not None:
                self._came(id)

    def note(self, report: Report, *, is_new: bool) -> None:
        """Take note of what a message says of an order. What `is_new` is reported at once; otherwise the order has only
        executed more."""
        if isinstance(report, OrderStatusReport) and not is_new:
            self._state(report)
        elif isinstance(report, OrderReport) and not isinstance(report, FillReport):
            self._stated.pop(report.venue_order_id, None)

    def forget(self) -> None:
        """The connection has ended: the replay of the gap shows what was awaited."""
        self._shown.clear()
        self._charged.clear()
        self._stated.clear()

    async def run(self) -> None:
        """Ask about what has waited too long, and report what has waited long enough, until this is cancelled."""
        while True:
            await self._waits.wait()
            await self._clock.sleep_ms(LOOK_MS)
            now_ms = self._clock.monotonic_ms()
            self._look(now_ms)
            if not self._is_asking:  # the answer may explain what orders have executed
                await self._life.delivery.put(self._ripe(now_ms))
            if not self._shown and not self._stated:
                self._waits.clear()

    # Executions without their fees

    def _show(self, row: TradeFields) -> None:
        if row.id in self._charged or row.id in self._shown or not self._may_be_ours(row):
            return
        self._shown[row.id] = _Shown(row.at_ms, self._clock.monotonic_ms())
        self._waits.set()

    def _may_be_ours(self, row: TradeFields) -> bool:
        try:
            return row.order_type is None or self._scope.covers_order(row.symbol, row.order_type)
        except UnknownMember:  # what brings the fee is reported as unreadable
            return True

    def _came(self, id: int) -> None:
        self._shown.pop(id, None)
        self._charged[id] = None
        if len(self._charged) > EXECUTIONS_MAX:
            self._charged.popitem(last=False)

    def _look(self, now_ms: int) -> None:
        oldest = next(iter(self._shown.values()), None)
        if oldest is None:
            return
        if len(self._shown) > EXECUTIONS_MAX or now_ms - oldest.shown_ms >= AWAITED_MS_MAX:
            self.forget()
            self._life.open_again("an execution came without its fee, and asking did not bring it")
        elif now_ms - oldest.shown_ms >= SETTLES_MS and not self._is_asking and self._may_ask(now_ms):
            self._is_asking = True
            since_ms = min(each.at_ms for each in self._shown.values()) - EARLIER_MS
            self._life.spawn(self._ask(max(since_ms, self._life.venue_time_ms() - ASKED_BACK_MS)))

    def _may_ask(self, now_ms: int) -> bool:
        return self._asked_ms is None or now_ms - self._asked_ms >= ASK_PAUSE_MS

    async def _ask(self, since_ms: int) -> None:
        """Ask for all executions that are missing, by one question, and report those that the venue lists since then
        (its clock)."""
        self._log.info("executions_asked_for", missing=len(self._shown))
        try:
            listed: list[msgspec.Raw] = []
            async for lines in past_lines(self._rest, self._key, PAST_TRADES, since_ms, at=TRADE_AT, is_urgent=True):
                listed += lines
            await self._life.delivery.put(self._found(listed))
        except CadenzaError as error:
            self._log.warning("executions_not_found", cause=str(error))
            await self._life.on_refused_reading(error)
        finally:
            self._is_asking = False
            self._asked_ms = self._clock.monotonic_ms()

    def _found(self, listed: Sequence[msgspec.Raw]) -> list[Report]:
        """Return those of the listed executions that are missing, the oldest first."""
        reports: list[Report] = []
        for line in reversed(listed):
            id = id_of(line)
            if id is None or id not in self._shown:
                continue
            try:
                row = decode(TradeFields, line)
                fill = own_fill(row, self._scope)
                if fill is not None:
                    reports.append(fill)
                    self._owed.note(row, line)
            except UnreadablePayload as error:
                reports.append(unreadable(self._scope.account_id, bytes(line), error))
            self._came(id)
        return reports

    # What orders have executed

    def _state(self, report: OrderStatusReport) -> None:
        """The newest word of an order counts. The oldest one that waits is kept all the same, so that an order that
        executes all the time is reported too."""
        waiting = self._stated.setdefault(report.venue_order_id, [])
        del waiting[1:]
        waiting.append(_Stated(report, self._clock.monotonic_ms()))
        if len(self._stated) > ORDERS_MAX:
            self._stated.popitem(last=False)
        self._waits.set()

    def _ripe(self, now_ms: int) -> list[Report]:
        """Return the words that have waited long enough."""
        ripe: list[Report] = []
        for id, waiting in list(self._stated.items()):
            if waiting[0].stated_ms <= now_ms - SETTLES_MS:
                ripe.append(waiting.pop(0).report)
            if not waiting:
                del self._stated[id]
        return ripe
