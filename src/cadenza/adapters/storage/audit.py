"""The audit log in PostgreSQL."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.origin import Origin, OriginKind
from cadenza.ports.storage.api_keys import AuditFilter

_ENTRY = "id, tenant_id, kind, at_ms, origin, user_id, key_id, request_id, client, subject, account_id, facts"
_ENDED = {
    "audit_log": "at_ms < $1",
    "api_keys": "least(expires_at_ms, revoked_at_ms) < $1",
}


class AuditSql:
    """`ports.storage.api_keys.AuditRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, entry: AuditEntry) -> None:
        origin = entry.origin
        await self._connection.execute(
            f"INSERT INTO audit_log ({_ENTRY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            entry.id,
            entry.tenant_id,
            entry.kind.value,
            entry.at_ms,
            origin.kind.value,
            origin.user_id,
            origin.key_id,
            origin.request_id,
            origin.client,
            entry.subject,
            entry.account_id,
            json.dumps(dict(entry.facts)),
        )

    async def page(
        self, filter: AuditFilter, *, after: tuple[int, AuditId] | None, offset: int, limit: int
    ) -> Sequence[AuditEntry]:
        where = _where(filter)
        if after is not None:
            where.add("(at_ms, id) < ({}, {})", *after)
        rows = await self._connection.fetch(
            f"SELECT {_ENTRY} FROM audit_log {where.sql} ORDER BY at_ms DESC, id DESC "
            f"LIMIT {where.parameter(limit)} OFFSET {where.parameter(0 if after is not None else offset)}",
            *where.parameters,
        )
        return [_entry_of(row) for row in rows]

    async def count(self, filter: AuditFilter) -> int:
        where = _where(filter)
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM audit_log {where.sql}", *where.parameters)
        return count

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        deleted = 0
        for table, ended in _ENDED.items():
            status = await self._connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {ended} LIMIT $2))",
                before_ms,
                rows_max,
            )
            deleted += int(status.removeprefix("DELETE "))
        return deleted


def _where(filter: AuditFilter) -> Where:
    where = Where()
    where.add("tenant_id = {}", filter.tenant_id)
    where.add("kind = {}", filter.kind)
    where.add("at_ms >= {}", filter.start_ms)
    where.add("at_ms < {}", filter.end_ms)
    where.among("account_id", filter.accounts)
    return where


def _entry_of(row: Any) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        tenant_id=row["tenant_id"],
        kind=AuditKind(row["kind"]),
        at_ms=row["at_ms"],
        origin=Origin(
            kind=OriginKind(row["origin"]),
            user_id=row["user_id"],
            key_id=row["key_id"],
            request_id=row["request_id"],
            client=row["client"],
        ),
        subject=row["subject"],
        account_id=row["account_id"],
        facts=json.loads(row["facts"]),
    )
