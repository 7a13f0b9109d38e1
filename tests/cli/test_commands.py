"""The commands beside the doctor: settings shown with their sources, the database migrated, failures told plainly."""

import asyncio
import socketserver
import subprocess
from pathlib import Path
from threading import Thread

import pytest

from cadenza.adapters.storage import reach
from cadenza.cli.banner import banner
from cadenza.cli.config import reference_lines
from cadenza.runtime.config import Settings, specs
from cadenza.runtime.embedded import EmbeddedPostgres, EmbeddedPostgresError

from .conftest import Cadenza

REFERENCE = Path(__file__).parents[2] / "docs/operations/configuration.md"


def test_config_show_tells_every_value_and_its_source_and_no_secret(cadenza: Cadenza, tmp_path: Path) -> None:
    result = cadenza("config", "show", DATABASE_URL="postgresql://me:hunter2@db/x", PAPER_SEED=7)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 1 + len(list(specs()))
    assert f"data_dir = {tmp_path / 'data'}  # environment CADENZA_DATA_DIR" in lines
    assert "paper.seed = 7  # environment CADENZA_PAPER_SEED" in lines
    assert "database_url = (hidden)  # environment CADENZA_DATABASE_URL" in lines
    assert "log_level = info  # default" in lines
    assert "hunter2" not in result.output


def test_the_configuration_reference_is_current() -> None:
    assert REFERENCE.read_text() == "\n".join(reference_lines()) + "\n", "run: cadenza config reference > the file"


@pytest.mark.parametrize("command", [("config", "show"), ("serve",), ("migrate",)])
def test_wrong_settings_end_every_command_with_the_problems(cadenza: Cadenza, command: tuple[str, ...]) -> None:
    result = cadenza(*command, PORT="http", LOG_LEVEL="loud")
    assert result.exit_code == 1
    assert "port (CADENZA_PORT) is 'http'" in result.stderr
    assert "log_level (CADENZA_LOG_LEVEL) is 'loud'" in result.stderr


def test_an_unknown_variable_is_a_warning(cadenza: Cadenza) -> None:
    result = cadenza("config", "show", PROT=1)
    assert result.exit_code == 0
    assert (
        result.stderr == "cadenza: warning: CADENZA_PROT is not a setting and is ignored: did you mean CADENZA_PORT?\n"
    )


def test_migrate_makes_the_embedded_database_and_stops_it_again(cadenza: Cadenza, tmp_path: Path) -> None:
    for _ in range(2):
        result = cadenza("migrate")
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("The database has schema 0")
        assert not (tmp_path / "data/postgres/data/postmaster.pid").exists()


def test_migrate_uses_the_server_that_runs_on_the_data_directory(cadenza: Cadenza, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        server = EmbeddedPostgres(tmp_path / "data")
        runner.run(server.start())
        try:
            result = cadenza("migrate")
            assert result.exit_code == 0, result.output
            assert server.status.is_healthy
        finally:
            runner.run(server.stop())


def test_migrate_says_plainly_that_an_outside_database_is_away(cadenza: Cadenza) -> None:
    result = cadenza("migrate", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/x")
    assert result.exit_code == 1
    said = "cannot reach the database at 127.0.0.1:1: Connection refused; `cadenza doctor` looks for the cause"
    assert result.stderr == f"cadenza: {said}\n"
    assert "hunter2" not in result.output


def test_migrate_says_plainly_that_an_outside_database_does_not_get_ready(
    cadenza: Cadenza, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "READY_WITHIN_S", 0.0)
    with socketserver.TCPServer(("127.0.0.1", 0), StartingUp) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            port = server.server_address[1]
            result = cadenza("migrate", DATABASE_URL=f"postgresql://me:hunter2@127.0.0.1:{port}/x?sslmode=disable")
        finally:
            server.shutdown()
            thread.join()
    assert result.exit_code == 1
    said = f"the database at 127.0.0.1:{port} is not ready after 0 s: the database system is starting up"
    assert result.stderr == f"cadenza: {said}; `cadenza doctor` looks for the cause\n"


class StartingUp(socketserver.BaseRequestHandler):
    """A PostgreSQL server that has not recovered yet: it refuses whoever comes."""

    def handle(self) -> None:
        self.request.recv(1024)
        fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0DNot yet.\0\0"
        self.request.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)


def test_migrate_says_plainly_that_an_outside_database_refuses(cadenza: Cadenza, database_dsn: str) -> None:
    for part, wrong in (("cadenza:", "stranger:"), ("/test_", "/missing_")):
        result = cadenza("migrate", DATABASE_URL=database_dsn.replace(part, wrong, 1))
        assert result.exit_code == 1
        assert result.stderr.startswith("cadenza: the database refuses the connection: ")
        assert result.stderr.endswith("; check CADENZA_DATABASE_URL\n")


def test_serve_runs_the_server_with_the_settings(cadenza: Cadenza, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []

    async def serve(settings: Settings, announce: object) -> None:
        served.append(settings)
        raise EmbeddedPostgresError("no disk")

    monkeypatch.setattr("cadenza.runtime.server.serve", serve)
    result = cadenza("serve", PAPER_SEED=9)
    assert (result.exit_code, result.stderr) == (1, "cadenza: no disk\n")
    assert [settings.paper.seed for settings in served] == [9]


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("db.lan", "db.lan")]
)
def test_the_banner_names_the_addresses_and_three_commands(host: str, shown: str, tmp_path: Path) -> None:
    text = banner(Settings(host=host, port=9001, data_dir=tmp_path), "embedded PostgreSQL 18")
    assert f"http://{shown}:9001/docs" in text
    assert str(tmp_path) in text
    assert [line.rpartition("/api/v3")[2].split(" ")[0] for line in text.splitlines() if "curl" in line] == [
        "/auth/signup",
        "/auth/login",
        "/market/venue/list",
    ]


def test_the_banner_takes_the_token_out_of_the_answer() -> None:
    line = next(line for line in banner(Settings(), "x").splitlines() if "TOKEN=$(" in line)
    pipe = line[line.index("| sed") + 2 : line.rindex(")")]
    for answer in ('{"data":{"accessToken":"a.b-c_d","refreshToken":"r"}}', '{"data": {"accessToken": "a.b-c_d"}}'):
        done = subprocess.run(["sh", "-c", pipe], input=answer, capture_output=True, text=True, check=True)
        assert done.stdout == "a.b-c_d"


def test_every_command_has_help(cadenza: Cadenza) -> None:
    for command in (["serve"], ["migrate"], ["doctor"], ["config"], ["config", "show"], ["config", "reference"]):
        result = cadenza(*command, "--help")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 3
