"""The audit log: who did what to a tenant's users, keys, credentials and trading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType
from uuid import UUID

from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import TenantId, TradingAccountId

AuditId = NewType("AuditId", UUID)


class AuditKind(StrEnum):
    LOG_IN = "LOG_IN"
    LOG_IN_FAILED = "LOG_IN_FAILED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - a kind, not a secret
    SCOPES_SET = "SCOPES_SET"
    ENVIRONMENTS_SET = "ENVIRONMENTS_SET"
    USER_REMOVED = "USER_REMOVED"
    API_KEY_CREATED = "API_KEY_CREATED"
    API_KEY_REVOKED = "API_KEY_REVOKED"
    CREDENTIAL_CREATED = "CREDENTIAL_CREATED"
    CREDENTIAL_ROTATED = "CREDENTIAL_ROTATED"
    CREDENTIAL_REVOKED = "CREDENTIAL_REVOKED"
    TRADING_STATE_SET = "TRADING_STATE_SET"
    DEAD_MANS_SWITCH_ARMED = "DEAD_MANS_SWITCH_ARMED"
    DEAD_MANS_SWITCH_DISARMED = "DEAD_MANS_SWITCH_DISARMED"
    DEAD_MANS_SWITCH_FIRED = "DEAD_MANS_SWITCH_FIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done. It is written in the transaction that did it, so there is no entry without its deed, and
    no deed without its entry.

    `subject` is the id of what was changed (a key, a credential, a user). `account_id` is the trading account that it
    concerns, None for the whole tenant. `facts` say more, in short texts, never a secret. In an entry of a failed
    log-in, the origin's user is the one as whom somebody tried to log in.
    """

    id: AuditId
    tenant_id: TenantId
    kind: AuditKind
    at_ms: int
    origin: Origin
    subject: str
    account_id: TradingAccountId | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
