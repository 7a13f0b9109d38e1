"""A request to the venue before it is signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TIMESTAMP_AGE_MS_MAX = 30_000
"""The venue refuses a request whose timestamp is older (50102)."""

Fields = Mapping[str, str | bool]
"""The fields of a body by the wire's names. Numbers are plain text."""


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
