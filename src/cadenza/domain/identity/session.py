"""Sessions: log-ins that can be renewed and can be revoked at once."""

from dataclasses import dataclass, replace
from enum import StrEnum

from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.api_key import KeyState
from cadenza.domain.ids import Access, SessionId, TenantId, UserId


class RefreshVerdict(StrEnum):
    """How a session answers a refresh token."""

    ROTATE = "ROTATE"  # the active token: the next one is issued
    REPEAT = "REPEAT"  # its predecessor, within the reuse interval: the active token is answered again
    REUSED = "REUSED"  # an older token: it may be stolen, so the session ends
    REFUSE = "REFUSE"  # the session has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in. Its refresh tokens are numbered; `refresh_counter` is the number of the active one, issued at
    `refreshed_at_ms`.

    `external_key` marks a log-in at an external issuer (issuer and its name for it), which has no refresh tokens.
    """

    id: SessionId
    user_id: UserId
    created_at_ms: int
    expires_at_ms: int
    refreshed_at_ms: int
    refresh_counter: int = 0
    revoked_at_ms: int | None = None
    client: str = ""
    external_key: str | None = None

    def judge_refresh(self, counter: int, *, now_ms: int, reuse_interval_ms: int) -> RefreshVerdict:
        """Decide on the refresh token number `counter`.

        Of the used tokens only the predecessor of the active one is good again, and only within `reuse_interval_ms`. A
        client that lost our reply asks again at once; a thief comes later.
        """
        if self.revoked_at_ms is not None or now_ms >= self.expires_at_ms or counter > self.refresh_counter:
            return RefreshVerdict.REFUSE
        if counter == self.refresh_counter:
            return RefreshVerdict.ROTATE
        is_recent = now_ms - self.refreshed_at_ms < reuse_interval_ms
        if counter == self.refresh_counter - 1 and is_recent:
            return RefreshVerdict.REPEAT
        return RefreshVerdict.REUSED

    def rotated(self, *, now_ms: int, expires_at_ms: int) -> "Session":
        """Return the session with the next refresh token active."""
        return replace(
            self, refresh_counter=self.refresh_counter + 1, refreshed_at_ms=now_ms, expires_at_ms=expires_at_ms
        )

    def revoked(self, now_ms: int) -> "Session":
        """Return the session revoked. A session that was revoked before keeps its first instant."""
        return self if self.revoked_at_ms is not None else replace(self, revoked_at_ms=now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """The facts about a session that every request needs, with the current rights of its user.

    An API key answers as a session too: its id is the session's, the rights are what both the key and its user have
    now, and `key` holds the rest.
    """

    session_id: SessionId
    user_id: UserId
    tenant_id: TenantId
    scopes: frozenset[Scope]
    access: frozenset[Access]
    is_operator: bool
    is_live: bool
    key: KeyState | None = None
