"""New identifiers and random bytes."""

from typing import Protocol
from uuid import UUID


class Ids(Protocol):
    """Law: `new` never returns the same id twice, and its ids sort roughly by time (UUID version 7). `token` is
    unguessable."""

    def new(self) -> UUID: ...

    def token(self, size_bytes: int) -> bytes:
        """Return cryptographically strong random bytes."""
