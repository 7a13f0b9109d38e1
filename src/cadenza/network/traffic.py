"""A file of what went over the wire, without its secrets, and a replay of it."""

import base64
import binascii
import gzip
import json
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown, UnknownCause

FORMAT = "cadenza-traffic/1"


class HttpCalls(Protocol):
    """Whatever answers HTTP calls as `HttpClient` does."""

    async def call(self, request: HttpRequest) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """A call and its outcome. `at_ms` and `ended_ms` are wall time; the headers are those that the caller gave."""

    at_ms: int
    ended_ms: int
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A message of a stream's connection, received or, with `is_sent`, sent."""

    at_ms: int
    stream: str
    connection: int
    is_sent: bool
    is_text: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordedState:
    """A stream's connection became `live` or `lost`, or the stream is `closed`."""

    at_ms: int
    stream: str
    connection: int
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class RecordedGap:
    """So many entries are missing here: they came faster than they could be written."""

    entries: int


TrafficEntry = RecordedExchange | RecordedFrame | RecordedState | RecordedGap


class TrafficUnreadable(Exception):
    """The file cannot be read further; the sentence names the line."""


def encode(entry: TrafficEntry) -> bytes:
    """Return the line of an entry."""
    line: dict[str, Any] = {"kind": _KINDS[type(entry)]}
    for name in entry.__slots__:
        value = getattr(entry, name)
        if isinstance(value, bytes):
            line |= _of_bytes(name, value)
        elif isinstance(value, Answered):
            answered = {"status": value.status, "headers": dict(value.headers), **_of_bytes("body", value.body)}
            line["outcome"] = {"kind": "answered", **answered}
        elif isinstance(value, NotSent | OutcomeUnknown):
            kind = "not-sent" if isinstance(value, NotSent) else "unknown"
            line["outcome"] = {"kind": kind, **asdict(value), "cause": value.cause.value}
        else:
            line[name] = value
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> TrafficEntry:
    """Return the entry of a line. Raises `ValueError` for whatever is not one."""
    try:
        fields = json.loads(line)
        kind = _CLASSES[fields.pop("kind")]
        if kind is RecordedExchange:
            fields["outcome"] = _outcome(fields["outcome"])
        entry: TrafficEntry = kind(**_with_bytes(fields))
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"not an entry: {error}") from None
    return entry


def read_traffic(path: Path) -> Iterator[TrafficEntry]:
    """Yield the entries in the order in which they were written. Raises `TrafficUnreadable`, after all that can be read
    of a file that was cut short. Reads the file: not on the event loop."""
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if number > 1:
                    yield decode(line)
                elif json.loads(line).get("format") != FORMAT:
                    raise ValueError(f"the format is not {FORMAT}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TrafficUnreadable(f"cut short or damaged after line {number}: {error}") from None
    except (ValueError, AttributeError) as error:
        raise TrafficUnreadable(f"line {number}: {error}") from None


class ReplayedHttp:
    """Answers calls from a recording, as `HttpCalls`: each call gets the outcome of the next exchange of the same
    method, host and path. Queries and bodies are not compared, for they hold instants and signatures. Raises
    `LookupError` for a call that is not in the recording, or not so often."""

    def __init__(self, entries: Iterable[TrafficEntry]) -> None:
        self._outcomes: dict[tuple[str, str, str], deque[Outcome]] = {}
        for entry in entries:
            if isinstance(entry, RecordedExchange):
                self._outcomes.setdefault(_endpoint(entry.method, entry.url), deque()).append(entry.outcome)

    async def call(self, request: HttpRequest) -> Outcome:
        endpoint = _endpoint(request.method, request.url)
        outcomes = self._outcomes.get(endpoint)
        if not outcomes:
            raise LookupError(f"the recording has no further {' '.join(endpoint)}")
        return outcomes.popleft()


def _endpoint(method: str, url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return method, parts.netloc, parts.path


def _of_bytes(name: str, data: bytes) -> dict[str, str]:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}Base64": base64.b64encode(data).decode()}


def _with_bytes(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("body", "data"):
        if name in fields:
            fields[name] = fields[name].encode()
        elif (encoded := fields.pop(f"{name}Base64", None)) is not None:
            fields[name] = base64.b64decode(encoded, validate=True)
    return fields


def _outcome(fields: dict[str, Any]) -> Outcome:
    kind = fields.pop("kind")
    if kind == "answered":
        return Answered(**_with_bytes(fields))
    if kind == "not-sent":
        return NotSent(NotSentCause(fields["cause"]), fields["detail"])
    return OutcomeUnknown(UnknownCause(fields["cause"]), fields["detail"], fields["status"])


_CLASSES: dict[str, type[Any]] = {
    "http": RecordedExchange,
    "frame": RecordedFrame,
    "state": RecordedState,
    "gap": RecordedGap,
}
_KINDS = {kind: name for name, kind in _CLASSES.items()}
