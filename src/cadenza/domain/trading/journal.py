"""The journal of a batch's state: the former values of what was changed, so that a refused change can be undone."""

from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Any = object()


class Journal:
    """Changes entries of maps, and notes what they were. A change costs one tuple, and nothing is copied."""

    def __init__(self) -> None:
        self._former: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, map: dict[K, V], key: K, value: V) -> None:
        """Set an entry of a map."""
        self._former.append((map, key, map.get(key, _ABSENT)))
        map[key] = value

    def drop(self, map: dict[K, V], key: K) -> None:
        """Delete an entry of a map."""
        self._former.append((map, key, map.pop(key)))

    def mark(self) -> int:
        """Return the present place in the journal, for `undo`."""
        return len(self._former)

    def undo(self, mark: int) -> None:
        """Undo every change since the mark, the last one first."""
        while len(self._former) > mark:
            map, key, former = self._former.pop()
            if former is _ABSENT:
                del map[key]
            else:
                map[key] = former
