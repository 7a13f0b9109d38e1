"""A session with DERIBIT: it trades for one account, and reports what happens there.

Orders, cancels and questions go over HTTP, each signed by itself, for the reasons of
docs/decisions/0036-binance-orders-over-rest.md: a broken connection leaves one order in doubt, and not all that are
under way; and no access has to be renewed before an order can leave. News come over the account's socket.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.deribit.account_reading import DeribitAccountSource
from cadenza.adapters.venues.deribit.cancels import OrderCancels
from cadenza.adapters.venues.deribit.classify import TIMED_OUT, answer_of, classify_submit
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.history import PastOrders
from cadenza.adapters.venues.deribit.inquiry import OrderInquiry
from cadenza.adapters.venues.deribit.known_instruments import KnownInstruments
from cadenza.adapters.venues.deribit.models import RpcFrame
from cadenza.adapters.venues.deribit.order_search import OrderSearch
from cadenza.adapters.venues.deribit.order_trades import OrderTrades
from cadenza.adapters.venues.deribit.orders import new_order
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_news import changes_news, is_portfolio, portfolio_news
from cadenza.adapters.venues.deribit.parse_orders import placed_reports
from cadenza.adapters.venues.deribit.requests import RequestPool, RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.deribit.spec import STREAM
from cadenza.adapters.venues.deribit.stream import AccountSocket
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.doubt import OrderDoubts
from cadenza.adapters.venues.kit.networked_session import NetworkedSession, SessionParts
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports, SubmitCall
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.replay_pieces import replay_pieces
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.kit.unlisted_symbols import ListedSymbols
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import BalanceReport, Report, UnreadableReport
from cadenza.network.outcomes import Answered
from cadenza.network.stream_events import StreamLost
from cadenza.ports.venue import ReplayPiece, SessionSink


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitParts(SessionParts[DeribitRest, KnownInstruments]):
    """What all sessions of a connector share."""

    connects: ConnectPace


class DeribitSession(NetworkedSession):
    """Implements `ExecutionSession`. `open` comes first."""

    def __init__(self, parts: DeribitParts, account: TradingAccount, signer: DeribitSigner, sink: SessionSink) -> None:
        self._parts = parts
        self._rest = parts.rest
        self._signer = signer
        listed = ListedSymbols(parts.instruments, parts.missing)
        self._scope = AccountScope(account.id, account.external.type, listed)
        super().__init__(account.id, sink, parts, venue_clock=parts.rest.clock, stream="account's socket")
        self._funds: dict[str, BalanceReport | None] = {}
        """The last word about each currency; None when something has happened since."""
        self._socket = AccountSocket(
            parts.spec.urls[STREAM],
            kind=self._scope.kind,
            signer=signer,
            nonce=parts.rest.nonce,
            venue_clock=parts.rest.clock,
            connects=parts.connects,
            clock=parts.clock,
        )
        stream = self._news_stream(self._socket, self._take, on_lost=self._on_lost)
        self._life.follow(stream)
        self._life.reader(DeribitAccountSource(parts.rest, signer, self._scope))
        self._search = OrderSearch(rest=parts.rest, signer=signer, scope=self._scope, clock=parts.clock)
        trades = OrderTrades(parts.rest, signer, self._scope)
        self._inquiry = OrderInquiry(
            search=self._search,
            trades=trades,
            scope=self._scope,
            doubts=OrderDoubts(parts.spec, self._scope.account_type, parts.clock, parts.rest.clock),
            clock=parts.clock,
        )
        self._cancels = OrderCancels(
            search=self._search,
            rest=parts.rest,
            signer=signer,
            scope=self._scope,
            inquiry=self._inquiry,
            life=self._life,
        )
        self._past = PastOrders(parts.rest, signer, self._scope)

    async def open(self) -> None:
        """Return when the socket is live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""
        try:
            await self._life.first_live(lambda: self._socket.refused)
        except BaseException:  # also when cancelled: no stream is left open
            await self.close()
            raise
        self._life.keep(self._socket.keep(self._life.open_again))

    # Orders

    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        instrument = self._parts.instruments.instrument(InstrumentId(order.instrument_id))
        if instrument is None or not self._parts.spec.trades(self._scope.account_type, instrument.type):
            return self._orders.not_tradable(order)
        sent: list[RpcMessage] = []

        def make(instant: RequestInstant) -> RpcMessage:
            sent.append(new_order(order, instrument, instant))
            self._search.times.leave(order.id, valid_until_ms=sent[-1].valid_until_ms)
            return sent[-1]

        asking = self._rest.signed(
            self._signer,
            call.leaving(make),
            pool=RequestPool.MATCHING,
            leave_by_ms=self._orders.leave_by_ms(order),
            reply_ms_max=REPLY_MS_MAX,
        )
        return await self._orders.settled(order, asking, lambda ours, reply: self._submitted(ours, reply, sent[-1]))

    def _submitted(self, order: Order, answered: Answered, request: RpcMessage) -> Reports | ReplyOutcome:
        answer = answer_of(answered.body)
        if answer is not None and answer.result is not None:
            return placed_reports(answer.result, order, self._scope)
        if answer is not None and answer.code == TIMED_OUT:
            self._rest.clock.doubt()
        return classify_submit(
            answered.status,
            answer,
            valid_until_ms=request.valid_until_ms,
            is_margined=self._scope.account_type is not AccountType.MARGIN,
        )

    async def _cancel(self, order: Order) -> Reports:
        return await self._cancels.cancel(order)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        return await self._life.calls.other(self._cancels.cancel_all(instrument_id, orders))

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        asked = (self._inquiry.about(order) for order in orders)
        return [report for reports in await asyncio.gather(*asked) for report in reports]

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        return await self._inquiry.identify(instrument_id, venue_order_id)

    # The account

    def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        reading = self._life.looked_first(self._past.reports(since_ms, self.venue_time_ms()))
        return replay_pieces(reading, since_ms, self._clock, self._rest.clock)

    # The socket

    async def _take(self, data: bytes) -> None:
        """Read one message and hand its reports on."""
        try:
            frame = decode(RpcFrame, data)
            if await self._socket.is_answer(frame):
                return
            found = self._news(frame)
        except UnreadablePayload as error:
            found = [unreadable(self._account_id, data, error)]
        if not found:
            return
        self._life.hear()
        if any(isinstance(report, UnreadableReport) for report in found):
            self._life.known.forget()  # it may have been about any of it
        reports = self._life.take_in(found)
        await self._life.delivery.put(reports)
        self._life.worked()

    def _news(self, frame: RpcFrame) -> list[Report]:
        at_ms = max(self._life.news_at_ms, self._socket.subscribed_ms)
        if not is_portfolio(frame):
            self._funds = dict.fromkeys(self._funds)
            return changes_news(frame, self._scope, at_ms)
        report = portfolio_news(frame, self._scope, at_ms)
        return [report] if self._is_new(report) else []

    def _is_new(self, report: BalanceReport) -> bool:
        """Whether a balance is worth a report: its cash has changed, or an order, an execution or a position since the
        last one. What is locked follows every move of the market, several times a second."""
        last = self._funds.get(report.asset)
        self._funds[report.asset] = report
        return last is None or (last.total, last.borrowed) != (report.total, report.borrowed)

    def _on_lost(self, event: StreamLost) -> None:
        self._rest.clock.doubt()
        self._life.stream_lost(event, self._socket.refused)
