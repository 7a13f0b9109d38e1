"""A recorded session played back as a market.

The book starts with the snapshot and applies each depth update in turn. Between updates it follows the best-price
messages: after such a message its two levels are the best ones, with the quantities in the message.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.adapters.venues.paper.market.recording import (
    FIRST_MESSAGE_LINE,
    BookImage,
    BookTicker,
    DepthUpdate,
    Header,
    Message,
    Print,
    Recording,
    RecordingError,
)
from cadenza.adapters.venues.paper.market.session_check import UpdateChain, check_session
from cadenza.adapters.venues.paper.market.source import CATCH_UP_MAX_MS, MarketCommand
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel

TRADE_LEAD_US = 2_000
"""A trade is played this much earlier than it was received. The venue sends trades on a separate stream, mostly a
fraction of a millisecond after the best-price message that shows their effect. In that order a resting order would move
up twice for one trade."""
_HUNDRED = 100
_US_PER_MS = 1_000
_TICKERS_AHEAD_MAX = 10_000


class PlayedBook:
    """Turns the messages of a recording into commands for a matching engine. A gap in the updates raises
    `RecordingError`; `UpdateChain` has the rule."""

    def __init__(self) -> None:
        self._levels: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._touched: dict[tuple[Side, int], int] = {}  # by the current message, with the quantity before it
        self._chain = UpdateChain()
        self._early: list[DepthUpdate] = []  # received before the first snapshot
        self._ahead: deque[BookTicker] = deque(maxlen=_TICKERS_AHEAD_MAX)  # newer than the last depth update

    @property
    def last_update_id(self) -> int | None:
        """The last update of the depth stream in the book; None before the first snapshot."""
        return self._chain.last_id

    @property
    def is_ahead(self) -> bool:
        """Whether a best-price message is newer than the last depth update."""
        return bool(self._ahead)

    def play(self, message: Message, at_ms: int) -> list[MarketCommand]:
        """Return the commands of a message, at `at_ms`; none before the first snapshot."""
        if isinstance(message, BookImage):
            return [self._reset(message, at_ms)]
        if isinstance(message, Print):
            is_open = self._chain.last_id is not None
            return [PublicTrade(message.aggressor, message.price, message.quantity, at_ms)] if is_open else []
        self._touched = {}
        if isinstance(message, DepthUpdate):
            self._depth(message)
        else:
            self._ticker(message)
        return self._difference(at_ms)

    def _reset(self, image: BookImage, at_ms: int) -> ResetMarket:
        self._levels = {Side.BUY: dict(image.bids), Side.SELL: dict(image.asks)}
        self._chain.restart(image)
        early, self._early = self._early, []
        for update in early:
            self._apply(update)
        self._show_ahead()
        return ResetMarket(
            tuple(self._levels[Side.BUY].items()),
            tuple(self._levels[Side.SELL].items()),
            at_ms,
        )

    def _depth(self, update: DepthUpdate) -> None:
        if self._chain.last_id is None:
            self._early.append(update)
        elif self._apply(update):
            self._show_ahead()

    def _apply(self, update: DepthUpdate) -> bool:
        if not self._chain.takes(update):
            return False
        for side, changes in ((Side.BUY, update.bids), (Side.SELL, update.asks)):
            for price, quantity in changes:
                self._set(side, price, quantity)
        return True

    def _ticker(self, ticker: BookTicker) -> None:
        self._ahead.append(ticker)
        if (last_id := self._chain.last_id) is not None and ticker.update_id > last_id:
            self._show(ticker)

    def _show_ahead(self) -> None:
        """Drop the best-price messages that the book now contains, and apply the newer ones again."""
        last_id = self._chain.last_id
        assert last_id is not None
        while self._ahead and self._ahead[0].update_id <= last_id:
            self._ahead.popleft()
        for ticker in self._ahead:
            self._show(ticker)

    def _show(self, ticker: BookTicker) -> None:
        bids, asks = self._levels[Side.BUY], self._levels[Side.SELL]
        while bids and (best := max(bids)) > ticker.bid[0]:
            self._set(Side.BUY, best, 0)
        while asks and (best := min(asks)) < ticker.ask[0]:
            self._set(Side.SELL, best, 0)
        self._set(Side.BUY, *ticker.bid)
        self._set(Side.SELL, *ticker.ask)

    def _set(self, side: Side, price: int, quantity: int) -> None:
        levels = self._levels[side]
        self._touched.setdefault((side, price), levels.get(price, 0))
        if quantity:
            levels[price] = quantity
        else:
            levels.pop(price, None)

    def _difference(self, at_ms: int) -> list[MarketCommand]:
        """Return the net changes of the message. Removals come first, so that the book is never crossed in between."""
        changed = [
            SetLevel(side, price, now, at_ms)
            for (side, price), before in self._touched.items()
            if (now := self._levels[side].get(price, 0)) != before
        ]
        return [
            *(level for level in changed if not level.quantity),
            *(level for level in changed if level.quantity),
        ]


class RecordedMarket:
    """Plays the session of one instrument in a loop: the first snapshot follows the last message. Implements
    `MarketSource`. The instrument has the recording's tick and lot size."""

    def __init__(self, recording: Recording, *, start_ms: int, speed_percent: int = 100) -> None:
        """Raises `RecordingError` for a session that `check_session` refuses and for a symbol that PAPER does not list.
        Raises `ValueError` for a speed that is not positive."""
        if speed_percent <= 0:
            raise ValueError("the speed is in percent of the recorded pace and must be positive")
        self._instrument = recorded_instrument(recording.header)
        self._script = script(recording.messages)
        self._speed_percent = speed_percent
        self._lap_us = self._script[-1][0] + _US_PER_MS
        self._book = PlayedBook()
        self._laps = 0
        self._next = 0
        self._start_ms = start_ms
        self._seen_ms = start_ms

    @property
    def instruments(self) -> Sequence[Instrument]:
        return (self._instrument,)

    @property
    def securities(self) -> Sequence[Security]:
        assets = {self._instrument.base_asset, self._instrument.quote_asset}
        return tuple(security for security in SECURITIES if security.symbol in assets)

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        return False

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        if to_ms < self._seen_ms:
            return ()
        if to_ms - self._seen_ms > CATCH_UP_MAX_MS:
            self._start_ms += to_ms - self._seen_ms
        self._seen_ms = to_ms
        commands: list[tuple[InstrumentId, MarketCommand]] = []
        while (at_ms := self._due_ms()) <= to_ms:
            commands.extend((self._instrument.id, command) for command in self._play_next(at_ms))
        return commands

    def _due_ms(self) -> int:
        """Return when the next message is due, rounded up to the caller's ms."""
        played_us = self._laps * self._lap_us + self._script[self._next][0]
        return self._start_ms - (-played_us * _HUNDRED // (self._speed_percent * _US_PER_MS))

    def _play_next(self, at_ms: int) -> list[MarketCommand]:
        commands = self._book.play(self._script[self._next][1], at_ms)
        self._next += 1
        if self._next == len(self._script):
            self._next, self._laps, self._book = 0, self._laps + 1, PlayedBook()
        return commands


def recorded_instrument(header: Header) -> Instrument:
    """Return PAPER's instrument with that symbol, with the recording's tick and lot size. Raises `RecordingError`."""
    for instrument in INSTRUMENTS:
        if instrument.symbol == header.symbol:
            least = max(instrument.min_quantity, header.lot_size)
            return replace(
                instrument,
                pip_size=header.tick_size,
                lot_size=header.lot_size,
                min_quantity=least,
            )
    raise RecordingError(
        f"the PAPER venue lists no {header.symbol}; it lists {', '.join(i.symbol for i in INSTRUMENTS)}"
    )


def script(messages: Sequence[Message]) -> list[tuple[int, Message]]:
    """Return (µs since the market opened, message) in playing order. Messages from before the first snapshot are played
    at 0. Raises `RecordingError` for a session that `check_session` refuses."""
    check_session(messages, first_line=FIRST_MESSAGE_LINE)
    opening_us = next(message.received_us for message in messages if isinstance(message, BookImage))
    timed = sorted(
        ((_playing_us(message), message) for message in messages),
        key=lambda pair: pair[0],
    )
    return [(max(0, time_us - opening_us), message) for time_us, message in timed]


def _playing_us(message: Message) -> int:
    return message.received_us - (TRADE_LEAD_US if isinstance(message, Print) else 0)
