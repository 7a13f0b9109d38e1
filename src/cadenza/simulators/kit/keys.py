"""The keys of a simulator, and the number of its account. Both are made at the first start and kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from cadenza.ports.ids import Ids

FILE = "keys.json"
NUMBER_FILE = "account-number"
_NUMBERS_FROM, _NUMBERS_COUNT = 1_000_000, 2**40


class NamedKey(Protocol):
    """What every venue's keys have. `key` is what a client sends to say which one it uses."""

    @property
    def key(self) -> str: ...


KeyT = TypeVar("KeyT", bound=NamedKey)


class VenueKeys(Generic[KeyT]):
    """The keys of a simulator."""

    def __init__(self, keys: Iterable[KeyT]) -> None:
        self._keys = {key.key: key for key in keys}

    @classmethod
    def load(cls, directory: Path, key_type: type[KeyT], make: Callable[[], Iterable[KeyT]]) -> Self:
        """Return the keys in the directory's file; make them and the file where there is none."""
        path = directory / FILE
        if path.exists():
            return cls(msgspec.json.decode(path.read_bytes(), type=list[key_type]))  # type: ignore[valid-type]
        ring = cls(make())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(ring.all()), indent=1))
        return ring

    def all(self) -> list[KeyT]:
        return list(self._keys.values())

    def find(self, key: str) -> KeyT | None:
        return self._keys.get(key)

    def add(self, key: KeyT) -> None:
        """Add a key until the next start."""
        self._keys[key.key] = key

    def revoke(self, key: str) -> None:
        """Forget a key until the next start."""
        self._keys.pop(key, None)


def account_number(directory: Path, ids: Ids) -> int:
    """Return the number from which the accounts are numbered. It is kept in the directory, so it is the same at every
    start. A new directory has another one: its order ids begin again, so its accounts are others for clients."""
    path = directory / NUMBER_FILE
    if not path.exists():
        path.write_text(str(_NUMBERS_FROM + int.from_bytes(ids.token(8)) % _NUMBERS_COUNT))
    return int(path.read_text())
