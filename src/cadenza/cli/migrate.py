"""`cadenza migrate`: bring the database to this release's schema."""

import asyncio

import typer

from cadenza.adapters.storage import migrate as storage
from cadenza.cli.common import loaded_settings, open_database, plain_failures
from cadenza.runtime.config import Settings


def migrate() -> None:
    """Migrate the configured database to this release's schema. `serve` also does this when it starts."""
    settings = loaded_settings().settings
    with plain_failures():
        version = asyncio.run(_migrated(settings))
    typer.echo(f"The database has schema {version}.")


async def _migrated(settings: Settings) -> str:
    async with open_database(settings, may_create=True) as dsn:
        return await storage.migrate(dsn)
