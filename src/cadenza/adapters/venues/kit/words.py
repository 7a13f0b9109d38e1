"""Words of a wire, read by tables without a default; and what a connector raises when it cannot read a payload.

The caller decides what that means: the outcome of a request is unknown, an instrument is refused, a message of a stream
is set aside.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class UnreadablePayload(Exception):
    """The payload is not what the venue's documents describe. The message says where; it never holds a whole
    payload."""


class UnknownMember(UnreadablePayload):
    """An enum has a member that its table does not list. Nothing is guessed: `table` names the enum and `text` is the
    member as the venue wrote it."""

    def __init__(self, table: str, text: str) -> None:
        super().__init__(f"{table} has no entry for {text[:64]!r}")
        self.table = table
        self.text = text


class WordTable(Generic[V]):
    """The members of one enum of the wire, and what each means here."""

    __slots__ = ("_entries", "_name")

    def __init__(self, name: str, entries: Mapping[str, V]) -> None:
        self._name = name
        self._entries = dict(entries)

    def of(self, text: str) -> V:
        """Return the meaning of a member. Raises `UnknownMember`."""
        try:
            return self._entries[text]
        except KeyError:
            raise UnknownMember(self._name, text) from None

    def __contains__(self, text: object) -> bool:
        return text in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)
