"""Takes secrets out of traffic before it is kept."""

import json
import re
from collections.abc import Iterable, Mapping
from json import JSONDecodeError, JSONDecoder
from urllib.parse import quote

REDACTED = "<redacted>"
ALWAYS_SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
VALUE_CHARACTERS_MIN = 6
_DECODER = JSONDecoder()


class Redaction:
    """Replaces secrets by `<redacted>` and leaves every other character as it was.

    `names` are those of headers, query parameters, form fields and JSON fields whose values are secret, wherever they
    stand and however deep, in any case: keys, signatures, tokens. JSON within a JSON string is looked into as well. A
    value that cannot be read to its end is taken out with all that follows it. `ALWAYS_SECRET` needs not be named.

    `values` are secrets that may stand anywhere, in a path for example; they are taken out as they are and
    percent-encoded. A value of fewer than 6 characters raises `ValueError`: it would be found where it is not meant.

    What is neither named nor known as a value is kept. Data that are not text are searched for values only.
    """

    def __init__(self, names: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._names = ALWAYS_SECRET | {name.lower() for name in names}
        alternatives = "|".join(re.escape(name) for name in sorted(self._names))
        self._json_name = re.compile(rf'(\\*)"(?:{alternatives})\1"\s*:\s*', re.IGNORECASE)
        self._parameter = re.compile(rf"((?:^|[?&])(?:{alternatives})=)[^&#\s\"'\\]*", re.IGNORECASE)
        self._values: list[str] = []
        for value in values:
            self.add_value(value)

    def add_value(self, value: str) -> None:
        """Take this secret out of everything from now on: a token that was just received, for example."""
        if len(value) < VALUE_CHARACTERS_MIN:
            raise ValueError("a secret value is too short: other text may contain it by chance")
        self._values += {value, quote(value, safe=""), json.dumps(value)[1:-1]}

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: REDACTED if name.lower() in self._names else self._without_values(value)
            for name, value in headers.items()
        }

    def text(self, text: str) -> str:
        """Redact a URL, a form or JSON."""
        parts, position = [], 0
        while (found := self._json_name.search(text, position)) is not None:
            parts += [text[position : found.end()], _in_quotes(found[1])]
            position = _end_of_value(text, found.end(), found[1])
        redacted = "".join(parts) + text[position:]
        return self._without_values(self._parameter.sub(rf"\1{REDACTED}", redacted))

    def data(self, data: bytes) -> bytes:
        """Redact data that are not text."""
        for value in self._values:
            data = data.replace(value.encode(), REDACTED.encode())
        return data

    def _without_values(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, REDACTED)
        return text


def _in_quotes(backslashes: str) -> str:
    return f'{backslashes}"{REDACTED}{backslashes}"'


def _end_of_value(text: str, start: int, backslashes: str) -> int:
    """Return where a JSON value ends. Within a JSON string quotes have backslashes before them; there a value that is
    neither a string nor a plain word ends with the text."""
    if backslashes:
        within = re.compile(rf'{re.escape(backslashes)}"(?:.*?[^\\])??{re.escape(backslashes)}"|[\w.+-]+', re.DOTALL)
        found = within.match(text, start)
        return found.end() if found else len(text)
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (JSONDecodeError, RecursionError):
        return len(text)
