"""Issuing the tokens of a session."""

from cadenza.application.identity.policy import IdentityPolicy
from cadenza.application.identity.views import IssuedSession
from cadenza.domain.identity.session import Session
from cadenza.domain.identity.user import User
from cadenza.ports.vault import Tokens


class SessionIssuer:
    """Shared by log-in and refresh."""

    def __init__(self, *, tokens: Tokens, policy: IdentityPolicy) -> None:
        self._tokens = tokens
        self._policy = policy

    def issue(self, session: Session, user: User, now_ms: int) -> IssuedSession:
        """Return an access token that is valid from now on, and the session's active refresh token."""
        ttl_ms = self._policy.access_token_ttl_ms
        return IssuedSession(
            access_token=self._tokens.issue_access(
                user, session.id, issued_at_ms=now_ms, expires_at_ms=now_ms + ttl_ms
            ),
            refresh_token=self._tokens.refresh_token(session.id, session.refresh_counter),
            expires_in_s=ttl_ms // 1000,
            expires_at_ms=now_ms + ttl_ms,
            user=user,
        )
