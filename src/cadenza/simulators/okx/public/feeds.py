"""Public channels: books, best prices, trades, tickers, mark prices and instruments."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import to_plain
from cadenza.simulators.kit.books import BookLevel, NumberedBook
from cadenza.simulators.kit.commits import Publication
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.hub import StreamHub, StreamListener, StreamPayload
from cadenza.simulators.kit.records import TapeTrade
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.records import OkxNews

BOOKS, BOOKS5, BEST, TRADES, TICKERS, MARK = "books", "books5", "bbo-tbt", "trades", "tickers", "mark-price"
INSTRUMENTS_CHANNEL, STATUS, FUNDING_CHANNEL = "instruments", "status", "funding-rate"
INSTRUMENT_CHANNELS = (BOOKS, BOOKS5, BEST, TRADES, TICKERS, MARK, FUNDING_CHANNEL)
VIP_CHANNELS = ("books-l2-tbt", "books50-l2-tbt")
LEVELS_MAX = 400
SPEED_MS = 100
TAPE_MAX = 500


def stream_of(arg: dict[str, str]) -> str:
    """Return the name under which a channel's subscribers are kept."""
    return ":".join((arg["channel"], arg.get("instId") or arg.get("instType", "")))


class PublicFeeds:
    """Numbered books and tapes of all instruments, and who listens to them."""

    def __init__(self, exchange: OkxExchange, faults: ArmedFaults, now_ms: int) -> None:
        self._exchange = exchange
        self._hub = StreamHub(faults, "okx")
        self.books = {name: NumberedBook(name, now_ms, (SPEED_MS,)) for name in exchange.instruments}
        self.tapes: dict[str, deque[TapeTrade]] = {name: deque(maxlen=TAPE_MAX) for name in exchange.instruments}
        self._sent_ms: dict[str, int] = dict.fromkeys(exchange.instruments, now_ms)
        self._stirred: set[str] = set()
        self.maintenance: list[dict[str, object]] = []

    def subscribe(self, listener: StreamListener, arg: dict[str, str], now_ms: int) -> StreamPayload | None:
        """Add a listener. Return the payload that it gets first, where its channel has one."""
        channel, name = arg["channel"], arg.get("instId", "")
        if channel == BOOKS:
            self._send_difference(name, now_ms)
        self._hub.subscribe(listener, stream_of(arg))
        match channel:
            case "books":
                book = self.books[name]
                data = self._sides(name, LEVELS_MAX) | _numbers(now_ms, -1, book.update_id)
                return {"arg": arg, "action": "snapshot", "data": [data]}
            case "books5":
                return {"arg": arg, "data": [self._shallow(name, 5, now_ms)]}
            case "bbo-tbt":
                return {"arg": arg, "data": [self._shallow(name, 1, now_ms)]}
            case "tickers":
                return {"arg": arg, "data": [self.ticker(name, now_ms)]}
            case "mark-price":
                return {"arg": arg, "data": [self.mark_row(name, now_ms)]}
            case "instruments":
                return {"arg": arg, "data": self.instrument_rows(arg["instType"])}
        return None

    def unsubscribe(self, listener: StreamListener, arg: dict[str, str]) -> None:
        self._hub.unsubscribe(listener, stream_of(arg))

    def leave(self, listener: StreamListener) -> None:
        self._hub.leave(listener)

    # Publishing

    def publication(self, news: OkxNews) -> Publication:
        return lambda now_ms: self._publish(news, now_ms)

    def _publish(self, news: OkxNews, now_ms: int) -> None:
        for trade in news.tape:
            self.tapes[trade.symbol].append(trade)
            self._stirred.add(trade.symbol)
            row = trade_row(trade) | {"count": "1", "seqId": self.books[trade.symbol].update_id}
            self._send(TRADES, trade.symbol, [row])
        for name in sorted(news.books):
            if self.books[name].refresh(self._exchange.depth):
                self._stirred.add(name)
                self._send(BEST, name, [self._shallow(name, 1, now_ms)])

    def send_books(self, now_ms: int, heartbeat_ms: int) -> None:
        """Send what changed since the last time, and a heartbeat of a book that has not changed for long."""
        for name in self.books:
            self._send_difference(name, now_ms)
            if now_ms - self._sent_ms[name] >= heartbeat_ms:
                self.send_heartbeat(name, now_ms)
        stirred, self._stirred = self._stirred, set()
        for name in sorted(stirred):
            self._send(TICKERS, name, [self.ticker(name, now_ms)])

    def send_heartbeat(self, name: str, now_ms: int) -> None:
        """Send an update without levels, whose number is that of the one before it."""
        number = self.books[name].update_id
        self._send_update(name, {"asks": [], "bids": []} | _numbers(now_ms, number, number), now_ms)

    def renumber(self, name: str, number: int, now_ms: int) -> None:
        """Count a book on from a lower number, as the venue does after maintenance."""
        self._send_difference(name, now_ms)
        book = self.books[name]
        before, after = book.update_id, NumberedBook(name, number, (SPEED_MS,))
        after.refresh(self._exchange.depth)
        after.take_difference(SPEED_MS)
        self.books[name] = after
        data = {"asks": [], "bids": []} | _numbers(now_ms, before, after.update_id)
        self._send_update(name, data, now_ms)

    def send_marks(self, now_ms: int) -> None:
        for name in self.books:
            self._send(MARK, name, [self.mark_row(name, now_ms)])

    def send_instrument(self, name: str) -> None:
        """Publish an instrument whose state has changed."""
        instrument = self._exchange.instruments[name]
        for type in instrument.types():
            rows = [instrument.payload(type, self._exchange.states.get(name, "suspend"))]
            arg = {"channel": INSTRUMENTS_CHANNEL, "instType": type}
            self._hub.send(stream_of(arg), {"arg": arg, "data": rows})

    def announce_maintenance(self, row: dict[str, object]) -> None:
        """List a maintenance, in place of the one with its title, and publish it."""
        self.maintenance = [each for each in self.maintenance if each["title"] != row["title"]] + [row]
        arg = {"channel": STATUS}
        self._hub.send(stream_of(arg), {"arg": arg, "data": [row]})

    def _send_difference(self, name: str, now_ms: int) -> None:
        difference = self.books[name].take_difference(SPEED_MS)
        if difference is None:
            return
        sides = {"asks": _levels(difference.asks), "bids": _levels(difference.bids)}
        data = sides | _numbers(now_ms, difference.previous_id, difference.last_id)
        self._send_update(name, data, now_ms)
        self._send(BOOKS5, name, [self._shallow(name, 5, now_ms)])

    def _send_update(self, name: str, data: dict[str, object], now_ms: int) -> None:
        self._sent_ms[name] = now_ms
        arg = {"channel": BOOKS, "instId": name}
        self._hub.send(stream_of(arg), {"arg": arg, "action": "update", "data": [data]})

    def _send(self, channel: str, name: str, rows: list[dict[str, object]]) -> None:
        arg = {"channel": channel, "instId": name}
        if self._hub.has_listeners(stream_of(arg)):
            self._hub.send(stream_of(arg), {"arg": arg, "data": rows})

    # Rows

    def instrument_rows(self, type: str) -> list[dict[str, object]]:
        return [
            instrument.payload(type, state)
            for name, state in self._exchange.states.items()
            if type in (instrument := self._exchange.instruments[name]).types()
        ]

    def book_row(self, name: str, levels: int, now_ms: int) -> dict[str, object]:
        """Return a book as REST shows it."""
        return self._sides(name, levels) | {"seqId": self.books[name].update_id, "ts": str(now_ms)}

    def ticker(self, name: str, now_ms: int) -> dict[str, object]:
        instrument = self._exchange.instruments[name]
        (bid, bid_size), (ask, ask_size) = self.books[name].best()
        tape = self.tapes[name]
        prices = [trade.price for trade in tape] or [self._exchange.last_price(name)]
        volume = sum((trade.quantity for trade in tape), Decimal(0))
        return {
            "instType": instrument.type,
            "instId": name,
            "last": to_plain(self._exchange.last_price(name)),
            "lastSz": to_plain(tape[-1].quantity) if tape else "",
            "askPx": to_plain(ask) if ask_size else "",
            "askSz": to_plain(ask_size) if ask_size else "",
            "bidPx": to_plain(bid) if bid_size else "",
            "bidSz": to_plain(bid_size) if bid_size else "",
            "open24h": to_plain(prices[0]),
            "high24h": to_plain(max(prices)),
            "low24h": to_plain(min(prices)),
            "sodUtc0": to_plain(prices[0]),
            "sodUtc8": to_plain(prices[0]),
            "volCcy24h": to_plain(volume),
            "vol24h": to_plain(volume),
            "ts": str(now_ms),
        }

    def mark_row(self, name: str, now_ms: int) -> dict[str, object]:
        instrument = self._exchange.instruments[name]
        type = "MARGIN" if instrument.is_spot else instrument.type
        return {"instType": type, "instId": name, "markPx": to_plain(self._exchange.mark(name)), "ts": str(now_ms)}

    def _sides(self, name: str, levels: int) -> dict[str, object]:
        book = self.books[name]
        return {"asks": _levels(book.side(Side.SELL, levels)), "bids": _levels(book.side(Side.BUY, levels))}

    def _shallow(self, name: str, levels: int, now_ms: int) -> dict[str, object]:
        return self._sides(name, levels) | {
            "instId": name,
            "ts": str(now_ms),
            "seqId": self.books[name].update_id,
        }


def trade_row(trade: TapeTrade) -> dict[str, object]:
    """Return a trade with the side of the one who took."""
    return {
        "instId": trade.symbol,
        "tradeId": str(trade.trade_id),
        "px": to_plain(trade.price),
        "sz": to_plain(trade.quantity),
        "side": "sell" if trade.is_buyer_maker else "buy",
        "source": "0",
        "ts": str(trade.at_ms),
    }


def _levels(levels: list[BookLevel]) -> list[list[str]]:
    return [[to_plain(price), to_plain(quantity), "0", "1" if quantity else "0"] for price, quantity in levels]


def _numbers(now_ms: int, previous: int, number: int) -> dict[str, object]:
    return {"ts": str(now_ms), "checksum": 0, "prevSeqId": previous, "seqId": number}
