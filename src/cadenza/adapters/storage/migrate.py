"""Bring a database to the schema of this code. The usual start, with nothing to do, costs one query and no import."""

import re
from pathlib import Path

import asyncpg

from cadenza.adapters.storage.reach import reach

VERSIONS_DIR = Path(__file__).parent / "migrations" / "versions"
_SCRIPT_DIR = Path(__file__).parent / "migrations"
_REVISION_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.py")
_NO_REVISION = "0000"
_ADVISORY_LOCK = 0x63616465_6E7A6131  # an arbitrary constant that no other user of the database may share
_LOCK_TIMEOUT_S = 300.0


class MigrationError(Exception):
    """The database cannot be migrated to this code's schema. The message says why and what to do."""


def packaged_head(versions_dir: Path = VERSIONS_DIR) -> str:
    """The number of the newest revision in `versions_dir`, "0000" when there is none. It reads the file names and
    imports nothing."""
    numbers = (match[1] for path in versions_dir.glob("*.py") if (match := _REVISION_FILE.fullmatch(path.name)))
    return max(numbers, default=_NO_REVISION)


async def schema_version(connection: asyncpg.Connection) -> str:
    """The revision that a database is at, "0000" when it has never been migrated."""
    try:
        version = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return _NO_REVISION
    return str(version) if version is not None else _NO_REVISION


async def migrate(dsn: str, *, versions_dir: Path = VERSIONS_DIR) -> str:
    """Migrate to the newest packaged revision and return its number.

    Each revision commits alone, so a failure leaves the last good one. Concurrent callers wait for one another. It
    waits for a server that is starting up, and raises DatabaseNotReached when there is none. Raises MigrationError when
    the database is newer than this code, asyncpg or SQLAlchemy errors when SQL fails.
    """
    head = packaged_head(versions_dir)
    connection = await reach(dsn)
    try:
        if await _is_at(connection, head):
            return head
        await connection.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK, timeout=_LOCK_TIMEOUT_S)
        if not await _is_at(connection, head):
            await _upgrade(dsn, versions_dir)
    finally:
        await connection.close()
    return head


async def _is_at(connection: asyncpg.Connection, head: str) -> bool:
    current = await schema_version(connection)
    if not re.fullmatch(r"\d{4}", current):
        raise MigrationError(
            f"the database has the foreign schema revision {current!r}; give Cadenza a database of its own."
        )
    if current > head:
        raise MigrationError(
            f"the database has schema {current}, which is newer than this Cadenza's {head}; "
            "install the release that wrote it, or a later one."
        )
    return current == head


async def _upgrade(dsn: str, versions_dir: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(_SCRIPT_DIR).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions_dir).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()
