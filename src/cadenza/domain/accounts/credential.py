"""Facts about a credential. The secret material is sealed elsewhere and never part of these values."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import CredentialId, TenantId, UserId, VenueId


class CredentialType(StrEnum):
    API_KEY = "API_KEY"
    HMAC = "HMAC"
    OAUTH = "OAUTH"
    RSA = "RSA"
    ED25519 = "ED25519"


class CredentialStatus(StrEnum):
    CREATED = "CREATED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What we may show of a credential."""

    id: CredentialId
    tenant_id: TenantId
    user_id: UserId
    venue_id: VenueId
    type: CredentialType
    nickname: str
    status: CredentialStatus
    created_at_ms: int
    updated_at_ms: int
    revoked_at_ms: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Secrets:
    """Opened secret material, kept in memory only; its text never shows any of it."""

    api_key: str
    api_secret: str
    passphrase: str | None

    def __repr__(self) -> str:
        return "Secrets(…)"

    __str__ = __repr__
