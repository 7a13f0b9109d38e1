"""Shared parts of the commands: the settings, a database, and failing with one clear sentence."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import typer

from cadenza.adapters.storage.master_keys import WrongMasterKey
from cadenza.adapters.storage.migrate import MigrationError
from cadenza.adapters.storage.reach import DatabaseNotReached
from cadenza.adapters.vault.keyring import KeyRingError
from cadenza.adapters.venues.paper.market.recording import RecordingError
from cadenza.runtime.config import Settings
from cadenza.runtime.config_loader import ConfigError, LoadedSettings, load
from cadenza.runtime.embedded import EmbeddedPostgres, EmbeddedPostgresError
from cadenza.runtime.embedded.postgres import dsn_of_running


def fail(message: str) -> typer.Exit:
    """Print `message` on stderr, and return an exception to raise, which ends with exit code 1."""
    typer.echo(f"cadenza: {message}", err=True)
    return typer.Exit(1)


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
    except (DatabaseNotReached, OSError) as error:
        raise fail(f"{error}; `cadenza doctor` looks for the cause") from None


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """Return the DSN of the configured database: an external one, that of a running server, or one started for this
    command."""
    if not settings.is_embedded:
        yield settings.database_url
        return
    if (running := dsn_of_running(settings.data_dir)) is not None:
        yield running
        return
    server = EmbeddedPostgres(settings.data_dir, port=settings.postgres_port)
    dsn = await server.start()
    try:
        yield dsn
    finally:
        await server.stop()
