"""The identity of the database. A restored copy is another database: its logs may continue differently from what
clients have seen.

By the epoch of the accounts' logs, clients know whether an offset still means the same event. A restored backup uses
offsets again for other events, so it must not keep the epoch. The epoch is stored with a fingerprint of the database
that it belongs to; a database with another fingerprint gets a new epoch at its start. A needless new epoch does little
harm: each client reads the current state once.
"""

from pathlib import Path

import asyncpg

_FINGERPRINT = """
SELECT concat_ws(':',
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'installation'::regclass::oid::bigint,
    $1::text
)
"""
_CLUSTER = """
SELECT concat_ws(':',
    (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint())
)
"""
_RENEW = """
UPDATE installation SET fingerprint = $1,
    epoch = CASE WHEN fingerprint IS NULL THEN epoch ELSE replace(gen_random_uuid()::text, '-', '') END
WHERE fingerprint IS DISTINCT FROM $1 RETURNING epoch
"""


async def settle_epoch(dsn: str, cluster_dir: Path | None = None) -> bool:
    """Give the logs a new epoch if the present one belongs to another database; return whether this happened. A
    restored dump has another table, a base backup or a failover another timeline, and a copied cluster directory
    (`cluster_dir`, if the cluster is ours) other files.
    """
    connection = await asyncpg.connect(dsn)
    try:
        parts = [await _cluster(connection), "" if cluster_dir is None else _files(cluster_dir)]
        fingerprint = await connection.fetchval(_FINGERPRINT, ":".join(parts))
        was_known = await connection.fetchval("SELECT fingerprint IS NOT NULL FROM installation")
        return await connection.fetchval(_RENEW, fingerprint) is not None and bool(was_known)
    finally:
        await connection.close()


async def _cluster(connection: asyncpg.Connection) -> str:
    """Return the cluster and its timeline, or nothing if a managed PostgreSQL does not show them."""
    try:
        cluster: str = await connection.fetchval(_CLUSTER)
    except asyncpg.InsufficientPrivilegeError:
        return ""
    return cluster


def _files(cluster_dir: Path) -> str:
    facts = (cluster_dir / "PG_VERSION").stat()
    return f"{facts.st_dev}-{facts.st_ino}"
