"""The durable memory of connectors: nonces, FIX sequence numbers, counters of ids, cursors."""

from typing import Protocol

KEY_LENGTH_MAX = 200
VALUE_LENGTH_MAX = 10_000
"""Characters of one key and of one value. A longer one raises `ValueError`: this is not a place for data."""


class MemoryTakenOver(Exception):
    """Another holder has opened the same scope. The former holder must stop sending to the venue at once."""


class VenueMemory(Protocol):
    """A small durable map of one scope (an account, a credential or a FIX session of one venue).

    Law: when `put`, `next` or `advance` returns, its change is on disk. A scope has one holder at a time: after another
    holder opened the scope, every call of the former one raises `MemoryTakenOver` and changes nothing. When the
    database does not answer, a call raises `DatabaseUnavailable`, and its change may or may not have been made.
    """

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str) -> None: ...

    async def next(self, counter: str, *, first: int = 1, count: int = 1) -> int:
        """Take `count` consecutive numbers and return the lowest. No number is ever returned twice, whatever crashes;
        numbers may be skipped. A new counter begins with `first`."""

    async def advance(self, counter: str, past: int) -> None:
        """Move the counter forward, so that it continues after `past` (for example after an id that the venue has
        already seen). A counter never moves back."""


class VenueMemories(Protocol):
    """Opens scopes of one venue in one environment. A connector gets those of its venue when it is made. It opens one
    scope for whatever must not be used by two processes at a time: a credential with nonces, a FIX session. Scopes that
    begin with `sent ids of` belong to the platform (`CountedSentId`).
    """

    async def open(self, scope: str) -> VenueMemory:
        """Open the scope and become its holder; a former holder loses it. Raises `DatabaseUnavailable`."""
