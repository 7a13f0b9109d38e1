"""Reads and writes recorded sessions of one instrument. docs/concepts/recordings.md describes the file format.

Prices are whole ticks and quantities whole lots; the header has their sizes. Messages are in the order in which they
were received and keep the venue's own numbers and times. Nothing here interprets them.
"""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cadenza.adapters.venues.paper.market.fields import (
    Unreadable,
    UnreadableFile,
    decimal,
    field,
    gzip_lines,
    in_words,
    json_object,
)
from cadenza.domain.market.enums import Side
from cadenza.domain.money import to_plain

FORMAT = "cadenza-recording/1"
PACKAGED_RECORDING = Path(__file__).parent / "data" / "btc-usdt-20240808.gz"
MESSAGES_MAX = 1_000_000
FIRST_MESSAGE_LINE = 2
_WHOLE = re.compile(r"-?[0-9]{1,30}")
_NUMBERS = {"S": (2, False), "D": (4, False), "B": (5, True), "T": (5, True)}
"""By kind of a message: how many numbers it has after its time, and whether it has no more."""

IntLevel = tuple[int, int]
"""(price in ticks, quantity in lots)."""


class RecordingError(Exception):
    """The file is not a recording that can be read and played. The message is a sentence that says where and why."""


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
    """Write the file. The same recording always gives the same bytes. Raises `RecordingError` where it cannot be
    written."""
    try:
        with (
            path.open("wb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as file,
        ):
            for line in _lines(recording):
                file.write(line.encode("ascii") + b"\n")
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {in_words(error)}") from None


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
    """Read a whole file. Raises `RecordingError` for a file that cannot be read and for anything but a well-formed
    recording. `session_check` decides whether a recording can be played."""
    messages: list[Message] = []
    header: Header | None = None
    received_us = 0
    try:
        for number, line in enumerate(gzip_lines(path), start=1):
            if number > MESSAGES_MAX:
                raise RecordingError(f"{path} has more than {MESSAGES_MAX:,} lines")
            try:
                if header is None:
                    header = _header(line)
                    continue
                kind, elapsed_us, numbers = _split(line)
                received_us += elapsed_us
                messages.append(_message(kind, received_us, numbers))
            except Unreadable as error:
                raise RecordingError(f"line {number} {error}") from None
    except UnreadableFile as error:
        raise RecordingError(str(error)) from None
    if header is None:
        raise RecordingError(f"{path} is empty")
    return Recording(header, tuple(messages))


def _header(line: str) -> Header:
    fields = json_object(line)
    if (name := field(fields, "format", str)) != FORMAT:
        raise Unreadable(f"names the format {name}; {FORMAT} is known")
    return Header(
        symbol=field(fields, "symbol", str),
        tick_size=_step(fields, "tickSize"),
        lot_size=_step(fields, "lotSize"),
        started_at_ms=field(fields, "startedAt", int),
        source=field(fields, "source", str),
        licence=field(fields, "licence", str),
    )


def _step(fields: dict[str, object], name: str) -> Decimal:
    step = decimal(name, field(fields, name, str))
    if step <= 0:
        raise Unreadable(f"has {fields[name]} in `{name}`, which is not above 0")
    return step


def _split(line: str) -> tuple[str, int, list[int]]:
    """Return (kind, µs since the previous message, numbers) of a line. Raises `Unreadable`."""
    kind, *texts = line.split() or [""]
    if not kind:
        raise Unreadable("is empty")
    if kind not in _NUMBERS:
        raise Unreadable(f"is of the unknown kind {kind[:64]}")
    if not texts:
        raise Unreadable("has no time")
    if wrong := next((text for text in texts if _WHOLE.fullmatch(text) is None), None):
        raise Unreadable(f"has {wrong[:64]}, which is not a whole number")
    elapsed_us, *numbers = map(int, texts)
    if (least := min(numbers, default=0)) < 0:
        raise Unreadable(f"has {least}, which is below 0")
    count, is_all = _NUMBERS[kind]
    if len(numbers) < count or (is_all and len(numbers) > count):
        wanted = count if is_all else f"at least {count}"
        raise Unreadable(f"has {len(numbers)} numbers after its time; a {kind} has {wanted}")
    return kind, elapsed_us, numbers


def _message(kind: str, received_us: int, numbers: list[int]) -> Message:
    match kind:
        case "S":
            return BookImage(received_us, numbers[0], *_levels(numbers[1:]))
        case "D":
            at_ms, first_id, last_id, *levels = numbers
            return DepthUpdate(received_us, at_ms, first_id, last_id, *_levels(levels))
        case "B":
            update_id, bid, bid_quantity, ask, ask_quantity = numbers
            return BookTicker(received_us, update_id, (bid, bid_quantity), (ask, ask_quantity))
    at_ms, trade_id, price, quantity, is_buy = numbers
    return Print(received_us, at_ms, trade_id, price, quantity, Side.BUY if is_buy else Side.SELL)


def _levels(numbers: list[int]) -> tuple[tuple[IntLevel, ...], tuple[IntLevel, ...]]:
    bids, *flat = numbers
    if len(flat) % 2:
        raise Unreadable("has a price without a quantity")
    levels = list(zip(flat[::2], flat[1::2], strict=True))
    if bids > len(levels):
        raise Unreadable(f"announces {bids} bids and has {len(levels)} levels")
    return tuple(levels[:bids]), tuple(levels[bids:])
