"""API keys and the audit log: models, and the operations that the platform adds for them."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.identity.create_api_key import ApiKeyRequest
from cadenza.application.identity.list_api_keys import ApiKeyQuery
from cadenza.application.identity.list_audit import AuditQuery
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.api_key import (
    ACCOUNTS_PER_KEY_MAX,
    ADDRESS_CHARS_MAX,
    ADDRESSES_PER_KEY_MAX,
    ApiKey,
    ApiKeyStatus,
)
from cadenza.domain.identity.audit import AuditEntry, AuditKind
from cadenza.domain.ids import Access, ApiKeyId, TradingAccountId, UserId
from cadenza.wire.base import (
    PAGE_ITEMS_DEFAULT,
    Cursor,
    DateTime,
    Instant,
    Limit,
    Nickname,
    Offset,
    Query,
    Request,
    Response,
)
from cadenza.wire.enums import ORIGIN_KIND, EnumMap, OriginKindOut
from cadenza.wire.envelope import Listing, Success, pagination_of
from cadenza.wire.operation import get, post
from cadenza.wire.orders import check_range
from cadenza.wire.values import optional, optional_rfc3339, rfc3339

SCOPE = EnumMap(Scope)
ENVIRONMENT = EnumMap(Access)
API_KEY_STATUS = EnumMap(ApiKeyStatus)
AUDIT_KIND = EnumMap(AuditKind)

_Scope = Annotated[str, SCOPE.received_always()]
_Environment = Annotated[str, ENVIRONMENT.received_always()]
_Address = Annotated[str, Meta(max_length=ADDRESS_CHARS_MAX, examples=["192.0.2.7"])]


class CreateApiKeyRequest(Request, kw_only=True, frozen=True):
    """A key of the caller's. Its scopes, accounts and environments are at most those of the caller. What is left out
    does not limit the key: all trading accounts, also later ones; all environments; any address; no expiry."""

    name: Annotated[Nickname, Meta(description="Unique among the user's live keys")]
    scopes: Annotated[list[_Scope], Meta(min_length=1, max_length=len(Scope))]
    trading_account_ids: (
        Annotated[
            list[UUID],
            Meta(min_length=1, max_length=ACCOUNTS_PER_KEY_MAX, description="The only accounts that exist for the key"),
        ]
        | None
    ) = None
    environments: (
        Annotated[
            list[_Environment],
            Meta(
                min_length=1,
                max_length=len(Access),
                description="The only environments for the key; accounts in others do not exist for it",
            ),
        ]
        | None
    ) = None
    addresses: (
        Annotated[
            list[_Address],
            Meta(
                min_length=1,
                max_length=ADDRESSES_PER_KEY_MAX,
                description="IP addresses and CIDR blocks that may use the key",
            ),
        ]
        | None
    ) = None
    expires_at: Instant | None = None

    def to_request(self) -> ApiKeyRequest:
        accounts, environments = self.trading_account_ids, self.environments
        return ApiKeyRequest(
            name=self.name,
            scopes=frozenset(SCOPE.read("scopes", text) for text in self.scopes),
            accounts=None if accounts is None else frozenset(map(TradingAccountId, accounts)),
            environments=(
                None
                if environments is None
                else frozenset(ENVIRONMENT.read("environments", text) for text in environments)
            ),
            addresses=None if self.addresses is None else tuple(self.addresses),
            expires_at_ms=self.expires_at,
        )


class RevokeApiKeyRequest(Request, kw_only=True, frozen=True):
    """The key to end. Repeating is safe."""

    api_key_id: UUID


class ListApiKeysQuery(Query, kw_only=True, frozen=True):
    user_id: Annotated[UUID, Meta(description="Another user's keys need the scope admin")] | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0
    cursor: Cursor | None = None


class ApiKeyModel(Response, kw_only=True, frozen=True):
    """An API key. `tradingAccountIds` and `environments` are absent when they do not limit it. What a key may do is
    what both the key and its user may do now. `lastUsedAt` is up to about a minute old."""

    api_key_id: UUID
    user_id: UUID
    name: str
    status: Annotated[str, API_KEY_STATUS.sent()]
    scopes: list[Annotated[str, SCOPE.sent()]]
    trading_account_ids: list[UUID] | UnsetType = UNSET
    environments: list[Annotated[str, ENVIRONMENT.sent()]] | UnsetType = UNSET
    addresses: Annotated[list[str], Meta(description="Empty: any")]
    created_at: Instant
    created_at_date_time: DateTime
    expires_at: Instant | UnsetType = UNSET
    expires_at_date_time: DateTime | UnsetType = UNSET
    revoked_at: Instant | UnsetType = UNSET
    revoked_at_date_time: DateTime | UnsetType = UNSET
    last_used_at: Instant | UnsetType = UNSET
    last_used_at_date_time: DateTime | UnsetType = UNSET
    last_used_address: str | UnsetType = UNSET


class CreatedApiKey(Response, kw_only=True, frozen=True):
    """A new API key. `secret` is the bearer token of REST and of the socket. It is shown here and never again."""

    api_key: ApiKeyModel
    secret: str


class ListAuditQuery(Query, kw_only=True, frozen=True):
    kind: Annotated[str, AUDIT_KIND.received()] | None = None
    start_time: Instant | None = None
    end_time: Instant | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0
    cursor: Cursor | None = None

    def to_query(self) -> AuditQuery:
        check_range(self.start_time, self.end_time)
        return AuditQuery(
            kind=AUDIT_KIND.read_optional("kind", self.kind),
            start_ms=self.start_time,
            end_ms=self.end_time,
            limit=self.limit,
            offset=self.offset,
            cursor=self.cursor,
        )


class AuditEntryModel(Response, kw_only=True, frozen=True):
    """One thing that was done. `origin` says whether a user did it, an operator or the platform itself. `userId`,
    `apiKeyId`, `requestId` and `address` say by whom and from where; absent or empty where that is not known. `subject`
    is the id of what was changed. Of a failed log-in, `userId` is the user as whom somebody tried to log in."""

    audit_id: UUID
    kind: Annotated[str, AUDIT_KIND.sent()]
    created_at: Instant
    created_at_date_time: DateTime
    origin: OriginKindOut
    user_id: UUID | UnsetType = UNSET
    api_key_id: UUID | UnsetType = UNSET
    request_id: str
    address: str
    subject: str
    trading_account_id: UUID | UnsetType = UNSET
    facts: dict[str, str]


_API_KEY = "API Key"
_STATUSES = frozenset({200, 400, 401, 403, 404, 500})

CREATE_API_KEY = post(
    "createApiKey",
    "/apiKey/create",
    _API_KEY,
    "Create an API key of the caller's. The secret is shown once. Not for API keys.",
    CreateApiKeyRequest,
    CreatedApiKey,
    scope=Scope.READ,
    statuses=_STATUSES,
)
LIST_API_KEYS = get(
    "listApiKeys",
    "/apiKey/list",
    _API_KEY,
    "List the caller's API keys, and for an admin those of the tenant; newest first. Not for API keys.",
    list[ApiKeyModel],
    query=ListApiKeysQuery,
    is_paged=True,
    statuses=_STATUSES,
)
REVOKE_API_KEY = post(
    "revokeApiKey",
    "/apiKey/revoke",
    _API_KEY,
    "End an API key of the caller's at once; an admin may end any of the tenant. Not for API keys.",
    RevokeApiKeyRequest,
    ApiKeyModel,
    scope=Scope.READ,
    statuses=_STATUSES,
)
LIST_AUDIT = get(
    "listAudit",
    "/audit/list",
    "Audit",
    "List who did what to users, API keys and credentials of the tenant; newest first.",
    list[AuditEntryModel],
    query=ListAuditQuery,
    is_paged=True,
    scope=Scope.ADMIN,
    statuses=_STATUSES,
)


async def create_api_key(use_cases: UseCases, actor: Actor, asked: CreateApiKeyRequest) -> Success[CreatedApiKey]:
    issued = await use_cases.create_api_key(actor, asked.to_request())
    return Success(data=CreatedApiKey(api_key=api_key(issued.key, issued.key.created_at_ms), secret=issued.secret))


async def list_api_keys(use_cases: UseCases, actor: Actor, asked: ListApiKeysQuery) -> Listing[ApiKeyModel]:
    query = ApiKeyQuery(
        user_id=None if asked.user_id is None else UserId(asked.user_id),
        limit=asked.limit,
        offset=asked.offset,
        cursor=asked.cursor,
    )
    page, now_ms = await use_cases.list_api_keys(actor, query)
    return Listing(data=[api_key(key, now_ms) for key in page.items], pagination=pagination_of(page))


async def revoke_api_key(use_cases: UseCases, actor: Actor, asked: RevokeApiKeyRequest) -> Success[ApiKeyModel]:
    key, now_ms = await use_cases.revoke_api_key(actor, ApiKeyId(asked.api_key_id))
    return Success(data=api_key(key, now_ms))


async def list_audit(use_cases: UseCases, actor: Actor, asked: ListAuditQuery) -> Listing[AuditEntryModel]:
    page = await use_cases.list_audit(actor, asked.to_query())
    return Listing(data=[audit_entry(entry) for entry in page.items], pagination=pagination_of(page))


def api_key(key: ApiKey, now_ms: int) -> ApiKeyModel:
    """Return the key as the wire shows it, with its status at the instant."""
    limits: dict[str, Any] = {}
    if key.accounts is not None:
        limits["trading_account_ids"] = sorted(key.accounts)
    if key.environments is not None:
        limits["environments"] = sorted(ENVIRONMENT.write(each) for each in key.environments)
    return ApiKeyModel(
        api_key_id=key.id,
        user_id=key.user_id,
        name=key.name,
        status=API_KEY_STATUS.write(key.status(now_ms)),
        scopes=[SCOPE.write(scope) for scope in Scope if scope in key.scopes],
        addresses=[str(network) for network in key.addresses],
        created_at=key.created_at_ms,
        created_at_date_time=rfc3339(key.created_at_ms),
        expires_at=optional(key.expires_at_ms),
        expires_at_date_time=optional_rfc3339(key.expires_at_ms),
        revoked_at=optional(key.revoked_at_ms),
        revoked_at_date_time=optional_rfc3339(key.revoked_at_ms),
        last_used_at=optional(key.last_used_at_ms),
        last_used_at_date_time=optional_rfc3339(key.last_used_at_ms),
        last_used_address=UNSET if key.last_used_address is None else key.last_used_address,
        **limits,
    )


def audit_entry(entry: AuditEntry) -> AuditEntryModel:
    origin = entry.origin
    return AuditEntryModel(
        audit_id=entry.id,
        kind=AUDIT_KIND.write(entry.kind),
        created_at=entry.at_ms,
        created_at_date_time=rfc3339(entry.at_ms),
        origin=ORIGIN_KIND.write(origin.kind),
        user_id=UNSET if origin.user_id is None else origin.user_id,
        api_key_id=UNSET if origin.key_id is None else origin.key_id,
        request_id=origin.request_id,
        address=origin.client,
        subject=entry.subject,
        trading_account_id=UNSET if entry.account_id is None else entry.account_id,
        facts=dict(entry.facts),
    )
