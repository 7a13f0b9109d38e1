"""Time and chance as the network room needs them, and pauses between tries."""

from dataclasses import dataclass
from typing import Protocol


class PatientClock(Protocol):
    """Law: `monotonic_ms` never goes back, and `sleep_ms` returns after at least that long. Deadlines are instants of
    `monotonic_ms`."""

    def monotonic_ms(self) -> int: ...

    async def sleep_ms(self, duration_ms: int) -> None: ...


class Randomness(Protocol):
    """Law: `randrange(n)` is a whole number from 0 to n - 1, each as likely as another. `random.Random` is one."""

    def randrange(self, stop: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class RetryPauses:
    """Exponential pauses with full jitter: the pause after the n-th failure in a row is anything from 0 to
    `first_ms * 2 ** (n - 1)`, and at most `most_ms`. Many clients that failed together do not come back together."""

    first_ms: int
    most_ms: int

    def __post_init__(self) -> None:
        if not 0 < self.first_ms <= self.most_ms:
            raise ValueError("0 < first_ms <= most_ms must hold")

    def after(self, failures: int, randomness: Randomness) -> int:
        """Return the pause in ms after `failures` failures in a row (1 or more)."""
        doublings = min(failures - 1, 62)  # beyond, any first pause is over `most_ms`
        return randomness.randrange(min(self.first_ms << doublings, self.most_ms) + 1)
