"""Subscriptions: what a tenant has durably asked to receive: a book and its trades, or an account's events."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import InstrumentId, SubscriptionId, TenantId, TradingAccountId, VenueId


class SubscriptionType(StrEnum):
    ORDER_BOOK = "MARKET.SUBSCRIPTION.ORDERBOOK"
    TRADE = "MARKET.SUBSCRIPTION.TRADE"
    TRADING_ACCOUNT = "TRADING_ACCOUNT.SUBSCRIPTION.TRADING_ACCOUNT"


class SubscriptionStatus(StrEnum):
    INACTIVE = "INACTIVE"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One per tenant and target while ACTIVE; ends as TERMINATED and stays readable by its id."""

    id: SubscriptionId
    tenant_id: TenantId
    venue_id: VenueId
    type: SubscriptionType
    status: SubscriptionStatus
    account_id: TradingAccountId | None = None
    instrument_id: InstrumentId | None = None
    created_at_ms: int
    updated_at_ms: int
    last_event_at_ms: int | None = None
