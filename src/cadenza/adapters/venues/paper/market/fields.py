"""Reads the lines of captures and recordings. The errors are written for an operator, not for a programmer."""

import gzip
import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from cadenza.domain.money import NotADecimal, is_multiple, parse_decimal

LINE_CHARS_MAX = 1_000_000
_KINDS = {int: "whole number", str: "text", bool: "boolean", dict: "JSON object"}

T = TypeVar("T")


class Unreadable(Exception):
    """A line that cannot be read. The message continues a sentence that begins with the line: `has no data`."""


class UnreadableFile(Exception):
    """A file that is not whole gzip of text, or that cannot be opened. The message is a sentence that names it."""


def gzip_lines(path: Path) -> Iterator[str]:
    """Yield the lines without their ends. Raises `UnreadableFile`."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in iter(lambda: file.readline(LINE_CHARS_MAX), ""):
                yield line.rstrip("\n")
    except EOFError:
        raise UnreadableFile(f"{path} is cut short: the gzip file ends too early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise UnreadableFile(f"{path} is not a gzip file, or is damaged") from None
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path} does not contain text") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {in_words(error)}") from None


def in_words(error: OSError) -> str:
    """Return the reason of a failure of the system, in lower case."""
    return (error.strerror or str(error)).lower()


def json_object(text: str) -> dict[str, Any]:
    """Return the object that the text is. Raises `Unreadable`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("has a message that is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("has a message that is not a JSON object")
    return found


def field(found: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return a field of exactly this type. Raises `Unreadable`."""
    if name not in found:
        raise Unreadable(f"has no `{name}`")
    value = found[name]
    if type(value) is not kind:
        raise Unreadable(f"has no {_KINDS[kind]} in `{name}`")
    return value


def whole_steps(name: str, text: str, step: Decimal) -> int:
    """Return a decimal as whole steps, exactly. Raises `Unreadable`."""
    value = decimal(name, text)
    if value < 0:
        raise Unreadable(f"has {text} in `{name}`, which is below 0")
    if not is_multiple(value, step):
        raise Unreadable(f"has {text} in `{name}`, which is not a multiple of {step}")
    return int(value / step)


def decimal(name: str, text: str) -> Decimal:
    """Return a plain decimal. Raises `Unreadable`."""
    try:
        return parse_decimal(text)
    except NotADecimal:
        raise Unreadable(f"has {text[:64]} in `{name}`, which is not a plain decimal") from None


def level_texts(found: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """Return a field that is a list of [price, quantity], both text. Raises `Unreadable`."""
    if name not in found:
        raise Unreadable(f"has no `{name}`")
    levels = found[name]
    if not isinstance(levels, list) or not all(_is_level(level) for level in levels):
        raise Unreadable(f"has no list of [price, quantity] in `{name}`")
    return [(price, quantity) for price, quantity in levels]


def _is_level(level: Any) -> bool:
    return isinstance(level, list) and len(level) == 2 and all(isinstance(text, str) for text in level)
