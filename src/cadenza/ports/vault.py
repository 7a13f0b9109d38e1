"""The vault: sealed credentials, tokens and password hashes."""

from dataclasses import dataclass, field
from typing import Protocol

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.identity.user import User
from cadenza.domain.ids import ApiKeyId, CredentialId, SessionId, TenantId, UserId, VenueId
from cadenza.ports.storage.accounts import SealedSecrets


class CannotOpen(Exception):
    """The sealed secrets were changed or belong to another credential, or their master key is not on the key ring."""


class MasterKeys(Protocol):
    """The ring of master keys. Law: one key is active and seals and signs everything new; the others only open and
    verify. A key's id is derived from the key, so an id never means two keys."""

    def active_id(self) -> str: ...

    def ids(self) -> tuple[str, ...]:
        """Return all ids, the active one first."""

    def make_canary(self) -> bytes:
        """Return a known text encrypted under the active key. It is stored beside the sealed data."""

    def knows_canary(self, canary: bytes, key_id: str) -> bool:
        """Return whether `key_id` is on the ring and opens the canary."""


class Sealer(Protocol):
    """Seals venue credentials with AES-256-GCM. Each has a data key of its own, which the active master key wraps.

    Law: secrets that were sealed for one (tenant, venue, credential, version) open only with the same four, so rows
    that were swapped or rolled back do not open. No secret appears in any text or error.
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
    """A verified access token of our own: of a log-in, or of an API key, whose id is the session's then."""

    user_id: UserId
    session_id: SessionId
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalClaims:
    """A verified access token of the external issuer that the deployment trusts. `session_key` identifies the log-in
    within the issuer."""

    issuer: str
    subject: str
    session_key: str
    email: str | None
    expires_at_ms: int


Claims = LocalClaims | ExternalClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedKey:
    """The token of a new API key, and the id of the master key that signed it. The text does not appear in logs."""

    token: str = field(repr=False)
    signed_by: str


class Tokens(Protocol):
    """Issues and checks tokens. Law: the accepted signature algorithms are fixed; the algorithm that a token names does
    not change them."""

    def issue_access(self, user: User, session_id: SessionId, *, issued_at_ms: int, expires_at_ms: int) -> str:
        """Return a signed access token (JWT)."""

    def issue_key(
        self, user_id: UserId, key_id: ApiKeyId, salt: bytes, *, issued_at_ms: int, expires_at_ms: int
    ) -> SignedKey:
        """Return the token of an API key: an access token whose session is the key, with `salt`, which nobody can
        guess, in it."""

    def claims_to_be_key(self, token: str) -> bool:
        """Return whether a token says that it is an API key's. Its signature is not checked."""

    async def verify_access(self, token: str, *, now_ms: int) -> Claims:
        """Return the claims of a token. Raises `InvalidToken`, `TokenExpired`, and `IssuerUnavailable` when an external
        issuer's keys are missing. It does not check whether the session is still live."""

    def refresh_token(self, session_id: SessionId, counter: int) -> str:
        """Return the session's refresh token number `counter`. The same arguments always give the same token, so a lost
        reply can be repeated."""

    def read_refresh(self, token: str) -> tuple[SessionId, int]:
        """Return the session and the number of a refresh token. Raises `InvalidRefreshToken` for a token that was not
        issued here."""


class PasswordHasher(Protocol):
    """Argon2id password hashes, computed off the event loop. Law: the number of hashes at work is bounded; beyond it a
    call raises `Overloaded`."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hash: str | None) -> bool:
        """Return whether the password matches the hash. Without a hash the answer is False, and takes as long as for a
        wrong password."""

    def needs_rehash(self, hash: str) -> bool:
        """Return whether the hash was made with other parameters than the current ones."""
