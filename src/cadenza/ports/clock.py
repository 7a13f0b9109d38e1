"""Time, as the application sees it."""

from typing import Protocol


class Clock(Protocol):
    """Law: `now_ms` is wall time (Unix, ms) and may step; `monotonic_ms` never goes back and is only for durations."""

    def now_ms(self) -> int: ...

    def monotonic_ms(self) -> int: ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after at least `duration_ms`."""
