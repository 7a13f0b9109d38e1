"""Publishing through Centrifugo."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from msgspec import Raw

from cadenza.adapters.engines.centrifugo.audience import Audience
from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import ApiCommand, ApiFailed, Publish, ServerApi
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.ports.clock import Clock

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationWire:
    """The names of the channels (a book may have several), and the publications as bytes."""

    account_channel: Callable[[TradingAccountId], str]
    book_channels: Callable[[InstrumentId], Sequence[str]]
    trade_channel: Callable[[InstrumentId], str]
    encode_portfolio: Callable[[Portfolio], bytes]
    encode_book: Callable[[BookSnapshot], bytes]
    encode_trade: Callable[[MarketTrade], bytes]


class CentrifugoPublisher:
    """`ports.publisher.Publisher`. Account events wake the relay, which reads them from the log. `run` publishes the
    rest from memory: all trades in order, and the newest portfolio of each account and the newest book of each
    instrument. Portfolios are published without history, so they take no offset of the account's channel.

    While Centrifugo does not answer, portfolios and books are replaced by newer ones, and trades wait up to
    `trades_waiting_max`. A request without an answer is made again; trades keep their idempotency keys.
    """

    def __init__(
        self,
        api: ServerApi,
        audience: Audience,
        *,
        wire: PublicationWire,
        wake_relay: Callable[[], None],
        clock: Clock,
        limits: CentrifugoLimits,
    ) -> None:
        self._api = api
        self._audience = audience
        self._wire = wire
        self._wake_relay = wake_relay
        self._clock = clock
        self._limits = limits
        self._portfolios: OrderedDict[TradingAccountId, Portfolio] = OrderedDict()
        self._books: OrderedDict[InstrumentId, BookSnapshot] = OrderedDict()
        self._trades: deque[MarketTrade] = deque()
        self._views_under_way = 0
        self._something_waits = asyncio.Event()
        self.published_total = 0
        self.dropped_total = 0
        """Trades that were not published."""
        self.failures_total = 0

    @property
    def waiting(self) -> int:
        """Portfolios, books and trades that wait, or are under way."""
        return len(self._portfolios) + len(self._books) + len(self._trades) + self._views_under_way

    # --- ports.publisher.Publisher

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self._wake_relay()

    def portfolio(self, portfolio: Portfolio) -> None:
        self._portfolios[portfolio.account.id] = portfolio
        if len(self._portfolios) > self._limits.portfolios_waiting_max:
            self._portfolios.popitem(last=False)
        self._something_waits.set()

    def order_book(self, snapshot: BookSnapshot) -> None:
        self._books[snapshot.instrument_id] = snapshot
        if len(self._books) > self._limits.books_waiting_max:
            self._books.popitem(last=False)
        self._something_waits.set()

    def trade(self, trade: MarketTrade) -> None:
        if self._wire.trade_channel(trade.instrument_id) not in self._audience:
            return
        self._trades.append(trade)
        if len(self._trades) > self._limits.trades_waiting_max:
            self._trades.popleft()
            self.dropped_total += 1
        self._something_waits.set()

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return self._wire.account_channel(account_id) in self._audience

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return any(channel in self._audience for channel in self._wire.book_channels(instrument_id))

    # --- the runtime's side

    async def run(self) -> None:
        """Publish what waits, until cancelled."""
        pause_ms = self._limits.retry_ms_min
        while True:
            await self._something_waits.wait()
            try:
                await self._publish_some()
                pause_ms = self._limits.retry_ms_min
            except ApiFailed as failure:
                self.failures_total += 1
                log.warning("Centrifugo is not published to", reason=str(failure), waiting=self.waiting)
                await self._clock.sleep_ms(pause_ms)
                pause_ms = min(pause_ms * 2, self._limits.retry_ms_max)
            if not self.waiting:
                self._something_waits.clear()

    async def _publish_some(self) -> None:
        """Publish what one request holds. Trades stay in the queue until they are answered."""
        room = self._limits.commands_per_request_max
        trades = [self._trades[n] for n in range(min(room, len(self._trades)))]
        commands = [command for trade in trades for command in self._encoded(self._trade_commands, trade)]
        trade_commands = len(commands)
        portfolios: list[Portfolio] = []
        while self._portfolios and len(commands) < room and len(portfolios) < self._limits.portfolios_per_request_max:
            portfolios.append(self._portfolios.popitem(last=False)[1])
            commands += self._encoded(self._portfolio_commands, portfolios[-1])
        books: list[BookSnapshot] = []
        while self._books and len(commands) < room:
            books.append(self._books.popitem(last=False)[1])
            commands += self._encoded(self._book_commands, books[-1])
        dropped_before = self.dropped_total
        self._views_under_way = len(portfolios) + len(books)
        try:
            errors = await self._api.batch(commands) if commands else ()
        except ApiFailed:
            for portfolio in portfolios:
                self._portfolios.setdefault(portfolio.account.id, portfolio)
            for book in books:
                self._books.setdefault(book.instrument_id, book)
            raise
        finally:
            self._views_under_way = 0
        for _ in range(len(trades) - (self.dropped_total - dropped_before)):
            self._trades.popleft()
        failed = [error for error in errors if error is not None]
        self.published_total += len(commands) - len(failed)
        # One that is refused alone is not made again: it would come after those that follow it.
        self.dropped_total += sum(error is not None for error in errors[:trade_commands])
        if failed:
            self.failures_total += 1
            log.warning("publications were refused", count=len(failed), code=failed[0].code, reason=failed[0].message)

    def _encoded(self, commands_of: Callable[[T], list[ApiCommand]], published: T) -> list[ApiCommand]:
        """Return what publishes it. What cannot be encoded (our defect) is left out, so that the rest goes on."""
        try:
            return commands_of(published)
        except Exception:  # a defect in one encoding must not stop the other publications
            log.exception("a publication cannot be encoded")
            self.failures_total += 1
            return []

    def _trade_commands(self, trade: MarketTrade) -> list[ApiCommand]:
        publish = Publish(
            channel=self._wire.trade_channel(trade.instrument_id),
            data=Raw(self._wire.encode_trade(trade)),
            idempotency_key=trade.trade_id,
        )
        return [ApiCommand(publish=publish)]

    def _portfolio_commands(self, portfolio: Portfolio) -> list[ApiCommand]:
        publish = Publish(
            channel=self._wire.account_channel(portfolio.account.id),
            data=Raw(self._wire.encode_portfolio(portfolio)),
            skip_history=True,
        )
        return [ApiCommand(publish=publish)]

    def _book_commands(self, snapshot: BookSnapshot) -> list[ApiCommand]:
        channels = [
            channel for channel in self._wire.book_channels(snapshot.instrument_id) if channel in self._audience
        ]
        if not channels:
            return []
        data = Raw(self._wire.encode_book(snapshot))
        return [ApiCommand(publish=Publish(channel=channel, data=data)) for channel in channels]
