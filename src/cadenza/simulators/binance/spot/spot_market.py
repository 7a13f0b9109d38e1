"""Spot and cross margin as they run: the exchange that they share, their limits, books and streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from cadenza.simulators.binance.margin.cross_margin import SUFFIX, CrossMargin, margin_account
from cadenza.simulators.binance.margin.listen_tokens import ListenTokens
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.news import VenueNews
from cadenza.simulators.binance.spot.records import SpotRow, latest
from cadenza.simulators.binance.spot.streams import SPEEDS_MS, SpotStreams
from cadenza.simulators.binance.spot.symbols import SYMBOLS
from cadenza.simulators.binance.spot.user_streams import UserStreams
from cadenza.simulators.binance.wire.limits import UsedLimits
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.books import NumberedBook
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.records import TapeTrade

TAPE_MAX = 1_000


class SpotMarket:
    """Its parts change at once and in memory. What changed is taken as a row for the truth and as news for clients."""

    def __init__(
        self, settings: SimulatorSettings, faults: ArmedFaults, new_token: Callable[[], str], now_ms: int
    ) -> None:
        self._settings = settings
        self.limits = UsedLimits(settings.limits)
        self.exchange = SpotExchange(SYMBOLS, SeededMarket(SYMBOLS, settings.seed, settings.market_step_ms))
        self.streams = SpotStreams(faults, VenueMarket.SPOT)
        self.margin = CrossMargin(self.exchange)
        self.margin_limits = UsedLimits(settings.margin_limits)
        self.listen_tokens = ListenTokens(new_token)
        self.user_streams = UserStreams(self.exchange, faults, market_of)
        self.tapes: dict[str, deque[TapeTrade]] = {name: deque(maxlen=TAPE_MAX) for name in self.exchange.symbols}
        self.feeds = {name: NumberedBook(name, now_ms, SPEEDS_MS) for name in self.exchange.symbols}

    def start(self, rows: Iterable[SpotRow], now_ms: int) -> None:
        """Continue from what former runs wrote."""
        row, settings = latest(rows), self._settings
        self.exchange.restore(row)
        self.margin.restore(row.loans, row.loan_changes)
        self.exchange.open(now_ms)
        self.exchange.open_account(settings.account, settings.deposits, now_ms)
        self.exchange.open_account(margin_account(settings.account), settings.margin_deposits, now_ms)

    def take_row(self) -> SpotRow | None:
        """Return what changed since the last call; None when nothing did."""
        loans, loan_changes = self.margin.take_changes()
        row = replace(self.exchange.take_row(), loans=loans, loan_changes=loan_changes)
        return None if row.is_empty else row

    def take_publication(self, now_ms: int) -> Callable[[int], None] | None:
        """Return what publishes the news since the last call, at an instant; None when there are none."""
        news, touched = self.exchange.take_news(), self.exchange.take_touched()
        for execution in news.executions:
            if execution.trade is not None and execution.order.executed == execution.trade.quantity:
                account = execution.order.account  # its first fill
                limits = self.margin_limits if market_of(account) is VenueMarket.MARGIN else self.limits
                limits.count_orders(account.removesuffix(SUFFIX), -1, now_ms)
        if not (touched or news.deposits or news.moved_assets):
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


def market_of(account: str) -> VenueMarket:
    """Return the market of an account that trades in the books of spot."""
    return VenueMarket.MARGIN if account.endswith(SUFFIX) else VenueMarket.SPOT
