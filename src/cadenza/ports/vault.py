"""Keys and what is done with them: sealing credentials, tokens, password hashes."""

from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.identity.user import User
from cadenza.domain.ids import CredentialId, SessionId, TenantId, UserId, VenueId
from cadenza.ports.storage.accounts import SealedSecrets


class CannotOpen(Exception):
    """The sealed secrets do not belong to this place, were changed, or their master key is not on the key ring."""


class MasterKeys(Protocol):
    """The ring of master keys. Law: one is active and makes everything new; the others are only read with. A key's id
    is derived from the key, so an id never means two keys."""

    def active_id(self) -> str: ...

    def ids(self) -> tuple[str, ...]:
        """Return all ids, the active one first."""

    def make_canary(self) -> bytes:
        """Return a known text encrypted under the active key, to be kept where the sealed data are."""

    def knows_canary(self, canary: bytes, key_id: str) -> bool:
        """Tell whether `key_id` is on the ring and opens the canary."""


class Sealer(Protocol):
    """Seals venue credentials: AES-256-GCM under a data key of their own, which the active master key wraps.

    Law: what was sealed for one (tenant, venue, credential, version) opens only for the same four, so rows that were
    swapped or rolled back fail. No secret appears in any text or error.
    """

    def seal(
        self, secrets: Secrets, *, tenant_id: TenantId, venue: VenueId, credential_id: CredentialId, version: int
    ) -> SealedSecrets: ...

    def open(
        self,
        sealed: SealedSecrets,
        *,
        tenant_id: TenantId,
        venue: VenueId,
        credential_id: CredentialId,
        version: int,
    ) -> Secrets:
        """Return the secrets; raises `CannotOpen`."""

    def rewrap(
        self,
        sealed: SealedSecrets,
        *,
        tenant_id: TenantId,
        venue: VenueId,
        credential_id: CredentialId,
        version: int,
    ) -> SealedSecrets:
        """Return the same secrets with their data key wrapped by the active master key; raises `CannotOpen`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalClaims:
    """A verified access token of our own."""

    user_id: UserId
    session_id: SessionId
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalClaims:
    """A verified access token of the external issuer that the deployment trusts. `session_key` names the log-in it
    belongs to, unique among the issuer's."""

    issuer: str
    subject: str
    session_key: str
    email: str | None
    expires_at_ms: int


Claims = LocalClaims | ExternalClaims


class Tokens(Protocol):
    """Makes and checks tokens. Law: only signatures of fixed algorithms count, whatever the token says of itself."""

    def issue_access(self, user: User, session_id: SessionId, *, issued_at_ms: int, expires_at_ms: int) -> str:
        """Return a signed access token (JWT)."""

    async def verify_access(self, token: str, *, now_ms: int) -> Claims:
        """Return what a token proves; raises `InvalidToken`, `TokenExpired`. Does not ask whether the session lives."""

    def refresh_token(self, session_id: SessionId, counter: int) -> str:
        """Return the refresh token of a session's step `counter`: always the same, so that it can be repeated."""

    def read_refresh(self, token: str) -> tuple[SessionId, int]:
        """Return a refresh token's session and step; raises `InvalidRefreshToken` unless we made it."""


class PasswordHasher(Protocol):
    """Argon2id off the event loop. Law: bounded; too many at once raise `Overloaded`."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hash: str | None) -> bool:
        """Tell whether the password fits. Without a hash the answer is no, and takes as long as any other no."""

    def needs_rehash(self, hash: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
