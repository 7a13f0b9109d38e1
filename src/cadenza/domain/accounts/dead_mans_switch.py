"""The dead-man's switch: cancel all orders unless a program calls again in time."""

from dataclasses import dataclass

from cadenza.domain.ids import ApiKeyId, MassCancelId, TenantId, TradingAccountId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMansSwitch:
    """One switch of a tenant, or of one account. It fires once, at `due_at_ms` (our clock), unless it is armed again
    before. `fired_at_ms` is None while it is armed; `mass_cancel_id` is the mass cancel that it began."""

    tenant_id: TenantId
    account_id: TradingAccountId | None
    user_id: UserId
    key_id: ApiKeyId | None
    period_ms: int
    armed_at_ms: int
    due_at_ms: int
    fired_at_ms: int | None = None
    mass_cancel_id: MassCancelId | None = None
