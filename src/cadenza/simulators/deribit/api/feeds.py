"""What the channels say: each batch that is on disk, at once on raw channels, and every interval on the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.api.market_payloads import ticker_payload
from cadenza.simulators.deribit.api.payloads import (
    Payload,
    order_payload,
    portfolio_payload,
    position_payload,
    public_trade,
    user_trade,
)
from cadenza.simulators.deribit.market.books import LEVELS_MAX, BookSides, ChannelBook, grouped
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.news import DeribitNews, PublicPrint
from cadenza.simulators.deribit.wire.channels import INTERVALS_MS, RAW, ChannelHub, ChannelName
from cadenza.simulators.deribit.wire.numbers import number

PRINTS_MAX = 1_000
"""Public trades of an instrument that are remembered."""


AccountItem = tuple[str, str]
"""An account, and an instrument or a currency of it."""


@dataclass(frozen=True, slots=True)
class ShownBook:
    """The book that listeners know, or will know with the next message."""

    sides: BookSides
    change_id: int
    at_ms: int


@dataclass(slots=True)
class _Changes:
    """What happened in one instrument, as `user.changes` tells it."""

    orders: dict[str, Payload] = field(default_factory=dict)
    trades: list[Payload] = field(default_factory=list)
    positions: list[Payload] = field(default_factory=list)

    def merge(self, later: _Changes) -> None:
        self.orders |= later.orders
        self.trades += later.trades
        self.positions = later.positions or self.positions


@dataclass(slots=True)
class _ChannelBatch:
    """The payloads of one batch, made when it was decided and sent when it is on disk."""

    changes: dict[AccountItem, _Changes]
    prints: list[PublicPrint]
    tickers: dict[str, Payload]
    books: dict[str, BookSides]
    portfolios: dict[AccountItem, Payload]
    states: list[tuple[str, Payload]]
    indexes: dict[str, Payload]


class ChannelFeeds:
    """Raw channels get a message for each batch, all others what happened in their interval. `user_id` returns the
    number of an account."""

    def __init__(self, exchange: DeribitExchange, hub: ChannelHub, user_id: Callable[[str], int], now_ms: int) -> None:
        self._exchange = exchange
        self._hub = hub
        self._user_id = user_id
        self._change_id = now_ms * 1_000  # a restart continues with greater numbers
        self._books = {name: ShownBook(self._depth(name), self._change_id, now_ms) for name in exchange.instruments}
        self._channel_books: dict[str, ChannelBook] = {}
        self._due: dict[str, list[object]] = {}
        self._due_changes: dict[str, dict[str, _Changes]] = {}
        self.prints: dict[str, deque[PublicPrint]] = {name: deque(maxlen=PRINTS_MAX) for name in exchange.instruments}

    def book(self, name: str) -> ShownBook:
        return self._books[name]

    def prepare(self, news: DeribitNews, now_ms: int) -> Callable[[int], None]:
        """Return what sends a batch when it is on disk."""
        batch = self._batch(news, now_ms)
        return lambda at_ms: self._send(batch, at_ms)

    def greet(self, name: ChannelName, now_ms: int) -> Iterator[object]:
        """Yield what a new listener of a channel gets first."""
        instrument = name.instrument or ""
        match name.family:
            case "book" if name.depth is not None:
                yield self._grouped(name)
            case "book":
                yield self._channel_book(name).snapshot()
            case "ticker":
                yield self._ticker(instrument, now_ms)
            case "quote":
                yield _quote(self._ticker(instrument, now_ms))
            case "deribit_price_index":
                yield self._index(instrument, now_ms)
            case "user.portfolio":
                wallets = [each for each in self._exchange.ledger.all_wallets() if each.account == name.account]
                items = [(wallet.account, wallet.currency) for wallet in wallets]
                for (_, currency), payload in self._portfolios(items).items():
                    if name.currency in ("any", currency):
                        yield payload

    def forget(self, key: str) -> None:
        """Forget what a channel without listeners has been sent."""
        for kept in (self._channel_books, self._due, self._due_changes):
            kept.pop(key, None)

    def tick(self, interval_ms: int, now_ms: int) -> None:
        """Send what happened in an interval to the channels that have it."""
        for family in ("book", "trades", "ticker", "user.orders", "user.trades", "user.changes"):
            for name in self._hub.active(family):
                if name.interval is not None and INTERVALS_MS.get(name.interval) == interval_ms:
                    for data in self._take_due(name):
                        self._hub.send(name, data)

    # Making

    def _batch(self, news: DeribitNews, now_ms: int) -> _ChannelBatch:
        tickers = {name: self._ticker(name, now_ms) for name in news.touched if self._has_ticker(name)}
        return _ChannelBatch(
            changes=self._changes(news),
            prints=news.prints,
            tickers=tickers,
            books={name: self._depth(name) for name in news.touched},
            portfolios=self._portfolios(news.accounts),
            states=[
                (each.instrument, {"timestamp": now_ms, "state": each.state, "instrument_name": each.instrument})
                for each in news.states
            ],
            indexes={name: self._index(name, now_ms) for name in news.indexes},
        )

    def _changes(self, news: DeribitNews) -> dict[AccountItem, _Changes]:
        changes: dict[AccountItem, _Changes] = {}
        instruments = self._exchange.instruments
        for order in news.orders.values():
            one = changes.setdefault((order.account, order.instrument), _Changes())
            number = self._user_id(order.account)
            one.orders[order.id] = order_payload(order, instruments[order.instrument], number)
        for trade in news.trades:
            payload = user_trade(trade, instruments[trade.instrument])
            changes.setdefault((trade.account, trade.instrument), _Changes()).trades.append(payload)
        for account, name in news.positions:
            position = self._exchange.ledger.position(account, name)
            payload = position_payload(self._exchange, position)
            changes.setdefault((account, name), _Changes()).positions.append(payload)
        return changes

    def _portfolios(self, items: Iterable[AccountItem]) -> dict[AccountItem, Payload]:
        ledger = self._exchange.ledger
        return {
            (account, currency): portfolio_payload(ledger.figures(account, currency), self._exchange)
            for account, currency in items
        }

    def _ticker(self, name: str, now_ms: int) -> Payload:
        return ticker_payload(self._exchange, name, self.prints[name], now_ms)

    def _index(self, name: str, now_ms: int) -> Payload:
        return {"timestamp": now_ms, "price": number(self._exchange.prices.index(name)), "index_name": name}

    def _depth(self, name: str) -> BookSides:
        return {side: self._exchange.depth(name, side, LEVELS_MAX) for side in Side}

    def _has_ticker(self, name: str) -> bool:
        families = (*self._hub.active("ticker"), *self._hub.active("quote"))
        return any(each.instrument == name for each in families)

    # Sending

    def _send(self, batch: _ChannelBatch, at_ms: int) -> None:
        for instrument, state in batch.states:
            self._publish("instrument.state", instrument, state)
        for name, index in batch.indexes.items():
            for channel in self._hub.active("deribit_price_index"):
                if channel.instrument == name:
                    self._hub.send(channel, index)
        for public in batch.prints:
            self.prints[public.instrument].append(public)
            listed = self._exchange.instruments[public.instrument]
            self._publish("trades", public.instrument, public_trade(public, listed), in_list=True)
        for (account, instrument), changes in batch.changes.items():
            self._send_changes(account, instrument, changes)
        for (account, currency), payload in batch.portfolios.items():
            for channel in self._hub.active("user.portfolio"):
                if channel.account == account and channel.currency in ("any", currency):
                    self._hub.send(channel, payload)
        for name, sides in batch.books.items():
            self._send_book(name, sides, at_ms)
        for name, ticker in batch.tickers.items():
            self._publish("ticker", name, ticker)
            self._publish("quote", name, _quote(ticker))

    def _send_changes(self, account: str, instrument: str, changes: _Changes) -> None:
        for order in changes.orders.values():
            self._publish("user.orders", instrument, order, account=account)
        if changes.trades:
            for channel in self._channels("user.trades", instrument, account):
                if channel.interval == RAW:
                    self._hub.send(channel, changes.trades)
                else:
                    self._due.setdefault(channel.key, []).extend(changes.trades)
        for channel in self._channels("user.changes", instrument, account):
            if channel.interval == RAW:
                self._hub.send(channel, _told(instrument, changes))
            else:
                due = self._due_changes.setdefault(channel.key, {})
                due.setdefault(instrument, _Changes()).merge(changes)

    def _send_book(self, name: str, sides: BookSides, at_ms: int) -> None:
        if sides == self._books[name].sides:
            return
        self._change_id += 1
        self._books[name] = ShownBook(sides, self._change_id, at_ms)
        for channel in self._channels("book", name):
            if channel.interval == RAW:
                change = self._channel_book(channel).take_change(sides, self._change_id, at_ms)
                if change is not None:
                    self._hub.send(channel, change)
            elif channel.depth is not None:
                self._due[channel.text] = [None]

    def _publish(
        self, family: str, instrument: str, data: Payload, *, account: str = "", in_list: bool = False
    ) -> None:
        """Send to raw channels, and to those without an interval; keep it for all others, of a ticker the latest."""
        for channel in self._channels(family, instrument, account):
            if channel.interval in (RAW, None):
                self._hub.send(channel, [data] if in_list else data)
            elif family == "ticker":
                self._due[channel.key] = [data]
            else:
                self._due.setdefault(channel.key, []).append(data)

    def _take_due(self, name: ChannelName) -> Iterator[object]:
        if name.family == "user.changes":
            for instrument, changes in self._due_changes.pop(name.key, {}).items():
                yield _told(instrument, changes)
            return
        if name.family == "book" and name.depth is None:
            shown = self._books[name.instrument or ""]
            change = self._channel_book(name).take_change(shown.sides, shown.change_id, shown.at_ms)
            if change is not None:
                yield change
            return
        due = self._due.pop(name.key, [])
        if not due:
            return
        match name.family:
            case "book":
                yield self._grouped(name)
            case "ticker":
                yield due[-1]
            case _:
                yield due

    def _channels(self, family: str, instrument: str, account: str = "") -> list[ChannelName]:
        listed = self._exchange.instruments[instrument]
        return [
            channel
            for channel in self._hub.active(family)
            if channel.shows(listed) and (not channel.is_private or channel.account == account)
        ]

    def _channel_book(self, name: ChannelName) -> ChannelBook:
        if name.text not in self._channel_books:
            shown = self._books[name.instrument or ""]
            book = ChannelBook(name.instrument or "", shown.sides, shown.change_id, shown.at_ms)
            self._channel_books[name.text] = book
        return self._channel_books[name.text]

    def _grouped(self, name: ChannelName) -> Payload:
        assert name.instrument is not None
        assert name.depth is not None
        shown = self._books[name.instrument]
        return grouped(name.instrument, shown.sides, name.depth, shown.change_id, shown.at_ms)


def _told(instrument: str, changes: _Changes) -> Payload:
    return {
        "instrument_name": instrument,
        "orders": list(changes.orders.values()),
        "trades": changes.trades,
        "positions": changes.positions,
    }


def _quote(ticker: Payload) -> Payload:
    names = (
        "instrument_name",
        "timestamp",
        "best_bid_price",
        "best_bid_amount",
        "best_ask_price",
        "best_ask_amount",
    )
    return {name: ticker[name] for name in names}
