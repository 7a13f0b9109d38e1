"""Operations: a user's durable requests on an account, as history."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import OperationId, TenantId, TradingAccountId


class OperationType(StrEnum):
    CONNECT = "CONNECT"
    DISCONNECT = "DISCONNECT"
    ENABLE = "ENABLE"
    DISABLE = "DISABLE"
    UPDATE = "UPDATE"
    CREDENTIAL_REVOKE = "CREDENTIAL_REVOKE"
    CREDENTIAL_ROTATE = "CREDENTIAL_ROTATE"


class OperationStatus(StrEnum):
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """It is written as PENDING before anything is done, and ends as SUCCESS or FAILED."""

    id: OperationId
    tenant_id: TenantId
    account_id: TradingAccountId
    type: OperationType
    status: OperationStatus
    created_at_ms: int
    finished_at_ms: int | None = None
    failure: str | None = None
