"""The identity of the database. A restored copy is another database: its logs may continue differently from what
clients have seen.

By the epoch of the accounts' logs, clients know whether an offset still means the same event. A restored backup uses
offsets again for other events, so it must not keep the epoch. The epoch is stored with a fingerprint of the database
that it belongs to and, where the cluster is ours, with the mark of the last start. A start that finds another
fingerprint or another mark makes a new epoch. A needless new epoch does little harm: each client reads the current
state once.
"""

import asyncio
from pathlib import Path
from secrets import token_hex

import asyncpg

from cadenza.adapters.storage.database_mark import DatabaseMark, read_mark, write_mark

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
_BEGIN = """
UPDATE installation SET fingerprint = $1, next_token = $2,
    epoch = CASE WHEN $3 THEN replace(gen_random_uuid()::text, '-', '') ELSE epoch END
"""
_END = "UPDATE installation SET token = $1, token_stamp = $2, next_token = NULL"


async def settle_epoch(dsn: str, mark_file: Path | None = None) -> bool:
    """Give the logs a new epoch if the present one belongs to another database; return whether this happened.

    A restored dump has another table, and a base backup or a failover another timeline. `mark_file` is a file outside
    of the cluster's directory, given if the cluster is ours: by it, a cluster whose files were copied or set back is
    recognised, also when they were written over the present ones, and with the file. Raises OSError if the file cannot
    be written.
    """
    connection = await asyncpg.connect(dsn)
    try:
        fingerprint = await connection.fetchval(_FINGERPRINT, await _cluster(connection))
        known = await connection.fetchrow("SELECT * FROM installation")
        assert known is not None  # the migration inserts the row
        mark = None if mark_file is None else await asyncio.to_thread(read_mark, mark_file)
        is_ours = mark_file is None or _is_of_last_start(known, mark)
        is_copy = known["fingerprint"] is not None and not (known["fingerprint"] == fingerprint and is_ours)
        # The token is announced in the database first: a crash before the end leaves a file that the next start knows.
        token = None if mark_file is None else token_hex(16)
        await connection.execute(_BEGIN, fingerprint, token, is_copy)
        if mark_file is not None and token is not None:
            mark = await asyncio.to_thread(write_mark, mark_file, token)
            await connection.execute(_END, mark.token, mark.stamp)
        return is_copy
    finally:
        await connection.close()


def _is_of_last_start(known: asyncpg.Record, mark: DatabaseMark | None) -> bool:
    """Whether the file is the one that the last start of this database wrote. If that start ended in between, the file
    is either the one before it or has the announced token."""
    if mark is None:
        return False
    return (mark.token, mark.stamp) == (known["token"], known["token_stamp"]) or mark.token == known["next_token"]


async def _cluster(connection: asyncpg.Connection) -> str:
    """Return the cluster and its timeline, or nothing if a managed PostgreSQL does not show them."""
    try:
        cluster: str = await connection.fetchval(_CLUSTER)
    except asyncpg.InsufficientPrivilegeError:
        return ""
    return cluster
