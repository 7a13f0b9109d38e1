"""Public channels of the socket: books, trades, tickers and the status of derivatives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cadenza.simulators.bitfinex.private_feeds import MARKET
from cadenza.simulators.bitfinex.public.market_rows import MarketRows, tape_row
from cadenza.simulators.bitfinex.public.views import BookLine, BookViews, checksum
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.records import BitfinexNews
from cadenza.simulators.bitfinex.wire.session import BULK, CHECKSUM, BitfinexSession, PublicChannel
from cadenza.simulators.kit.commits import Publication
from cadenza.simulators.kit.faults import ArmedFaults

BOOK, TRADES, TICKER, STATUS = "book", "trades", "ticker", "status"
REAL_TIME, EVERY_TWO_SECONDS = "F0", "F1"
SLOW_MS = 2_000
TRADES_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFrame:
    """A frame of a public channel. `kind` is what faults call it: the channel's name, or `checksum`."""

    kind: str
    parts: tuple[object, ...]


class PublicFeeds:
    """Sends what changed to those who have subscribed to it."""

    def __init__(self, exchange: BitfinexExchange, views: BookViews, rows: MarketRows, faults: ArmedFaults) -> None:
        self._exchange = exchange
        self._views = views
        self._rows = rows
        self._faults = faults
        self._sessions: dict[int, BitfinexSession] = {}

    def join(self, session: BitfinexSession, channel: PublicChannel, now_ms: int) -> None:
        """Let a client hear of a channel, beginning with a snapshot. Everything before must be on disk."""
        self._sessions[session.id] = session
        session.channels[channel.id] = channel
        match channel.channel:
            case "book":
                lines = self._views.lines(channel.symbol, channel.precision, channel.length)
                channel.lines = {line.key: line for line in lines}
                session.send(channel.id, [line.row() for line in lines])
                self._send_checksum(session, channel, lines)
            case "trades":
                tape = list(self._rows.tapes[channel.symbol])[-TRADES_SHOWN:]
                session.send(channel.id, [tape_row(trade) for trade in reversed(tape)])
            case "ticker":
                session.send(channel.id, self._rows.ticker(channel.symbol))
            case _:
                session.send(channel.id, self._rows.derivative(channel.symbol, now_ms))

    def leave(self, session: BitfinexSession) -> None:
        self._sessions.pop(session.id, None)

    def publication(self, news: BitfinexNews) -> Publication:
        def publish(now_ms: int) -> None:
            for trade in news.tape:
                self._rows.remember(trade)
                for session, channel in self._listeners(TRADES, {trade.symbol}):
                    for kind in ("te", "tu"):
                        self._send(session, channel, PublicFrame(kind=kind, parts=(kind, tape_row(trade))))
            for session, channel in self._listeners(BOOK, news.books):
                if channel.frequency == REAL_TIME:
                    self._send_difference(session, channel, now_ms)
            for session, channel in self._listeners(TICKER, news.books):
                self._send(session, channel, PublicFrame(kind=TICKER, parts=(self._rows.ticker(channel.symbol),)))

        return publish

    def tick(self, now_ms: int) -> None:
        """Send the books of those who want them every two seconds."""
        for session, channel in self._listeners(BOOK, self._exchange.symbols):
            if channel.frequency == EVERY_TWO_SECONDS and now_ms - channel.sent_ms >= SLOW_MS:
                self._send_difference(session, channel, now_ms)

    def send_statuses(self, now_ms: int) -> None:
        """Send the status of every derivative."""
        for session, channel in self._listeners(STATUS, self._exchange.symbols):
            row = self._rows.derivative(channel.symbol, now_ms)
            self._send(session, channel, PublicFrame(kind=STATUS, parts=(row,)))

    def corrupt(self, name: str) -> None:
        """Send a checksum that fits no book to all listeners that want checksums."""
        for session, channel in self._listeners(BOOK, {name}):
            if session.flags & CHECKSUM:
                session.send(channel.id, "cs", checksum(list(channel.lines.values())) ^ 1)

    def _send_difference(self, session: BitfinexSession, channel: PublicChannel, now_ms: int) -> None:
        channel.sent_ms = now_ms
        lines = self._views.lines(channel.symbol, channel.precision, channel.length)
        present = {line.key: line for line in lines}
        rows = [line.removal() for key, line in channel.lines.items() if _is_gone(line, present.get(key))]
        rows += [line.row() for key, line in present.items() if channel.lines.get(key) != line]
        channel.lines = present
        if not rows:
            return
        frames = [rows] if session.flags & BULK else rows
        for parts in frames:
            self._send(session, channel, PublicFrame(kind=BOOK, parts=(parts,)))
        self._send_checksum(session, channel, lines)

    def _send_checksum(self, session: BitfinexSession, channel: PublicChannel, lines: list[BookLine]) -> None:
        if session.flags & CHECKSUM:
            self._send(session, channel, PublicFrame(kind="checksum", parts=("cs", checksum(lines))))

    def _send(self, session: BitfinexSession, channel: PublicChannel, frame: PublicFrame) -> None:
        sent = self._faults.for_event("market", MARKET, frame)
        if not sent:
            session.send(channel.id, *frame.parts, is_lost=True)
        for each in sent:
            session.send(channel.id, *each.parts)

    def _listeners(self, name: str, symbols: Iterable[str]) -> list[tuple[BitfinexSession, PublicChannel]]:
        wanted = set(symbols)
        return [
            (session, channel)
            for session in self._sessions.values()
            for channel in session.channels.values()
            if channel.channel == name and channel.symbol in wanted
        ]


def _is_gone(line: BookLine, now: BookLine | None) -> bool:
    """Whether a line is no longer in a book. One that has changed sides is taken out first."""
    return now is None or (now.amount > 0) is not (line.amount > 0)
