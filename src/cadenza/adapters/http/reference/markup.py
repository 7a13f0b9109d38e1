"""HTML that cannot be broken into: every text is escaped unless it was made here."""

import re
from collections.abc import Iterable
from html import escape

_CODE = re.compile(r"`([^`]*)`")
_JSON_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=:))|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>true|false|null|-?\d[\d.]*)'
)
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


class Html(str):
    """Markup, to be sent as it is."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | bool | None) -> Html:
    """Return an element. Content and values that are not `Html` are escaped.

    `class_` writes `class`, `aria_label` writes `aria-label`; True writes the bare name, None and False nothing.
    """
    return Html(f"<{name}{_attributes(attributes)}>{join(content)}</{name}>")


def void(name: str, **attributes: str | bool | None) -> Html:
    """Return an element that has no content."""
    return Html(f"<{name}{_attributes(attributes)}>")


def join(parts: Iterable[str], between: str = "") -> Html:
    """Return the parts as one, those that are not `Html` escaped."""
    return Html(_safe(between).join(_safe(part) for part in parts))


def code(content: str) -> Html:
    return tag("code", content)


def link(target: str, content: str) -> Html:
    """Return a link to a place in this page."""
    return tag("a", content, href=f"#{target}")


def prose(text: str) -> Html:
    """Return a description in which backticks mark code."""
    pieces = _CODE.split(text)
    return join(code(piece) if index % 2 else piece for index, piece in enumerate(pieces))


def json_text(text: str) -> Html:
    """Return JSON with its keys, texts and words marked."""
    parts: list[str] = []
    end = 0
    for token in _JSON_TOKEN.finditer(text):
        parts += [text[end : token.start()], tag("span", token[0], class_=f"j-{token.lastgroup}")]
        end = token.end()
    return join([*parts, text[end:]])


def anchor(prefix: str, name: str) -> str:
    """Return an id made of a title: `tag-trade-order`."""
    return f"{prefix}-{_NOT_A_LETTER.sub('-', name.lower()).strip('-')}"


def _safe(part: str) -> str:
    return part if isinstance(part, Html) else escape(part)


def _attributes(attributes: dict[str, str | bool | None]) -> str:
    written = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        written.append(f" {key}" if value is True else f' {key}="{escape(value)}"')
    return "".join(written)
