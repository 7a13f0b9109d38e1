"""A request to the venue before it is signed, and the time that it states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TIMESTAMP_AGE_MS_MAX = 30_000
"""The venue refuses a request whose timestamp is older (50102)."""

Fields = Mapping[str, str | bool]
"""The fields of a body by the wire's names. Numbers are plain text."""


class DeadlinePassed(Exception):
    """It is too late to send the order; nothing was sent."""


@dataclass(frozen=True, slots=True)
class RequestTime:
    """When a request is made. `now_ms` is our clock, `ahead_ms` how far the venue's is ahead of it as it was measured;
    negative when it is behind."""

    now_ms: int
    ahead_ms: int

    @property
    def venue_ms(self) -> int:
        return self.now_ms + self.ahead_ms

    def deadline_ms(self, send_before_ms: int, recorded_at_ms: int) -> int:
        """Return the instant of the venue's clock at which `send_before_ms` (our clock) passes. An order states in
        `recorded_at_ms` when it was recorded: a clock that shows less was set back since then, and does not move the
        deadline. Raises `DeadlinePassed`."""
        left_ms = send_before_ms - max(self.now_ms, recorded_at_ms)
        if left_ms <= 0:
            raise DeadlinePassed
        return self.venue_ms + left_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxRequest:
    """A request that still has to be signed.

    `query` keeps its order, and the values of it are sent as they are. `expires_ms` is the instant of the venue's clock
    after which it discards the request (`expTime`). `timestamp_ms` replaces the present time in the signature: a
    request that cannot have an expiry says by an old timestamp until when it may be taken.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Fields | Sequence[Fields] | None = None
    expires_ms: int | None = None
    timestamp_ms: int | None = None
