"""The master keys that sealed the database, and re-wrapping under a new one."""

from collections.abc import Mapping

import asyncpg

from cadenza.domain.ids import CredentialId, Environment, TenantId, Venue, VenueId
from cadenza.ports.storage.accounts import SealedSecrets
from cadenza.ports.vault import MasterKeys, Sealer

REWRAP_ROWS_MAX = 200


class WrongMasterKey(Exception):
    """The key ring lacks a key that sealed this database. The message says what to do."""


async def prove_master_keys(connection: asyncpg.Connection, keys: MasterKeys) -> None:
    """Check at the start that all sealed credentials can be opened. Raises `WrongMasterKey`. The database keeps a
    canary per key. The canary of every key that still seals credentials must open; the canary of a new active key is
    written.
    """
    used = await keys_in_use(connection)
    canaries = {
        row["id"]: row["canary"] for row in await connection.fetch("SELECT id, canary FROM master_keys ORDER BY id")
    }
    for key_id in {*used, keys.active_id()} & set(canaries):
        if not keys.knows_canary(canaries[key_id], key_id):
            raise WrongMasterKey(_advice(key_id, used.get(key_id, 0)))
    for key_id in set(used) - set(keys.ids()):
        raise WrongMasterKey(_advice(key_id, used[key_id]))
    await connection.execute(
        "INSERT INTO master_keys (id, canary) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        keys.active_id(),
        keys.make_canary(),
    )


async def keys_in_use(connection: asyncpg.Connection) -> Mapping[str, int]:
    """Return how many credentials each master key seals."""
    rows = await connection.fetch("SELECT key_id, count(*) AS credentials FROM credentials GROUP BY key_id")
    return {row["key_id"]: row["credentials"] for row in rows}


async def api_keys_signed_by(connection: asyncpg.Connection, now_ms: int) -> Mapping[str, int]:
    """Return how many live API keys each master key signed. They end when it leaves the ring."""
    rows = await connection.fetch(
        "SELECT signed_by, count(*) AS keys FROM api_keys WHERE revoked_at_ms IS NULL"
        " AND (expires_at_ms IS NULL OR expires_at_ms > $1) GROUP BY signed_by",
        now_ms,
    )
    return {row["signed_by"]: row["keys"] for row in rows}


async def forget_master_key(connection: asyncpg.Connection, key_id: str) -> None:
    """Delete the canary of a key that is to be dropped."""
    await connection.execute("DELETE FROM master_keys WHERE id = $1", key_id)


async def rewrap_batch(
    connection: asyncpg.Connection, sealer: Sealer, active_id: str, *, rows_max: int = REWRAP_ROWS_MAX
) -> int:
    """Re-wrap some credentials that another key than `active_id` seals, in a transaction;
    return how many, 0 at the end.

    Safe while the server runs: rows are locked, and only the wrapped key changes. Raises `CannotOpen`.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            """
            SELECT id, tenant_id, venue, environment, version, key_id, wrapped_key, nonce, ciphertext
            FROM credentials WHERE key_id <> $1 ORDER BY id LIMIT $2 FOR UPDATE
            """,
            active_id,
            rows_max,
        )
        for row in rows:
            rewrapped = sealer.rewrap(
                SealedSecrets(row["key_id"], row["wrapped_key"], row["nonce"], row["ciphertext"]),
                tenant_id=TenantId(row["tenant_id"]),
                venue=VenueId(Venue(row["venue"]), Environment(row["environment"])),
                credential_id=CredentialId(row["id"]),
                version=row["version"],
            )
            await connection.execute(
                "UPDATE credentials SET key_id = $2, wrapped_key = $3 WHERE id = $1",
                row["id"],
                rewrapped.key_id,
                rewrapped.wrapped_key,
            )
    return len(rows)


def _advice(key_id: str, credentials: int) -> str:
    return (
        f"this database was sealed with the master key {key_id} ({credentials} credentials), which is not on the key "
        "ring: restore the file `master.key` of its data directory, or set CADENZA_MASTER_KEY to that key"
    )
