"""The authenticated caller and its permissions."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.errors import EnvironmentNotAllowed, InsufficientScope
from cadenza.domain.ids import Access, SessionId, TenantId, UserId, VenueId


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An authenticated caller. An operator sees all tenants; only the command line creates one."""

    user_id: UserId
    tenant_id: TenantId
    session_id: SessionId
    scopes: frozenset[Scope]
    access: frozenset[Access]
    is_operator: bool = False
    expires_at_ms: int = 0

    def require(self, scope: Scope) -> None:
        """Raise `InsufficientScope` unless the caller has the scope. `admin` includes `write`, and `write` includes
        `read`."""
        ranks = [Scope.READ, Scope.WRITE, Scope.ADMIN]
        enough = set(ranks[ranks.index(scope) :])
        if not self.scopes & enough:
            raise InsufficientScope(
                f"the operation needs the scope {scope.value}",
                required=(scope.value,),
                provided=tuple(sorted(s.value for s in self.scopes)),
            )

    def require_access(self, venue_id: VenueId) -> None:
        """Raise `EnvironmentNotAllowed` unless the tenant may use the venue's environment."""
        if venue_id.access not in self.access:
            raise EnvironmentNotAllowed(
                f"the tenant may not use {venue_id}: environment {venue_id.access.value} is not allowed",
                {"environments": sorted(a.value for a in self.access)},
            )
