"""A database that a test has used comes back as the migration leaves it."""

import asyncpg
from tests.databases import PostgresServer

from cadenza.adapters.storage.migrate import packaged_head

DDL = ("ALTER TABLE mails ADD COLUMN more int", "DROP INDEX orders_sent_id", "REVOKE SELECT ON orders FROM cadenza")


async def test_a_used_database_is_reset_and_used_again(postgres_server: PostgresServer) -> None:
    async with postgres_server.migrated() as first:
        left_open = await asyncpg.connect(postgres_server.dsn_of(first))
        numbers = await left_open.fetchval("SELECT nextval(pg_get_serial_sequence('jobs.queue', 'id'))")
        await left_open.execute("DELETE FROM installation")
        await left_open.execute("UPDATE alembic_version SET version_num = '9998'")
        await left_open.execute("INSERT INTO venue_memory_scopes VALUES ('V', 'PROD', 's', 1)")
    async with postgres_server.migrated() as second:
        connection = await asyncpg.connect(postgres_server.dsn_of(second))
        assert second == first
        assert left_open.is_closed()
        assert await connection.fetchval("SELECT count(*) FROM venue_memory_scopes") == 0
        assert await connection.fetchval("SELECT epoch FROM installation")
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == packaged_head()
        assert await connection.fetchval("SELECT nextval(pg_get_serial_sequence('jobs.queue', 'id'))") == numbers
        await connection.close()


async def test_a_database_with_another_structure_is_not_used_again(postgres_server: PostgresServer) -> None:
    used = set()
    for statement in DDL:
        async with postgres_server.migrated() as name:
            connection = await asyncpg.connect(postgres_server.dsn_of(name))
            await connection.execute(statement)
            await connection.close()
            used.add(name)
    async with postgres_server.migrated() as last:
        assert last not in used
    assert len(used) == len(DDL)
