"""API keys and the audit log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.identity.api_key import ApiKey
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import ApiKeyId, TenantId, TradingAccountId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFilter:
    """Selects keys; None means any. Only the command line leaves `tenant_id` None."""

    tenant_id: TenantId | None
    user_id: UserId | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """When a key was used last, and from which address; empty when the address is not known."""

    key_id: ApiKeyId
    at_ms: int
    address: str


class ApiKeyRepository(Protocol):
    """Law: only the digest of a key's token is stored. `signed_by` is the master key under which the token was
    signed."""

    async def add(self, key: ApiKey, *, digest: bytes, signed_by: str) -> None: ...

    async def get(self, key_id: ApiKeyId, *, lock: bool = False) -> ApiKey | None: ...

    async def revoke(self, key: ApiKey) -> None:
        """Write `revoked_at_ms`."""

    async def live_of(self, user_id: UserId, now_ms: int) -> Sequence[ApiKey]:
        """Return the user's keys that are neither revoked nor expired, in any order."""

    async def page(
        self, filter: ApiKeyFilter, *, after: tuple[int, ApiKeyId] | None, offset: int, limit: int
    ) -> Sequence[ApiKey]:
        """Newest first, by (created_at, id)."""

    async def count(self, filter: ApiKeyFilter) -> int: ...

    async def note_uses(self, uses: Collection[KeyUse]) -> None:
        """Write the last uses. An older one than the stored changes nothing; an address that is not known leaves the
        stored one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Selects entries; None means any. `start_ms` <= at < `end_ms`. `accounts` leaves out every other account, and what
    concerns the whole tenant."""

    tenant_id: TenantId
    kind: AuditKind | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    accounts: Collection[TradingAccountId] | None = None


class AuditRepository(Protocol):
    """Law: entries are added and, after the retention, purged; they are never changed."""

    async def add(self, entry: AuditEntry) -> None: ...

    async def page(
        self, filter: AuditFilter, *, after: tuple[int, AuditId] | None, offset: int, limit: int
    ) -> Sequence[AuditEntry]:
        """Newest first, by (at, id)."""

    async def count(self, filter: AuditFilter) -> int: ...

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        """Delete entries from before the instant, and keys that ended before it, at most `rows_max` of each. Return how
        many were deleted."""
