"""What log-in and refresh answer."""

from dataclasses import dataclass, field

from cadenza.domain.identity.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSession:
    """A session's tokens as handed to the client; their text is kept out of logs."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    expires_at_ms: int
    user: User
