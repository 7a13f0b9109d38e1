"""The doctor finds what is wrong, says how to mend it, and ends with 1 exactly when something must be mended."""

import asyncio
import os
import socket
from pathlib import Path

import asyncpg
import pytest

from cadenza.cli import doctor as doctor_module
from cadenza.domain.trading.kept import KeepReason
from cadenza.runtime.embedded import EmbeddedPostgres

from .conftest import Cadenza, keep_reports

GOOD_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def levels(output: str) -> dict[str, str]:
    """subject -> level"""
    return {line[6:21].strip(): line[:5].strip() for line in output.splitlines()}


def line_of(output: str, subject: str) -> str:
    return next(line for line in output.splitlines() if line[6:].startswith(subject))


def test_a_new_machine_is_well(cadenza: Cadenza, tmp_path: Path) -> None:
    result = cadenza("doctor")
    assert result.exit_code == 0, result.output
    assert levels(result.stdout) == dict.fromkeys(
        ["python", "configuration", "data directory", "postgres", "disk", "clock", "port", "master key", "database"],
        "ok",
    )
    assert not (tmp_path / "data").exists()


def test_a_migrated_installation_is_well_running_or_not(cadenza: Cadenza, tmp_path: Path) -> None:
    assert cadenza("migrate").exit_code == 0
    key = tmp_path / "data/master.key"
    key.write_text(GOOD_KEY)
    key.chmod(0o600)
    result = cadenza("doctor")
    assert result.exit_code == 0, result.output
    assert set(levels(result.stdout).values()) == {"ok"}
    assert line_of(result.stdout, "database").endswith("PostgreSQL 18 answers")
    with asyncio.Runner() as runner, socket.create_server(("127.0.0.1", 0)) as api:
        server = EmbeddedPostgres(tmp_path / "data")
        runner.run(server.start())
        try:
            result = cadenza("doctor", PORT=api.getsockname()[1])
            assert f"a Cadenza (pid {os.getpid()}) runs on this data directory" in line_of(result.stdout, "port")
            assert set(levels(result.stdout).values()) == {"ok"}
        finally:
            runner.run(server.stop())


def test_a_wrong_setting_fails_with_every_problem(cadenza: Cadenza) -> None:
    result = cadenza("doctor", PORT="http", LOG_LEVEL="loud")
    assert result.exit_code == 1
    assert result.stdout.count("fail  configuration") == 2


def test_an_ignored_variable_is_a_warning(cadenza: Cadenza) -> None:
    result = cadenza("doctor", PROT=1)
    assert result.exit_code == 0
    assert (
        "warn  configuration   CADENZA_PROT is not a setting and is ignored: did you mean CADENZA_PORT?"
        in result.stdout
    )


def test_a_centrifugo_that_does_not_answer_is_a_warning(cadenza: Cadenza) -> None:
    away = {"REALTIME": "centrifugo", "CENTRIFUGO_API_URL": "http://127.0.0.1:1/api"}
    assert levels(cadenza("doctor", **away).stdout)["centrifugo"] == "ok", "nobody can ask without a key"
    result = cadenza("doctor", MASTER_KEY=GOOD_KEY, **away)
    assert (result.exit_code, levels(result.stdout)["centrifugo"]) == (0, "warn")
    assert "http://127.0.0.1:1/api does not answer" in line_of(result.stdout, "centrifugo")


def test_a_taken_port_fails(cadenza: Cadenza) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = cadenza("doctor", PORT=taken.getsockname()[1])
    assert (result.exit_code, levels(result.stdout)["port"]) == (1, "fail")
    assert "choose another with CADENZA_HOST and CADENZA_PORT" in result.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_a_data_directory_of_another_user_fails(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65534, 65534)
    result = cadenza("doctor")
    assert (result.exit_code, levels(result.stdout)["data directory"]) == (1, "fail")


