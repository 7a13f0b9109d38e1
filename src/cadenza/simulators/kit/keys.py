"""The keys of a simulator, and the number of its account. Both are kept in its directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
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
KindT = TypeVar("KindT")


class VenueKeys(Generic[KeyT]):
    """The keys of a simulator, and the file that keeps them. A key that was added stays, and a revoked one stays away,
    also after a restart."""

    def __init__(self, path: Path, keys: Iterable[KeyT]) -> None:
        self._path = path
        self._keys = {key.key: key for key in keys}

    @classmethod
    def load(
        cls,
        directory: Path,
        key_type: type[KeyT],
        kind_of: Callable[[KeyT], KindT],
        make: Mapping[KindT, Callable[[], KeyT]],
    ) -> Self:
        """Return the keys in the directory's file, and a new one of each kind that it has none of: at the first start,
        or when all of that kind were revoked."""
        path = directory / FILE
        keys = msgspec.json.decode(path.read_bytes(), type=list[key_type]) if path.exists() else []  # type: ignore[valid-type]
        ring, kinds = cls(path, keys), {kind_of(key) for key in keys}
        missing = [each() for kind, each in make.items() if kind not in kinds]
        if missing:
            ring._keep(ring.all() + missing)
        return ring

    def all(self) -> list[KeyT]:
        """Return the keys, the oldest first."""
        return list(self._keys.values())

    def find(self, key: str) -> KeyT | None:
        return self._keys.get(key)

    def add(self, key: KeyT) -> None:
        """Add a key, or replace the one of that name. It is on disk then."""
        self._keep([*self.all(), key])

    def revoke(self, key: str) -> None:
        """Forget a key, on disk too."""
        self._keep([each for each in self.all() if each.key != key])

    def _keep(self, keys: list[KeyT]) -> None:
        """Replace the file, then the keys. Whoever reads the file meanwhile sees the old one or the new one."""
        ring = {key.key: key for key in keys}
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(list(ring.values())), indent=1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._keys = ring


def account_number(directory: Path, ids: Ids) -> int:
    """Return the number from which the accounts are numbered. It is kept in the directory, so it is the same at every
    start. A new directory has another one: its order ids begin again, so its accounts are others for clients."""
    path = directory / NUMBER_FILE
    if not path.exists():
        path.write_text(str(_NUMBERS_FROM + int.from_bytes(ids.token(8)) % _NUMBERS_COUNT))
    return int(path.read_text())
