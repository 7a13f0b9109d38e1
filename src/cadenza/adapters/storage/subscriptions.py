"""Durable subscriptions."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import Row, venue_id_of
from cadenza.domain.ids import InstrumentId, SubscriptionId, TenantId, TradingAccountId
from cadenza.domain.market.subscription import Subscription, SubscriptionStatus, SubscriptionType

_ADD = """
INSERT INTO subscriptions VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, type, account_id, instrument_id) WHERE status = 'ACTIVE' DO NOTHING
RETURNING *
"""


class SubscriptionSql:
    """`ports.storage.accounts.SubscriptionRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, subscription: Subscription) -> Subscription:
        row = await self._connection.fetchrow(
            _ADD,
            subscription.id,
            subscription.tenant_id,
            subscription.venue_id.venue.value,
            subscription.venue_id.environment.value,
            subscription.type.value,
            subscription.status.value,
            subscription.account_id,
            subscription.instrument_id,
            subscription.created_at_ms,
            subscription.updated_at_ms,
            subscription.last_event_at_ms,
        )
        if row is not None:
            return _subscription_of(row)
        active = await self.find_active(
            subscription.tenant_id,
            subscription.type,
            account_id=subscription.account_id,
            instrument_id=subscription.instrument_id,
        )
        return active or await self.add(subscription)  # it ended between the two statements

    async def get(self, subscription_id: SubscriptionId) -> Subscription | None:
        row = await self._connection.fetchrow("SELECT * FROM subscriptions WHERE id = $1", subscription_id)
        return None if row is None else _subscription_of(row)

    async def find_active(
        self,
        tenant_id: TenantId,
        type: SubscriptionType,
        *,
        account_id: TradingAccountId | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> Subscription | None:
        found = await self.active(tenant_id, type, account_id=account_id, instrument_id=instrument_id)
        return found[0] if found else None

    async def update(self, subscription: Subscription) -> None:
        await self._connection.execute(
            "UPDATE subscriptions SET status = $2, updated_at_ms = $3, last_event_at_ms = $4 WHERE id = $1",
            subscription.id,
            subscription.status.value,
            subscription.updated_at_ms,
            subscription.last_event_at_ms,
        )

    async def active(
        self,
        tenant_id: TenantId | None,
        type: SubscriptionType,
        *,
        account_id: TradingAccountId | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> Sequence[Subscription]:
        where = Where()
        where.add("status = {}", SubscriptionStatus.ACTIVE.value)
        where.add("type = {}", type.value)
        where.add("tenant_id = {}", tenant_id)
        where.add("account_id = {}", account_id)
        where.add("instrument_id = {}", instrument_id)
        rows = await self._connection.fetch(
            f"SELECT * FROM subscriptions {where.sql} ORDER BY created_at_ms DESC, id DESC", *where.parameters
        )
        return [_subscription_of(row) for row in rows]


def _subscription_of(row: Row) -> Subscription:
    return Subscription(
        id=row["id"],
        tenant_id=row["tenant_id"],
        venue_id=venue_id_of(row),
        type=SubscriptionType(row["type"]),
        status=SubscriptionStatus(row["status"]),
        account_id=row["account_id"],
        instrument_id=row["instrument_id"],
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        last_event_at_ms=row["last_event_at_ms"],
    )
