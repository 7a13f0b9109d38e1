"""Turns a captured Binance spot session into a recording.

A line of the capture is the receive time in ns, a blank, and one message: a frame of the combined stream
(`depth@100ms`, `trade`, `bookTicker`; Binance Spot API, "WebSocket Streams") or the REST answer of
`GET /api/v3/depth`, which is recognised by its `lastUpdateId`.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.paper.market.recording import (
    LINE_CHARS_MAX,
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
from cadenza.domain.market.enums import Side
from cadenza.domain.money import is_multiple, parse_decimal

_NS_PER_US = 1_000
_NS_PER_MS = 1_000_000


class _Steps:
    """Turns the venue's decimals into whole ticks and lots. It never rounds; any other value raises ValueError."""

    def __init__(self, tick_size: Decimal, lot_size: Decimal) -> None:
        self._tick_size = tick_size
        self._lot_size = lot_size

    def price(self, text: str) -> int:
        return _whole(text, self._tick_size)

    def quantity(self, text: str) -> int:
        return _whole(text, self._lot_size)

    def levels(self, levels: Iterable[list[str]]) -> tuple[IntLevel, ...]:
        return tuple((self.price(price), self.quantity(quantity)) for price, quantity in levels)


def _whole(text: str, step: Decimal) -> int:
    value = parse_decimal(text)
    if not is_multiple(value, step):
        raise ValueError(f"{text} is not a multiple of {step}")
    return int(value / step)


def import_session(
    path: Path,
    *,
    symbol: str,
    tick_size: Decimal,
    lot_size: Decimal,
    source: str,
    licence: str,
) -> Recording:
    """Read a capture of one symbol. Raises `RecordingError` with the number of a line that cannot be read, `OSError`
    for a missing file."""
    steps = _Steps(tick_size, lot_size)
    messages: list[Message] = []
    started_ns: int | None = None
    for number, line in enumerate(_lines_of(path), start=1):
        try:
            time, frame = line.split(" ", 1)
            started_ns = int(time) if started_ns is None else started_ns
            messages.append(_message(json.loads(frame), (int(time) - started_ns) // _NS_PER_US, steps))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"line {number} of the capture cannot be read: {error!r}") from error
    if started_ns is None:
        raise RecordingError("the capture is empty")
    header = Header(
        symbol=symbol,
        tick_size=tick_size,
        lot_size=lot_size,
        started_at_ms=started_ns // _NS_PER_MS,
        source=source,
        licence=licence,
    )
    return Recording(header, tuple(messages))


def _lines_of(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from iter(lambda: file.readline(LINE_CHARS_MAX), "")


def _message(frame: dict[str, Any], received_us: int, steps: _Steps) -> Message:
    if "lastUpdateId" in frame:
        return BookImage(
            received_us,
            frame["lastUpdateId"],
            steps.levels(frame["bids"]),
            steps.levels(frame["asks"]),
        )
    data = frame["data"]
    match frame["stream"].split("@", 1)[1]:
        case "depth@100ms":
            return DepthUpdate(
                received_us,
                data["E"],
                data["U"],
                data["u"],
                steps.levels(data["b"]),
                steps.levels(data["a"]),
            )
        case "bookTicker":
            bid = steps.price(data["b"]), steps.quantity(data["B"])
            return BookTicker(
                received_us,
                data["u"],
                bid,
                (steps.price(data["a"]), steps.quantity(data["A"])),
            )
        case "trade":
            aggressor = Side.SELL if data["m"] else Side.BUY  # m: the buyer was the maker
            price, quantity = steps.price(data["p"]), steps.quantity(data["q"])
            return Print(received_us, data["T"], data["t"], price, quantity, aggressor)
        case other:
            raise ValueError(f"unknown stream {other!r}")
