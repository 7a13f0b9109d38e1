"""Reads and writes recorded sessions of one instrument. docs/concepts/recordings.md describes the file format.

Prices are whole ticks and quantities whole lots; the header has their sizes. Messages are in the order in which they
were received and keep the venue's own numbers and times. Nothing here interprets them.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cadenza.domain.market.enums import Side
from cadenza.domain.money import NotADecimal, parse_decimal, to_plain

FORMAT = "cadenza-recording/1"
PACKAGED_RECORDING = Path(__file__).parent / "data" / "btc-usdt-20240808.gz"
LINE_CHARS_MAX = 1_000_000
MESSAGES_MAX = 1_000_000

IntLevel = tuple[int, int]
"""(price in ticks, quantity in lots)."""


class RecordingError(Exception):
    """The file is not a recording that we can read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class BookImage:
    """A whole book, as the venue answered a snapshot request. In this file `received_us` always counts from the
    session's start."""

    received_us: int
    last_update_id: int
    bids: tuple[IntLevel, ...]
    asks: tuple[IntLevel, ...]


@dataclass(frozen=True, slots=True)
class DepthUpdate:
    """The levels that the updates `first_id`..`last_id` changed, with their new quantities; 0 removes a level."""

    received_us: int
    at_ms: int
    first_id: int
    last_id: int
    bids: tuple[IntLevel, ...]
    asks: tuple[IntLevel, ...]


@dataclass(frozen=True, slots=True)
class BookTicker:
    """The best bid and ask right after the update `update_id`."""

    received_us: int
    update_id: int
    bid: IntLevel
    ask: IntLevel


@dataclass(frozen=True, slots=True)
class Print:
    """A public trade."""

    received_us: int
    at_ms: int
    trade_id: int
    price: int
    quantity: int
    aggressor: Side


Message = BookImage | DepthUpdate | BookTicker | Print


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Describes the session: `symbol` (BASE/QUOTE), its source and its licence."""

    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    started_at_ms: int
    source: str
    licence: str


@dataclass(frozen=True, slots=True)
class Recording:
    header: Header
    messages: tuple[Message, ...]


# --- writing


def write_recording(recording: Recording, path: Path) -> None:
    """Write the file. The same recording always gives the same bytes."""
    with gzip.GzipFile(filename="", fileobj=path.open("wb"), mode="wb", compresslevel=9, mtime=0) as file:
        for line in _lines(recording):
            file.write(line.encode("ascii") + b"\n")


def _lines(recording: Recording) -> Iterator[str]:
    header = recording.header
    yield json.dumps(
        {
            "format": FORMAT,
            "symbol": header.symbol,
            "tickSize": to_plain(header.tick_size),
            "lotSize": to_plain(header.lot_size),
            "startedAt": header.started_at_ms,
            "source": header.source,
            "licence": header.licence,
        }
    )
    before_us = 0
    for message in recording.messages:
        kind, fields = _fields(message)
        yield " ".join([kind, str(message.received_us - before_us), *map(str, fields)])
        before_us = message.received_us


def _fields(message: Message) -> tuple[str, Iterable[int]]:
    match message:
        case BookImage():
            return "S", [message.last_update_id, *_flat(message.bids, message.asks)]
        case DepthUpdate():
            return "D", [
                message.at_ms,
                message.first_id,
                message.last_id,
                *_flat(message.bids, message.asks),
            ]
        case BookTicker():
            return "B", [message.update_id, *message.bid, *message.ask]
        case Print():
            is_buy = int(message.aggressor is Side.BUY)
            return "T", [
                message.at_ms,
                message.trade_id,
                message.price,
                message.quantity,
                is_buy,
            ]


def _flat(bids: Sequence[IntLevel], asks: Sequence[IntLevel]) -> list[int]:
    return [len(bids), *(number for level in (*bids, *asks) for number in level)]


# --- reading


def read_recording(path: Path) -> Recording:
    """Read a whole file. Raises `RecordingError` for anything but a well-formed recording, `OSError` for a missing
    file."""
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            header = _read_header(file.readline(LINE_CHARS_MAX))
            return Recording(
                header,
                tuple(_read_messages(iter(lambda: file.readline(LINE_CHARS_MAX), ""))),
            )
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} is not a gzip file of ASCII lines: {error}") from error


def _read_header(line: str) -> Header:
    try:
        fields = json.loads(line)
        if fields["format"] != FORMAT:
            raise RecordingError(f"the header names the format {fields['format']!r}; this reader knows {FORMAT!r}")
        tick_size, lot_size = (
            parse_decimal(fields["tickSize"]),
            parse_decimal(fields["lotSize"]),
        )
        if tick_size <= 0 or lot_size <= 0:
            raise RecordingError("the header's tickSize and lotSize must be positive")
        return Header(
            symbol=str(fields["symbol"]),
            tick_size=tick_size,
            lot_size=lot_size,
            started_at_ms=int(fields["startedAt"]),
            source=str(fields["source"]),
            licence=str(fields["licence"]),
        )
    except (ValueError, KeyError, TypeError, NotADecimal) as error:
        raise RecordingError(f"line 1 is not a recording's header: {error!r}") from error


def _read_messages(lines: Iterator[str]) -> Iterator[Message]:
    received_us = 0
    for number, line in enumerate(lines, start=2):
        if number > MESSAGES_MAX:
            raise RecordingError(f"the recording has more than {MESSAGES_MAX} messages")
        try:
            kind, elapsed, *fields = line.split()
            received_us += int(elapsed)
            yield _message(kind, received_us, [int(field) for field in fields])
        except (ValueError, IndexError) as error:
            raise RecordingError(f"line {number} is malformed: {error}") from error


def _message(kind: str, received_us: int, fields: list[int]) -> Message:
    match kind:
        case "S":
            return BookImage(received_us, fields[0], *_levels(fields[1:]))
        case "D":
            return DepthUpdate(received_us, fields[0], fields[1], fields[2], *_levels(fields[3:]))
        case "B":
            update_id, bid, bid_quantity, ask, ask_quantity = fields
            return BookTicker(received_us, update_id, (bid, bid_quantity), (ask, ask_quantity))
        case "T":
            at_ms, trade_id, price, quantity, is_buy = fields
            return Print(
                received_us,
                at_ms,
                trade_id,
                price,
                quantity,
                Side.BUY if is_buy else Side.SELL,
            )
        case _:
            raise ValueError(f"unknown kind {kind!r}")


def _levels(fields: list[int]) -> tuple[tuple[IntLevel, ...], tuple[IntLevel, ...]]:
    levels = list(zip(fields[1::2], fields[2::2], strict=True))
    bids = fields[0]
    if not 0 <= bids <= len(levels):
        raise ValueError(f"{bids} bids announced, {len(levels)} levels there")
    return tuple(levels[:bids]), tuple(levels[bids:])
