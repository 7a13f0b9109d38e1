"""Telling the subscribers through Centrifugo."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from msgspec import Raw

from cadenza.adapters.engines.centrifugo.audience import Audience
from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import ApiFailed, Command, Publish, ServerApi
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.order_book import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent
from cadenza.ports.clock import Clock

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketWire:
    """How the market is spoken of: the names of the channels (a book may have several) and the publications."""

    book_channels: Callable[[InstrumentId], Sequence[str]]
    trade_channel: Callable[[InstrumentId], str]
    encode_book: Callable[[BookSnapshot], bytes]
    encode_trade: Callable[[MarketTrade], bytes]


class CentrifugoPublisher:
    """`ports.publisher.Publisher`. Account events wake the relay, which reads them from the log; the market is
    published from memory by `run`: of each book the newest, trades all and in order.

    While Centrifugo does not answer books are replaced by newer ones, and trades wait up to `trades_waiting_max`. A
    request without an answer is made again under the same idempotency keys.
    """

    def __init__(
        self,
        api: ServerApi,
        audience: Audience,
        *,
        wire: MarketWire,
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
        self._books: OrderedDict[InstrumentId, BookSnapshot] = OrderedDict()
        self._trades: deque[MarketTrade] = deque()
        self._books_under_way = 0
        self._something_waits = asyncio.Event()
        self.published_total = 0
        self.dropped_total = 0
        """Trades that were not published."""
        self.failures_total = 0

    @property
    def waiting(self) -> int:
        """Books and trades that wait, or are under way."""
        return len(self._books) + len(self._trades) + self._books_under_way

    # --- ports.publisher.Publisher

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self._wake_relay()

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
                log.warning("the market is not published", reason=str(failure), waiting=self.waiting)
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
        books: list[BookSnapshot] = []
        while self._books and len(commands) < room:
            books.append(self._books.popitem(last=False)[1])
            commands += self._encoded(self._book_commands, books[-1])
        dropped_before = self.dropped_total
        self._books_under_way = len(books)
        try:
            errors = await self._api.batch(commands) if commands else ()
        except ApiFailed:
            for book in books:
                self._books.setdefault(book.instrument_id, book)
            raise
        finally:
            self._books_under_way = 0
        for _ in range(len(trades) - (self.dropped_total - dropped_before)):
            self._trades.popleft()
        failed = [error for error in errors if error is not None]
        self.published_total += len(commands) - len(failed)
        # One that is refused alone is not made again: it would come after those that follow it.
        self.dropped_total += sum(error is not None for error in errors[:trade_commands])
        if failed:
            self.failures_total += 1
            log.warning("publications were refused", count=len(failed), code=failed[0].code, reason=failed[0].message)

    def _encoded(self, commands_of: Callable[[T], list[Command]], told: T) -> list[Command]:
        """Return what publishes it. What cannot be encoded (our defect) is left out, so that the rest goes on."""
        try:
            return commands_of(told)
        except Exception:
            log.exception("a publication cannot be encoded")
            self.failures_total += 1
            return []

    def _trade_commands(self, trade: MarketTrade) -> list[Command]:
        publish = Publish(
            channel=self._wire.trade_channel(trade.instrument_id),
            data=Raw(self._wire.encode_trade(trade)),
            idempotency_key=trade.trade_id,
        )
        return [Command(publish=publish)]

    def _book_commands(self, snapshot: BookSnapshot) -> list[Command]:
        channels = [
            channel for channel in self._wire.book_channels(snapshot.instrument_id) if channel in self._audience
        ]
        if not channels:
            return []
        data = Raw(self._wire.encode_book(snapshot))
        return [Command(publish=Publish(channel=channel, data=data)) for channel in channels]
