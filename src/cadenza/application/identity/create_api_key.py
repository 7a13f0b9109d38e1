"""Create an API key."""

import hashlib
from dataclasses import dataclass, field

from cadenza.domain.errors import (
    EnvironmentNotAllowed,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    KeyNameTaken,
    TooManyApiKeys,
    TradingAccountNotFound,
)
from cadenza.domain.identity.actor import Actor, Scope, included
from cadenza.domain.identity.api_key import (
    ACCOUNTS_PER_KEY_MAX,
    KEYS_PER_USER_MAX,
    ApiKey,
    check_key_name,
    parse_addresses,
)
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access, ApiKeyId, TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import Tokens

SALT_BYTES = 32
NEVER_EXPIRES_MS = 100 * 365 * 86_400_000
"""The token of a key without expiry names an instant so far ahead, since a token must name one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRequest:
    """The key that is wanted. `accounts` and `environments` None mean all that the user has. `addresses` are IP
    addresses and CIDR blocks; None means that the key may be used from anywhere. An empty limit is refused."""

    name: str
    scopes: frozenset[Scope]
    accounts: frozenset[TradingAccountId] | None = None
    environments: frozenset[Access] | None = None
    addresses: tuple[str, ...] | None = None
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """A new key and its secret, which is shown once. The secret does not appear in logs."""

    key: ApiKey
    secret: str = field(repr=False)


class CreateApiKey:
    """The use case. Whoever has logged in may create keys with at most its own rights."""

    def __init__(
        self, *, storage: Storage, tokens: Tokens, clock: Clock, ids: Ids, keys_max: int = KEYS_PER_USER_MAX
    ) -> None:
        self._storage = storage
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._keys_max = keys_max

    async def __call__(self, actor: Actor, request: ApiKeyRequest) -> IssuedApiKey:
        """Raises `InvalidRequest`, `InsufficientScope`, `KeyNotAllowed`, `TradingAccountNotFound`,
        `EnvironmentNotAllowed`, `KeyNameTaken`, `TooManyApiKeys`."""
        actor.require_log_in()
        actor.require(Scope.READ)
        now_ms = self._clock.now_ms()
        key = self._new_key(actor, request, now_ms)
        signed = self._tokens.issue_key(
            key.user_id,
            key.id,
            self._ids.token(SALT_BYTES),
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + NEVER_EXPIRES_MS if key.expires_at_ms is None else key.expires_at_ms,
        )
        async with self._storage.begin() as uow:
            # The lock makes the user's other requests for a key wait, so that limit and name hold.
            user = await uow.identity.get_user(actor.user_id, lock=True)
            if user is None:
                raise InvalidToken("the user does not exist any more")
            _require_rights(user, key)
            await _require_accounts(uow, key)
            await self._require_room(uow, key, now_ms)
            await uow.api_keys.add(key, digest=digest_of_key(signed.token), signed_by=signed.signed_by)
            await uow.audit.add(self._entry(actor, key))
            await uow.commit()
        return IssuedApiKey(key=key, secret=signed.token)

    def _new_key(self, actor: Actor, request: ApiKeyRequest, now_ms: int) -> ApiKey:
        for name, limits in (
            ("scopes", request.scopes),
            ("tradingAccountIds", request.accounts),
            ("environments", request.environments),
            ("addresses", request.addresses),
        ):
            if limits is not None and not limits:
                raise InvalidRequest(f"{name}: at least one, or leave the field out", {"field": name})
        if request.accounts is not None and len(request.accounts) > ACCOUNTS_PER_KEY_MAX:
            raise InvalidRequest(f"tradingAccountIds: at most {ACCOUNTS_PER_KEY_MAX}", {"field": "tradingAccountIds"})
        if request.expires_at_ms is not None and request.expires_at_ms <= now_ms:
            raise InvalidRequest("expiresAt: must be in the future", {"field": "expiresAt"})
        return ApiKey(
            id=ApiKeyId(self._ids.new()),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            name=check_key_name(request.name),
            scopes=request.scopes,
            accounts=request.accounts,
            environments=request.environments,
            addresses=parse_addresses(request.addresses or ()),
            created_at_ms=now_ms,
            expires_at_ms=request.expires_at_ms,
        )

    async def _require_room(self, uow: UnitOfWork, key: ApiKey, now_ms: int) -> None:
        live = await uow.api_keys.live_of(key.user_id, now_ms)
        if any(other.name == key.name for other in live):
            raise KeyNameTaken(f"there is a live API key with the name {key.name!r}", {"field": "name"})
        if len(live) >= self._keys_max:
            raise TooManyApiKeys(f"the user has {len(live)} live API keys, which is the limit; revoke one first")

    def _entry(self, actor: Actor, key: ApiKey) -> AuditEntry:
        facts = {
            "name": key.name,
            "scopes": ",".join(sorted(key.scopes)),
            "accounts": "all" if key.accounts is None else ",".join(sorted(map(str, key.accounts))),
            "environments": "all" if key.environments is None else ",".join(sorted(key.environments)),
            "addresses": ",".join(map(str, key.addresses)) or "any",
        }
        return AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=key.tenant_id,
            kind=AuditKind.API_KEY_CREATED,
            at_ms=key.created_at_ms,
            origin=actor.origin,
            subject=str(key.id),
            facts=facts,
        )


def digest_of_key(token: str) -> bytes:
    """Return what is stored of a key's token. The token is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _require_rights(user: User, key: ApiKey) -> None:
    """Raise unless the user has now what the key is to have."""
    if missing := key.scopes - included(user.scopes):
        raise InsufficientScope(
            "an API key can have only scopes that its user has",
            required=tuple(sorted(missing)),
            provided=tuple(sorted(user.scopes)),
        )
    if key.environments is not None and not key.environments <= user.access:
        raise EnvironmentNotAllowed(
            "an API key can be used only in environments that the tenant may use",
            {"environments": sorted(access.value for access in user.access)},
        )


async def _require_accounts(uow: UnitOfWork, key: ApiKey) -> None:
    if key.accounts is None:
        return
    found = await uow.accounts.get_many(list(key.accounts))
    if {account.id for account in found if account.tenant_id == key.tenant_id} != key.accounts:
        raise TradingAccountNotFound("there is no such trading account", {"field": "tradingAccountIds"})
