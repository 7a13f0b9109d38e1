"""The life of a session at a networked venue: what it delivers, whether it is live, and what it does by itself.

A connector's session is its wire and its requests. All that is the same at every venue is here, and the session has one
of these.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from cadenza.adapters.venues.kit.account_reading import AccountReader, AccountSource, ReadMoney, StreamPosition
from cadenza.adapters.venues.kit.delivery import ReportDelivery
from cadenza.adapters.venues.kit.fact_numbers import FactNumbers
from cadenza.adapters.venues.kit.known_account import KnownAccount
from cadenza.adapters.venues.kit.new_orders import NewOrders
from cadenza.adapters.venues.kit.order_calls import OrderCalls
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.session_link import LinkState, SessionLink
from cadenza.adapters.venues.kit.stream_check import check_stream
from cadenza.adapters.venues.kit.supervision import watch
from cadenza.adapters.venues.kit.unsettled_cancels import UnsettledCancels
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.errors import CadenzaError, CredentialRejected, VenueUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import BalanceReport, PositionReport, Report
from cadenza.network.stream_events import StreamLost
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot, SessionSink

FIRST_LIVE_MS_MAX = 15_000
"""How long a session that opens waits for its stream, once the pace of connections has let it connect. It waits for
that as long as its caller does."""

FIRST_LOOK_MS = 500
"""How long after its stream is live a session reads the account by itself, so that the snapshot or the replay with
which the platform begins is the first reading."""


class SessionLife:
    """Implements `CheckedStream` for the session that has it.

    `stream` names the stream in the causes that people read; `follow` says which connections it has. `settled_until`
    says up to which instant (of the venue's clock) all was delivered, given that all up to another instant was
    received: a session that holds reports back returns an earlier one.
    """

    def __init__(
        self,
        *,
        account_id: TradingAccountId,
        sink: SessionSink,
        clock: Clock,
        venue_clock: VenueClock,
        stream: str,
        settled_until: Callable[[int], int],
    ) -> None:
        self.link = SessionLink(sink)
        self.delivery = ReportDelivery(sink, clock, name=str(account_id))
        self.calls = OrderCalls(self.delivery.put, clock.now_ms)
        self.new_orders = NewOrders(self.calls, self.look_at_key, clock, venue_clock)
        self.unsettled_cancels = UnsettledCancels(clock, venue_clock)
        self.known = KnownAccount()
        self._account_id = account_id
        self._clock = clock
        self._venue_clock = venue_clock
        self._stream = stream
        self._settled_until = settled_until
        self._numbers = FactNumbers()
        self._heard = 0
        self._news_at_ms = 0
        self._first_live = asyncio.Event()
        self._reader: AccountReader | None = None
        self._states_locked = True
        self._streams: tuple[UserStream, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account_id))

    # Opening and closing

    def reader(self, source: AccountSource, delivered: Callable[[], Awaitable[None]] | None = None) -> AccountReader:
        """Make what reads the account, once. `delivered` returns when all that the stream brought was delivered."""
        self._states_locked = source.states_locked_in_stream
        self._reader = AccountReader(
            source=source,
            account_id=self._account_id,
            venue_clock=self._venue_clock,
            known=self.known,
            numbers=self._numbers,
            clock=self._clock,
            position=lambda: StreamPosition(self._heard, self._news_at_ms),
            delivered=delivered or self.delivery.wait_idle,
        )
        return self._reader

    def follow(self, *streams: UserStream) -> None:
        """These bring the news of the account. They are started by `first_live`, and closed with the session."""
        self._streams = streams

    async def first_live(self, refusal: Callable[[], str | None]) -> None:
        """Start the stream, and return when it is live. `refusal` says why the venue does not accept the key, if it has
        said so. Raises `CredentialRejected` and `VenueUnavailable`."""
        for stream in self._streams:
            stream.start()
        for stream in self._streams:
            await stream.had_turn.wait()
        try:
            async with asyncio.timeout(FIRST_LIVE_MS_MAX / 1_000):
                await self._first_live.wait()
        except TimeoutError:
            raise VenueUnavailable(f"the {self._stream} does not open") from None
        if (why := refusal()) is not None:
            raise CredentialRejected(f"the venue refused the key: {why}")

    def keep(self, *works: Coroutine[Any, Any, None]) -> None:
        """Do these until `close`, beside the comparison of the stream with readings. When one fails, the session
        ends."""
        checking = check_stream(self, self._clock, self.on_refused_reading)
        self._tasks = [asyncio.create_task(work) for work in (checking, *works)]
        for task in self._tasks:
            watch(task, self.link.ended)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this once, beside all else. When it fails, the session ends."""
        task = asyncio.create_task(work)
        watch(task, self.link.ended)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    @property
    def is_closed(self) -> bool:
        return self.link.state is LinkState.CLOSED

    async def close(self) -> None:
        """Say and deliver nothing more, and end the stream. Orders that have not left never will. Idempotent."""
        self.link.close()
        self.calls.close()
        self.delivery.stop()
        tasks, self._tasks = [*self._tasks, *self._side_tasks], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(stream.close() for stream in self._streams))
        await self.delivery.close()

    # The stream

    @property
    def is_caught_up(self) -> bool:
        """Whether the stream is live, and all that it has brought was delivered."""
        return self.link.is_live and self.delivery.is_idle and not any(stream.is_busy for stream in self._streams)

    def venue_time_ms(self) -> int:
        """Return an instant that the venue's clock has reached for certain."""
        return self._venue_clock.earliest_ms()

    @property
    def news_at_ms(self) -> int:
        """The latest instant (the venue's clock) that the stream has named."""
        return self._news_at_ms

    def hear(self) -> None:
        """The stream has brought a message."""
        self._heard += 1

    def take_in(self, reports: Sequence[Report], stated: Sequence[Report] = ()) -> list[Report]:
        """Note what a message says, and return its reports as they are delivered: balances and positions numbered in
        the order of the venue. `stated` is noted as well, and not reported."""
        numbered = [self._numbered(report) for report in reports]
        self.known.note([*(self._comparable(report) for report in numbered), *stated])
        self._news_at_ms = max([self._news_at_ms, *(report.at_ms for report in numbered)])
        return numbered

    def worked(self) -> None:
        """All that the stream has named so far was handed on."""
        self.link.worked_until(self._settled_until(self._news_at_ms))

    def live(self) -> None:
        """The stream works from now on. The account is read soon, and what the stream says later is compared with
        that."""
        self._reading.forget()
        self.link.live(self._venue_clock.earliest_ms())
        self._first_live.set()
        self.spawn(self._look_soon())

    def lose(self, cause: str) -> None:
        """The stream does not work any more, or is not trusted."""
        self._reading.forget()
        self.link.lost(cause)

    def open_again(self, cause: str) -> None:
        """Trust the stream no more, and open another one."""
        self.lose(cause)
        for stream in self._streams:
            stream.reconnect()

    def stream_lost(self, event: StreamLost, refusal: str | None) -> None:
        """The connection was lost, or could not be made. `refusal`: why the venue does not accept the key, if it has
        said so; the session ends then."""
        self.lose(f"the {self._stream} was lost: {event.cause.value}{f', {event.detail}' if event.detail else ''}")
        if refusal is not None:
            self._first_live.set()
            self.link.ended(f"the venue refused the key: {refusal}")

    # The comparison of the stream with readings (`CheckedStream`)

    def heard(self) -> int:
        return self._heard

    def is_checked(self) -> bool:
        return self.link.is_live

    async def agrees(self) -> bool:
        asked_ms = self._venue_clock.earliest_ms()
        agrees = await self._reading.agrees()
        if agrees:
            self.link.worked_until(self._settled_until(asked_ms))
        return agrees

    def found_silent(self) -> None:
        """The stream has not brought what the venue shows."""
        self._log.warning("stream_is_silent")
        self.open_again(f"the {self._stream} is silent")

    # Readings

    async def snapshot(self) -> AccountSnapshot:
        """Return the account as it was read. Raises `VenueUnavailable`, also when the stream is behind the reading; it
        is opened again then."""
        try:
            snapshot = await self._reading.snapshot()
        except CredentialRejected as error:
            await self.on_refused_reading(error)
            raise VenueUnavailable(str(error)) from error
        if snapshot is None:
            self.found_silent()
            raise VenueUnavailable(f"the {self._stream} is behind; it is opened again")
        return snapshot

    async def first_look(self) -> ReadMoney | None:
        """Read the account, and return what was read; None when it was read since the stream is live. What the stream
        says later is compared with that. A replay begins with it: what happens after its reading of the past, and is
        not brought by the stream, then shows in the next comparison. Raises `VenueUnavailable`; a key that is gone ends
        the session."""
        try:
            return await self._reading.first_look()
        except CredentialRejected as error:
            await self.on_refused_reading(error)
            raise VenueUnavailable(str(error)) from error

    async def looked_first(self, past: Coroutine[Any, Any, list[Report]]) -> list[Report]:
        """Return what is read of the past, after the first look at the account."""
        try:
            await self.first_look()
            return await past
        finally:
            past.close()  # where it was not begun

    async def look_at_account(self) -> None:
        """Read the account, to see whether the venue still accepts the key. One that is gone ends the session."""
        try:
            await self._reading.agrees()
        except CadenzaError as error:
            await self.on_refused_reading(error)

    async def on_refused_reading(self, error: CadenzaError) -> None:
        """A reading failed: a key that is gone ends the session."""
        if isinstance(error, CredentialRejected):
            self.link.ended(str(error))

    def look_at_key(self, outcome: ReplyOutcome) -> None:
        """A refused key may lack one right only, or be gone: then the session ends."""
        if outcome.verdict is ReplyVerdict.KEY_REJECTED:
            self.spawn(self.look_at_account())

    # Helpers

    async def _look_soon(self) -> None:
        await self._clock.sleep_ms(FIRST_LOOK_MS)
        with suppress(CadenzaError):  # the next comparison reads it then
            await self.first_look()

    @property
    def _reading(self) -> AccountReader:
        assert self._reader is not None
        return self._reader

    def _comparable(self, report: Report) -> Report:
        """Return a report as it is compared with readings: where the source says so, without what is locked."""
        if isinstance(report, BalanceReport) and not self._states_locked:
            return replace(report, locked=None)
        return report

    def _numbered(self, report: Report) -> Report:
        if isinstance(report, BalanceReport | PositionReport):
            return replace(report, as_of=self._numbers.take(report.at_ms))
        return report
