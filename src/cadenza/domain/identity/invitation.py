"""Invitations and mailed one-time tokens."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import TenantId, UserId

InvitationId = NewType("InvitationId", UUID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Permits one e-mail address to sign up once, until `expires_at_ms`. If it names a tenant, the new user joins that
    tenant with `scopes`. If not (an operator's invitation), the sign-up creates a new tenant, and `scopes` are the
    owner's.
    """

    id: InvitationId
    tenant_id: TenantId | None
    email: str
    scopes: frozenset[Scope]
    created_by: UserId | None
    created_at_ms: int
    expires_at_ms: int
    used_at_ms: int | None = None

    def admits(self, email: str, now_ms: int) -> bool:
        """Return whether the (normalised) address may use the invitation now."""
        return self.used_at_ms is None and now_ms < self.expires_at_ms and self.email == email


class TokenPurpose(StrEnum):
    RECOVERY = "RECOVERY"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeToken:
    """The stored form of a mailed token: its SHA-256, never the token itself."""

    digest: bytes
    user_id: UserId
    purpose: TokenPurpose
    created_at_ms: int
    expires_at_ms: int
