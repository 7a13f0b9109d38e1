"""Turns a captured Binance spot session into a recording.

A line of the capture is the receive time in ns, a blank, and one message: a frame of the combined stream
(`depth@100ms`, `trade`, `bookTicker`; Binance Spot API, "WebSocket Streams") or the REST answer of
`GET /api/v3/depth`, which is recognised by its `lastUpdateId`.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.paper.market.fields import (
    Unreadable,
    UnreadableFile,
    field,
    gzip_lines,
    json_object,
    level_texts,
    whole_steps,
)
from cadenza.adapters.venues.paper.market.playback import recorded_instrument
from cadenza.adapters.venues.paper.market.recording import (
    BookImage,
    BookTicker,
    DepthUpdate,
    Header,
    IntLevel,
    Message,
    Print,
    Recording,
    RecordingError,
)
from cadenza.adapters.venues.paper.market.session_check import check_session
from cadenza.domain.market.enums import Side

_NS_PER_US = 1_000
_NS_PER_MS = 1_000_000
_TIME_DIGITS_MAX = 20


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns frames into messages. It never rounds. Raises `Unreadable` for what it cannot turn exactly and for another
    symbol. The REST answer names no symbol."""

    symbol: str
    tick_size: Decimal
    lot_size: Decimal

    def message(self, frame: dict[str, Any], received_us: int) -> Message:
        if "lastUpdateId" in frame:
            update_id = field(frame, "lastUpdateId", int)
            return BookImage(received_us, update_id, self._levels(frame, "bids"), self._levels(frame, "asks"))
        data = field(frame, "data", dict)
        name, _, stream = field(frame, "stream", str).partition("@")
        match stream:
            case "depth@100ms":
                read = self._depth
            case "bookTicker":
                read = self._ticker
            case "trade":
                read = self._trade
            case _:
                raise Unreadable(f"is of the stream {stream[:64]}; depth@100ms, trade and bookTicker are known")
        self._check_symbol(name)
        if "s" in data:
            self._check_symbol(field(data, "s", str))
        return read(data, received_us)

    def _check_symbol(self, name: str) -> None:
        if name.upper() != self.symbol.replace("/", "").upper():
            raise Unreadable(f"is of {name[:64].upper()}, and --symbol is {self.symbol}")

    def _depth(self, data: dict[str, Any], received_us: int) -> Message:
        at_ms, first_id, last_id = (field(data, name, int) for name in ("E", "U", "u"))
        return DepthUpdate(received_us, at_ms, first_id, last_id, self._levels(data, "b"), self._levels(data, "a"))

    def _ticker(self, data: dict[str, Any], received_us: int) -> Message:
        bid, ask = ((self._price(data, price), self._quantity(data, price.upper())) for price in ("b", "a"))
        return BookTicker(received_us, field(data, "u", int), bid, ask)

    def _trade(self, data: dict[str, Any], received_us: int) -> Message:
        aggressor = Side.SELL if field(data, "m", bool) else Side.BUY  # m: the buyer was the maker
        price, quantity = self._price(data, "p"), self._quantity(data, "q")
        return Print(received_us, field(data, "T", int), field(data, "t", int), price, quantity, aggressor)

    def _price(self, data: dict[str, Any], name: str) -> int:
        return whole_steps(name, field(data, name, str), self.tick_size)

    def _quantity(self, data: dict[str, Any], name: str) -> int:
        return whole_steps(name, field(data, name, str), self.lot_size)

    def _levels(self, found: dict[str, Any], name: str) -> tuple[IntLevel, ...]:
        return tuple(
            (whole_steps(name, price, self.tick_size), whole_steps(name, quantity, self.lot_size))
            for price, quantity in level_texts(found, name)
        )


def import_session(
    path: Path,
    *,
    symbol: str,
    tick_size: Decimal,
    lot_size: Decimal,
    source: str,
    licence: str,
) -> Recording:
    """Read a capture of one symbol. Raises `RecordingError`, with the line at fault, for one that cannot be read or
    played."""
    reader = _Reader(symbol, tick_size, lot_size)
    messages: list[Message] = []
    started_ns: int | None = None
    try:
        for number, line in enumerate(gzip_lines(path), start=1):
            try:
                received_ns, frame = _split(line)
                started_ns = received_ns if started_ns is None else started_ns
                messages.append(reader.message(frame, (received_ns - started_ns) // _NS_PER_US))
            except Unreadable as error:
                raise RecordingError(f"line {number} of the capture {error}") from None
    except UnreadableFile as error:
        raise RecordingError(str(error)) from None
    if started_ns is None:
        raise RecordingError(f"{path} is empty")
    header = Header(
        symbol=symbol,
        tick_size=tick_size,
        lot_size=lot_size,
        started_at_ms=started_ns // _NS_PER_MS,
        source=source,
        licence=licence,
    )
    recorded_instrument(header)
    check_session(messages, first_line=1)
    return Recording(header, tuple(messages))


def _split(line: str) -> tuple[int, dict[str, Any]]:
    """Return (receive time in ns, frame) of a line."""
    time, blank, frame = line.partition(" ")
    if not blank or not time.isascii() or not time.isdigit() or len(time) > _TIME_DIGITS_MAX:
        raise Unreadable("is not a time in ns, a blank and a message")
    return int(time), json_object(frame)
