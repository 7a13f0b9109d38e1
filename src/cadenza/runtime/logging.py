"""Structured log lines on stderr: JSON or for reading, with the request's id, and never with a secret."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache
from types import NoneType
from typing import Any, ClassVar, TextIO

import msgspec
import structlog

from cadenza.runtime.config import LogFormat, LogLevel
from cadenza.runtime.local import SystemClock

REDACTED = "[redacted]"
_DEPTH_MAX = 8
_SECRET_KEYS = re.compile(
    r"password|passphrase|secret|token|authorization|cookie|apikey|privatekey|masterkey|signature|^dsn$|databaseurl",
    re.IGNORECASE,
)
# Without the frames' local variables, which hold what must not be printed.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
# Secrets inside text: the password of a URL, a bearer token, a JWT.
_SECRET_TEXTS = (
    (re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@"), rf"\1:{REDACTED}@"),
    (re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+"), f"Bearer {REDACTED}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), REDACTED),
)
_KEYS_REMEMBERED_MAX = 4_096
_PLAIN = frozenset({str, int, float, bool, NoneType})
_CLOCK = SystemClock()


def configure_logging(level: LogLevel, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process; `stream` is stderr unless given."""
    out = _Lines(stream or sys.stderr)
    as_json = log_format == "json" or (log_format == "auto" and not out.isatty())
    threshold = getattr(logging, level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        _stamped,
    ]
    rendering: list[structlog.typing.Processor] = (
        [_TRACEBACKS, redact, structlog.processors.JSONRenderer(serializer=_json)]
        if as_json
        else [structlog.processors.format_exc_info, redact, structlog.dev.ConsoleRenderer(colors=out.isatty())]
    )
    # Our own lines go straight to the stream: through the standard library a line would cost four times as much.
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda name="cadenza": LogLines(out, name),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler[Any](out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # ten lines of no use


class _Lines:
    """Lines on their way to a stream. Those of one turn of the event loop may be written together, in their order:
    `hold` keeps a line until the turn ends, `write` and `flush` write what is kept first."""

    def __init__(self, out: TextIO) -> None:
        self.isatty = out.isatty
        self._out = out
        self._held: list[str] = []

    def hold(self, line: str) -> None:
        self._held.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # there is no turn to wait for
            self.flush()
        else:
            if len(self._held) == 1:
                loop.call_soon(self.flush)

    def write(self, text: str) -> None:
        self._held.append(text)
        self.flush()

    def flush(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        try:
            self._out.write("".join(held))
            self._out.flush()
        except (OSError, ValueError):
            LogLines.lost_total += len(held)


class LogLines:
    """Writes lines to a stream. Guarantee: nobody fails because a line could not be written (the disk is full, the pipe
    is closed); such lines are counted. Warnings and worse are written at once, others when the turn of the event loop
    ends at the latest."""

    lost_total: ClassVar[int] = 0

    def __init__(self, out: _Lines, name: str) -> None:
        self._out = out
        self.name = name  # `add_logger_name` puts it on the lines

    def msg(self, line: str) -> None:
        self._out.hold(f"{line}\n")

    def now(self, line: str) -> None:
        self._out.write(f"{line}\n")

    debug = info = msg
    warning = error = critical = now


def _stamped(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: the time of the line in UTC, to the millisecond."""
    seconds, millis = divmod(_CLOCK.now_ms(), 1_000)
    event["timestamp"] = f"{_second(seconds)}.{millis:03}Z"
    return event


@lru_cache(2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _json(event: Any, **_options: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except (TypeError, ValueError, OverflowError):  # an integer of more than 64 bits, for one
        return json.dumps(event, default=repr)


def bound_request_id(request_id: str) -> AbstractContextManager[None]:
    """Within this context every line carries `request_id`, in the tasks started there too."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: hide every value whose key names a secret, at any depth, and secrets inside text."""
    if _is_plain(event):
        return event
    return {key: _redacted(key, value, 0) for key, value in event.items()}


def _is_plain(event: Mapping[str, Any]) -> bool:
    """Return whether one search over the whole line finds nothing to redact. That is so for most lines."""
    texts = []
    for value in event.values():
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind not in _PLAIN:
            return False
    return not _names_secrets(tuple(event)) and not _may_hold_secrets("\n".join(texts))


@lru_cache(_KEYS_REMEMBERED_MAX)
def _names_secrets(keys: tuple[str, ...]) -> bool:
    return any(_names_a_secret(key) for key in keys)


@lru_cache(_KEYS_REMEMBERED_MAX)
def _names_a_secret(key: str) -> bool:
    return _SECRET_KEYS.search(key.replace("_", "").replace("-", "")) is not None


def _redacted(key: str, value: object, depth: int) -> object:
    if _names_a_secret(key) and not isinstance(value, bool | None):
        return REDACTED
    if isinstance(value, int | float):
        return value
    if depth >= _DEPTH_MAX:
        return "[too deep]"
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return {str(inner): _redacted(str(inner), item, depth + 1) for inner, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_redacted("", item, depth + 1) for item in value]
    if isinstance(value, BaseException):
        return _redacted_text(repr(value))
    return value


def _redacted_text(text: str) -> str:
    if not _may_hold_secrets(text):
        return text
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _may_hold_secrets(text: str) -> bool:
    return "://" in text or "eyJ" in text or "bearer" in text.lower()
