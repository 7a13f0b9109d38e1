"""How the venues of books.py write a recorded book: what answers a subscription, and what a change looks like."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

Levels = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WireBook:
    """A book, or a change of one: levels as price and quantity. A quantity of 0 removes a level. `number` follows
    `previous`."""

    bids: Levels
    asks: Levels
    at_ms: int
    previous: int
    number: int


class BookWire(Protocol):
    """Speaks for a venue on one socket."""

    def hear(self, text: str, image: WireBook) -> list[str]:
        """Return what answers a message of the client."""

    def changes(self, change: WireBook) -> list[str]:
        """Return a change of all books that are subscribed to."""


class BinanceWire:
    """Snapshots come by REST. A combined stream names the stream of each event."""

    def __init__(self, *, is_combined: bool) -> None:
        self._is_combined = is_combined
        self._books: list[str] = []

    def hear(self, text: str, image: WireBook) -> list[str]:
        asked = json.loads(text)
        if asked["method"] == "SUBSCRIBE":
            self._books += [name for name in asked["params"] if "@depth" in name]
        return [json.dumps({"result": None, "id": asked["id"]})]

    def changes(self, change: WireBook) -> list[str]:
        levels = compact({"U": change.previous + 1, "u": change.number, "b": change.bids, "a": change.asks})[1:-1]
        return [self._event(name, change.at_ms, levels) for name in self._books]

    def _event(self, name: str, at_ms: int, levels: str) -> str:
        event = f'{{"e":"depthUpdate","E":{at_ms},"s":"{name.partition("@")[0].upper()}",{levels}}}'
        return f'{{"stream":"{name}","data":{event}}}' if self._is_combined else event


class OkxWire:
    """The channel `books` begins with a snapshot of 400 levels a side."""

    def __init__(self) -> None:
        self._books: list[str] = []

    def hear(self, text: str, image: WireBook) -> list[str]:
        if text == "ping":
            return ["pong"]
        asked = json.loads(text)
        id = {"id": asked["id"]} if "id" in asked else {}
        answers = [json.dumps({"event": asked["op"], "arg": arg, "connId": "bench", **id}) for arg in asked["args"]]
        names = [arg["instId"] for arg in asked["args"] if arg["channel"] == "books"]
        self._books += names
        return answers + [self._message(name, "snapshot", rows(image, 400, -1)) for name in names]

    def changes(self, change: WireBook) -> list[str]:
        row = rows(change, None, change.previous)
        return [self._message(name, "update", row) for name in self._books]

    def _message(self, name: str, action: str, row: str) -> str:
        return f'{{"arg":{{"channel":"books","instId":"{name}"}},"action":"{action}","data":[{row}]}}'


def rows(book: WireBook, depth: int | None, previous: int) -> str:
    return compact(
        {
            "asks": [[price, quantity, "0", "1"] for price, quantity in book.asks[:depth]],
            "bids": [[price, quantity, "0", "1"] for price, quantity in book.bids[:depth]],
            "ts": str(book.at_ms),
            "checksum": 0,
            "seqId": book.number,
            "prevSeqId": previous,
        }
    )


class DeribitWire:
    """JSON-RPC with numbers. A book's channel begins with a snapshot of the whole book."""

    def __init__(self) -> None:
        self._books: list[str] = []

    def hear(self, text: str, image: WireBook) -> list[str]:
        asked = json.loads(text)
        channels = asked.get("params", {}).get("channels", [])
        result: Any = channels if asked["method"].endswith("subscribe") else "ok"
        names = [name for name in channels if name.startswith("book.")]
        self._books += names
        answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result})
        levels = numbered(image, "snapshot", "")
        return [answer, *(self._message(name, levels) for name in names)]

    def changes(self, change: WireBook) -> list[str]:
        levels = numbered(change, "change", f'"prev_change_id":{change.previous},')
        return [self._message(name, levels) for name in self._books]

    def _message(self, name: str, levels: str) -> str:
        data = f'{{"instrument_name":"{name.split(".")[1]}",{levels}}}'
        return f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{name}","data":{data}}}}}'


def numbered(book: WireBook, type: str, previous: str) -> str:
    bids, asks = (
        ",".join(
            f'["{"new" if type == "snapshot" else "change" if float(quantity) else "delete"}",{price},{quantity}]'
            for price, quantity in side
        )
        for side in (book.bids, book.asks)
    )
    return (
        f'"type":"{type}","timestamp":{book.at_ms},{previous}"change_id":{book.number},"bids":[{bids}],"asks":[{asks}]'
    )


class BitfinexWire:
    """Channels have numbers, and so has each frame. A book's channel begins with a snapshot of 250 levels a side."""

    def __init__(self) -> None:
        self._channels = count(1)
        self._frames = count(1)
        self._books: list[int] = []

    def hear(self, text: str, image: WireBook) -> list[str]:
        asked = json.loads(text)
        if asked["event"] == "conf":
            return [json.dumps({"event": "conf", "status": "OK", "flags": asked["flags"]})]
        if asked["event"] != "subscribe":
            return ['{"event":"pong"}'] if asked["event"] == "ping" else []
        channel = next(self._channels)
        levels = "[]"
        if asked["channel"] == "book":
            self._books.append(channel)
            levels = signed_levels(WireBook(image.bids[:250], image.asks[:250], image.at_ms, 0, 0))
        granted = json.dumps({**asked, "event": "subscribed", "chanId": channel})
        return [granted, self._frame(channel, levels, image.at_ms)]

    def changes(self, change: WireBook) -> list[str]:
        levels = signed_levels(change)
        return [self._frame(channel, levels, change.at_ms) for channel in self._books]

    def _frame(self, channel: int, levels: str, at_ms: int) -> str:
        return f"[{channel},{levels},{next(self._frames)},{at_ms}]"


def signed_levels(book: WireBook) -> str:
    rows = (
        f"[{price},1,{sign}{quantity}]" if float(quantity) else f"[{price},0,{sign}1]"
        for sign, side in (("", book.bids), ("-", book.asks))
        for price, quantity in side
    )
    return f"[{','.join(rows)}]"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def wire_at(path: str) -> BookWire:
    """Return what speaks on a socket at a path, by which the venues differ."""
    if path.startswith("/ws/v5/"):
        return OkxWire()
    if path == "/ws/2":
        return BitfinexWire()
    return DeribitWire() if path.startswith("/ws/api/") else BinanceWire(is_combined=path.endswith("/stream"))


NAMES = {"BINANCE": "A{}USDT", "OKX": "A{}-USDT", "DERIBIT": "A{}_USDT", "BITFINEX": "tA{}USDT"}
"""The venue's own symbols of A0/USDT and its like."""
