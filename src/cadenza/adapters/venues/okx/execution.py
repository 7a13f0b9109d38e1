"""A session with OKX: it trades for one account, and reports what happens there.

Orders, cancels and questions go over REST, for the reasons of docs/decisions/0036-binance-orders-over-rest.md: a broken
connection leaves one order in doubt, and not all that are under way. News come over the private sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from ssl import SSLContext
from typing import Any

import structlog

from cadenza.adapters.venues.kit.account_reading import AccountReader, StreamPosition
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.delivery import ReportDelivery
from cadenza.adapters.venues.kit.doubt import unknown_outcome
from cadenza.adapters.venues.kit.fact_numbers import FactNumbers
from cadenza.adapters.venues.kit.known_account import KnownAccount
from cadenza.adapters.venues.kit.order_calls import OrderCalls, Reports, SubmitCall
from cadenza.adapters.venues.kit.order_facts import reason_text
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, submit_report
from cadenza.adapters.venues.kit.session_link import LinkState, SessionLink
from cadenza.adapters.venues.kit.stream_check import check_stream
from cadenza.adapters.venues.kit.supervision import watch
from cadenza.adapters.venues.kit.unlisted_symbols import ListedSymbols
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.account_reading import OkxAccountSource
from cadenza.adapters.venues.okx.cancels import REPLY_MS_MAX, OrderCancels
from cadenza.adapters.venues.okx.classify import HTTP_OK, classify_submit, order_answer_of
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import SUBMIT, SUBMIT_ALGO, counted_as
from cadenza.adapters.venues.okx.history import PastOrders
from cadenza.adapters.venues.okx.inquiry import OrderInquiry
from cadenza.adapters.venues.okx.known_instruments import KnownInstruments
from cadenza.adapters.venues.okx.orders import TradingTerms, is_in_algo_service, new_order
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_news import account_news
from cadenza.adapters.venues.okx.parse_orders import accepted_report
from cadenza.adapters.venues.okx.requests import OkxRequest, RequestTime
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.sockets import STREAM_LIMITS
from cadenza.adapters.venues.okx.spec import stream_name
from cadenza.adapters.venues.okx.stream import PrivateSocket, has_algo_orders
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, PositionMode, TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRejected, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    NotSentReport,
    PositionReport,
    RejectedReport,
    Report,
    UnreadableReport,
)
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered, NotSent
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits, StreamLost
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot, ReplayPiece, SessionSink

FIRST_LIVE_MS_MAX = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What all sessions of a connector share."""

    spec: VenueSpec
    rest: OkxRest
    instruments: KnownInstruments
    missing: Callable[[str], None]
    """Takes the names that the venue uses and `instruments` lacks."""
    connects: ConnectPace
    clock: Clock
    randomness: Randomness
    tls: SSLContext
    proxies: ProxyChoice
    limits: StreamLimits = STREAM_LIMITS