def test_a_data_directory_that_others_may_write_to_is_a_warning(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    result = cadenza("doctor")
    assert (result.exit_code, levels(result.stdout)["data directory"]) == (0, "warn")
    assert f"chmod go-w {tmp_path / 'data'}" in result.stdout


@pytest.mark.parametrize(("free_mib", "level", "exit_code"), [(100, "fail", 1), (1000, "warn", 0), (9000, "ok", 0)])
def test_a_full_disk_is_told(
    cadenza: Cadenza, monkeypatch: pytest.MonkeyPatch, free_mib: int, level: str, exit_code: int
) -> None:
    usage = type("Usage", (), {"free": free_mib * 1024**2})
    monkeypatch.setattr(doctor_module.shutil, "disk_usage", lambda _path: usage)
    result = cadenza("doctor")
    assert (result.exit_code, levels(result.stdout)["disk"]) == (exit_code, level)


def test_a_clock_behind_the_installation_fails(cadenza: Cadenza, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module.SystemClock, "now_ms", lambda _clock: 1_000_000_000_000)
    result = cadenza("doctor")
    assert (result.exit_code, levels(result.stdout)["clock"]) == (1, "fail")


@pytest.mark.parametrize(("key", "level"), [(GOOD_KEY, "ok"), ("c2hvcnQ=", "fail"), ("not base64!", "fail")])
def test_the_master_key_in_the_environment_is_checked_and_not_shown(cadenza: Cadenza, key: str, level: str) -> None:
    result = cadenza("doctor", MASTER_KEY=key)
    assert levels(result.stdout)["master key"] == level
    assert key not in result.output


def test_a_master_key_that_others_may_read_fails(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/master.key").write_text(GOOD_KEY)
    (tmp_path / "data/master.key").chmod(0o644)
    result = cadenza("doctor")
    assert (result.exit_code, levels(result.stdout)["master key"]) == (1, "fail")
    assert "chmod 600" in result.stdout


def test_an_outside_database_is_reached_and_its_schema_compared(cadenza: Cadenza, database_dsn: str) -> None:
    result = cadenza("doctor", DATABASE_URL=database_dsn)
    assert result.exit_code == 0, result.output
    assert levels(result.stdout)["schema"] == "ok"
    assert "postgres" not in levels(result.stdout)


def test_reports_that_could_not_be_booked_are_a_warning(cadenza: Cadenza, database_dsn: str) -> None:
    assert levels(cadenza("doctor", DATABASE_URL=database_dsn).stdout)["reports"] == "ok"
    refused = {"reason": KeepReason.REFUSED, "kept_at_ms": 1_700_000_060_000}
    asyncio.run(keep_reports(database_dsn, {}, refused))
    result = cadenza("doctor", DATABASE_URL=database_dsn)
    assert (result.exit_code, levels(result.stdout)["reports"]) == (0, "warn")
    found = "1 fit no order yet and 1 could not be booked, the oldest kept since 2023-11-14T22:13:20.000Z"
    assert found in line_of(result.stdout, "reports")


@pytest.mark.parametrize(("version", "level", "exit_code"), [("9999", "fail", 1), ("0000", "warn", 0)])
def test_another_schema_is_told(
    cadenza: Cadenza, empty_database_dsn: str, version: str, level: str, exit_code: int
) -> None:
    async def pretend() -> None:
        connection = await asyncpg.connect(empty_database_dsn)
        await connection.execute(f"CREATE TABLE alembic_version AS SELECT '{version}' AS version_num")
        await connection.close()

    asyncio.run(pretend())
    result = cadenza("doctor", DATABASE_URL=empty_database_dsn)
    assert (result.exit_code, levels(result.stdout)["schema"]) == (exit_code, level)


def test_a_database_that_is_away_fails_without_showing_the_password(cadenza: Cadenza) -> None:
    result = cadenza("doctor", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    assert (result.exit_code, levels(result.stdout)["database"]) == (1, "fail")
    assert "hunter2" not in result.output
