"""What every room's tests share: a real PostgreSQL per test process, and a fresh migrated database per test."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import structlog

from cadenza.adapters.storage.migrate import migrate
from cadenza.runtime.embedded import EmbeddedPostgres

structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    logger_factory=structlog.stdlib.LoggerFactory(),
)

_TEMPLATE = "cadenza_template"
_FAST_AND_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "logging_collector": "off",
    "autovacuum": "off",
}
_database_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The test process's own server. `superuser_dsn` may create databases, `dsn_of(name)` is the application's role."""

    server: EmbeddedPostgres

    @property
    def superuser_dsn(self) -> str:
        return self.server.dsn(role="postgres", database="postgres")

    async def run(self, statement: str) -> None:
        """Execute a statement as the superuser."""
        connection = await asyncpg.connect(self.superuser_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def dsn_of(self, database: str) -> str:
        return self.server.dsn(database=database)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One embedded server for this test process, with nothing flushed to disk, and a migrated template database."""
    data_dir = Path(tempfile.mkdtemp(prefix="cadenza-tests-"))
    server = EmbeddedPostgres(data_dir, settings=_FAST_AND_FORGETFUL)
    with asyncio.Runner() as runner:
        runner.run(server.start())
        try:
            running = PostgresServer(server)
            runner.run(_make_template(running))
            yield running
        finally:
            runner.run(server.stop())
            shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_dsn_base(postgres_server: PostgresServer) -> str:
    """The superuser's DSN of the test process's server; make databases with it, do not work in its database."""
    return postgres_server.superuser_dsn


@pytest.fixture
async def database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The DSN of a fresh, migrated database of this test's own, for the application's unprivileged role."""
    async for dsn in _cloned(postgres_server, _TEMPLATE):
        yield dsn


@pytest.fixture
async def empty_database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The DSN of a fresh database without any table."""
    async for dsn in _cloned(postgres_server, "template0"):
        yield dsn


async def _make_template(running: PostgresServer) -> None:
    await running.run(f"CREATE DATABASE {_TEMPLATE} OWNER cadenza")
    await migrate(running.dsn_of(_TEMPLATE))


async def _cloned(running: PostgresServer, template: str) -> AsyncIterator[str]:
    name = f"test_{os.getpid()}_{next(_database_numbers)}"
    await running.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER cadenza STRATEGY WAL_LOG")
    try:
        yield running.dsn_of(name)
    finally:
        await running.run(f"DROP DATABASE {name} WITH (FORCE)")
