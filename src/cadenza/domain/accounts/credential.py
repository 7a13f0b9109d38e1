"""Facts about a credential. They never contain the secret material, which is stored sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """The part of a credential that may be shown."""

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
    """Opened secret material, kept in memory only; its text never shows any of it. `fields` are the further fields that
    the venue's spec names (`CredentialField`), by name."""

    api_key: str
    api_secret: str
    passphrase: str | None
    fields: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Secrets(…)"

    __str__ = __repr__
