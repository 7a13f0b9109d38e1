"""Strict reading of bodies and query strings. Errors name the field, and where possible the likely intended one."""

import json
import re
import types
from collections import Counter
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import Struct

from cadenza.domain.errors import InvalidRequest
from cadenza.wire.base import SEVERAL_KEY, Query

S = TypeVar("S", bound=Struct)
Q = TypeVar("Q", bound=Query)

QUERY_FIELDS_MAX = 300
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_ANYTHING = msgspec.json.Decoder()
_AT = re.compile(r" - at `\$\.?(.*)`$")


def read_body(model: type[S], body: bytes) -> S:
    """Return the request in a JSON body. RPC reads the parameters of a query this way too.

    Raises `InvalidRequest` for anything else: other types, unknown or repeated fields, bad UTF-8, NaN, trailing text.
    """
    if not body:
        raise InvalidRequest("a JSON body is needed")
    try:
        request: S = _decoder(model).decode(body)
        if _repeats_names(body):
            json.loads(body, object_pairs_hook=_refuse_repeated)
    except msgspec.ValidationError as error:
        raise _explained(model, str(error)) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidRequest(f"the body cannot be read as JSON: {reason}") from None
    return request


def read_query(model: type[Q], query: bytes) -> Q:
    """Return the parameters of a query string.

    Lists may be repeated (`a=1&a=2`), joined by commas, and named `a[]`. A text of several values (`SEVERAL_KEY`) may
    be given so too, and arrives joined by commas. An empty text means not given. Raises `InvalidRequest` for unknown or
    repeated parameters and for wrong values.
    """
    if not query:
        return _convert(model, {})
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise InvalidRequest(f"the query string is not UTF-8, or has more than {QUERY_FIELDS_MAX} parameters") from None
    values: dict[str, Any] = {}
    readers = _readers(model)
    for name, text in pairs:
        name = name.removesuffix("[]")
        reader = readers.get(name)
        if reader is None:
            raise _unknown(name, list(readers))
        if reader is _as_list:
            values.setdefault(name, []).extend(_as_list(name, text))
        elif reader is _as_several:
            values[name] = ",".join([item for item in (values.get(name), text) if item])
        elif name in values:
            raise InvalidRequest(f"{name}: given more than once", {"field": name})
        elif text != "" or reader is not _as_text:
            values[name] = reader(name, text)
    return _convert(model, values)


@cache
def _decoder(model: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(model)


def _repeats_names(body: bytes) -> bool:
    """Return whether an object of a JSON document, at any depth, has a name more than once. A decoder keeps only the
    last of them, so fewer names are kept than were written. Outside of strings, a colon stands only after a name.
    """
    bare = _ESCAPED.sub(b"", body) if b"\\" in body else body
    written = b"".join(bare.split(b'"')[::2]).count(b":")
    document = _ANYTHING.decode(body)
    return written != len(document) and written != _names_kept(document)


def _names_kept(document: Any) -> int:
    kept, waiting = 0, [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            kept += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return kept


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"field {repeated[:64]!r} is given more than once")
    return found


def _convert(model: type[Q], values: Mapping[str, Any]) -> Q:
    try:
        return msgspec.convert(values, model)
    except msgspec.ValidationError as error:
        raise _explained(model, str(error)) from None


def _explained(model: type[Struct], problem: str) -> InvalidRequest:
    """Turn a decoder's message into one that names the field and the mistake."""
    at = _AT.search(problem)
    field, reason = (at.group(1), problem[: at.start()]) if at else ("", problem)
    unknown = _UNKNOWN_FIELD.search(reason)
    if unknown and not field:
        return _unknown(unknown.group(1), [f.encode_name for f in msgspec.structs.fields(model)])
    if "matching regex" in reason:
        reason = "control characters are not allowed"
    elif reason.startswith("Expected `str") and reason.endswith(("got `int`", "got `float`")):
        reason += ' (decimals and identifiers are JSON strings, such as "1.25", never numbers)'
    elif reason.startswith("Object missing required field"):
        field = field or reason.split("`")[1]
        reason = "needed"
    return InvalidRequest(f"{field}: {reason}" if field else reason, {"field": field} if field else None)


def _unknown(name: str, known: list[str]) -> InvalidRequest:
    shown = name[:64]
    meant = _endings(shown, known) or get_close_matches(shown, known, n=1)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"known are {', '.join(known) or 'none'}"
    return InvalidRequest(f"{shown}: unknown field; {hint}", {"field": shown})


def _endings(shown: str, known: list[str]) -> list[str]:
    """Return the fields that end in this word: `price` may be limitPrice or stopPrice, and only the client knows."""
    return [field for field in known if len(shown) > 1 and field.lower().endswith(shown.lower())]


def _as_text(name: str, text: str) -> str:
    return text


def _as_several(name: str, text: str) -> str:
    """Leave the text: values that are given apart are joined."""
    return text


def _as_list(name: str, text: str) -> list[str]:
    return [item for item in text.split(",") if item]


def _as_integer(name: str, text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise InvalidRequest(f"{name}: expected an integer", {"field": name})
    return int(text)


def _as_boolean(name: str, text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise InvalidRequest(f"{name}: expected true or false", {"field": name})
    return lowered == "true"


def _as_identifier(name: str, text: str) -> str:
    """Leave the check to the conversion; unlike a text, an identifier cannot be empty."""
    return text


_READERS: dict[Any, Callable[[str, str], Any]] = {
    str: _as_text,
    list: _as_list,
    int: _as_integer,
    bool: _as_boolean,
    UUID: _as_identifier,
}


@cache
def _readers(model: type[Struct]) -> dict[str, Callable[[str, str], Any]]:
    return {field.encode_name: _reader_of(field.type) for field in msgspec.structs.fields(model)}


def _reader_of(annotation: Any) -> Callable[[str, str], Any]:
    return _as_several if _takes_several(annotation) else _READERS[_plain_type(annotation)]


def _takes_several(annotation: Any) -> bool:
    """Return whether an `Annotated` within a field's type, or the type itself, is marked by `SEVERAL_KEY`."""
    metadata = getattr(annotation, "__metadata__", ())
    is_marked = any(SEVERAL_KEY in (getattr(meta, "extra_json_schema", None) or {}) for meta in metadata)
    return is_marked or any(_takes_several(argument) for argument in get_args(annotation))


def _plain_type(annotation: Any) -> Any:
    """Strip `Annotated` and `| None` off a field's type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _plain_type(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return origin or annotation
