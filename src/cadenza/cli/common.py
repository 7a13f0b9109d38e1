"""What commands share: the settings, a database, and how to fail with one clear sentence."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import typer

from cadenza.adapters.storage.master_keys import WrongMasterKey
from cadenza.adapters.storage.migrate import MigrationError
from cadenza.adapters.storage.reach import DatabaseNotReached
from cadenza.adapters.vault.keyring import KeyRingError
from cadenza.runtime.config import Settings
from cadenza.runtime.config_loader import ConfigError, LoadedSettings, load
from cadenza.runtime.embedded import EmbeddedPostgres, EmbeddedPostgresError
from cadenza.runtime.embedded.postgres import dsn_of_running


def fail(message: str) -> typer.Exit:
    """Print `message` on stderr; raise what is returned to end with exit code 1."""
    typer.echo(f"cadenza: {message}", err=True)
    return typer.Exit(1)


def loaded_settings() -> LoadedSettings:
    """The settings with their sources, or an end with exit code 1 and every problem named."""
    try:
        return load(os.environ)
    except ConfigError as error:
        raise fail(str(error)) from None


@contextmanager
def plain_failures() -> Iterator[None]:
    """Show the failures an operator can mend as a sentence, not as a traceback."""
    try:
        yield
    except (EmbeddedPostgresError, MigrationError, KeyRingError, WrongMasterKey) as error:
        raise fail(str(error)) from None
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise fail(f"the database refuses us: {error}; check CADENZA_DATABASE_URL") from None
    except asyncpg.CannotConnectNowError as error:
        raise fail(f"{error.args[0]}; try again when it is ready") from None
    except (DatabaseNotReached, OSError) as error:
        raise fail(f"{error}; `cadenza doctor` looks for the cause") from None


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """The DSN of the configured database: an outside one, a running server's, or one started for this command."""
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
