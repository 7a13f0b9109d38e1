"""The schema reaches the packaged revision once, whoever asks and however often, and never goes back."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from cadenza.adapters.storage.migrate import VERSIONS_DIR, MigrationError, migrate, packaged_head, schema_version

_REVISION = '''
from cadenza.adapters.storage.migrations import execute_script

revision = "{number}"
down_revision = {before!r}


def upgrade() -> None:
    execute_script("""{sql}""")
'''


def write_revision(directory: Path, number: int, sql: str) -> None:
    before = f"{number - 1:04}" if number > 1 else None
    text = _REVISION.format(number=f"{number:04}", before=before, sql=sql)
    (directory / f"{number:04}_step.py").write_text(text)


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    directory = tmp_path / "100% own versions"
    directory.mkdir()
    write_revision(
        directory, 1, "CREATE TABLE a (x text DEFAULT ':not_a_parameter'); INSERT INTO a VALUES ('1'::text);"
    )
    write_revision(directory, 2, "CREATE TABLE b (y int); INSERT INTO b VALUES (1);")
    return directory


async def fetchval(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_an_empty_database_is_brought_to_the_head(empty_database_dsn: str, versions: Path) -> None:
    assert await migrate(empty_database_dsn, versions_dir=versions) == "0002"
    assert await fetchval(empty_database_dsn, "SELECT version_num FROM alembic_version") == "0002"
    assert await fetchval(empty_database_dsn, "SELECT count(*) FROM a, b") == 1


async def test_a_second_run_changes_nothing(empty_database_dsn: str, versions: Path) -> None:
    await migrate(empty_database_dsn, versions_dir=versions)
    assert await migrate(empty_database_dsn, versions_dir=versions) == "0002"
    assert await fetchval(empty_database_dsn, "SELECT count(*) FROM b") == 1


async def test_ten_migrators_at_once_apply_each_revision_once(empty_database_dsn: str, versions: Path) -> None:
    heads = await asyncio.gather(*(migrate(empty_database_dsn, versions_dir=versions) for _ in range(10)))
    assert heads == ["0002"] * 10
    assert await fetchval(empty_database_dsn, "SELECT count(*) FROM a, b") == 1


async def test_a_later_revision_is_applied_to_an_older_database(empty_database_dsn: str, versions: Path) -> None:
    await migrate(empty_database_dsn, versions_dir=versions)
    write_revision(versions, 3, "INSERT INTO b VALUES (3)")
    assert await migrate(empty_database_dsn, versions_dir=versions) == "0003"
    assert await fetchval(empty_database_dsn, "SELECT count(*) FROM b") == 2


async def test_a_newer_database_is_refused(empty_database_dsn: str, versions: Path) -> None:
    await migrate(empty_database_dsn, versions_dir=versions)
    (versions / "0002_step.py").unlink()
    with pytest.raises(MigrationError, match="0002, which is newer than this Cadenza's 0001"):
        await migrate(empty_database_dsn, versions_dir=versions)


async def test_a_foreign_schema_is_refused(empty_database_dsn: str, versions: Path) -> None:
    connection = await asyncpg.connect(empty_database_dsn)
    await connection.execute(
        "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('ab12')"
    )
    await connection.close()
    with pytest.raises(MigrationError, match="foreign schema revision 'ab12'"):
        await migrate(empty_database_dsn, versions_dir=versions)


async def test_a_failing_revision_leaves_the_one_before(empty_database_dsn: str, versions: Path) -> None:
    write_revision(versions, 3, "CREATE TABLE c (z int); SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_dsn, versions_dir=versions)
    assert await fetchval(empty_database_dsn, "SELECT version_num FROM alembic_version") == "0002"
    assert await fetchval(empty_database_dsn, "SELECT to_regclass('c')") is None


async def test_the_test_databases_have_the_packaged_schema(database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    assert await schema_version(connection) == packaged_head()
    await connection.close()


def test_the_packaged_revisions_are_numbered_without_gaps_and_chained() -> None:
    files = sorted(VERSIONS_DIR.glob("[0-9]*.py"))
    for number, path in enumerate(files, start=1):
        text = path.read_text()
        before = f'"{number - 1:04}"' if number > 1 else "None"
        assert path.name.startswith(f"{number:04}_")
        assert re.search(rf'^revision(: str)? = "{number:04}"$', text, re.MULTILINE)
        assert re.search(rf"^down_revision(: [^=]+)? = {before}$", text, re.MULTILINE)


def test_nothing_heavy_is_imported_for_a_database_that_is_at_the_head() -> None:
    code = "import sys, cadenza.adapters.storage.migrate; sys.exit(bool({'alembic', 'sqlalchemy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
