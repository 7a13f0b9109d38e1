"""A session with BINANCE: it trades for one account of one market, and reports what happens there.

Orders, cancels and questions go over REST (docs/decisions/0036-binance-orders-over-rest.md); news come over the user
stream.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from ssl import SSLContext
from typing import Any

import structlog

from cadenza.adapters.venues.binance.account_reading import BinanceAccountSource
from cadenza.adapters.venues.binance.cancels import REPLY_MS_MAX, OrderCancels
from cadenza.adapters.venues.binance.classify import (
    HTTP_OK,
    classify_submit,
    error_body,
)
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import MarketDialect
from cadenza.adapters.venues.binance.history import PastOrders
from cadenza.adapters.venues.binance.inquiry import OrderInquiry
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.adapters.venues.binance.order_links import OrderLinks
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.requests import BinanceRequest, RequestTime
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.stream import USER_STREAM_LIMITS, UserStreamOpening
from cadenza.adapters.venues.binance.traded_symbols import TradedSymbols
from cadenza.adapters.venues.kit.account_reading import MONEY_RETRY_MS, AccountReader, StreamPosition
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
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRejected, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    NotSentReport,
    OrderReport,
    PositionReport,
    RejectedReport,
    Report,
)
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered, NotSent
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLost
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot, ReplayPiece, SessionSink, VenueMemories

FIRST_LIVE_MS_MAX = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What all sessions of a connector share."""

    spec: VenueSpec
    rest: BinanceRest
    instruments: KnownInstruments
    missing: Callable[[str], None]
    """Takes the symbols that the venue names and `instruments` lacks."""
    memories: VenueMemories
    clock: Clock
    randomness: Randomness
    tls: SSLContext
    proxies: ProxyChoice


