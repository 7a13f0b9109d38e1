"""The authenticated caller and its permissions."""

from dataclasses import dataclass, replace
from enum import StrEnum

from cadenza.domain.errors import EnvironmentNotAllowed, InsufficientScope
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import Access, ApiKeyId, SessionId, TenantId, TradingAccountId, UserId, VenueId


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An authenticated caller. An operator sees all tenants; only the command line creates one.

    `key_id` is the API key that the caller used; None for a log-in. `accounts` are the only trading accounts that exist
    for the caller; None means all of its tenant. `request_id` and `client` are as in `Origin`.
    """

    user_id: UserId
    tenant_id: TenantId
    session_id: SessionId
    scopes: frozenset[Scope]
    access: frozenset[Access]
    is_operator: bool = False
    expires_at_ms: int = 0
    key_id: ApiKeyId | None = None
    accounts: frozenset[TradingAccountId] | None = None
    request_id: str = ""
    client: str = ""

    @property
    def origin(self) -> Origin:
        return Origin(user_id=self.user_id, key_id=self.key_id, request_id=self.request_id, client=self.client)

    def in_request(self, request_id: str, client: str) -> "Actor":
        """Return the caller as it acts in one request."""
        return replace(self, request_id=request_id, client=client)

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
