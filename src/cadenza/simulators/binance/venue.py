"""The running venue: it writes what changed to disk, and only then lets answers and events out."""

from __future__ import annotations

import asyncio
import string
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.binance.control.faults import ArmedFaults
from cadenza.simulators.binance.ledger.records import RequestRow, TapeTrade
from cadenza.simulators.binance.ledger.truth import TruthFile, latest
from cadenza.simulators.binance.market.books import NumberedBook
from cadenza.simulators.binance.market.counter_market import SeededMarket
from cadenza.simulators.binance.market.streams import MarketStreams
from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.news import VenueNews
from cadenza.simulators.binance.spot.symbols import SYMBOLS
from cadenza.simulators.binance.spot.user_streams import UserStreams
from cadenza.simulators.binance.wire.keys import ApiKeys
from cadenza.simulators.binance.wire.limits import UsedLimits, VenueLimits
from cadenza.simulators.binance.wire.outlet import SocketOutlet

DEPOSITS = {
    "USDT": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(100),
    "BNB": Decimal(100),
    "币安人生": Decimal(100_000),
}
TAPE_MAX = 1_000
REQUESTS_MAX = 100_000
"""How many trading requests are shown under `/simulator/requests`; the file keeps all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """`market_step_ms` 0 makes a market that stands still. `connection_ms` is how long a WebSocket lives at most."""

    data_dir: Path
    seed: int = 1
    market_step_ms: int = 0
    fault_rate: float = 0.0
    account: str = "main"
    deposits: dict[str, Decimal] = field(default_factory=lambda: dict(DEPOSITS))
    limits: VenueLimits = field(default_factory=VenueLimits)
    connection_ms: int = 24 * 60 * 60 * 1000
    ping_ms: int = 20_000
    incoming_per_second_max: int = 5


class SpotVenue:
    """Holds the exchange, the keys, the limits, the faults and the streams. Its parts change at once and in memory;
    `commit` makes the changes durable."""

    def __init__(self, settings: SimulatorSettings, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.faults = ArmedFaults(Random(settings.seed), settings.fault_rate)  # noqa: S311 - faults that can be repeated
        self.truth = TruthFile(settings.data_dir)
        self.keys = ApiKeys.load(settings.data_dir, settings.account, ids)
        self.limits = UsedLimits(settings.limits)
        self.market = SeededMarket(SYMBOLS, settings.seed, settings.market_step_ms)
        self.exchange = SpotExchange(SYMBOLS, self.market)
        self.market_streams = MarketStreams(self.faults)
        self.user_streams = UserStreams(self.exchange, self.faults)
        self.requests: deque[RequestRow] = deque(maxlen=REQUESTS_MAX)
        self.tapes: dict[str, deque[TapeTrade]] = {name: deque(maxlen=TAPE_MAX) for name in self.exchange.symbols}
        self.outlets: dict[SocketOutlet, None] = {}
        self._lock = asyncio.Lock()
        self._outbox: list[tuple[VenueNews, set[str]]] = []
        self._ids_drawn = Random(ids.token(8))  # noqa: S311 - ids that the venue makes up
        self.started_ms = now_ms = self.now_ms()
        self.feeds = {name: NumberedBook(name, now_ms) for name in self.exchange.symbols}
        self._start(now_ms)

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ms() + self.faults.clock_offset_ms

    def new_client_order_id(self) -> str:
        """Return an id in place of one that the client did not send."""
        return "".join(self._ids_drawn.choices(string.ascii_letters + string.digits, k=22))

    async def commit(self, request: RequestRow | None = None) -> None:
        """Return when everything that has changed until now is on disk, and its events are queued for the clients."""
        self._collect(request)
        async with self._lock:
            outbox, self._outbox = self._outbox, []
            await self.truth.flush()
            for news, touched in outbox:
                self._publish(news, touched)

    async def run_market(self) -> None:
        """Move the counter-market and send differences of books, ten times a second until cancelled."""
        ticks = 0
        while True:
            await self.clock.sleep_ms(100)
            ticks += 1
            self.exchange.advance(self.now_ms())
            await self.commit()
            self.send_differences(100)
            if ticks % 10 == 0:
                self.send_differences(1000)

    def send_differences(self, speed_ms: int) -> None:
        for feed in self.feeds.values():
            self.market_streams.send_difference(feed, speed_ms, self.now_ms())

    def announce_shutdown(self) -> None:
        """Say on all sockets that the server goes down soon."""
        for outlet in self.outlets:
            outlet.send({"e": "serverShutdown", "E": self.now_ms()})

    def cut_sockets(self) -> None:
        """ConnectionCut all sockets, as a failing network does."""
        for outlet in list(self.outlets):
            outlet.abort()

    def close(self) -> None:
        self.truth.close()

    def _start(self, now_ms: int) -> None:
        rows = list(self.truth.rows())
        self.requests.extend(row.request for row in rows if row.request is not None)
        self.exchange.restore(latest(iter(rows)))
        self.exchange.open(now_ms)
        self.exchange.open_account(self.settings.account, self.settings.deposits, now_ms)
        self._collect(None)
        self.truth.flush_now()
        outbox, self._outbox = self._outbox, []
        for news, touched in outbox:
            self._publish(news, touched)

    def _collect(self, request: RequestRow | None) -> None:
        row = self.exchange.take_row(self.now_ms(), request)
        if not row.is_empty:
            self.truth.append(row)
        if request is not None:
            self.requests.append(request)
        news, touched = self.exchange.take_news(), self.exchange.take_touched()
        for execution in news.executions:
            if execution.trade is not None and execution.order.executed == execution.trade.quantity:
                self.limits.count_orders(execution.order.account, -1, self.now_ms())  # its first fill
        if touched or news.deposits:
            self._outbox.append((news, touched))

    def _publish(self, news: VenueNews, touched: set[str]) -> None:
        now_ms = self.now_ms()
        for trade in news.tape:
            self.tapes[trade.symbol].append(trade)
            self.market_streams.send_trade(trade, now_ms)
        for name in sorted(touched):
            if self.feeds[name].refresh(self.exchange):
                self.market_streams.send_ticker(self.feeds[name])
        self.user_streams.send_news(news, now_ms)
