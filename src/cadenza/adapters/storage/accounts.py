"""Trading accounts with their balances and positions."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import account_of, account_row, balance_of, position_of
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.ids import TenantId, TradingAccountId, VenueId
from cadenza.domain.trading.position import Position
from cadenza.ports.storage.accounts import AccountFilter

CLOSED_POSITIONS_KEPT_MS = 86_400_000
"""Closed positions are shown this long after the newest change of the account's positions,"""
CLOSED_POSITIONS_MAX = 100
"""and so many of an account at most, the newest."""

_ADD = """
INSERT INTO trading_accounts SELECT n.* FROM unnest($1::trading_accounts[]) AS n
ON CONFLICT (tenant_id, venue, environment, external_id) WHERE status NOT IN ('DISCONNECTED', 'DELETED') DO NOTHING
RETURNING id
"""
_POSITIONS = """
SELECT * FROM positions WHERE account_id = ANY($1::uuid[]) AND status = 'OPEN'
UNION ALL
SELECT newest.* FROM unnest($1::uuid[]) AS wanted (id), LATERAL (
    SELECT * FROM positions p WHERE p.account_id = wanted.id AND closed_at_ms >= (
        SELECT max(closed_at_ms) - $2 FROM positions l WHERE l.account_id = wanted.id
    ) ORDER BY closed_at_ms DESC LIMIT $3
) AS newest
ORDER BY created_at_ms, id
"""


class AccountSql:
    """`ports.storage.accounts.AccountRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, account: TradingAccount) -> bool:
        return await self._connection.fetchval(_ADD, [account_row(account)]) is not None

    async def get(self, account_id: TradingAccountId, *, lock: bool = False) -> TradingAccount | None:
        query = "SELECT * FROM trading_accounts WHERE id = $1" + (" FOR UPDATE" if lock else "")
        row = await self._connection.fetchrow(query, account_id)
        return None if row is None else account_of(row)

    async def get_many(self, account_ids: Sequence[TradingAccountId]) -> Sequence[TradingAccount]:
        rows = await self._connection.fetch("SELECT * FROM trading_accounts WHERE id = ANY($1::uuid[])", account_ids)
        return [account_of(row) for row in rows]

    async def find_connected(self, tenant_id: TenantId, venue_id: VenueId, external_id: str) -> TradingAccount | None:
        row = await self._connection.fetchrow(
            "SELECT * FROM trading_accounts WHERE tenant_id = $1 AND venue = $2 AND environment = $3 "
            "AND external_id = $4 AND status NOT IN ('DISCONNECTED', 'DELETED')",
            tenant_id,
            venue_id.venue.value,
            venue_id.environment.value,
            external_id,
        )
        return None if row is None else account_of(row)

    async def find_former(self, tenant_id: TenantId, venue_id: VenueId, external_id: str) -> TradingAccount | None:
        row = await self._connection.fetchrow(
            "SELECT * FROM trading_accounts WHERE tenant_id = $1 AND venue = $2 AND environment = $3 "
            "AND external_id = $4 AND status = 'DISCONNECTED' ORDER BY created_at_ms DESC, id DESC LIMIT 1",
            tenant_id,
            venue_id.venue.value,
            venue_id.environment.value,
            external_id,
        )
        return None if row is None else account_of(row)

    async def page(self, filter: AccountFilter, *, offset: int, limit: int) -> Sequence[TradingAccount]:
        where = _where(filter)
        rows = await self._connection.fetch(
            f"SELECT * FROM trading_accounts {where.sql} ORDER BY created_at_ms DESC, id DESC "
            f"LIMIT {where.parameter(limit)} OFFSET {where.parameter(offset)}",
            *where.parameters,
        )
        return [account_of(row) for row in rows]

    async def count(self, filter: AccountFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(
            f"SELECT count(*) FROM trading_accounts {where.sql}", *where.parameters
        )
        return count

    async def with_status(self, statuses: Sequence[AccountStatus]) -> Sequence[TradingAccount]:
        rows = await self._connection.fetch(
            "SELECT * FROM trading_accounts WHERE status = ANY($1::text[]) ORDER BY id",
            [status.value for status in statuses],
        )
        return [account_of(row) for row in rows]

    async def balances(self, account_ids: Sequence[TradingAccountId]) -> Sequence[Balance]:
        rows = await self._connection.fetch(
            "SELECT * FROM balances WHERE account_id = ANY($1::uuid[]) ORDER BY account_id, asset", account_ids
        )
        return [balance_of(row) for row in rows]

    async def positions(self, account_ids: Sequence[TradingAccountId]) -> Sequence[Position]:
        rows = await self._connection.fetch(_POSITIONS, account_ids, CLOSED_POSITIONS_KEPT_MS, CLOSED_POSITIONS_MAX)
        return [position_of(row) for row in rows]


def _where(filter: AccountFilter) -> Where:
    where = Where()
    where.add("tenant_id = {}", filter.tenant_id)
    where.add("id = {}", filter.account_id)
    where.among("id", filter.accounts)
    where.add("user_id = {}", filter.user_id)
    where.add("status = {}", filter.status)
    where.add("(status IN ('DISCONNECTED', 'DELETED')) = {}", filter.is_archived)
    if filter.venue_id is not None:
        where.add("venue = {}", filter.venue_id.venue.value)
        where.add("environment = {}", filter.venue_id.environment.value)
    return where
