"""Commands over a data directory that is missing, empty, another user's, or has a server: each answers in a sentence,
and one that only reads makes nothing."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from click.testing import Result

from cadenza.adapters.storage.migrate import packaged_head
from cadenza.runtime.embedded import EmbeddedPostgres

from .conftest import Cadenza, done

PASSWORD = "correct horse battery"
NEED_A_DATABASE = (
    ("user", "list"),
    ("user", "outbox"),
    ("user", "invite", "a@example.com"),
    ("user", "set-password", "a@example.com", "--password", PASSWORD),
    ("user", "reset-password", "--token", "x", "--password", PASSWORD),
    ("user", "set-environments", "a@example.com", "paper"),
    ("orders", "doubtful"),
    ("orders", "resolve", str(UUID(int=1)), "--outcome", "canceled"),
    ("reports",),
    ("keys", "list"),
    ("keys", "rotate"),
    ("keys", "drop", "x"),
)
CREATE = ("user", "create", "a@example.com", "--password", PASSWORD)
_NEED = pytest.mark.parametrize("command", NEED_A_DATABASE, ids=" ".join)


def refused(result: Result) -> str:
    """The one sentence of a command that failed, without `cadenza: `."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("cadenza: ")
    return result.stderr.removeprefix("cadenza: ").rstrip("\n")


@pytest.fixture(params=["missing", "empty", "a file"])
def no_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A data directory without a database, which must stay as it is."""
    path = tmp_path / "data"
    match request.param:
        case "empty":
            path.mkdir()
        case "a file":
            path.write_text("")
    before = sorted(tmp_path.rglob("*"))
    yield path
    assert sorted(tmp_path.rglob("*")) == before


@_NEED
def test_without_a_database_a_command_says_so_and_makes_nothing(
    cadenza: Cadenza, no_database: Path, command: tuple[str, ...]
) -> None:
    said = f"there is no database in {no_database} yet; `cadenza serve` and `cadenza user create` make one"
    assert refused(cadenza(*command)) == said


@_NEED
def test_a_database_of_another_schema_is_named(
    cadenza: Cadenza, empty_database_dsn: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    said = f"the database has schema 0000 and this release needs {packaged_head()}: run `cadenza migrate`"
    assert refused(cadenza(*command, DATABASE_URL=empty_database_dsn)) == said
    assert not (tmp_path / "data").exists()


@_NEED
def test_a_database_that_is_away_is_named(cadenza: Cadenza, command: tuple[str, ...]) -> None:
    said = "cannot reach the database at 127.0.0.1:1: Connection refused; `cadenza doctor` looks for the cause"
    assert refused(cadenza(*command, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")) == said


async def test_a_database_newer_than_the_release_is_named(cadenza: Cadenza, database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '9998'")
    await connection.close()
    said = refused(await asyncio.to_thread(cadenza, "user", "list", DATABASE_URL=database_dsn))
    assert said.startswith(f"the database has schema 9998, which is newer than this release's {packaged_head()}")


@pytest.mark.parametrize("command", [("keys", "list"), ("keys", "rotate"), ("keys", "drop", "x")], ids=" ".join)
def test_a_missing_master_key_is_not_made_by_a_command_over_keys(
    outside: Cadenza, tmp_path: Path, command: tuple[str, ...]
) -> None:
    path = tmp_path / "data" / "master.key"
    said = f"{path} is missing; `cadenza serve` makes it at its first start, later only a backup brings it back"
    assert refused(outside(*command)) == said
    assert not path.parent.exists()


def test_user_create_makes_the_database_as_serve_does(cadenza: Cadenza, tmp_path: Path) -> None:
    assert done(cadenza(*CREATE)).startswith("a@example.com is user ")
    assert "a@example.com" in done(cadenza("user", "list"))
    assert not (tmp_path / "data/postgres/data/postmaster.pid").exists()


def test_user_create_migrates_an_outside_database_as_serve_does(cadenza: Cadenza, empty_database_dsn: str) -> None:
    assert done(cadenza(*CREATE, DATABASE_URL=empty_database_dsn)).startswith("a@example.com is user ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
@pytest.mark.parametrize("command", [CREATE, ("migrate",), ("serve",)], ids=lambda command: command[0])
def test_a_data_directory_of_another_user_is_refused(
    cadenza: Cadenza, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65534, 65534)
    assert refused(cadenza(*command)).startswith(f"data directory {tmp_path / 'data'} belongs to uid 65534, but")
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
@pytest.mark.parametrize("command", [*NEED_A_DATABASE, CREATE, ("migrate",), ("doctor",)], ids=" ".join)
def test_a_database_that_this_user_may_not_look_at_is_refused(
    cadenza: Cadenza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65534, 65534)
    closed, exists = tmp_path / "data" / "postgres", Path.exists

    def looked_at(path: Path) -> bool:
        if path.is_relative_to(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", looked_at)
    result = cadenza(*command)
    assert result.exit_code == 1
    assert f"data directory {tmp_path / 'data'} belongs to uid 65534, but" in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_data_directory_that_cannot_be_made_is_named(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    inside = tmp_path / "file" / "data"
    for command in (CREATE, ("migrate",)):
        said = f"data directory {inside} cannot be made (Not a directory); choose another with CADENZA_DATA_DIR."
        assert refused(cadenza(*command, DATA_DIR=inside)) == said
    doctor = cadenza("doctor", DATA_DIR=inside)
    assert doctor.exit_code == 1
    assert f"{inside} cannot be made: {tmp_path / 'file'} is not a directory" in doctor.stdout


def test_the_doctor_names_a_data_directory_that_is_a_file(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    result = cadenza("doctor")
    assert result.exit_code == 1
    assert f"{tmp_path / 'data'} is not a directory; choose another with CADENZA_DATA_DIR." in result.stdout


def test_commands_work_beside_a_server_and_say_when_it_is_still_starting(cadenza: Cadenza, tmp_path: Path) -> None:
    done(cadenza(*CREATE))
    with asyncio.Runner() as runner:
        server = EmbeddedPostgres(tmp_path / "data")
        runner.run(server.start())
        try:
            assert "a@example.com" in done(cadenza("user", "list"))
            assert "0 reports fit no order yet" in done(cadenza("reports"))
            pid_file = tmp_path / "data/postgres/data/postmaster.pid"
            ready = pid_file.read_text()
            pid_file.write_text(ready.replace("ready", "starting"))
            said = refused(cadenza("user", "list"))
            pid_file.write_text(ready)
        finally:
            runner.run(server.stop())
    assert "is already in use by another Cadenza process" in said
