"""Small parts of the HTTP edge's world: its clock, its ids and a limiter."""

from uuid import UUID

NOW_MS = 1_790_000_000_123


def uuid(number: int) -> UUID:
    return UUID(int=0x0199F2A4C5D07C1E9B62000000000000 + number)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms


class CountingIds:
    """Ids that count."""

    def __init__(self) -> None:
        self._count = 1000

    def new(self) -> UUID:
        self._count += 1
        return uuid(self._count)

    def token(self, size_bytes: int) -> bytes:
        return bytes(size_bytes)


class Flood:
    """A limiter that lets everything through but the keys in `full`."""

    def __init__(self) -> None:
        self.full: set[str] = set()

    def allow(self, key: str) -> int | None:
        return 7 if key in self.full else None
