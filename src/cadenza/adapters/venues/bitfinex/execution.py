"""A session with BITFINEX: it trades for one account, and reports what happens there.

Orders, cancels and questions go over REST, for the reasons of docs/decisions/0042-bitfinex-orders-over-rest.md. News
come over the private socket.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.bitfinex.account_reading import BitfinexAccountSource
from cadenza.adapters.venues.bitfinex.awaited_executions import AwaitedExecutions
from cadenza.adapters.venues.bitfinex.cancels import OrderCancels
from cadenza.adapters.venues.bitfinex.classify import classify_submit, order_answer
from cadenza.adapters.venues.bitfinex.endpoints import SUBMIT
from cadenza.adapters.venues.bitfinex.history import PastOrders
from cadenza.adapters.venues.bitfinex.inquiry import OrderInquiry
from cadenza.adapters.venues.bitfinex.known_instruments import KnownInstruments
from cadenza.adapters.venues.bitfinex.order_search import OrderSearch
from cadenza.adapters.venues.bitfinex.orders import new_order
from cadenza.adapters.venues.bitfinex.owed_fees import OwedFees
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_news import HEARTBEAT, account_message, account_news
from cadenza.adapters.venues.bitfinex.parse_orders import placed_reports
from cadenza.adapters.venues.bitfinex.private_connects import PrivateConnects
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.repeated_news import RepeatedNews
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest, Body
from cadenza.adapters.venues.bitfinex.spec import HISTORY_MS, PRIVATE_STREAM
from cadenza.adapters.venues.bitfinex.stream import PrivateSocket
from cadenza.adapters.venues.kit.networked_session import NetworkedSession, SessionParts
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports, SubmitCall
from cadenza.adapters.venues.kit.replay_pieces import replay_pieces
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.kit.unlisted_symbols import ListedSymbols
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report, UnreadableReport
from cadenza.network.outcomes import Answered
from cadenza.network.stream_events import StreamLost
from cadenza.ports.venue import ReplayPiece, SessionSink


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexParts(SessionParts[BitfinexRest, KnownInstruments]):
    """What all sessions of a connector share."""

    connects: PrivateConnects


class BitfinexExecution(NetworkedSession):
    """Implements `ExecutionSession`. `open` comes first."""

    def __init__(
        self,
        parts: BitfinexParts,
        account: TradingAccount,
        key: PrivateKey,
        sink: SessionSink,
        *,
        signed_since_ms: int,
    ) -> None:
        """`signed_since_ms`: since when (our clock) no other key has signed orders of the account."""
        self._parts = parts
        self._rest = parts.rest
        self._key = key
        listed: ListedSymbols[Instrument] = ListedSymbols(parts.instruments, parts.missing)
        self._scope = AccountScope(
            account.id,
            account.external.type,
            listed,
            parts.instruments.asset_of,
            is_paper=parts.spec.venue_id.environment is Environment.UAT,
        )
        super().__init__(
            account.id,
            sink,
            parts,
            venue_clock=parts.rest.clock,
            stream="private socket",
            settled_until=lambda instant_ms: self._awaited.complete_until(instant_ms),
        )
        self._repeated = RepeatedNews()
        self._owed = OwedFees(parts.rest, key, self._scope, self._life, parts.clock)
        self._awaited = AwaitedExecutions(parts.rest, key, self._scope, self._owed, self._life, parts.clock)
        self._socket = PrivateSocket(
            parts.spec.urls[PRIVATE_STREAM], rest=parts.rest, key=key, connects=parts.connects, clock=parts.clock
        )
        stream = self._news_stream(self._socket, self._take, on_lost=self._on_lost)
        self._life.follow(stream)
        self._life.reader(BitfinexAccountSource(parts.rest, key, self._scope))
        self._search = OrderSearch(parts.rest, key, self._scope)
        self._inquiry = OrderInquiry(
            search=self._search,
            rest=parts.rest,
            key=key,
            signed_since_ms=signed_since_ms,
            scope=self._scope,
            owed=self._owed,
            spec=parts.spec,
            clock=parts.clock,
        )
        self._cancels = OrderCancels(
            search=self._search, rest=parts.rest, key=key, scope=self._scope, inquiry=self._inquiry, life=self._life
        )
        self._past = PastOrders(parts.rest, key, self._scope, self._owed)

    async def open(self) -> None:
        """Return when the socket is live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            await self._life.first_live(lambda: self._socket.refused)
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._life.keep(self._end_when_taken_over(), self._awaited.run(), self._owed.run())

    # Orders

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.instrument(InstrumentId(order.instrument_id))
        if instrument is None or not self._parts.spec.trades(self._scope.account_type, instrument.type):
            return self._orders.not_tradable(order)

        def make(instant: RequestInstant) -> Body:
            body = new_order(order, instrument, self._scope, instant)
            self._search.times.leave(order.id)
            return body

        asking = self._rest.signed(
            self._key,
            SUBMIT,
            call.leaving(make),
            leave_by_ms=self._orders.leave_by_ms(order),
            reply_ms_max=REPLY_MS_MAX,
        )
        return await self._orders.settled(order, asking, self._submitted)

    def _submitted(self, order: Order, answered: Answered) -> Reports | ReplyOutcome:
        answer = order_answer(answered.status, answered.body)
        if answer.is_success:
            return placed_reports(answered.body, order, self._scope)
        return classify_submit(answered.status, answer)

    async def _cancel(self, order: Order) -> Reports:
        return await self._cancels.cancel(order)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        """BITFINEX has no request for the orders of one instrument (`VenueSpec.cancels_all`)."""
        return []

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        return await self._inquiry.about(orders)

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        return await self._inquiry.identify(instrument_id, venue_order_id)

    # The account

    def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        since_ms = max(since_ms, self.venue_time_ms() - HISTORY_MS)
        reading = self._life.looked_first(self._past.reports(since_ms))
        return replay_pieces(reading, since_ms, self._clock, self._rest.clock)

    def venue_time_ms(self) -> int:
        """Return an instant before every execution that is still missing: what happened before it counts as reported
        while the session is caught up."""
        return self._awaited.complete_until(super().venue_time_ms())

    def is_caught_up(self) -> bool:
        return self._awaited.is_settled and super().is_caught_up()

    # The socket

    async def _take(self, data: bytes) -> None:
        """Read one message and hand its reports on. When one is missing before it, the connection is opened again, and
        what was missed is asked for."""
        if self._socket.is_answer(data):
            self._heed()
            return
        found: Sequence[Report]
        try:
            message = account_message(data)
            if message.event != HEARTBEAT:  # which says nothing of the account, so that it is compared all the same
                self._life.hear()
            if not self._socket.continues(message.number):
                self._life.open_again("a message of the private socket is missing")
            self._awaited.hear(message)
            found = account_news(message, self._scope, self._life.news_at_ms)
        except UnreadablePayload as error:
            found = [unreadable(self._account_id, data, error)]
        if any(isinstance(report, UnreadableReport) for report in found):
            self._life.known.forget()  # it may have been about any of it
        await self._life.delivery.put(self._life.take_in([each for each in found if self._is_new(each)]))
        self._life.worked()

    def _is_new(self, report: Report) -> bool:
        is_new = self._repeated.is_new(report)
        self._awaited.note(report, is_new=is_new)
        return is_new

    def _heed(self) -> None:
        """Act on what the venue says of the connection."""
        if self._socket.is_paused:
            self._life.lose("BITFINEX is in maintenance")
        if self._socket.is_ending:
            self._life.open_again("BITFINEX asks for a new connection")

    def _on_lost(self, event: StreamLost) -> None:
        self._repeated.forget()
        self._awaited.forget()
        self._rest.look_again()
        self._life.stream_lost(event, self._socket.refused)

    async def _end_when_taken_over(self) -> None:
        await self._key.nonces.taken_over.wait()
        self._life.link.ended("another process has begun to use the key")
