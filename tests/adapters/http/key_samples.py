"""Samples of API keys and of the audit log, and the ids that all samples share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.adapters.http.parts import NOW_MS, uuid

from cadenza.application.identity.create_api_key import IssuedApiKey
from cadenza.application.paging import Page
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.api_key import ApiKey, parse_addresses
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import Access, ApiKeyId, TenantId, TradingAccountId, UserId

TENANT_ID = TenantId(uuid(1))
USER_ID = UserId(uuid(2))
ACCOUNT_ID = TradingAccountId(uuid(3))

API_KEY = ApiKey(
    id=ApiKeyId(uuid(11)),
    tenant_id=TENANT_ID,
    user_id=USER_ID,
    name="market maker",
    scopes=frozenset({Scope.READ, Scope.WRITE}),
    accounts=frozenset({ACCOUNT_ID}),
    environments=frozenset({Access.PAPER}),
    addresses=parse_addresses(["192.0.2.0/24", "2001:db8::7"]),
    created_at_ms=NOW_MS,
    expires_at_ms=NOW_MS + 86_400_000,
    last_used_at_ms=NOW_MS,
    last_used_address="192.0.2.9",
)
OPEN_API_KEY = replace(
    API_KEY,
    accounts=None,
    environments=None,
    addresses=(),
    expires_at_ms=None,
    last_used_at_ms=None,
    last_used_address=None,
)
AUDIT_ENTRY = AuditEntry(
    id=AuditId(uuid(12)),
    tenant_id=TENANT_ID,
    kind=AuditKind.API_KEY_CREATED,
    at_ms=NOW_MS,
    origin=Origin(user_id=USER_ID, key_id=API_KEY.id, request_id="request-1", client="192.0.2.9"),
    subject=str(API_KEY.id),
    account_id=ACCOUNT_ID,
    facts={"name": "market maker"},
)


def page(*items: Any, cursor: str | None = None) -> Page[Any]:
    return Page(items=items, total=len(items), offset=0, limit=50, has_next=cursor is not None, next_cursor=cursor)


KEY_RESULTS: Mapping[str, Any] = {
    "create_api_key": IssuedApiKey(key=API_KEY, secret="shown-once"),
    "list_api_keys": (page(API_KEY, OPEN_API_KEY, cursor="more"), NOW_MS),
    "revoke_api_key": (API_KEY.revoked(NOW_MS), NOW_MS),
    "list_audit": page(AUDIT_ENTRY),
}
