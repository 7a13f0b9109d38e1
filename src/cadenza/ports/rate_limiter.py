"""Rate limits."""

from typing import Protocol


class RateLimiter(Protocol):
    """Law: the memory is bounded, and no call blocks."""

    def allow(self, key: str) -> int | None:
        """Count one try under `key`: None when it is allowed, else the whole seconds (>= 1) until it will be."""