class OkxSession:
    """Implements `ExecutionSession`. `open` comes first. It is live while all of its sockets are."""

    def __init__(
        self,
        parts: SessionParts,
        account: TradingAccount,
        reached: ExternalAccount,
        signer: OkxSigner,
        sink: SessionSink,
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._rest = parts.rest
        self._signer = signer
        self._account_id = account.id
        self._terms = TradingTerms(reached.type, reached.position_mode or PositionMode.NETTING)
        listed = ListedSymbols(parts.instruments, parts.missing)
        self._scope = AccountScope(account.id, reached.type, listed)
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account.id))
        self._link = SessionLink(sink)
        self._delivery = ReportDelivery(sink, parts.clock, name=str(account.id))
        self._calls = OrderCalls(self._delivery.put, parts.clock.now_ms)
        self._known = KnownAccount()
        self._numbers = FactNumbers()
        self._heard = 0
        self._news_at_ms = 0
        self._first_live = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._live: set[PrivateSocket] = set()
        self._streams = {socket: self._stream(socket) for socket in self._sockets()}
        self._reader = AccountReader(
            source=OkxAccountSource(parts.rest, signer, self._scope),
            account_id=account.id,
            venue_clock=parts.rest.clock,
            known=self._known,
            numbers=self._numbers,
            clock=parts.clock,
            position=lambda: StreamPosition(self._heard, self._news_at_ms),
            delivered=self._delivery.wait_idle,
        )
        self._inquiry = OrderInquiry(
            rest=parts.rest, signer=signer, scope=self._scope, spec=parts.spec, clock=parts.clock
        )
        self._cancels = OrderCancels(
            rest=parts.rest,
            signer=signer,
            inquiry=self._inquiry,
            look_at_key=self._look_at_key,
            clock=parts.clock,
        )
        self._past = PastOrders(parts.rest, signer, self._scope)

    async def open(self) -> None:
        """Return when the sockets are live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            for stream in self._streams.values():
                stream.start()
            try:
                async with asyncio.timeout(FIRST_LIVE_MS_MAX / 1_000):
                    await self._first_live.wait()
            except TimeoutError:
                raise VenueUnavailable("the private sockets do not open") from None
            if (refusal := self._refusal()) is not None:
                raise CredentialRejected(f"the venue refused the key: {refusal}")
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._tasks = [asyncio.create_task(check_stream(self, self._clock, self._on_refused_reading))]
        for task in self._tasks:
            watch(task, self._link.ended)

    # Orders

    async def submit(self, order: Order) -> Sequence[Report]:
        if order.send_before_ms is not None and self._clock.now_ms() > order.send_before_ms:
            return [self._not_sent(order)]
        return await self._calls.submit(order, lambda call: self._submit(order, call))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return self._calls.withdraw(order) or await self._calls.other(self._cancels.cancel(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        self._calls.withdraw_unsent(is_meant)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        """OKX has no request for that (`VenueSpec.cancels_all`)."""
        return []

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        asked = (self._inquiry.about(order) for order in orders)
        return [report for reports in await asyncio.gather(*asked) for report in reports]

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        return await self._inquiry.identify(instrument_id, venue_order_id)

    # The account

    def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        return self._past.pieces(since_ms, self.venue_time_ms())

    async def snapshot(self) -> AccountSnapshot:
        try:
            snapshot = await self._reader.snapshot()
        except CredentialRejected as error:
            await self._on_refused_reading(error)
            raise VenueUnavailable(str(error)) from error
        if snapshot is None:
            self.found_silent()
            raise VenueUnavailable("the private socket is behind; it is opened again")
        await self._delivery.wait_idle()
        return snapshot

    def venue_time_ms(self) -> int:
        return self._rest.clock.earliest_ms()

    def is_caught_up(self) -> bool:
        is_busy = any(stream.is_busy for stream in self._streams.values())
        return self._link.is_live and self._delivery.is_idle and not is_busy

    @property
    def is_closed(self) -> bool:
        return self._link.state is LinkState.CLOSED

    async def close(self) -> None:
        self._link.close()
        self._calls.close()
        self._delivery.stop()
        tasks, self._tasks = [*self._tasks, *self._side_tasks], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(stream.close() for stream in self._streams.values()))
        await self._delivery.close()

    # The sockets, and their comparison with readings (`CheckedStream`)

    def heard(self) -> int:
        return self._heard

    def is_checked(self) -> bool:
        return self._link.is_live

    async def agrees(self) -> bool:
        asked_ms = self.venue_time_ms()
        agrees = await self._reader.agrees()
        if agrees:
            self._link.worked_until(asked_ms)
        return agrees

    def found_silent(self) -> None:
        """The sockets have not brought what the venue shows: trust them no more, and open others."""
        self._log.warning("stream_is_silent")
        self._lose("the private socket is silent")
        for stream in self._streams.values():
            stream.reconnect()

    async def _take(self, socket: PrivateSocket, data: bytes) -> None:
        """Read one message and hand its reports on."""
        if socket.is_answer(data):
            if socket.is_going_down:
                self._lose("the venue ends the connection")
                self._streams[socket].reconnect()
            return
        self._heard += 1
        try:
            found = account_news(data, self._scope, self.venue_time_ms())
        except UnreadablePayload as error:
            found = [unreadable(self._account_id, data, error)]
        if any(isinstance(report, UnreadableReport) for report in found):
            self._known.forget()  # it may have been about any of it
        reports = [self._numbered(report) for report in found]
        self._known.note(_comparable(report) for report in reports)
        self._news_at_ms = max([self._news_at_ms, *(report.at_ms for report in reports)])
        await self._delivery.put(reports)
        self._link.worked_until(self._news_at_ms)

    def _numbered(self, report: Report) -> Report:
        if isinstance(report, BalanceReport | PositionReport):
            return replace(report, as_of=self._numbers.take(report.at_ms))
        return report

    def _on_live(self, socket: PrivateSocket) -> None:
        self._live.add(socket)
        if len(self._live) < len(self._streams):
            return
        self._known.forget()
        self._link.live(self.venue_time_ms())
        self._first_live.set()
        self._spawn(self._look_at_money())

    def _on_lost(self, socket: PrivateSocket, event: StreamLost) -> None:
        self._live.discard(socket)
        self._rest.clock.doubt()
        self._lose(f"a private socket was lost: {event.cause.value}{f', {event.detail}' if event.detail else ''}")
        if (refusal := self._refusal()) is not None:
            self._first_live.set()
            self._link.ended(f"the venue refused the key: {refusal}")

    def _lose(self, cause: str) -> None:
        self._known.forget()
        self._link.lost(cause)

    async def _on_refused_reading(self, error: CadenzaError) -> None:
        if isinstance(error, CredentialRejected):
            self._link.ended(str(error))

    # Helpers

    def _sockets(self) -> list[PrivateSocket]:
        base = self._parts.spec.urls[stream_name(self._signer.region)]
        return [
            PrivateSocket(
                base,
                signer=self._signer,
                venue_clock=self._rest.clock,
                connects=self._parts.connects,
                clock=self._clock,
                is_business=is_business,
            )
            for is_business in ((False, True) if has_algo_orders(self._scope.account_type) else (False,))
        ]

    def _stream(self, socket: PrivateSocket) -> UserStream:
        return UserStream(
            name=str(self._account_id),
            target=socket.target,
            subscribe=socket.subscribe,
            take=lambda data: self._take(socket, data),
            on_live=lambda: self._on_live(socket),
            on_lost=lambda event: self._on_lost(socket, event),
            failed=self._link.ended,
            clock=self._clock,
            randomness=self._parts.randomness,
            tls=self._parts.tls,
            proxies=self._parts.proxies,
            limits=self._parts.limits,
        )

    def _refusal(self) -> str | None:
        return next((socket.refused for socket in self._streams if socket.refused is not None), None)

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.instrument(order.instrument_id)
        if instrument is None or not self._parts.spec.trades(self._terms.account_type, instrument.type):
            return [self._rejected(order, RejectReason.INSTRUMENT_NOT_TRADABLE)]
        latest_ms = max(self._clock.now_ms(), order.updated_at_ms)  # our wall clock may have been set back
        left_ms = REPLY_MS_MAX if order.send_before_ms is None else order.send_before_ms - latest_ms

        def leaving(time: RequestTime) -> OkxRequest:
            request = new_order(order, instrument, self._terms, time)
            call.leave()
            return request

        try:
            outcome = await self._rest.signed(
                self._signer,
                SUBMIT_ALGO if is_in_algo_service(order) else SUBMIT,
                leaving,
                instrument=counted_as(instrument.external_symbol),
                leave_by_ms=self._clock.monotonic_ms() + left_ms,
                reply_ms_max=REPLY_MS_MAX,
            )
        except CadenzaError as error:  # the venue has no such orders; nothing was sent
            return [self._rejected(order, RejectReason.INVALID_ORDER, str(error))]
        if isinstance(outcome, NotSent):
            return [self._not_sent(order)]
        if not isinstance(outcome, Answered):
            return [unknown_outcome(order, self._clock.now_ms(), outcome)]
        answer = order_answer_of(outcome.body)
        if outcome.status == HTTP_OK and answer is not None and answer.is_success and answer.row is not None:
            try:
                return [accepted_report(answer.row, order, self.venue_time_ms())]
            except UnreadablePayload as error:
                return [unknown_outcome(order, self._clock.now_ms(), outcome, str(error))]
        is_margined = self._terms.account_type in (AccountType.FUTURES, AccountType.OPTIONS)
        verdict = classify_submit(outcome.status, answer, is_margined=is_margined)
        self._look_at_key(verdict)
        is_proved = verdict.verdict is not ReplyVerdict.UNKNOWN
        return [submit_report(verdict, order, self.venue_time_ms() if is_proved else self._clock.now_ms())]

    def _look_at_key(self, verdict: ReplyOutcome) -> None:
        """A refused key may lack one right only, or be gone: then the session ends."""
        if verdict.verdict is ReplyVerdict.KEY_REJECTED:
            self._spawn(self._look_at_money())

    async def _look_at_money(self) -> None:
        """Read the account: what the stream says later is compared with that. A key that is gone ends the session."""
        try:
            await self._reader.agrees()
        except CadenzaError as error:
            await self._on_refused_reading(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        watch(task, self._link.ended)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    def _not_sent(self, order: Order) -> Report:
        return NotSentReport(**names_of(order), at_ms=self._clock.now_ms(), recorded_at_ms=order.created_at_ms)

    def _rejected(self, order: Order, reason: RejectReason, text: str = "") -> Report:
        return RejectedReport(**names_of(order), at_ms=self.venue_time_ms(), reason=reason_text(reason, text))


def _comparable(report: Report) -> Report:
    """What is locked moves with the market without a word, so it is not compared (`OkxAccountSource`)."""
    return replace(report, locked=None) if isinstance(report, BalanceReport) else report
