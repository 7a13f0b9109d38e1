"""Shared parts of the commands: the settings, a database, and failing with one clear sentence."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import typer

from cadenza.adapters.storage.master_keys import WrongMasterKey
from cadenza.adapters.storage.migrate import MigrationError, packaged_head, schema_version
from cadenza.adapters.storage.reach import DatabaseNotReached, reach
from cadenza.adapters.vault.keyring import KeyRingError
from cadenza.adapters.venues.paper.market.recording import RecordingError
from cadenza.runtime.config import Settings
from cadenza.runtime.config_loader import ConfigError, LoadedSettings, load
from cadenza.runtime.embedded import EmbeddedPostgres, EmbeddedPostgresError
from cadenza.runtime.embedded.postgres import check_owner, dsn_of_running


def fail(message: str) -> typer.Exit:
    """Print `message` on stderr, and return an exception to raise, which ends with exit code 1."""
    typer.echo(f"cadenza: {message}", err=True)
    return typer.Exit(1)


def parts_of(name: str, text: str) -> list[str]:
    """Return the values of an argument or option that takes several, joined by commas. When one is empty, as a shell
    makes it from a variable that is not set, end with exit code 2: an empty limit must not count as none."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise typer.BadParameter("a value is empty", param_hint=name)
    return parts


def loaded_settings() -> LoadedSettings:
    """Return the settings with their sources, or end with exit code 1 and name every problem. Print the warnings on
    stderr."""
    try:
        loaded = load(os.environ)
    except ConfigError as error:
        raise fail(str(error)) from None
    for warning in loaded.warnings:
        typer.echo(f"cadenza: warning: {warning}", err=True)
    return loaded


@contextmanager
def plain_failures() -> Iterator[None]:
    """Show failures that an operator can mend as a sentence, not as a traceback."""
    try:
        yield
    except (EmbeddedPostgresError, MigrationError, KeyRingError, WrongMasterKey, RecordingError) as error:
        raise fail(str(error)) from None
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise fail(f"the database refuses the connection: {error}; check CADENZA_DATABASE_URL") from None
    except asyncpg.CannotConnectNowError as error:
        raise fail(f"{error.args[0]}; try again when it is ready") from None
    except DatabaseNotReached as error:
        raise fail(f"{error}; `cadenza doctor` looks for the cause") from None
    except OSError as error:
        raise fail(f"{in_words(error)}; `cadenza doctor` looks for the cause") from None


def in_words(error: Exception) -> str:
    """Return the reason of a failure, and the file when it is one of the system."""
    if not isinstance(error, OSError) or error.filename is None or error.strerror is None:
        return str(error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"


@asynccontextmanager
async def open_database(settings: Settings, *, may_create: bool = False) -> AsyncIterator[str]:
    """Return the DSN of the configured database, of whatever schema: an external one, that of a running server, or one
    started for this command. Raises `EmbeddedPostgresError` where there is none, unless `may_create`."""
    if not settings.is_embedded:
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.data_dir, port=settings.postgres_port)
    if (running := _running(settings.data_dir, server, may_create)) is not None:
        yield running
        return
    dsn = await server.start()
    try:
        yield dsn
    finally:
        await server.stop()


def _running(data_dir: Path, server: EmbeddedPostgres, may_create: bool) -> str | None:
    """Return the DSN of the server that another process runs; None when there is none and one may be started."""
    try:
        if server.cluster_dir.exists():
            return dsn_of_running(data_dir)
    except PermissionError:
        check_owner(data_dir)
        raise
    if not may_create:
        raise EmbeddedPostgresError(
            f"there is no database in {data_dir} yet; `cadenza serve` and `cadenza user create` make one"
        )
    return None


@asynccontextmanager
async def open_current_database(settings: Settings) -> AsyncIterator[str]:
    """As `open_database`, for a database that has this release's schema. Raises `MigrationError` for any other."""
    async with open_database(settings) as dsn:
        connection = await reach(dsn)
        try:
            current, head = await schema_version(connection), packaged_head()
        finally:
            await connection.close()
        if current < head:
            raise MigrationError(
                f"the database has schema {current} and this release needs {head}: run `cadenza migrate`"
            )
        if current > head:
            raise MigrationError(
                f"the database has schema {current}, which is newer than this release's {head}: "
                "install the release that wrote it, or a later one"
            )
        yield dsn
