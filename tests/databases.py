"""Migrated databases, one for each test, as the migration leaves them.

Making a database copies hundreds of files; resetting one takes a few milliseconds. So a database that a test has used
is reset and given to another test. One whose structure a test has changed is dropped.
"""

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from cadenza.adapters.storage.migrate import migrate
from cadenza.runtime.embedded import EmbeddedPostgres

TEMPLATE = "cadenza_template"
USES_MAX = 50
"""Deleted rows stay in the files, so a database is not used for ever."""

_numbers = itertools.count(1)

_DISCONNECT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_STRUCTURE = """
SELECT md5(concat(
    (SELECT string_agg((oid, relname, relnamespace, relkind, relowner, relacl, relrowsecurity)::text, ',' ORDER BY oid)
        FROM pg_class WHERE oid >= 16384),
    (SELECT string_agg((attrelid, attnum, attname, atttypid, attnotnull, attacl)::text, ',' ORDER BY attrelid, attnum)
        FROM pg_attribute WHERE attrelid >= 16384),
    (SELECT string_agg(adbin::text, ',' ORDER BY oid) FROM pg_attrdef),
    (SELECT string_agg((oid, conname, convalidated)::text, ',' ORDER BY oid) FROM pg_constraint WHERE oid >= 16384),
    (SELECT string_agg((oid, tgname, tgenabled)::text, ',' ORDER BY oid) FROM pg_trigger),
    (SELECT string_agg((oid, proname, prosrc)::text, ',' ORDER BY oid) FROM pg_proc WHERE oid >= 16384),
    (SELECT string_agg((oid, nspname, nspacl)::text, ',' ORDER BY oid) FROM pg_namespace WHERE oid >= 16384),
    (SELECT string_agg((setrole, setconfig)::text, ',' ORDER BY setrole) FROM pg_db_role_setting s
        JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()),
    (SELECT (datallowconn, datconnlimit, datacl, datdba)::text FROM pg_database WHERE datname = current_database())
))
"""
_TABLES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_RESTART_SEQUENCES = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


@dataclass(slots=True)
class _Database:
    name: str
    uses: int = 0


@dataclass(slots=True)
class PostgresServer:
    """A test process's own PostgreSQL and its databases. `prepare` comes first."""

    server: EmbeddedPostgres
    _empty: list[_Database] = field(default_factory=list)
    _structure: str = ""
    _reset: list[str] = field(default_factory=list)

    @property
    def superuser_dsn(self) -> str:
        """The DSN of the role that may create databases."""
        return self.server.dsn(role="postgres", database="postgres")

    def dsn_of(self, database: str) -> str:
        """The DSN of the application's unprivileged role."""
        return self.server.dsn(database=database)

    async def run(self, statement: str) -> None:
        """Execute a statement as the superuser."""
        async with self._connected("postgres") as connection:
            await connection.execute(statement)

    async def prepare(self) -> None:
        """Make the template from which the databases are copied."""
        await self.run(f"CREATE DATABASE {TEMPLATE} OWNER cadenza")
        await migrate(self.dsn_of(TEMPLATE))
        async with self._connected(TEMPLATE) as connection:
            self._structure = await connection.fetchval(_STRUCTURE)
            tables = [row[0] for row in await connection.fetch(_TABLES)]
            self._reset = [f"DELETE FROM {table}" for table in tables]
            for table in tables:
                if rows := await connection.fetchval(f"SELECT jsonb_agg(t) FROM {table} t"):
                    content = rows.replace("'", "''")
                    self._reset.append(
                        f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, '{content}')"
                    )

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        """The name of a database as the migration leaves it."""
        database = self._empty.pop() if self._empty else _Database(await self._make(TEMPLATE))
        database.uses += 1
        try:
            yield database.name
        finally:
            if database.uses < USES_MAX and await self._is_reset(database.name):
                self._empty.append(database)
            else:
                await self._drop(database.name)

    @asynccontextmanager
    async def without_tables(self) -> AsyncIterator[str]:
        """The name of a new database without any table."""
        name = await self._make("template0")
        try:
            yield name
        finally:
            await self._drop(name)

    async def _make(self, template: str) -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER cadenza STRATEGY WAL_LOG")
        return name

    async def _drop(self, name: str) -> None:
        await self.run(f"DROP DATABASE {name} WITH (FORCE)")

    async def _is_reset(self, name: str) -> bool:
        """Bring a database back to what the migration left. False: its structure is another one now."""
        try:
            async with self._connected(name) as connection:
                await connection.execute(_DISCONNECT)
                if await connection.fetchval(_STRUCTURE) != self._structure:
                    return False
                # As a replica: no trigger runs, and no foreign key is checked.
                await connection.execute(";".join(["SET session_replication_role = replica", *self._reset]))
                await connection.execute(_RESTART_SEQUENCES)
        except asyncpg.PostgresError:
            return False
        return True

    @asynccontextmanager
    async def _connected(self, database: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.server.dsn(role="postgres", database=database))
        try:
            yield connection
        finally:
            await connection.close()
