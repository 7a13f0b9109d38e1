"""USD-M as it runs: the exchange, the algo service, its limits, its books and its streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from cadenza.domain.money import ZERO
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.usdm.algo import AlgoService
from cadenza.simulators.binance.usdm.events import (
    account_update,
    algo_update,
    leverage_update,
    order_trade_update,
    sides_worth,
    trade_lite,
)
from cadenza.simulators.binance.usdm.exchange import LIQUIDATION, FuturesExchange
from cadenza.simulators.binance.usdm.funding import FundingClock
from cadenza.simulators.binance.usdm.ledger import FuturesLedger
from cadenza.simulators.binance.usdm.liquidation import Liquidator
from cadenza.simulators.binance.usdm.listen_keys import ListenKeys
from cadenza.simulators.binance.usdm.payloads import Payload
from cadenza.simulators.binance.usdm.records import (
    AlgoChange,
    FuturesAccountChange,
    FuturesEvent,
    FuturesExecution,
    FuturesNews,
    FuturesRow,
    LeverageChange,
    latest,
)
from cadenza.simulators.binance.usdm.streams import SPEEDS_MS, FuturesStreams
from cadenza.simulators.binance.usdm.symbols import FUNDING_RATE, SYMBOLS
from cadenza.simulators.binance.wire.limits import UsedLimits
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.books import NumberedBook
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.records import TapeTrade

TAPE_MAX = 1_000


class FuturesMarket:
    """Its parts change at once and in memory. What changed is taken as a row for the truth and as news for clients."""

    def __init__(
        self,
        settings: SimulatorSettings,
        faults: ArmedFaults,
        new_client_id: Callable[[], str],
        new_listen_key: Callable[[], str],
        now_ms: int,
    ) -> None:
        self._settings = settings
        self.limits = UsedLimits(settings.usdm_limits)
        self.exchange = FuturesExchange(SYMBOLS, SeededMarket(SYMBOLS, settings.seed, settings.market_step_ms))
        self.algos = AlgoService(self.exchange, new_client_id)
        self.funding = FundingClock(self.exchange, now_ms)
        self.listen_keys = ListenKeys(new_listen_key, settings.listen_key_ms)
        self.streams = FuturesStreams(faults, VenueMarket.USDM)
        self.tapes: dict[str, deque[TapeTrade]] = {name: deque(maxlen=TAPE_MAX) for name in self.exchange.symbols}
        self.feeds = {name: NumberedBook(name, now_ms, SPEEDS_MS) for name in self.exchange.symbols}
        self._liquidator = Liquidator(self.exchange, self.algos)
        self.exchange.on_price = self._on_price

    @property
    def ledger(self) -> FuturesLedger:
        return self.exchange.ledger

    def start(self, rows: list[FuturesRow], now_ms: int) -> None:
        """Continue from what former runs wrote."""
        row, account = latest(rows), self._settings.account
        self.algos.restore(row.algos)
        self.exchange.restore(row)
        self.exchange.open(now_ms)
        if account not in self.ledger.accounts():
            self.ledger.open_account(account)
            for asset, amount in self._settings.usdm_deposits.items():
                self.ledger.move(account, asset, amount, "TRANSFER", now_ms)

    def advance(self, now_ms: int) -> None:
        """Let the market move, orders expire, funding be paid and listen keys end."""
        self.exchange.advance(now_ms)
        self.algos.expire_due(now_ms)
        self.funding.advance(now_ms)
        self.expire_listen_keys(now_ms, now_ms)

    def transfer(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Move an amount into the account, or out of it with a negative one."""
        self.ledger.move(account, asset, amount, "TRANSFER", at_ms)
        reason = "DEPOSIT" if amount > ZERO else "WITHDRAW"
        wallet = self.ledger.wallet_change(account, asset, amount)
        self.exchange.note(FuturesAccountChange(account=account, reason=reason, wallets=(wallet,), at_ms=at_ms))

    def expire_listen_keys(self, until_ms: int | None, at_ms: int) -> None:
        """End the listen keys whose time has passed, or all of them, with an event that says so."""
        for key in self.listen_keys.take_expired(until_ms):
            self.streams.send(key.key, {"e": "listenKeyExpired", "E": at_ms, "listenKey": key.key}, "user")

    def take_row(self) -> FuturesRow | None:
        """Return what changed since the last call; None when nothing did."""
        row = replace(self.exchange.take_row(), algos=self.algos.take_changes())
        return None if row.is_empty else row

    def take_publication(self) -> Callable[[int], None] | None:
        """Return what publishes the news since the last call, at an instant; None when there are none."""
        news = self.exchange.take_news()
        return None if news.is_empty else lambda at_ms: self._publish(news, at_ms)

    def send_differences(self, speed_ms: int, now_ms: int) -> None:
        if speed_ms in SPEEDS_MS:
            for name, feed in self.feeds.items():
                self.streams.send_difference(feed, self.exchange.symbols[name], speed_ms, now_ms)

    def send_marks(self, now_ms: int, *, is_slow: bool) -> None:
        marks = [(symbol, self.exchange.mark(name)) for name, symbol in self.exchange.symbols.items()]
        self.streams.send_marks(marks, FUNDING_RATE, self.funding.next_ms, now_ms, is_slow=is_slow)

    def _on_price(self, symbol: str, at_ms: int) -> None:
        if self.algos.has_open(symbol) or self.ledger.has_positions(symbol):
            self.exchange.keep_price(symbol)
        self.algos.watch(symbol, at_ms)
        self._liquidator.check(at_ms)

    def _publish(self, news: FuturesNews, now_ms: int) -> None:
        symbols = self.exchange.symbols
        for trade in news.tape:
            self.tapes[trade.symbol].append(trade)
            self.streams.send_trade(trade, symbols[trade.symbol], now_ms)
        for name in sorted(news.touched):
            if self.feeds[name].refresh(self.exchange.depth):
                self.streams.send_ticker(self.feeds[name], symbols[name], now_ms)
        for event in news.events:
            self._publish_event(event, now_ms)

    def _publish_event(self, event: FuturesEvent, now_ms: int) -> None:
        match event:
            case FuturesExecution():
                symbol = self.exchange.symbols[event.order.symbol]
                if event.trade is not None:
                    self._to_user(event.order.account, trade_lite(event, symbol, now_ms))
                values = sides_worth(self.exchange.open_values(event.order.account, symbol.name))
                self._to_user(event.order.account, order_trade_update(event, symbol, values, now_ms))
                if event.order.type == LIQUIDATION and not event.order.is_open:
                    self.streams.send_forced(event, symbol, now_ms)
            case FuturesAccountChange():
                self._to_user(event.account, account_update(event, now_ms))
            case AlgoChange():
                symbol = self.exchange.symbols[event.algo.symbol]
                self._to_user(event.algo.account, algo_update(event, symbol, now_ms))
            case LeverageChange():
                self._to_user(event.account, leverage_update(event, now_ms))

    def _to_user(self, account: str, payload: Payload) -> None:
        key = self.listen_keys.of(account)
        if key is not None:
            self.streams.send(key, payload, "user")
