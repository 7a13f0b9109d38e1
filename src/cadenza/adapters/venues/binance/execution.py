"""A session with BINANCE: it trades for one account of one market, and reports what happens there.

Orders, cancels and questions go over REST (docs/decisions/0036-binance-orders-over-rest.md); news come over the user
stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cadenza.adapters.venues.binance.account_reading import BinanceAccountSource
from cadenza.adapters.venues.binance.cancels import OrderCancels
from cadenza.adapters.venues.binance.classify import (
    HTTP_OK,
    OTHER_POSITION_MODE,
    classify_submit,
    error_body,
)
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import MarketDialect
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.history import PastOrders
from cadenza.adapters.venues.binance.inquiry import OrderInquiry
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.adapters.venues.binance.order_links import OrderLinks
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.stream import UserStreamOpening
from cadenza.adapters.venues.binance.traded_symbols import TradedSymbols
from cadenza.adapters.venues.kit.account_reading import MONEY_RETRY_MS
from cadenza.adapters.venues.kit.account_settings import AccountSettingsCheck
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_session import NetworkedSession, SessionParts
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports, SubmitCall
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.unlisted_symbols import ListedSymbols
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import ExternalAccount, TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRejected, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import OrderReport, Report
from cadenza.network.outcomes import Answered
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import StreamLost, StreamTarget
from cadenza.ports.venue import AccountSnapshot, ReplayPiece, SessionSink, VenueMemories


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceParts(SessionParts[BinanceRest, KnownInstruments]):
    """What all sessions of a connector share."""

    memories: VenueMemories
    connects: Mapping[BinanceMarket, ConnectPace]
    """The pace of connections for user data, at the host of each market."""


class _PacedOpening:
    """Implements `StreamOpening`: a connection waits for its turn at the host."""

    def __init__(self, opening: UserStreamOpening, connects: ConnectPace) -> None:
        self._opening = opening
        self._connects = connects

    async def target(self) -> StreamTarget:
        """Raises `NotReady`."""
        turn = await self._connects.turn("user data")
        try:
            return replace(await self._opening.target(), turn=turn)
        except BaseException:  # also when cancelled: what is not opened takes no turn from others
            turn.give_back()
            raise

    async def subscribe(self, connection: StreamConnection) -> None:
        await self._opening.subscribe(connection)


class BinanceSession(NetworkedSession):
    """Implements `ExecutionSession`. `open` comes first. `reached` is the account as the key reaches it, and `again`
    reads that once more."""

    def __init__(
        self,
        parts: BinanceParts,
        account: TradingAccount,
        signer: BinanceSigner,
        dialect: MarketDialect,
        sink: SessionSink,
        opening: UserStreamOpening,
        reached: ExternalAccount,
        again: Callable[[], Awaitable[ExternalAccount]],
    ) -> None:
        self._parts = parts
        self._rest = parts.rest
        self._signer = signer
        self._dialect = dialect
        self._market = dialect.endpoints.market
        listed = ListedSymbols(parts.instruments.symbols(self._market), parts.missing)
        self._scope = AccountScope(account.id, listed)
        super().__init__(
            account.id,
            sink,
            parts,
            venue_clock=parts.rest.clock_of(self._market),
            stream="user stream",
            settled_until=lambda instant_ms: self._links.complete_until(instant_ms),
        )
        self._settings = AccountSettingsCheck(account, reached, again, self._life, parts.clock)
        self._wants_money = asyncio.Event()
        self._symbols = TradedSymbols(parts.memories, account.id, parts.clock)
        self._opening = opening
        stream = self._news_stream(
            _PacedOpening(opening, parts.connects[self._market]), self._take, on_lost=self._on_lost
        )
        self._life.follow(stream)
        self._source = BinanceAccountSource(parts.rest, signer, dialect, self._scope)
        self._reader = self._life.reader(self._source, self._deliver_all)
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
        self._past = PastOrders(parts.rest, signer, dialect, self._scope, self._unlist, self._note_traded, parts.clock)
        self._links = self._order_links()

    async def open(self) -> None:
        """Return when the stream is live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            await self._symbols.load()
            for symbol, id in self._symbols.instruments().items():
                self._parts.instruments.remember_symbol(self._market, id, symbol)
            await self._life.first_live(lambda: self._opening.refused)
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._life.keep(
            self._read_money_when_wanted(),
            self._symbols.keep(),
            self._opening.keep(self._life.open_again),
            self._links.run(),
        )

    # Orders

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.traded(self._market, order.instrument_id)
        if instrument is None:
            return self._orders.not_tradable(order)
        self._symbols.note(instrument.external_symbol, instrument.id)
        asking = self._rest.signed(
            self._market,
            self._signer,
            call.leaving(lambda time: self._dialect.submit(order, instrument, time)),
            weight=self._dialect.endpoints.submit_weight,
            success_weight=self._dialect.endpoints.success_weight,
            leave_by_ms=self._orders.leave_by_ms(order),
            reply_ms_max=REPLY_MS_MAX,
            is_order=True,
        )
        return await self._orders.settled(order, asking, self._submitted)

    def _submitted(self, order: Order, answered: Answered) -> Reports | ReplyOutcome:
        if answered.status == HTTP_OK:
            return self._dialect.submitted(answered.body, self._scope, order)
        refusal = error_body(answered.body)
        outcome = classify_submit(self._market, answered.status, refusal)
        is_about_mode = refusal is not None and refusal.code == OTHER_POSITION_MODE
        return self._settings.explained(outcome) if is_about_mode else outcome

    async def _cancel(self, order: Order) -> Reports:
        return await self._cancels.cancel(order)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        return await self._life.calls.other(self._cancels.cancel_all(instrument_id, orders))

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
            symbols, untraded = await self._symbols_to_replay()
        except CredentialRejected as error:
            raise VenueUnavailable(str(error)) from error
        gone = self._symbols.gone(self._parts.instruments, self._market)
        async for piece in self._past.pieces([*symbols, *untraded], since_ms, until_ms, untraded):
            # The venue answers nothing about a symbol that it does not list, so the replay claims to be complete from
            # now on only.
            yield replace(piece, covers_from_ms=until_ms) if gone else piece
        self._symbols.give_up(gone)

    async def snapshot(self) -> AccountSnapshot:
        settled = await self._links.settled(await self._life.snapshot(), self._reader.triggered)
        await self._life.delivery.wait_idle()
        return settled

    def is_caught_up(self) -> bool:
        return self._links.is_settled and super().is_caught_up()

    # The stream

    async def _take(self, data: bytes) -> None:
        """Read one message of the stream and hand its reports on."""
        if self._opening.is_reply(data):
            return
        self._life.hear()
        try:
            news = self._dialect.news(data, self._scope)
        except UnreadablePayload as error:
            self._life.known.forget()  # it may have been about any of it
            await self._life.delivery.put([unreadable(self._account_id, data, error)])
            return
        reports = self._life.take_in(news.reports, news.stated)
        self._note_symbols(reports)
        if news.wants_snapshot:
            self._life.known.forget_money()  # what the stream says is not comparable until the account was read
        if news.wants_snapshot or news.wants_margin:
            self._wants_money.set()
        await self._links.deliver(news, reports)
        self._life.worked()
        if news.is_stream_over:
            self._life.open_again("the venue ended the user stream")

    async def _deliver_all(self) -> None:
        """Return when all that the session received was delivered. Raises `VenueUnavailable`."""
        await self._links.wait_settled()
        await self._life.delivery.wait_idle()

    def _on_lost(self, event: StreamLost) -> None:
        self._rest.doubt_clocks()
        self._life.stream_lost(event, self._opening.refused)

    async def _read_money_when_wanted(self) -> None:
        """Read the account whenever the stream says that money moved, and not what it came to."""
        while True:
            await self._wants_money.wait()
            self._wants_money.clear()
            try:
                await self._life.delivery.put(await self._reader.all_money())
            except CadenzaError as error:
                await self._life.on_refused_reading(error)
                await self._clock.sleep_ms(MONEY_RETRY_MS)
                self._wants_money.set()

    # Orders: helpers

    async def _symbols_to_replay(self) -> tuple[list[str], list[str]]:
        """Return the symbols that the account is known to trade with those of its open orders and positions, and those
        between assets that it holds: the venue answers symbol by symbol only. What shows its assets is the first look
        at the account, where that is still to be made."""
        money = await self._life.first_look() or await self._source.money()
        has_locked = bool(money.unreadable) or any(each.locked for each in money.balances)
        may_have_orders = has_locked or not self._dialect.locks_for_orders
        open_symbols = await self._source.open_symbols() if may_have_orders else set()
        return self._symbols.to_replay(open_symbols, money, self._parts.instruments, self._market)

    def _note_traded(self, symbol: str) -> None:
        self._symbols.note(symbol, self._scope.instruments[symbol])

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
            life=self._life,
        )

    def _order_links(self) -> OrderLinks:
        return OrderLinks(
            past=self._past,
            scope=self._scope,
            put=self._life.delivery.put,
            clock=self._clock,
            venue_time_ms=self.venue_time_ms,
        )

    def _is_off_list(self, symbol: str | None) -> bool:
        return self._parts.instruments.is_off_list(self._market, symbol)

    def _unlist(self, symbol: str) -> None:
        self._parts.instruments.unlist(self._market, symbol)

    def _symbol(self, instrument_id: InstrumentId) -> str | None:
        return self._parts.instruments.symbol(self._market, instrument_id)
