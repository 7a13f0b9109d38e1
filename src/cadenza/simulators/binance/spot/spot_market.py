"""Spot as it runs: the exchange, its limits, its books and its streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from cadenza.simulators.binance.control.faults import ArmedFaults
from cadenza.simulators.binance.market.books import NumberedBook
from cadenza.simulators.binance.market.counter_market import SeededMarket
from cadenza.simulators.binance.market.records import TapeTrade
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.news import VenueNews
from cadenza.simulators.binance.spot.records import SpotRow, latest
from cadenza.simulators.binance.spot.streams import SPEEDS_MS, SpotStreams
from cadenza.simulators.binance.spot.symbols import SYMBOLS
from cadenza.simulators.binance.spot.user_streams import UserStreams
from cadenza.simulators.binance.wire.limits import UsedLimits
from cadenza.simulators.binance.wire.markets import VenueMarket

TAPE_MAX = 1_000


class SpotMarket:
    """Its parts change at once and in memory. What changed is taken as a row for the truth and as news for clients."""

    def __init__(self, settings: SimulatorSettings, faults: ArmedFaults, now_ms: int) -> None:
        self._settings = settings
        self.limits = UsedLimits(settings.limits)
        self.exchange = SpotExchange(SYMBOLS, SeededMarket(SYMBOLS, settings.seed, settings.market_step_ms))
        self.streams = SpotStreams(faults, VenueMarket.SPOT)
        self.user_streams = UserStreams(self.exchange, faults)
        self.tapes: dict[str, deque[TapeTrade]] = {name: deque(maxlen=TAPE_MAX) for name in self.exchange.symbols}
        self.feeds = {name: NumberedBook(name, now_ms, SPEEDS_MS) for name in self.exchange.symbols}

    def start(self, rows: Iterable[SpotRow], now_ms: int) -> None:
        """Continue from what former runs wrote."""
        self.exchange.restore(latest(rows))
        self.exchange.open(now_ms)
        self.exchange.open_account(self._settings.account, self._settings.deposits, now_ms)

    def take_row(self) -> SpotRow | None:
        """Return what changed since the last call; None when nothing did."""
        row = self.exchange.take_row()
        return None if row.is_empty else row

    def take_publication(self, now_ms: int) -> Callable[[int], None] | None:
        """Return what publishes the news since the last call, at an instant; None when there are none."""
        news, touched = self.exchange.take_news(), self.exchange.take_touched()
        for execution in news.executions:
            if execution.trade is not None and execution.order.executed == execution.trade.quantity:
                self.limits.count_orders(execution.order.account, -1, now_ms)  # its first fill
        if not touched and not news.deposits:
            return None
        return lambda at_ms: self._publish(news, touched, at_ms)

    def send_differences(self, speed_ms: int, now_ms: int) -> None:
        if speed_ms in SPEEDS_MS:
            for feed in self.feeds.values():
                self.streams.send_difference(feed, speed_ms, now_ms)

    def _publish(self, news: VenueNews, touched: set[str], now_ms: int) -> None:
        for trade in news.tape:
            self.tapes[trade.symbol].append(trade)
            self.streams.send_trade(trade, now_ms)
        for name in sorted(touched):
            if self.feeds[name].refresh(self.exchange.depth):
                self.streams.send_ticker(self.feeds[name])
        self.user_streams.send_news(news, now_ms)
