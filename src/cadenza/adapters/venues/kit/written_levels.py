"""Levels of a book's change, taken over as the venue wrote them.

A busy market sends thousands of levels a second, and most of them nobody ever reads. To prove that a whole message is
plain numbers costs less than to make Decimals of it.
"""

import re

import msgspec

NUMBER = r"[0-9]{1,20}+(?:\.[0-9]{1,20}+)?+"
"""A pattern of a number in plain notation: prices and quantities of a book are below 10^20."""

PRICE = rf"(?!0[0.]*[^0-9.]){NUMBER}"
"""A number above 0."""

_ANY_GROUP = re.compile(r"\((?!\?)")


class LevelPattern:
    """How one venue writes a level, in JSON without spaces."""

    def __init__(self, level: str) -> None:
        """`level` is a pattern with a group for each part that is wanted, at least two."""
        self._level = re.compile(level)
        self._all = re.compile(rf"\[(?:{_ANY_GROUP.sub('(?:', level)},?)*+\]")

    def parts(self, data: msgspec.Raw) -> list[tuple[str, ...]] | None:
        """Return the wanted parts of each level of a JSON array; None when a single one of them is written in another
        way."""
        text = str(data, "utf-8", "replace")
        return self._level.findall(text) if self._all.fullmatch(text) else None
