"""The database server's clock."""

import asyncpg


async def server_now_ms(connection: asyncpg.Connection) -> int:
    """Return the server's wall time (Unix, ms)."""
    return int(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp()) * 1000"))
