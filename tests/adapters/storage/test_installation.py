"""A database that is a copy of another one does not keep the epoch of its logs."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from cadenza.adapters.storage.installation import settle_epoch


async def epoch(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("SELECT epoch FROM installation"))
    finally:
        await connection.close()


@pytest.fixture
def cluster_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "pgdata"
    directory.mkdir()
    (directory / "PG_VERSION").write_text("18")
    return directory


async def test_every_start_of_the_same_database_keeps_the_epoch(database_dsn: str, cluster_dir: Path) -> None:
    first = await epoch(database_dsn)
    for _ in range(3):
        assert await settle_epoch(database_dsn, cluster_dir) is False
    assert await epoch(database_dsn) == first


async def test_a_restored_dump_gets_a_new_epoch(database_dsn: str) -> None:
    """What a restore makes of the tables is another table, in the same database or in another one."""
    await settle_epoch(database_dsn)
    before = await epoch(database_dsn)
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("""
        CREATE TABLE restored (LIKE installation INCLUDING ALL);
        INSERT INTO restored SELECT * FROM installation;
        DROP TABLE installation;
        ALTER TABLE restored RENAME TO installation;
    """)
    await connection.close()
    assert await settle_epoch(database_dsn) is True
    after = await epoch(database_dsn)
    assert after != before
    assert await settle_epoch(database_dsn) is False
    assert await epoch(database_dsn) == after


async def test_a_copied_directory_gets_a_new_epoch(database_dsn: str, cluster_dir: Path) -> None:
    await settle_epoch(database_dsn, cluster_dir)
    before = await epoch(database_dsn)
    copy = cluster_dir.with_name("copy")
    shutil.copytree(cluster_dir, copy)
    assert await settle_epoch(database_dsn, copy) is True
    assert await epoch(database_dsn) != before
