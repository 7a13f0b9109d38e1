"""`cadenza master-key`: the master keys, which seal the venue credentials and sign tokens. `cadenza keys` is its former
name, and still works; `cadenza key` is about API keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import asyncpg
import typer

from cadenza.adapters.storage.master_keys import (
    api_keys_signed_by,
    forget_master_key,
    keys_in_use,
    prove_master_keys,
    rewrap_batch,
)
from cadenza.adapters.vault.keyring import FileKeyRing, KeyRing, KeyRingError
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.cli.common import fail, loaded_settings, open_current_database, plain_failures
from cadenza.ports.vault import CannotOpen
from cadenza.runtime.config import Settings
from cadenza.runtime.local import SystemClock

T = TypeVar("T")
app = typer.Typer(help="The master keys, which seal the venue credentials and sign tokens.", no_args_is_help=True)


@app.command("list")
def list_keys() -> None:
    """Print the keys of the ring, the active one first, how many credentials each seals, and how many live API keys
    each signed."""

    async def work(connection: asyncpg.Connection, ring: KeyRing) -> list[str]:
        used = await keys_in_use(connection)
        signed = await api_keys_signed_by(connection, SystemClock().now_ms())
        return [
            f"{key}  {used.get(key, 0)} credentials  {signed.get(key, 0)} API keys{'  active' * (not n)}"
            for n, key in enumerate(ring.ids())
        ]

    for line in _run(work):
        typer.echo(line)


@app.command("rotate")
def rotate() -> None:
    """Make a new active key and seal every credential again under it. The server may keep running. With
    CADENZA_MASTER_KEY, put the new key first in that setting before; then this command only seals again.
    """

    async def work(connection: asyncpg.Connection, ring: KeyRing) -> int:
        if isinstance(ring, FileKeyRing):
            ring.add()
            await prove_master_keys(connection, ring)
        total = 0
        while count := await rewrap_batch(connection, AesGcmSealer(ring), ring.active_id()):
            total += count
        return total

    sealed = _run(work)
    typer.echo(
        f"{sealed} credentials were sealed again. Older keys stay on the ring; `cadenza master-key drop` removes them."
    )


@app.command("drop")
def drop(
    key: Annotated[str, typer.Argument(help="The id of a key that is not active and seals nothing.")],
    end_api_keys: Annotated[bool, typer.Option("--end-api-keys", help="Also when live API keys end by it.")] = False,
) -> None:
    """Remove an old key from the file for good. Tokens, API keys and cursors that it signed become invalid."""

    async def work(connection: asyncpg.Connection, ring: KeyRing) -> None:
        if not isinstance(ring, FileKeyRing):
            raise fail("the keys are in CADENZA_MASTER_KEY: remove the key from that setting")
        if count := (await keys_in_use(connection)).get(key, 0):
            raise fail(f"{key} seals {count} credentials: run `cadenza master-key rotate` first")
        signed = (await api_keys_signed_by(connection, SystemClock().now_ms())).get(key, 0)
        if signed and not end_api_keys:
            raise fail(f"{key} signed {signed} live API keys, which would end: replace them, or give --end-api-keys")
        ring.drop(key)
        await forget_master_key(connection, key)

    _run(work)
    typer.echo(f"{key} was removed.")


def existing_ring(settings: Settings) -> KeyRing:
    """Return the keys that there are; this makes none."""
    if settings.master_key:
        return KeyRing.from_text(settings.master_key)
    path = settings.master_key_file
    if not path.exists():
        raise KeyRingError(
            f"{path} is missing; `cadenza serve` makes it at its first start, later only a backup brings it back"
        )
    return FileKeyRing(path)


def _run(work: Callable[[asyncpg.Connection, KeyRing], Awaitable[T]]) -> T:
    settings = loaded_settings().settings

    async def whole() -> T:
        async with open_current_database(settings) as dsn:
            ring = existing_ring(settings)
            connection = await asyncpg.connect(dsn)
            try:
                await prove_master_keys(connection, ring)
                return await work(connection, ring)
            finally:
                await connection.close()

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CannotOpen as error:
            raise fail(f"a credential cannot be opened: {error}") from None
