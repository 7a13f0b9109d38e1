"""API keys in PostgreSQL."""

from collections.abc import Collection, Sequence
from ipaddress import ip_network
from typing import Any

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.domain.identity.actor import Scope, included
from cadenza.domain.identity.api_key import ApiKey, KeyState
from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import Access, ApiKeyId, Environment, SessionId, TradingAccountId, UserId
from cadenza.ports.storage.api_keys import ApiKeyFilter, KeyUse

_KEY = """
    id, tenant_id, user_id, name, scopes, accounts, environments, addresses, created_at_ms, expires_at_ms,
    revoked_at_ms, last_used_at_ms, last_used_address
"""
_NOTE_USES = """
UPDATE api_keys k SET last_used_at_ms = u.at_ms,
                      last_used_address = coalesce(nullif(u.address, ''), k.last_used_address)
FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS u (id, at_ms, address)
WHERE k.id = u.id AND (k.last_used_at_ms IS NULL OR k.last_used_at_ms < u.at_ms)
"""
_STATE = """
SELECT k.user_id, k.tenant_id, k.digest, k.accounts, k.addresses, k.scopes AS key_scopes, k.environments,
       k.expires_at_ms IS NULL AS never_expires, u.scopes, t.access,
       k.revoked_at_ms IS NULL AND (k.expires_at_ms IS NULL OR k.expires_at_ms > $2)
           AND u.removed_at_ms IS NULL AS is_live
FROM api_keys k JOIN users u ON u.id = k.user_id JOIN tenants t ON t.id = k.tenant_id
WHERE k.id = $1
"""
_ACCOUNTS_THERE = """
SELECT id FROM trading_accounts
WHERE tenant_id = $1 AND environment = ANY($2::text[]) AND ($3::uuid[] IS NULL OR id = ANY($3))
"""


class ApiKeySql:
    """`ports.storage.api_keys.ApiKeyRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, key: ApiKey, *, digest: bytes, signed_by: str) -> None:
        await self._connection.execute(
            """
            INSERT INTO api_keys (id, tenant_id, user_id, name, digest, signed_by, scopes, accounts, environments,
                                  addresses, created_at_ms, expires_at_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """,
            key.id,
            key.tenant_id,
            key.user_id,
            key.name,
            digest,
            signed_by,
            sorted(key.scopes),
            None if key.accounts is None else sorted(key.accounts),
            None if key.environments is None else sorted(key.environments),
            [str(network) for network in key.addresses],
            key.created_at_ms,
            key.expires_at_ms,
        )

    async def get(self, key_id: ApiKeyId, *, lock: bool = False) -> ApiKey | None:
        row = await self._connection.fetchrow(
            f"SELECT {_KEY} FROM api_keys WHERE id = $1 {'FOR UPDATE' if lock else ''}", key_id
        )
        return None if row is None else _api_key_of(row)

    async def revoke(self, key: ApiKey) -> None:
        await self._connection.execute(
            "UPDATE api_keys SET revoked_at_ms = $2 WHERE id = $1", key.id, key.revoked_at_ms
        )

    async def live_of(self, user_id: UserId, now_ms: int) -> Sequence[ApiKey]:
        rows = await self._connection.fetch(
            f"SELECT {_KEY} FROM api_keys WHERE user_id = $1 AND revoked_at_ms IS NULL"
            " AND (expires_at_ms IS NULL OR expires_at_ms > $2)",
            user_id,
            now_ms,
        )
        return [_api_key_of(row) for row in rows]

    async def page(
        self, filter: ApiKeyFilter, *, after: tuple[int, ApiKeyId] | None, offset: int, limit: int
    ) -> Sequence[ApiKey]:
        where = _where(filter)
        if after is not None:
            where.add("(created_at_ms, id) < ({}, {})", *after)
        rows = await self._connection.fetch(
            f"SELECT {_KEY} FROM api_keys {where.sql} ORDER BY created_at_ms DESC, id DESC "
            f"LIMIT {where.parameter(limit)} OFFSET {where.parameter(0 if after is not None else offset)}",
            *where.parameters,
        )
        return [_api_key_of(row) for row in rows]

    async def count(self, filter: ApiKeyFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM api_keys {where.sql}", *where.parameters)
        return count

    async def note_uses(self, uses: Collection[KeyUse]) -> None:
        await self._connection.execute(
            _NOTE_USES, [use.key_id for use in uses], [use.at_ms for use in uses], [use.address for use in uses]
        )


async def key_session_state(connection: asyncpg.Connection, session_id: SessionId, now_ms: int) -> SessionState | None:
    """Return the state of the API key with this id. Its rights are those that both the key and its user have now; a key
    never acts as an operator. The accounts of a key that is limited to environments are read here, so that all that
    obeys a limit of accounts obeys this one too."""
    row = await connection.fetchrow(_STATE, session_id, now_ms)
    if row is None:
        return None
    scopes = included(map(Scope, row["scopes"])) & included(map(Scope, row["key_scopes"]))
    access, only = frozenset(map(Access, row["access"])), _environments(row)
    return SessionState(
        session_id=session_id,
        user_id=row["user_id"],
        tenant_id=row["tenant_id"],
        scopes=scopes,
        access=access if only is None else access & only,
        is_operator=False,
        is_live=row["is_live"],
        key=KeyState(
            digest=row["digest"],
            accounts=_accounts(row) if only is None else await _accounts_there(connection, row, only),
            addresses=tuple(map(ip_network, row["addresses"])),
            never_expires=row["never_expires"],
        ),
    )


def _where(filter: ApiKeyFilter) -> Where:
    where = Where()
    where.add("tenant_id = {}", filter.tenant_id)
    where.add("user_id = {}", filter.user_id)
    return where


async def _accounts_there(
    connection: asyncpg.Connection, row: Any, only: frozenset[Access]
) -> frozenset[TradingAccountId]:
    """Return the key's accounts in these environments, whether or not the tenant may still use them: it must be able to
    cancel there."""
    environments = [environment.value for environment in Environment if environment.access in only]
    rows = await connection.fetch(_ACCOUNTS_THERE, row["tenant_id"], environments, row["accounts"])
    return frozenset(TradingAccountId(found["id"]) for found in rows)


def _accounts(row: Any) -> frozenset[TradingAccountId] | None:
    return None if row["accounts"] is None else frozenset(map(TradingAccountId, row["accounts"]))


def _environments(row: Any) -> frozenset[Access] | None:
    return None if row["environments"] is None else frozenset(map(Access, row["environments"]))


def _api_key_of(row: Any) -> ApiKey:
    return ApiKey(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        name=row["name"],
        scopes=frozenset(map(Scope, row["scopes"])),
        accounts=_accounts(row),
        environments=_environments(row),
        addresses=tuple(map(ip_network, row["addresses"])),
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
        last_used_at_ms=row["last_used_at_ms"],
        last_used_address=row["last_used_address"],
    )
