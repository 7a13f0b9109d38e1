"""What every room's tests share: a real PostgreSQL per test process, and a fresh migrated database per test."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from cadenza.runtime.embedded import EmbeddedPostgres
from tests.databases import PostgresServer

structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    logger_factory=structlog.stdlib.LoggerFactory(),
)

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("cadenza", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cadenza")

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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One embedded server for this test process, with nothing flushed to disk, and a migrated template database."""
    data_dir = Path(tempfile.mkdtemp(prefix="cadenza-tests-"))
    server = EmbeddedPostgres(data_dir, settings=_FAST_AND_FORGETFUL)
    with asyncio.Runner() as runner:
        runner.run(server.start())
        try:
            databases = PostgresServer(server)
            runner.run(databases.prepare())
            yield databases
        finally:
            runner.run(server.stop())
            shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_dsn_base(postgres_server: PostgresServer) -> str:
    """The superuser's DSN of the test process's server; make databases with it, do not work in its database."""
    return postgres_server.superuser_dsn


@pytest.fixture
async def database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database of this test's own, for the application's unprivileged role."""
    async with postgres_server.migrated() as name:
        yield postgres_server.dsn_of(name)


@pytest.fixture
async def empty_database_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The DSN of a new database without any table."""
    async with postgres_server.without_tables() as name:
        yield postgres_server.dsn_of(name)
