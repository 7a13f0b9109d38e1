"""A backup of our own cluster that is restored gets a new epoch, whichever way its files come back."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import asyncpg
import pytest

from cadenza.adapters.storage.installation import settle_epoch
from cadenza.adapters.storage.migrate import migrate
from cadenza.runtime.embedded import EmbeddedPostgres


async def _session(data_dir: Path, statement: str = "SELECT 1") -> tuple[bool, str, bool]:
    """Start the server as `cadenza serve` does, execute the statement and stop it. Return whether it made a new epoch,
    the epoch, and whether there is a table `later`."""
    server = EmbeddedPostgres(data_dir)
    dsn = await server.start()
    try:
        await migrate(dsn)
        is_new = await settle_epoch(dsn, server.mark_file)
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        epoch = await connection.fetchval("SELECT epoch FROM installation")
        has_later = await connection.fetchval("SELECT to_regclass('later') IS NOT NULL")
        await connection.close()
        return is_new, str(epoch), bool(has_later)
    finally:
        await server.stop()


def _copy(source: str, target: Path) -> None:
    subprocess.run(["cp", "-a", source, str(target)], check=True)


@pytest.mark.parametrize("what", ["the cluster", "the whole directory"])
@pytest.mark.parametrize("way", ["written over", "in place of the removed", "in place of the moved"])
async def test_a_restored_directory_gets_a_new_epoch(tmp_path: Path, what: str, way: str) -> None:
    data_dir, backup = tmp_path / "data", tmp_path / "backup"
    copied = data_dir if what == "the whole directory" else data_dir / "postgres" / "data"
    _, before, _ = await _session(data_dir)
    _copy(str(copied), backup)
    assert await _session(data_dir, "CREATE TABLE later ()") == (False, before, True)
    if way == "in place of the removed":
        await asyncio.to_thread(shutil.rmtree, copied)
    elif way == "in place of the moved":
        copied.rename(tmp_path / "moved")
    copied.mkdir(exist_ok=True)
    _copy(f"{backup}/.", copied)
    is_new, after, has_later = await _session(data_dir)
    assert (is_new, has_later) == (True, False)
    assert after != before
    assert (await _session(data_dir))[:2] == (False, after)
