"""The result of log-in and refresh."""

from dataclasses import dataclass, field

from cadenza.domain.identity.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSession:
    """A session's tokens for the client. Their text does not appear in logs."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    expires_at_ms: int
    user: User