class BinanceSession:
    """Implements `ExecutionSession`. `open` comes first."""

    def __init__(
        self,
        parts: SessionParts,
        account: TradingAccount,
        signer: BinanceSigner,
        dialect: MarketDialect,
        sink: SessionSink,
        opening: UserStreamOpening,
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._rest = parts.rest
        self._signer = signer
        self._dialect = dialect
        self._market = dialect.endpoints.market
        self._account_id = account.id
        listed = ListedSymbols(parts.instruments.symbols(self._market), parts.missing)
        self._scope = AccountScope(account.id, listed)
        self._venue_clock = parts.rest.clock_of(self._market)
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account.id))
        self._link = SessionLink(sink)
        self._delivery = ReportDelivery(sink, parts.clock, name=str(account.id))
        self._calls = OrderCalls(self._delivery.put, parts.clock.now_ms)
        self._known = KnownAccount()
        self._numbers = FactNumbers()
        self._heard = 0
        self._news_at_ms = 0
        self._first_live = asyncio.Event()
        self._wants_money = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._symbols = TradedSymbols(parts.memories, account.id, parts.clock)
        self._opening = opening
        self._stream = UserStream(
            name=str(account.id),
            target=self._opening.target,
            subscribe=self._opening.subscribe,
            take=self._take,
            on_live=self._on_live,
            on_lost=self._on_lost,
            failed=self._link.ended,
            clock=parts.clock,
            randomness=parts.randomness,
            tls=parts.tls,
            proxies=parts.proxies,
            limits=USER_STREAM_LIMITS,
        )
        self._source = BinanceAccountSource(parts.rest, signer, dialect, self._scope)
        self._reader = AccountReader(
            source=self._source,
            account_id=account.id,
            venue_clock=self._venue_clock,
            known=self._known,
            numbers=self._numbers,
            clock=parts.clock,
            position=lambda: StreamPosition(self._heard, self._news_at_ms),
            delivered=self._deliver_all,
        )
        self._inquiry = OrderInquiry(
            rest=parts.rest,
            signer=signer,
            dialect=dialect,
            scope=self._scope,
            spec=parts.spec,
            clock=parts.clock,
            is_off_list=self._is_off_list,
        )
        self._cancels = self._order_cancels()
        self._past = PastOrders(parts.rest, signer, dialect, self._scope, self._unlist)
        self._links = self._order_links()

    async def open(self) -> None:
        """Return when the stream is live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            await self._symbols.load()
            for symbol, id in self._symbols.instruments().items():
                self._parts.instruments.remember(self._market, id, symbol)
            self._stream.start()
            try:
                async with asyncio.timeout(FIRST_LIVE_MS_MAX / 1_000):
                    await self._first_live.wait()
            except TimeoutError:
                raise VenueUnavailable("the user stream does not open") from None
            if self._opening.refused is not None:
                raise CredentialRejected(f"the venue refused the key: {self._opening.refused}")
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._tasks = [
            asyncio.create_task(check_stream(self, self._clock, self._on_refused_reading)),
            asyncio.create_task(self._read_money_when_wanted()),
            asyncio.create_task(self._symbols.keep()),
            asyncio.create_task(self._opening.keep(self._open_again)),
            asyncio.create_task(self._links.run()),
        ]
        for task in self._tasks:
            watch(task, self._link.ended)

    # Orders

    async def submit(self, order: Order) -> Sequence[Report]:
        if self._is_too_late(order):
            return [self._not_sent(order)]
        return await self._calls.submit(order, lambda call: self._submit(order, call))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return self._calls.withdraw(order) or await self._calls.other(self._cancels.cancel(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        self._calls.withdraw_unsent(is_meant)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        return await self._calls.other(self._cancels.cancel_all(instrument_id, orders))

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        asked = (self._inquiry.about(order, self._symbol(order.instrument_id)) for order in orders)
        return [report for reports in await asyncio.gather(*asked) for report in reports]

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        symbol = self._symbol(instrument_id)
        return [] if symbol is None else await self._inquiry.identify(symbol, venue_order_id)

    # The account

    async def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        until_ms = self.venue_time_ms()
        try:
            symbols = await self._symbols_to_replay()
        except CredentialRejected as error:
            raise VenueUnavailable(str(error)) from error
        gone = self._symbols.gone(self._parts.instruments, self._market)
        async for piece in self._past.pieces(symbols, since_ms, until_ms):
            # The venue answers nothing about a symbol that it does not list, so the replay claims to be complete from
            # now on only.
            yield replace(piece, covers_from_ms=until_ms) if gone else piece
        self._symbols.give_up(gone)

    async def snapshot(self) -> AccountSnapshot:
        try:
            snapshot = await self._reader.snapshot()
        except CredentialRejected as error:
            await self._on_refused_reading(error)
            raise VenueUnavailable(str(error)) from error
        if snapshot is None:
            self.found_silent()
            raise VenueUnavailable("the user stream is behind; it is opened again")
        settled = await self._links.settled(snapshot, self._reader.triggered)
        await self._delivery.wait_idle()
        return settled

    def venue_time_ms(self) -> int:
        return self._venue_clock.earliest_ms()

    def is_caught_up(self) -> bool:
        return self._link.is_live and self._links.is_settled and self._delivery.is_idle and not self._stream.is_busy

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
        await self._stream.close()
        await self._delivery.close()

    # The stream, and its comparison with readings (`CheckedStream`)

    def heard(self) -> int:
        return self._heard

    def is_checked(self) -> bool:
        return self._link.is_live

    async def agrees(self) -> bool:
        asked_ms = self.venue_time_ms()
        agrees = await self._reader.agrees()
        if agrees:
            self._link.worked_until(self._links.complete_until(asked_ms))
        return agrees

    def found_silent(self) -> None:
        """The stream has not brought what the venue shows: trust it no more, and open another one."""
        self._log.warning("stream_is_silent")
        self._open_again("the user stream is silent")

    async def _take(self, data: bytes) -> None:
        """Read one message of the stream and hand its reports on."""
        if self._opening.is_reply(data):
            return
        self._heard += 1
        try:
            news = self._dialect.news(data, self._scope)
        except UnreadablePayload as error:
            self._known.forget()  # it may have been about any of it
            await self._delivery.put([unreadable(self._account_id, data, error)])
            return
        reports = [self._numbered(report) for report in news.reports]
        self._known.note([*reports, *news.stated])
        self._news_at_ms = max([self._news_at_ms, *(report.at_ms for report in reports)])
        self._note_symbols(reports)
        if news.wants_snapshot:
            self._known.forget_money()  # what the stream says is not comparable until the account was read
        if news.wants_snapshot or news.wants_margin:
            self._wants_money.set()
        await self._links.deliver(news, reports)
        self._link.worked_until(self._links.complete_until(self._news_at_ms))
        if news.is_stream_over:
            self._open_again("the venue ended the user stream")

    def _open_again(self, cause: str) -> None:
        self._lose(cause)
        self._stream.reconnect()

    async def _deliver_all(self) -> None:
        """Return when all that the session received was delivered. Raises `VenueUnavailable`."""
        await self._links.wait_settled()
        await self._delivery.wait_idle()

    def _numbered(self, report: Report) -> Report:
        if isinstance(report, BalanceReport | PositionReport):
            return replace(report, as_of=self._numbers.take(report.at_ms))
        return report

    def _on_live(self) -> None:
        self._known.forget()
        self._link.live(self.venue_time_ms())
        self._first_live.set()
        self._spawn(self._look_at_money())

    def _on_lost(self, event: StreamLost) -> None:
        self._rest.doubt_clocks()
        self._lose(f"the user stream was lost: {event.cause.value}{f', {event.detail}' if event.detail else ''}")
        if self._opening.refused is not None:
            self._first_live.set()
            self._link.ended(f"the venue refused the key: {self._opening.refused}")

    def _lose(self, cause: str) -> None:
        self._known.forget()
        self._link.lost(cause)

    async def _on_refused_reading(self, error: CadenzaError) -> None:
        if isinstance(error, CredentialRejected):
            self._link.ended(str(error))

    async def _read_money_when_wanted(self) -> None:
        """Read the account whenever the stream says that money moved, and not what it came to."""
        while True:
            await self._wants_money.wait()
            self._wants_money.clear()
            try:
                await self._delivery.put(await self._reader.all_money())
            except CadenzaError as error:
                await self._on_refused_reading(error)
                await self._clock.sleep_ms(MONEY_RETRY_MS)
                self._wants_money.set()

    # Orders: helpers

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.traded(self._market, order.instrument_id)
        if instrument is None:
            return [self._rejected(order, RejectReason.INSTRUMENT_NOT_TRADABLE)]
        now_ms = self._clock.monotonic_ms()
        latest_ms = max(self._clock.now_ms(), order.updated_at_ms)  # our wall clock may have been set back
        left_ms = REPLY_MS_MAX if order.send_before_ms is None else order.send_before_ms - latest_ms
        self._symbols.note(instrument.external_symbol, instrument.id)

        def leaving(time: RequestTime) -> BinanceRequest:
            call.leave()
            return self._dialect.submit(order, instrument, time)

        try:
            outcome = await self._rest.signed(
                self._market,
                self._signer,
                leaving,
                weight=self._dialect.endpoints.submit_weight,
                success_weight=self._dialect.endpoints.success_weight,
                leave_by_ms=now_ms + left_ms,
                reply_ms_max=REPLY_MS_MAX,
                is_order=True,
            )
        except CadenzaError as error:  # the market has no such orders; nothing was sent
            return [self._rejected(order, RejectReason.INVALID_ORDER, str(error))]
        if isinstance(outcome, NotSent):
            return [self._not_sent(order)]
        if not isinstance(outcome, Answered):
            return [unknown_outcome(order, self._clock.now_ms(), outcome)]
        if outcome.status == HTTP_OK:
            try:
                return self._dialect.submitted(outcome.body, self._scope, order)
            except UnreadablePayload as error:
                return [unknown_outcome(order, self._clock.now_ms(), outcome, str(error))]
        verdict = classify_submit(self._market, outcome.status, error_body(outcome.body))
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

    async def _symbols_to_replay(self) -> list[str]:
        """The symbols that the account is known to trade, those of its open orders, and those between assets that it
        holds: the venue answers symbol by symbol only."""
        open_symbols, held = await self._source.open_symbols(), await self._source.held()
        return self._symbols.to_replay(open_symbols, held, self._parts.instruments, self._market)

    def _note_symbols(self, reports: Sequence[Report]) -> None:
        for report in reports:
            if isinstance(report, OrderReport):
                symbol = self._symbol(report.instrument_id)
                if symbol is not None:
                    self._symbols.note(symbol, report.instrument_id)

    def _order_cancels(self) -> OrderCancels:
        return OrderCancels(
            rest=self._rest,
            signer=self._signer,
            dialect=self._dialect,
            scope=self._scope,
            inquiry=self._inquiry,
            symbol=self._symbol,
            look_at_key=self._look_at_key,
            clock=self._clock,
        )

    def _order_links(self) -> OrderLinks:
        return OrderLinks(
            past=self._past,
            scope=self._scope,
            put=self._delivery.put,
            clock=self._clock,
            venue_time_ms=self.venue_time_ms,
        )

    def _is_off_list(self, symbol: str | None) -> bool:
        return self._parts.instruments.is_off_list(self._market, symbol)

    def _unlist(self, symbol: str) -> None:
        self._parts.instruments.unlist(self._market, symbol)

    def _symbol(self, instrument_id: InstrumentId) -> str | None:
        return self._parts.instruments.symbol(self._market, instrument_id)

    def _is_too_late(self, order: Order) -> bool:
        return order.send_before_ms is not None and self._clock.now_ms() > order.send_before_ms

    def _not_sent(self, order: Order) -> Report:
        return NotSentReport(
            **names_of(order),
            at_ms=self._clock.now_ms(),
            recorded_at_ms=order.created_at_ms,
        )

    def _rejected(self, order: Order, reason: RejectReason, text: str = "") -> Report:
        return RejectedReport(
            **names_of(order),
            at_ms=self.venue_time_ms(),
            reason=reason_text(reason, text),
        )
