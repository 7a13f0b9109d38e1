"""The authenticated caller and its permissions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from cadenza.domain.errors import EnvironmentNotAllowed, InsufficientScope, KeyNotAllowed, TradingAccountNotFound
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import Access, ApiKeyId, SessionId, TenantId, TradingAccountId, UserId, VenueId


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_RANKS = (Scope.READ, Scope.WRITE, Scope.ADMIN)
"""Each scope includes those before it."""


def included(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes together with those that they include."""
    return frozenset(_RANKS[: max((_RANKS.index(scope) for scope in scopes), default=-1) + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An authenticated caller. An operator sees all tenants; only the command line creates one.

    `key_id` is the API key that the caller used; None for a log-in. `accounts` are the only trading accounts that exist
    for the caller, because its key is limited to them or to their environments; None means all of its tenant. `access`
    is what the caller may use now: it hides no account, so that a caller whose environment closes can still cancel.
    `request_id` and `client` are as in `Origin`. `never_expires` is true for a key without expiry; `expires_at_ms` lies
    far ahead then.
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
    never_expires: bool = False

    @property
    def origin(self) -> Origin:
        return Origin(user_id=self.user_id, key_id=self.key_id, request_id=self.request_id, client=self.client)

    @property
    def holder(self) -> UUID:
        """Whom limits count, and whose a connection stays: the API key, or the user who logged in."""
        return self.user_id if self.key_id is None else self.key_id

    def in_request(self, request_id: str, client: str) -> "Actor":
        """Return the caller as it acts in one request."""
        return replace(self, request_id=request_id, client=client)

    def require(self, scope: Scope) -> None:
        """Raise `InsufficientScope` unless the caller has the scope. `admin` includes `write`, and `write` includes
        `read`."""
        if scope not in included(self.scopes):
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

    def require_log_in(self) -> None:
        """Raise `KeyNotAllowed` when the caller used an API key. Only a person who logged in changes users and keys."""
        if self.key_id is not None:
            raise KeyNotAllowed("an API key may not do this; log in")

    def sees(self, account_id: TradingAccountId) -> bool:
        """Return whether the account can exist for the caller. Whether it belongs to the tenant is not known here."""
        return self.accounts is None or account_id in self.accounts

    def require_account(self, account_id: TradingAccountId) -> None:
        """Raise `TradingAccountNotFound` when the caller's key is limited to other accounts or environments."""
        if not self.sees(account_id):
            raise TradingAccountNotFound("there is no such trading account")

    def require_all_accounts(self) -> None:
        """Raise `KeyNotAllowed` when the caller's key is limited to some accounts or environments. What concerns the
        whole tenant, such as its credentials, is not for such a key."""
        if self.accounts is not None:
            raise KeyNotAllowed("an API key that is limited to some trading accounts or environments may not do this")
