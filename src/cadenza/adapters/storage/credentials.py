"""Credentials with their sealed secrets."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import Row, venue_id_of
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.ports.storage.accounts import CredentialFilter, SealedSecrets


class CredentialSql:
    """`ports.storage.accounts.CredentialRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, credential: Credential, sealed: SealedSecrets) -> None:
        await self._connection.execute(
            "INSERT INTO credentials VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            credential.id,
            credential.tenant_id,
            credential.user_id,
            credential.venue_id.venue.value,
            credential.venue_id.environment.value,
            credential.type.value,
            credential.nickname,
            credential.status.value,
            credential.created_at_ms,
            credential.updated_at_ms,
            credential.revoked_at_ms,
            credential.version,
            sealed.key_id,
            sealed.wrapped_key,
            sealed.nonce,
            sealed.ciphertext,
        )

    async def update(self, credential: Credential, sealed: SealedSecrets | None = None) -> None:
        await self._connection.execute(
            "UPDATE credentials SET status = $2, updated_at_ms = $3, revoked_at_ms = $4, version = $5 WHERE id = $1",
            credential.id,
            credential.status.value,
            credential.updated_at_ms,
            credential.revoked_at_ms,
            credential.version,
        )
        if sealed is not None:
            await self._connection.execute(
                "UPDATE credentials SET key_id = $2, wrapped_key = $3, nonce = $4, ciphertext = $5 WHERE id = $1",
                credential.id,
                sealed.key_id,
                sealed.wrapped_key,
                sealed.nonce,
                sealed.ciphertext,
            )

    async def get(self, credential_id: CredentialId, *, lock: bool = False) -> tuple[Credential, SealedSecrets] | None:
        query = "SELECT * FROM credentials WHERE id = $1" + (" FOR UPDATE" if lock else "")
        row = await self._connection.fetchrow(query, credential_id)
        if row is None:
            return None
        return _credential_of(row), SealedSecrets(row["key_id"], row["wrapped_key"], row["nonce"], row["ciphertext"])

    async def list(self, filter: CredentialFilter) -> Sequence[Credential]:
        where = Where()
        where.add("tenant_id = {}", filter.tenant_id)
        where.add("type = {}", filter.type)
        where.add("status = {}", filter.status)
        where.add("id = ANY({}::uuid[])", None if filter.ids is None else list(filter.ids))
        rows = await self._connection.fetch(
            f"SELECT * FROM credentials {where.sql} ORDER BY created_at_ms DESC, id DESC", *where.parameters
        )
        return [_credential_of(row) for row in rows]

    async def live_versions(self, ids: Collection[CredentialId]) -> Mapping[CredentialId, int]:
        rows = await self._connection.fetch(
            "SELECT id, version FROM credentials WHERE status = 'CREATED' AND id = ANY($1::uuid[])", list(ids)
        )
        return {CredentialId(row["id"]): row["version"] for row in rows}

    async def accounts_using(self, credential_id: CredentialId) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch(
            "SELECT id FROM trading_accounts WHERE credential_ids @> ARRAY[$1::uuid] ORDER BY id", credential_id
        )
        return [row["id"] for row in rows]


def _credential_of(row: Row) -> Credential:
    return Credential(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        venue_id=venue_id_of(row),
        type=CredentialType(row["type"]),
        nickname=row["nickname"],
        status=CredentialStatus(row["status"]),
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
        version=row["version"],
    )
