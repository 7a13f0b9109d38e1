"""A database that is a copy of another one does not keep the epoch of its logs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from cadenza.adapters.storage import installation
from cadenza.adapters.storage.database_mark import write_mark
from cadenza.adapters.storage.installation import settle_epoch


async def epoch(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval("SELECT epoch FROM installation"))
    finally:
        await connection.close()


async def installation_row(dsn: str) -> asyncpg.Record:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow("SELECT * FROM installation")
        assert row is not None
        return row
    finally:
        await connection.close()


async def set_back(dsn: str, row: asyncpg.Record) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "UPDATE installation SET epoch = $1, token = $2, token_stamp = $3, next_token = $4",
            row["epoch"],
            row["token"],
            row["token_stamp"],
            row["next_token"],
        )
    finally:
        await connection.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def written_over(path: Path) -> Callable[[], object]:
    """Return what writes the present content over the file."""
    content = path.read_text()
    return lambda: path.write_text(content)


@pytest.fixture
def mark_file(tmp_path: Path) -> Path:
    return tmp_path / "postgres.mark"


async def test_every_start_of_the_same_database_keeps_the_epoch(database_dsn: str, mark_file: Path) -> None:
    first = await epoch(database_dsn)
    for _ in range(3):
        assert await settle_epoch(database_dsn, mark_file) is False
    assert await epoch(database_dsn) == first
    assert mode_of(mark_file) == 0o600


@pytest.mark.parametrize("is_written", [False, True], ids=["before-the-file", "after-the-file"])
async def test_a_start_that_was_killed_costs_no_epoch(
    database_dsn: str, mark_file: Path, is_written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle_epoch(database_dsn, mark_file)
    first = await epoch(database_dsn)

    def die(path: Path, token: str) -> None:
        if is_written:
            write_mark(path, token)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(installation, "write_mark", die)
        for _ in range(2):
            with pytest.raises(InterruptedError):
                await settle_epoch(database_dsn, mark_file)
    assert await settle_epoch(database_dsn, mark_file) is False
    assert await epoch(database_dsn) == first


async def test_a_database_that_was_set_back_gets_a_new_epoch_though_a_start_was_killed(
    database_dsn: str, mark_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settle_epoch(database_dsn, mark_file)
    backup = await installation_row(database_dsn)
    await settle_epoch(database_dsn, mark_file)

    def die(path: Path, token: str) -> None:
        write_mark(path, token)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(installation, "write_mark", die)
        with pytest.raises(InterruptedError):
            await settle_epoch(database_dsn, mark_file)
    await set_back(database_dsn, backup)
    assert await settle_epoch(database_dsn, mark_file) is True


async def test_a_database_that_was_set_back_together_with_the_file_gets_a_new_epoch(
    database_dsn: str, mark_file: Path
) -> None:
    await settle_epoch(database_dsn, mark_file)
    backup, write_over = await installation_row(database_dsn), written_over(mark_file)
    await settle_epoch(database_dsn, mark_file)
    await set_back(database_dsn, backup)
    write_over()
    assert await settle_epoch(database_dsn, mark_file) is True
    assert await settle_epoch(database_dsn, mark_file) is False


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


async def test_a_copied_directory_gets_a_new_epoch(database_dsn: str, mark_file: Path) -> None:
    await settle_epoch(database_dsn, mark_file)
    before = await epoch(database_dsn)
    copy = mark_file.with_name("copy")
    shutil.copy2(mark_file, copy)
    assert await settle_epoch(database_dsn, copy) is True
    assert await epoch(database_dsn) != before


async def test_a_cluster_without_its_file_gets_a_new_epoch(database_dsn: str, mark_file: Path) -> None:
    await settle_epoch(database_dsn, mark_file)
    assert await settle_epoch(database_dsn, mark_file.with_name("missing")) is True
