"""The configured rules about users."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import Access


class SignupMode(StrEnum):
    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPolicy:
    """`new_tenant_access` is what a tenant made by sign-up may trade on. `refresh_reuse_interval_ms` is how long the
    predecessor of the active refresh token may be used again; with 0 every second use ends the session."""

    signup: SignupMode = SignupMode.OPEN
    new_tenant_access: frozenset[Access] = frozenset(Access)
    access_token_ttl_ms: int = 3_600_000
    refresh_token_ttl_ms: int = 30 * 86_400_000
    refresh_reuse_interval_ms: int = 10_000
    recovery_ttl_ms: int = 3_600_000
    invitation_ttl_ms: int = 7 * 86_400_000
    retention_ms: int = 30 * 86_400_000
    """How long rows of ended sessions, invitations and sent mails are kept."""
    audit_retention_ms: int = 400 * 86_400_000
    """How long entries of the audit log, and the rows of ended API keys that they name, are kept."""
