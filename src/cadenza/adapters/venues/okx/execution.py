"""A session with OKX: it trades for one account, and reports what happens there.

Orders, cancels and questions go over REST, for the reasons of docs/decisions/0036-binance-orders-over-rest.md: a broken
connection leaves one order in doubt, and not all that are under way. News come over the private sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.kit.account_settings import AccountSettingsCheck
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_session import NetworkedSession, SessionParts
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports, SubmitCall
from cadenza.adapters.venues.kit.replay_pieces import replay_pieces
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.unlisted_symbols import ListedSymbols
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.account_reading import OkxAccountSource
from cadenza.adapters.venues.okx.cancels import OrderCancels
from cadenza.adapters.venues.okx.classify import HTTP_OK, SETTINGS_DOUBTED, classify_submit, order_answer_of
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import SUBMIT, SUBMIT_ALGO, counted_as
from cadenza.adapters.venues.okx.history import PastOrders
from cadenza.adapters.venues.okx.inquiry import OrderInquiry
from cadenza.adapters.venues.okx.known_instruments import KnownInstruments
from cadenza.adapters.venues.okx.orders import TradingTerms, is_in_algo_service, new_order
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_news import account_news
from cadenza.adapters.venues.okx.parse_orders import accepted_report
from cadenza.adapters.venues.okx.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.spec import HISTORY_MS, stream_name
from cadenza.adapters.venues.okx.stream import PrivateSocket, has_algo_orders
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, TradingAccount
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report, UnreadableReport
from cadenza.network.outcomes import Answered
from cadenza.network.stream_events import StreamLost
from cadenza.ports.venue import ReplayPiece, SessionSink


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxParts(SessionParts[OkxRest, KnownInstruments]):
    """What all sessions of a connector share."""

    connects: ConnectPace


class OkxSession(NetworkedSession):
    """Implements `ExecutionSession`. `open` comes first. It is live while all of its sockets are."""

    def __init__(
        self,
        parts: OkxParts,
        account: TradingAccount,
        reached: ExternalAccount,
        signer: OkxSigner,
        sink: SessionSink,
    ) -> None:
        self._parts = parts
        self._rest = parts.rest
        self._signer = signer
        self._terms = TradingTerms(reached.type, account.position_mode)
        listed = ListedSymbols(parts.instruments, parts.missing)
        self._scope = AccountScope(account.id, reached.type, listed)
        super().__init__(account.id, sink, parts, venue_clock=parts.rest.clock, stream="private socket")
        self._settings = AccountSettingsCheck(
            account, reached, lambda: ReachableAccounts(parts.rest).again(account, signer), self._life, parts.clock
        )
        self._live: set[PrivateSocket] = set()
        self._streams = {socket: self._stream(socket) for socket in self._sockets()}
        self._life.follow(*self._streams.values())
        self._life.reader(OkxAccountSource(parts.rest, signer, self._scope))
        self._inquiry = OrderInquiry(
            rest=parts.rest, signer=signer, scope=self._scope, spec=parts.spec, clock=parts.clock
        )
        self._cancels = OrderCancels(
            rest=parts.rest,
            signer=signer,
            inquiry=self._inquiry,
            life=self._life,
        )
        self._past = PastOrders(parts.rest, signer, self._scope)

    async def open(self) -> None:
        """Return when the sockets are live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            await self._life.first_live(self._refusal)
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._life.keep()

    # Orders

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.instrument(order.instrument_id)
        if instrument is None or not self._parts.spec.trades(self._terms.account_type, instrument.type):
            return self._orders.not_tradable(order)
        asking = self._rest.signed(
            self._signer,
            SUBMIT_ALGO if is_in_algo_service(order) else SUBMIT,
            call.leaving(lambda time: new_order(order, instrument, self._terms, time)),
            instrument=counted_as(instrument.external_symbol),
            leave_by_ms=self._orders.leave_by_ms(order),
            reply_ms_max=REPLY_MS_MAX,
        )
        return await self._orders.settled(order, asking, self._submitted)

    def _submitted(self, order: Order, answered: Answered) -> Reports | ReplyOutcome:
        answer = order_answer_of(answered.body)
        if answered.status == HTTP_OK and answer is not None and answer.is_success and answer.row is not None:
            return [accepted_report(answer.row, order, self.venue_time_ms())]
        is_margined = self._terms.account_type in (AccountType.FUTURES, AccountType.OPTIONS)
        outcome = classify_submit(answered.status, answer, is_margined=is_margined)
        if answer is not None and answer.is_about_position_side:
            return self._settings.explained(outcome)
        if answer is not None and answer.code in SETTINGS_DOUBTED:
            self._settings.doubt()
        return outcome

    async def _cancel(self, order: Order) -> Reports:
        return await self._cancels.cancel(order)

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
        until_ms = self.venue_time_ms()
        since_ms = max(since_ms, until_ms - HISTORY_MS)
        reading = self._life.looked_first(self._past.reports(since_ms, until_ms))
        return replay_pieces(reading, since_ms, self._clock, self._rest.clock)

    # The sockets

    async def _take(self, socket: PrivateSocket, data: bytes) -> None:
        """Read one message and hand its reports on."""
        if socket.is_answer(data):
            if socket.is_going_down:
                self._life.lose("the venue ends the connection")
                self._streams[socket].reconnect()
            return
        self._life.hear()
        try:
            found = account_news(data, self._scope, self.venue_time_ms())
        except UnreadablePayload as error:
            found = [unreadable(self._account_id, data, error)]
        if any(isinstance(report, UnreadableReport) for report in found):
            self._life.known.forget()  # it may have been about any of it
        await self._life.delivery.put(self._life.take_in(found))
        self._life.worked()

    def _on_live(self, socket: PrivateSocket) -> None:
        self._live.add(socket)
        if len(self._live) == len(self._streams):
            self._life.live()

    def _on_lost(self, socket: PrivateSocket, event: StreamLost) -> None:
        self._live.discard(socket)
        self._rest.clock.doubt()
        self._life.stream_lost(event, self._refusal())

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
        return self._news_stream(
            socket,
            lambda data: self._take(socket, data),
            on_live=lambda: self._on_live(socket),
            on_lost=lambda event: self._on_lost(socket, event),
        )

    def _refusal(self) -> str | None:
        return next((socket.refused for socket in self._streams if socket.refused is not None), None)
